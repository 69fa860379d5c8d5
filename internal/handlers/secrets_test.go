package handlers

import (
	"strings"
	"testing"

	"quantix/internal/models"
)

func TestHideKeys(t *testing.T) {
	t.Parallel()
	key := "qx_" + strings.Repeat("a7", 29)
	token := "eyJhbGciOiJub25lIn0." + strings.Repeat("Ab_-", 9) + ".c2ln"
	reference := models.FirstCharge(models.BookingRef{Event: models.NewID[models.EventID](), Booking: models.NewID[models.BookingID]()}).Reference()
	for text, want := range map[string]string{
		"":                        "",
		"nothing of the sort, qx": "nothing of the sort, qx",
		key:                       "********",
		"a " + key + "," + token + ", " + key[:40] + "…": "a ********,********, ********…",
		reference:                           reference,
		"qx_" + reference:                   "qx_" + reference,
		"qx_qx_" + key:                      "qx_qx_********",
		"qx_short eyJshort.a.b":             "qx_short eyJshort.a.b",
		strings.Replace(token, ".", "_", 2): strings.Replace(token, ".", "_", 2), // one part, which is no token
	} {
		if got := string(hideKeys([]byte("before "+text), len("before "))); got != "before "+want {
			t.Errorf("%q becomes %q, want %q", text, got, want)
		}
		if hasKey(text) != (text != want) {
			t.Errorf("%q has a key: %t", text, hasKey(text))
		}
	}
}

// What a client sends where none belongs is neither its request's id nor in its problem.
func TestSecrets_of_clients_are_not_repeated(t *testing.T) {
	t.Parallel()
	b := setup(t)
	key := "qx_" + strings.Repeat("a7", 29)
	event, user := b.event(5), b.user("john@example.com")
	method := strings.Replace(b.bookText(event.ID, user.ID, 1), "{", `{"payment_method":["`+key[3:20]+`"],`, 1)
	for _, a := range []*answer{
		b.do("GET", eventsPath, "", "X-Request-Id", key), b.do("GET", eventsPath+"/"+key, ""), b.do("GET", eventsPath+"?"+key+"="+key, ""),
		b.do("POST", usersPath, `{"email":"`+key+`","`+key+`":1}`), b.do("POST", bookingsPath, method),
	} {
		if said := string(a.body) + a.header.Get("X-Request-Id"); strings.Contains(said, key[3:20]) {
			t.Errorf("%s: %s", a.request, said)
		}
	}
}
