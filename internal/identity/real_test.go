package identity_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"quantix/internal/identity"
	"quantix/internal/models"
	"quantix/internal/testkit"
	"quantix/internal/testkit/shop"
)

func TestMain(m *testing.M) { testkit.MainOfWaiters(m, 6) }

// doors are two gates to one store, as two replicas have them, and the issuer whose tokens both take.
type doors struct {
	*shop.Shop
	issuer *testkit.Issuer
	gates  []*identity.Gate
	stop   func() // the gates
}

// onBoth runs a test on both stores.
func onBoth(t *testing.T, test func(*testing.T, *doors)) {
	t.Helper()
	for name, open := range map[string]func(*testing.T) *shop.Shop{
		"SQLite":     func(t *testing.T) *shop.Shop { return shop.NewOn(t, nil) },
		"PostgreSQL": func(t *testing.T) *shop.Shop { return shop.On(t, shop.OpenPostgres(t, shop.Postgres(t), nil)) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := &doors{Shop: open(t), issuer: testkit.NewIssuer(t)}
			ctx, stop := context.WithCancel(context.Background())
			var running sync.WaitGroup
			d.stop = func() {
				stop()
				running.Wait()
			}
			t.Cleanup(d.stop)
			for range 2 {
				g := identity.New(d.Store, identity.Options{
					Logger: testkit.Logger(t),
					OIDC:   &identity.OIDCOptions{Issuer: d.issuer.URL(), Audience: "quantix", RolesClaim: "roles"},
				})
				d.gates = append(d.gates, g)
				running.Go(func() { g.Run(ctx) })
			}
			test(t, d)
		})
	}
}

// known returns who has a credential, of whom both gates must say the same.
func (d *doors) known(t *testing.T, credential string) *models.Principal {
	t.Helper()
	var first *models.Principal
	for _, g := range d.gates {
		var p *models.Principal
		testkit.Eventually(t, 20*time.Second, func() (err error) { // at once, but that the machine is busy
			p, err = g.Identify(t.Context(), http.Header{"Authorization": {"Bearer " + credential}})
			if err != nil && !errors.Is(err, models.ErrIdentityUnavailable) {
				t.Fatal(err)
			}
			return err
		})
		if first == nil {
			first = p
		}
		if *p != *first {
			t.Errorf("%+v and %+v", p, first)
		}
	}
	return first
}

// refused waits until both gates refuse a credential.
func (d *doors) refused(t *testing.T, within time.Duration, credential string) {
	t.Helper()
	testkit.Eventually(t, within, func() error {
		for n, g := range d.gates {
			p, err := g.Identify(t.Context(), http.Header{"Authorization": {"Bearer " + credential}})
			if !errors.Is(err, models.ErrUnauthorized) {
				return fmt.Errorf("gate %d: %+v, %w", n, p, err)
			}
		}
		return nil
	})
}

func (d *doors) newKey(t *testing.T, draft models.KeyDraft) (string, models.APIKey) {
	t.Helper()
	key, err := models.NewAPIKey(draft)
	if err != nil {
		t.Fatal(err)
	}
	text, hash := identity.NewKey()
	if key, err = d.Store.CreateKey(t.Context(), key, hash); err != nil {
		t.Fatal(err)
	}
	return text, key
}

// kept returns a key as the store lists it.
func (d *doors) kept(t *testing.T, id models.KeyID) models.APIKey {
	t.Helper()
	keys, err := d.Store.Keys(t.Context(), models.Everything, models.Page{Limit: 100})
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range keys {
		if key.ID == id {
			return key
		}
	}
	t.Fatalf("key %s is not listed", id)
	return models.APIKey{}
}

func TestKeys_of_both_stores(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, d *doors) {
		event := d.Event(10)
		text, key := d.newKey(t, models.KeyDraft{
			Name: "door", Role: models.RoleDoor, Organizer: models.DefaultOrganizer, Events: []models.EventID{event.ID},
		})
		admin, other := d.newKey(t, models.KeyDraft{Name: "admin", Role: models.RoleAdmin})
		on, _ := d.newKey(t, models.KeyDraft{Name: "on", Role: models.RoleAdmin, ExpiresAt: time.Now().Add(time.Hour)})
		over, _ := d.newKey(t, models.KeyDraft{Name: "over", Role: models.RoleAdmin, ExpiresAt: time.Now().Add(-time.Hour)})
		if p := d.known(t, text); *p != *key.Principal() {
			t.Errorf("%+v", p)
		}
		d.known(t, admin)
		d.known(t, on)
		d.refused(t, 20*time.Second, over)
		if err := d.Store.RevokeKey(t.Context(), models.Everything, key.ID); err != nil {
			t.Fatal(err)
		}
		d.refused(t, 10*time.Second, text) // a second, but that the machine is busy
		d.known(t, admin)
		// Of another key the hash differs in its last byte only: it is another key.
		unknown, hash := identity.NewKey()
		hash[len(hash)-1] ^= 1
		near, err := models.NewAPIKey(models.KeyDraft{Name: "near", Role: models.RoleAdmin})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := d.Store.CreateKey(t.Context(), near, hash); err != nil {
			t.Fatal(err)
		}
		d.refused(t, 20*time.Second, unknown)
		d.stop()
		if used := d.kept(t, other.ID).LastUsedAt; time.Since(used) > 5*time.Minute || used.Second() != 0 {
			t.Errorf("used at %s", used)
		}
	})
}

func TestCustomers_of_both_stores(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, d *doors) {
		// Whoever comes for the first time, through many doors at once, gets one row.
		token := d.issuer.Token(map[string]any{"sub": "ada", "name": "Ada"})
		var all sync.WaitGroup
		for n := range 20 {
			all.Go(func() {
				_, err := d.gates[n%2].Identify(t.Context(), http.Header{"Authorization": {"Bearer " + token}})
				if err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		ada := d.known(t, token)
		user, err := d.Store.User(t.Context(), models.Everything, ada.User)
		if err != nil || user.Name != "Ada" || user.Email != user.ID.String()+"@unknown.invalid" {
			t.Errorf("%+v, %v", user, err)
		}

		// A verified address leads to the row that has it; one that is not does not, nor does another subject's.
		old := d.User()
		claims := map[string]any{"sub": "eve", "email": old.Email, "email_verified": false}
		if eve := d.known(t, d.issuer.Token(claims)); eve.User == old.ID {
			t.Error("an address that is not verified leads to its row")
		}
		claims = map[string]any{"sub": "owner", "email": strings.ToUpper(old.Email), "email_verified": true}
		if owner := d.known(t, d.issuer.Token(claims)); owner.User != old.ID {
			t.Error("a verified address does not lead to its row")
		}
		claims["sub"] = "another"
		if another := d.known(t, d.issuer.Token(claims)); another.User == old.ID || another.User.IsZero() {
			t.Error("two subjects have one row")
		}

		// Erased, a row is nobody's.
		if err := d.Store.DeleteUser(t.Context(), models.Everything, ada.User, nil, time.Hour); err != nil {
			t.Fatal(err)
		}
		testkit.Eventually(t, 5*time.Second, func() error {
			for _, g := range d.gates {
				p, err := g.Identify(t.Context(), http.Header{"Authorization": {"Bearer " + token}})
				if err == nil && p.User == ada.User {
					err = errors.New("an erased row is still somebody's")
				}
				if err != nil {
					return err
				}
			}
			return nil
		})
		d.known(t, token)
	})
}
