package identity

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"quantix/internal/models"
	"quantix/internal/testkit"
)

func TestIdentify_knows_nobody_without_a_header(t *testing.T) {
	t.Parallel()
	g := New(newMemory(), Options{})
	if p, err := g.Identify(t.Context(), http.Header{"Accept": {"*/*"}}); p != models.Nobody || err != nil {
		t.Errorf("%v, %v", p, err)
	}
}

func TestIdentify_knows_who_has_a_key(t *testing.T) {
	t.Parallel()
	m := newMemory()
	g := running(t, m, Options{})
	text, key := m.newKey(t, nil)
	for _, scheme := range []string{"Bearer ", "bearer ", "BEARER   "} {
		p, err := g.Identify(t.Context(), http.Header{"Authorization": {scheme + text}})
		if err != nil {
			t.Fatal(err)
		}
		want := models.Principal{
			Role: models.RoleBoxOffice, Name: "key " + key.ID.String(), ID: key.ID, Key: key.ID, Organizer: models.DefaultOrganizer,
		}
		if *p != want {
			t.Errorf("%+v, want %+v", *p, want)
		}
	}
}

// Whatever is wrong, the answer is the same, and nothing that was sent is in the reason.
func TestIdentify_refuses_bad_keys_all_alike(t *testing.T) {
	t.Parallel()
	m := newMemory()
	g := running(t, m, Options{})
	text, _ := m.newKey(t, nil)
	revoked, _ := m.newKey(t, func(k *models.APIKey) { k.RevokedAt = time.Now() })
	expired, _ := m.newKey(t, func(k *models.APIKey) { k.ExpiresAt = time.Now().Add(-time.Second) })
	unknown, _ := NewKey()
	bad := map[string]http.Header{
		"empty":            {"Authorization": {""}},
		"the scheme alone": {"Authorization": {"Bearer"}},
		"nothing behind":   {"Authorization": {"Bearer "}},
		"spaces behind":    {"Authorization": {"Bearer    "}},
		"without a scheme": {"Authorization": {text}},
		"Basic":            {"Authorization": {"Basic " + text}},
		"Token":            {"Authorization": {"Token " + text}},
		"of six letters":   {"Authorization": {"Digest " + text}},
		"a tab":            {"Authorization": {"Bearer\t" + text}},
		"something behind": {"Authorization": {"Bearer " + text + " "}},
		"twice":            {"Authorization": {"Bearer " + text, "Bearer " + text}},
		"one of two empty": {"Authorization": {"Bearer " + text, ""}},
		"too long":         {"Authorization": {"Bearer " + strings.Repeat(" ", maxCredential) + text}},
		"100 kB":           {"Authorization": {"Bearer " + strings.Repeat("a", 100<<10)}},
		"a token":          bearing("eyJhbGciOiJub25lIn0.e30."),
		"unknown":          bearing(unknown),
		"revoked":          bearing(revoked),
		"expired":          bearing(expired),
	}
	for name, key := range badKeys(text) {
		bad["key: "+name] = bearing(key)
	}
	for round := range 2 { // the second time, some answers are remembered
		for name, header := range bad {
			p, err := g.Identify(t.Context(), header)
			alike(t, fmt.Sprintf("%s, %d", name, round), p, err, header.Get("Authorization"))
		}
	}
	mustKnow(t, g, text)
}

// alike fails unless an answer is the one refusal, for a reason that tells nothing of what was sent.
func alike(t *testing.T, name string, p *models.Principal, err error, sent string) {
	t.Helper()
	told, is := errors.AsType[*models.Error](err)
	if p != nil || !is {
		t.Errorf("%s: %v and %v", name, p, err)
		return
	}
	why := told.Err
	if told = told.With(nil); told.Error() != models.ErrUnauthorized.Error() || told.Attrs != nil || told.Fields != nil {
		t.Errorf("%s: the answer is another one: %v", name, told)
	}
	for part := range strings.FieldsFuncSeq(sent, func(r rune) bool { return strings.ContainsRune(" .,", r) }) {
		if len(part) > 8 && strings.Contains(why.Error(), part) {
			t.Errorf("%s: the reason %q has what was sent", name, why)
		}
	}
}

