package identity

import (
	"strings"
	"sync"
	"testing"
	"time"

	"quantix/internal/models"
	"quantix/internal/testkit"
)

func TestCustomers_are_bound_to_a_row_at_first_use(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		claims      map[string]any
		called      string
		email       string
		placeholder bool
	}{
		"all told":                {map[string]any{"name": "Ada", "email": "ada@example.com", "email_verified": true}, "Ada", "ada@example.com", false},
		"not verified":            {map[string]any{"name": "Ada", "email": "ada@example.com", "email_verified": false}, "Ada", "", true},
		"verified is not told":    {map[string]any{"name": "Ada", "email": "ada@example.com"}, "Ada", "", true},
		"verified as a text":      {map[string]any{"email": "ada@example.com", "email_verified": "true"}, "customer", "", true},
		"verified as a number":    {map[string]any{"email": "ada@example.com", "email_verified": 1}, "customer", "", true},
		"verified in a list":      {map[string]any{"email": "ada@example.com", "email_verified": []bool{true}}, "customer", "", true},
		"verified in other case":  {map[string]any{"email": "ada@example.com", "Email_Verified": true}, "customer", "", true},
		"no address":              {map[string]any{"email": "ada", "email_verified": true}, "customer", "", true},
		"two addresses":           {map[string]any{"email": "ada@example.com,eve@example.com", "email_verified": true}, "customer", "", true},
		"an address with a name":  {map[string]any{"email": "Ada <ada@example.com>", "email_verified": true}, "customer", "", true},
		"an address as a list":    {map[string]any{"email": []string{"ada@example.com"}, "email_verified": true}, "customer", "", true},
		"nothing told":            {nil, "customer", "", true},
		"a user name":             {map[string]any{"preferred_username": "ada"}, "ada", "", true},
		"a name of controls":      {map[string]any{"name": "A\x00d\u202ea\n"}, "Ada", "", true},
		"a name of nothing":       {map[string]any{"name": " \x01 "}, "customer", "", true},
		"a name as a number":      {map[string]any{"name": 7}, "customer", "", true},
		"a name without end":      {map[string]any{"name": strings.Repeat("é", 1000)}, strings.Repeat("é", models.MaxNameLength), "", true},
		"an address without end":  {map[string]any{"email": strings.Repeat("a", 300) + "@example.com", "email_verified": true}, "customer", "", true},
		"an address of an erased": {map[string]any{"email": "x@erased.invalid", "email_verified": true}, "customer", "x@erased.invalid", false},
	} {
		issuer, m := testkit.NewIssuer(t), newMemory()
		g := running(t, m, withIssuer(issuer))
		p := mustKnow(t, g, issuer.Token(test.claims))
		if len(m.bound) != 1 {
			t.Fatalf("%s: %d rows", name, len(m.bound))
		}
		user, email := m.bound[0], test.email
		if test.placeholder {
			email = user.ID.String() + "@unknown.invalid"
		}
		if p.User != user.ID || user.Name != test.called || user.Email != email || !user.Organizer.IsZero() {
			t.Errorf("%s: %+v of %+v", name, user, p)
		}
		if _, err := models.NewUser(user.Name, user.Email); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// What an issuer does not vouch for is not in the introduction either, by which a store finds older rows.
func TestCustomers_are_introduced_by_a_verified_address_alone(t *testing.T) {
	t.Parallel()
	for email, want := range map[string]string{"ada@example.com": "ada@example.com", "ada": "", "": ""} {
		who := models.Introduction{Subject: models.Subject{Issuer: "i", Subject: "s"}, Email: email}
		user, err := newcomer(&who)
		if err != nil || who.Email != want || want != "" && user.Email != want {
			t.Errorf("%q: %+v, %+v, %v", email, who, user, err)
		}
	}
}

func TestCustomers_whose_address_is_anothers_get_a_row_without_it(t *testing.T) {
	t.Parallel()
	issuer, m := testkit.NewIssuer(t), newMemory()
	g := running(t, m, withIssuer(issuer))
	claims := map[string]any{"sub": "one", "email": "ada@example.com", "email_verified": true}
	one := mustKnow(t, g, issuer.Token(claims))
	claims["sub"] = "two"
	two := mustKnow(t, g, issuer.Token(claims))
	if one.User == two.User || one.ID == two.ID || !strings.HasSuffix(m.bound[1].Email, "@unknown.invalid") {
		t.Errorf("%+v and %+v: %+v", one, two, m.bound)
	}
}

func TestCustomers_keep_their_row_over_all_their_tokens(t *testing.T) {
	t.Parallel()
	issuer, m := testkit.NewIssuer(t), newMemory()
	g := running(t, m, withIssuer(issuer))
	first := mustKnow(t, g, issuer.Token(map[string]any{"jti": "0"}))
	_, before := m.asked()
	var all sync.WaitGroup
	for n := range 100 {
		all.Go(func() {
			if p, err := g.Identify(t.Context(), bearing(issuer.Token(map[string]any{"jti": n}))); err != nil || *p != *first {
				t.Errorf("%+v, %v", p, err)
			}
		})
	}
	all.Wait()
	if _, after := m.asked(); after-before > 1 { // one, if the first poll came in between
		t.Errorf("%d queries", after-before)
	}
}

// A row that was erased is nobody's any more: its subject gets a new one.
func TestCustomers_whose_row_was_erased_are_bound_anew(t *testing.T) {
	t.Parallel()
	issuer, m := testkit.NewIssuer(t), newMemory()
	g := running(t, m, withIssuer(issuer))
	token := issuer.Token(nil)
	old := mustKnow(t, g, token)
	m.set(func(m *memory) {
		clear(m.people)
		m.version++
	})
	testkit.Eventually(t, 10*time.Second, func() error {
		p, err := g.Identify(t.Context(), bearing(token))
		if err == nil && p.User == old.User {
			err = models.ErrUserNotFound
		}
		return err
	})
}

func TestCustomers_need_the_store_at_first_use(t *testing.T) {
	t.Parallel()
	issuer, m := testkit.NewIssuer(t), newMemory()
	g := running(t, m, withIssuer(issuer))
	m.set(func(m *memory) { m.away = true })
	mustFail(t, g, issuer.Token(nil), models.ErrIdentityUnavailable)
	m.set(func(m *memory) { m.away, m.panics = false, true })
	mustFail(t, g, issuer.Token(nil), models.ErrIdentityUnavailable)
	m.set(func(m *memory) { m.panics = false })
	mustKnow(t, g, issuer.Token(nil))
}
