package handlers

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

func TestUsers(t *testing.T) {
	t.Parallel()
	b := setup(t)
	created := b.do("POST", usersPath, `{"name":"John Doe","email":"john@example.com"}`)
	created.want(http.StatusCreated).golden("user_create")
	at := created.header.Get("Location")
	b.do("GET", at, "").want(http.StatusOK).golden("user_get")
	b.do("GET", usersPath, "").want(http.StatusOK).golden("user_list")
	b.do("PUT", at, `{"email":"JOHN@example.com"}`, "If-Match", `"1"`).want(http.StatusOK).golden("user_update")
	b.do("PUT", at, string(b.do("GET", at, "").body)).want(http.StatusOK)
	b.do("PUT", at, `{"name":"x"}`, "If-Match", `"1"`).refused(http.StatusPreconditionFailed, "version_mismatch")
	b.do("DELETE", at, "", "If-Match", `"2","5"`).want(http.StatusNoContent).golden("user_delete")
	b.do("GET", at, "").refused(http.StatusNotFound, "user_not_found")
	b.do("PUT", at, `{"name":"x"}`).refused(http.StatusNotFound, "user_not_found")
	b.do("PUT", at, `{"name":"x"}`, "If-Match", `"1","2"`).refused(http.StatusNotFound, "user_not_found")
	b.do("DELETE", at, "").refused(http.StatusNotFound, "user_not_found")
}

func TestUsers_bad_input(t *testing.T) {
	t.Parallel()
	b := setup(t)
	good := map[string]string{"name": `"John"`, "email": `"john@example.com"`}
	for _, c := range []struct{ field, value string }{
		{"name", `null`}, {"name", ``}, {"name", `""`}, {"name", `"` + strings.Repeat("é", 256) + `"`}, {"name", `{}`},
		{"email", `null`}, {"email", ``}, {"email", `"john"`}, {"email", `"John <john@example.com>"`}, {"email", `"a b@c.d"`},
		{"email", `"` + strings.Repeat("x", 250) + `@e.com"`}, {"email", `["john@example.com"]`}, {"id", `"x"`}, {"role", `"admin"`},
	} {
		b.do("POST", usersPath, object(good, c.field, c.value)).refused(http.StatusBadRequest, "invalid_request").at(t, "body."+c.field)
	}
	at := usersPath + "/" + b.user("john@example.com").ID
	for _, body := range []string{`{"name":null}`, `{"email":null}`, `{"email":"no"}`, `{"Email":"a@b.c"}`} {
		b.do("PUT", at, body).refused(http.StatusBadRequest, "invalid_request")
	}
}

func TestUsers_email_is_unique_in_any_case(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.user("john@example.com")
	other := b.user("jane@example.com")
	b.do("POST", usersPath, `{"name":"x","email":"John@Example.COM"}`).refused(http.StatusConflict, "email_taken")
	b.do("PUT", usersPath+"/"+other.ID, `{"email":"JOHN@example.com"}`).refused(http.StatusConflict, "email_taken")
}

func TestUsers_list_in_pages(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for i := range 5 {
		b.user(fmt.Sprintf("u%d@example.com", i))
	}
	var emails []string
	for next := usersPath + "?limit=2"; next != ""; {
		a := b.do("GET", next, "").want(http.StatusOK)
		for _, u := range read[[]userJSON](a) {
			emails = append(emails, u.Email[:2])
		}
		next = nextPage(a)
	}
	if got := strings.Join(emails, " "); got != "u0 u1 u2 u3 u4" {
		t.Errorf("walked over %s", got)
	}
	if link := b.do("GET", usersPath+"?limit=5", "").header.Get("Link"); link != "" {
		t.Errorf("the last page links to %s", link)
	}
}