func TestIdentify_takes_no_key_for_another_whose_hash_begins_alike(t *testing.T) {
	t.Parallel()
	m := newMemory()
	g := running(t, m, Options{})
	text, hash := NewKey()
	m.newKey(t, nil)
	hash[len(hash)-1] ^= 1
	key, err := models.NewAPIKey(models.KeyDraft{Name: "another", Role: models.RoleAdmin})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.CreateKey(t.Context(), key, hash); err != nil {
		t.Fatal(err)
	}
	g.keys.put(0, hash, g.holderOf(&key, 0, time.Now()))
	mustFail(t, g, text, models.ErrUnauthorized)
}

func TestIdentify_of_a_known_key_asks_nobody_and_allocates_nothing(t *testing.T) {
	m := newMemory()
	g := running(t, m, Options{})
	text, _ := m.newKey(t, nil)
	header := bearing(text)
	testkit.Eventually(t, 10*time.Second, func() error { // the first poll forgets what was known
		if g.asked.Load() == 0 {
			return errors.New("the gate has not asked what was revoked")
		}
		return nil
	})
	mustKnow(t, g, text)
	before, _ := m.asked()
	n := testing.AllocsPerRun(1000, func() {
		if _, err := g.Identify(t.Context(), header); err != nil {
			t.Error(err)
		}
	})
	if after, _ := m.asked(); n != 0 || after != before {
		t.Errorf("%v allocations, %d queries", n, after-before)
	}
}

func TestKeys_that_are_revoked_are_refused_within_a_second(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newMemory()
		one, other := running(t, m, Options{}), running(t, m, Options{})
		wait(0)
		text, key := m.newKey(t, nil)
		stays, _ := m.newKey(t, nil)
		for _, g := range []*Gate{one, other} {
			mustKnow(t, g, text)
			mustKnow(t, g, stays)
		}
		if err := m.RevokeKey(t.Context(), models.Everything, key.ID); err != nil {
			t.Fatal(err)
		}
		wait(300 * time.Millisecond)
		for _, g := range []*Gate{one, other} {
			mustFail(t, g, text, models.ErrUnauthorized)
			mustKnow(t, g, stays)
		}
		before, _ := m.asked()
		mustFail(t, one, text, models.ErrUnauthorized)
		if after, _ := m.asked(); after != before {
			t.Error("the store is asked again for a key that was revoked for good")
		}
	})
}

// A look-up that began before a revocation must not be remembered after it, nor be joined by those who come then.
func TestKeys_that_are_revoked_while_they_are_looked_up_are_refused(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newMemory()
		g := running(t, m, Options{})
		wait(0)
		text, key := m.newKey(t, nil)
		m.set(func(m *memory) { m.slow = 1500 * time.Millisecond })
		answers := make(chan error, 3)
		identify := func() {
			_, err := g.Identify(t.Context(), bearing(text))
			answers <- err
		}
		go identify()
		wait(100 * time.Millisecond)
		if err := m.RevokeKey(t.Context(), models.Everything, key.ID); err != nil {
			t.Fatal(err)
		}
		wait(900 * time.Millisecond)
		go identify()
		wait(600 * time.Millisecond) // the first has its answer, the second waits for it
		go identify()
		for range 3 {
			if err := <-answers; !models.ErrUnauthorized.Is(err) {
				t.Errorf("a revoked key: %v", err)
			}
		}
		mustFail(t, g, text, models.ErrUnauthorized)
	})
}

func TestKeys_are_refused_when_revocations_cannot_be_asked_for(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newMemory()
		g := running(t, m, Options{})
		wait(0)
		text, _ := m.newKey(t, nil)
		unknown, _ := m.newKey(t, nil)
		mustKnow(t, g, text)
		m.set(func(m *memory) { m.mute = true })
		wait(4500 * time.Millisecond)
		mustKnow(t, g, text)
		wait(time.Second)
		mustFail(t, g, text, models.ErrIdentityUnavailable)
		mustFail(t, g, unknown, models.ErrIdentityUnavailable)
		mustFail(t, g, text+"a", models.ErrUnauthorized)
		m.set(func(m *memory) { m.mute = false })
		wait(time.Second)
		mustKnow(t, g, text)
	})
}

func TestKeys_that_are_not_known_need_the_store(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newMemory()
		g := running(t, m, Options{})
		wait(0)
		text, _ := m.newKey(t, nil)
		m.set(func(m *memory) { m.away = true })
		mustFail(t, g, text, models.ErrIdentityUnavailable)
		m.set(func(m *memory) { m.away, m.panics = false, true })
		mustFail(t, g, text, models.ErrIdentityUnavailable)
		m.set(func(m *memory) { m.panics, m.slow = false, 10*time.Second })
		mustFail(t, g, text, models.ErrIdentityUnavailable)
		m.set(func(m *memory) { m.slow = 0 })
		wait(20 * time.Second)
		mustKnow(t, g, text)
	})
}

// A key expires by the store's clock, whatever ours shows, and though it is remembered.
func TestKeys_expire_by_the_clock_of_the_store(t *testing.T) {
	t.Parallel()
	for _, ahead := range []time.Duration{0, time.Hour, -time.Hour} {
		synctest.Test(t, func(t *testing.T) {
			m := newMemory()
			m.ahead = ahead
			g := running(t, m, Options{})
			wait(0)
			text, _ := m.newKey(t, func(k *models.APIKey) { k.ExpiresAt = time.Now().Add(ahead + time.Minute) })
			mustKnow(t, g, text)
			wait(59 * time.Second)
			mustKnow(t, g, text)
			wait(time.Second)
			mustFail(t, g, text, models.ErrUnauthorized)
		})
	}
}

// An end that is further away than durations reach is an end all the same, and not the past.
func TestKeys_that_end_in_thousands_of_years_count(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newMemory()
		g := running(t, m, Options{})
		wait(time.Minute)
		text, _ := m.newKey(t, func(k *models.APIKey) { k.ExpiresAt = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC) })
		mustKnow(t, g, text)
	})
}

// Guesses are not queries: the same one is asked for once a second, and of many a few at a time.
func TestKeys_that_are_guessed_are_bounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newMemory()
		m.slow = 5 * time.Millisecond
		g := running(t, m, Options{})
		wait(0)
		one, _ := NewKey()
		for range 100 {
			mustFail(t, g, one, models.ErrUnauthorized)
		}
		if asked, _ := m.asked(); asked != 1 {
			t.Errorf("%d queries for the same key", asked)
		}
		var all sync.WaitGroup
		for range 3 * maxAsked {
			all.Go(func() {
				key, _ := NewKey()
				if p, err := g.Identify(t.Context(), bearing(key)); p != nil || err == nil {
					t.Error("taken for a key")
				}
			})
		}
		all.Wait()
		var most int
		m.set(func(m *memory) { most = m.most })
		if asked, _ := m.asked(); most > asksAtOnce || asked > maxAsked+1 {
			t.Errorf("%d queries, up to %d at once", asked, most)
		}
		wait(2 * time.Second)
		mustFail(t, g, one, models.ErrUnauthorized)
		g.keys.mu.Lock()
		defer g.keys.mu.Unlock()
		if len(g.keys.asked) > 0 || g.keys.open > 0 {
			t.Errorf("%d and %d questions are open", len(g.keys.asked), g.keys.open)
		}
	})
}

// After a revocation all who use a key ask for it at once: that is one query.
func TestKeys_are_looked_up_once_for_all_who_come_together(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newMemory()
		m.slow = 50 * time.Millisecond
		g := running(t, m, Options{})
		wait(0)
		text, _ := m.newKey(t, nil)
		var all sync.WaitGroup
		for range 1000 {
			all.Go(func() {
				if _, err := g.Identify(t.Context(), bearing(text)); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if asked, _ := m.asked(); asked != 1 {
			t.Errorf("%d queries", asked)
		}
	})
}

func TestCache_is_bounded(t *testing.T) {
	t.Parallel()
	c := newCache[int, int](func(do func()) { do() })
	for i := range 2 * maxKnown {
		c.put(0, i, i)
	}
	if last, is := c.get(2*maxKnown - 1); len(c.known) != maxKnown || !is || last != 2*maxKnown-1 {
		t.Errorf("it knows %d, the last: %v", len(c.known), is)
	}
	c.drop()
	c.put(0, 1, 1)
	if _, is := c.get(1); is {
		t.Error("it remembers what was found out before all was dropped")
	}
}

// When a key was used is written once a minute, and at the end; a store that fails gets it a minute later.
func TestUses_are_noted_to_a_minute(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newMemory()
		g := running(t, m, Options{})
		wait(0)
		text, key := m.newKey(t, nil)
		other, otherKey := m.newKey(t, nil)
		m.newKey(t, nil)
		used := time.Now().UTC()
		for range 100 {
			mustKnow(t, g, text)
		}
		wait(50 * time.Second)
		if len(m.used()) != 0 {
			t.Error("written at once")
		}
		wait(11 * time.Second)
		if want := used.Truncate(time.Minute); len(m.used()) != 1 || !m.used()[key.ID].Equal(want) {
			t.Errorf("%v, want %v", m.used(), want)
		}
		mustKnow(t, g, other)
		m.set(func(m *memory) { m.away = true })
		wait(time.Minute)
		m.set(func(m *memory) { m.away = false })
		if len(m.used()) != 1 {
			t.Errorf("%v", m.used())
		}
		wait(time.Minute)
		if m.used()[otherKey.ID].IsZero() {
			t.Error("what could not be written is lost")
		}
	})
}

func TestRun_notes_uses_at_its_end(t *testing.T) {
	t.Parallel()
	m := newMemory()
	var id models.KeyID
	t.Run("a server", func(t *testing.T) {
		g := running(t, m, Options{})
		text, key := m.newKey(t, nil)
		mustKnow(t, g, text)
		id = key.ID
	})
	if m.used()[id].IsZero() {
		t.Error("not noted")
	}
}

// Whoever holds a stream loses it with the key that they showed, and not because a store is away.
func TestHold_ends_with_what_was_shown(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newMemory()
		g := running(t, m, Options{})
		wait(0)
		text, key := m.newKey(t, nil)
		stays, _ := m.newKey(t, nil)
		brief, _ := m.newKey(t, func(k *models.APIKey) { k.ExpiresAt = time.Now().Add(time.Minute) })
		hold := func(header http.Header) context.Context {
			held, end := g.Hold(t.Context(), header)
			t.Cleanup(end)
			return held
		}
		revoked, on, ending, nobody := hold(bearing(text)), hold(bearing(stays)), hold(bearing(brief)), hold(http.Header{})
		if err := m.RevokeKey(t.Context(), models.Everything, key.ID); err != nil {
			t.Fatal(err)
		}
		wait(time.Second)
		if !models.ErrUnauthorized.Is(context.Cause(revoked)) || ending.Err() != nil {
			t.Errorf("%v, %v", context.Cause(revoked), ending.Err())
		}
		wait(time.Minute)
		if !models.ErrUnauthorized.Is(context.Cause(ending)) {
			t.Error(context.Cause(ending))
		}
		m.set(func(m *memory) { m.away = true })
		wait(time.Minute)
		if on.Err() != nil || nobody.Err() != nil {
			t.Errorf("%v, %v", on.Err(), nobody.Err())
		}
	})
}
