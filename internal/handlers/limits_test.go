package handlers

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"quantix/internal/identity"
	"quantix/internal/limits"
	"quantix/internal/limits/inprocess"
	"quantix/internal/models"
)

// askCount counts what limits were asked for.
type askCount struct {
	mu    sync.Mutex
	times map[string]int // "ip passed"
}

func (a *askCount) Limit(limit string, passed bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.times == nil {
		a.times = map[string]int{}
	}
	verdict := "refused"
	if passed {
		verdict = "passed"
	}
	a.times[limit+" "+verdict]++
}

func (a *askCount) take() map[string]int {
	a.mu.Lock()
	defer a.mu.Unlock()
	taken := a.times
	a.times = nil
	return taken
}

func (a *askCount) want(t *testing.T, what string, want map[string]int) {
	t.Helper()
	if got := a.take(); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%s: asked %v, want %v", what, got, want)
	}
}

// few earns one only in hours; many is never used up.
func few(burst int64) limits.Rate {
	return limits.Rate{Count: 5, Period: 24 * time.Hour, Burst: burst}
}

var many = few(150)

func limited(ip, bookings limits.Rate) (*askCount, func(*Deps)) {
	a := &askCount{}
	return a, func(d *Deps) {
		d.Limits = &Limits{Limiter: inprocess.New(inprocess.Options{}), IP: ip, Key: many, Bookings: bookings, Observer: a}
	}
}

// Every route of the API is limited by address, and nothing else is: no page, no look at the server's health, no
// gateway's callback. A route that is added is limited, or this fails.
func TestLimits_hold_for_every_route_of_the_API(t *testing.T) {
	t.Parallel()
	a, on := limited(many, many)
	b := setup(t, on)
	for _, o := range operations() {
		method, path, _ := strings.Cut(o, " ")
		path = regexp.MustCompile(`\{[a-z_]+\}`).ReplaceAllString(path, models.NewID[models.EventID]().String())
		want := map[string]int{"ip passed": 1}
		if !strings.HasPrefix(path, apiPath+"/") || strings.HasPrefix(path, callbacksPath+"/") {
			want = nil
		}
		got := b.do(method, path, "")
		a.want(t, o, want)
		if got.header.Get("RateLimit") == "" != (want == nil) || got.header.Get("RateLimit-Policy") == "" != (want == nil) {
			t.Errorf("%s: RateLimit %q, RateLimit-Policy %q", o, got.header.Get("RateLimit"), got.header.Get("RateLimit-Policy"))
		}
	}
	for _, path := range []string{"/docs", "/openapi.json", "/problems", "/nowhere", apiPath + "/nowhere"} {
		b.do("GET", path, "")
		a.want(t, path, nil)
	}
}

func TestLimits_refuse_an_address(t *testing.T) {
	t.Parallel()
	a, on := limited(few(3), many)
	b := setup(t, on)
	for range 3 {
		b.do("GET", eventsPath, "").want(http.StatusOK)
	}
	a.want(t, "what passes", map[string]int{"ip passed": 3})
	got := b.do("GET", eventsPath, "")
	got.refused(http.StatusTooManyRequests, "rate_limited")
	a.want(t, "what does not", map[string]int{"ip refused": 1})
	if policy := got.header.Get("RateLimit-Policy"); policy != `"ip";q=5;w=86400;quantix-burst=3` {
		t.Errorf("RateLimit-Policy: %s", policy)
	}
	var after, left, seconds int
	if _, err := fmt.Sscan(got.header.Get("Retry-After"), &after); err != nil {
		t.Fatal(err)
	}
	if n, err := fmt.Sscanf(got.header.Get("RateLimit"), `"ip";r=%d;t=%d`, &left, &seconds); n != 2 {
		t.Fatalf("RateLimit: %s: %v", got.header.Get("RateLimit"), err)
	}
	if left != 0 || seconds != after || after < 1 || after > 8640 { // half of a fifth of a day
		t.Errorf("%d left, one more after %d s, to be asked again after %d s", left, seconds, after)
	}
	if !strings.Contains(string(got.body), `"rate_limit":"ip"`) {
		t.Errorf("the problem does not name the limit: %s", got.body)
	}
}

// A user's bookings of one event are limited, whichever address they come from, and those of others are not. Whatever
// is refused counts for nothing else.
func TestLimits_refuse_a_buyer(t *testing.T) {
	t.Parallel()
	a, on := limited(many, few(2))
	b := setup(t, on)
	event, other := b.event(100), b.event(100)
	user, another := b.user("a@example.com"), b.user("b@example.com")
	a.take()
	b.book(event.ID, user.ID, 1)
	b.book(event.ID, user.ID, 1)
	a.want(t, "bookings", map[string]int{"ip passed": 2, "bookings passed": 2})
	text := b.bookText(event.ID, user.ID, 1)
	got := b.do("POST", bookingsPath, text)
	got.refused(http.StatusTooManyRequests, "rate_limited")
	if policy := got.header.Get("RateLimit-Policy"); !strings.HasPrefix(policy, `"bookings";`) {
		t.Errorf("RateLimit-Policy: %s", policy)
	}
	a.want(t, "one too many", map[string]int{"bookings refused": 1})
	b.book(other.ID, user.ID, 1)
	b.book(event.ID, another.ID, 1)
}

// A booking that makes no sense counts for its client, and for no user.
func TestLimits_count_bad_bookings_for_their_client(t *testing.T) {
	t.Parallel()
	a, on := limited(few(5), few(1))
	b := setup(t, on)
	user, event := models.NewID[models.UserID]().String(), models.NewID[models.EventID]().String()
	for _, body := range []string{
		"{", "[]", b.bookText(event, "nobody", 1), `{"user_id":"` + user + `"}`, "{" + strings.Repeat(" ", 100),
	} {
		b.do("POST", bookingsPath, body).want(http.StatusBadRequest)
		a.want(t, body, map[string]int{"ip passed": 1})
	}
	b.do("POST", bookingsPath, "{").refused(http.StatusTooManyRequests, "rate_limited")
	a.want(t, "one too many", map[string]int{"ip refused": 1})
}

// What somebody may not book counts for no buyer: or anybody could keep a buyer from booking by asking in their name.
func TestLimits_count_for_a_buyer_what_is_within_reach(t *testing.T) {
	t.Parallel()
	a, on := limited(many, few(1))
	v := newVenue(t, false, on)
	mine, theirs := v.side("mine", false), v.side("theirs", false)
	text := v.bookText(mine.event, mine.customer, 1)
	for _, shown := range []string{v.as(models.RoleCustomer, theirs), v.as(models.RoleBoxOffice, theirs), v.as(models.RoleOrganizer, theirs)} {
		v.show(v.as(models.RoleBoxOffice, theirs), "POST", bookingsPath, v.bookText(theirs.event, theirs.user, 1))
		a.take()
		v.show(shown, "POST", bookingsPath, text).want(http.StatusNotFound)
		a.want(t, "a booking in a stranger's name", map[string]int{"ip passed": 1, "key passed": 1})
	}
	v.show(v.as(models.RoleCustomer, mine), "POST", bookingsPath, text).want(http.StatusCreated)
	a.want(t, "their own", map[string]int{"bookings passed": 1, "ip passed": 1, "key passed": 1})
	for _, role := range []models.Role{models.RoleCustomer, models.RoleBoxOffice} {
		shown := v.as(role, mine)
		if role != models.RoleCustomer { // the first time nobody knows here whose the event is
			v.show(shown, "POST", bookingsPath, v.bookText(mine.event, mine.user, 1)).want(http.StatusCreated)
		}
		v.show(shown, "POST", bookingsPath, text).refused(http.StatusTooManyRequests, "rate_limited")
	}
}

// askedGate counts how often it had to find out who asks.
type askedGate struct {
	Gate
	times int
}

func (g *askedGate) Identify(ctx context.Context, header http.Header) (*models.Principal, error) {
	g.times++
	return g.Gate.Identify(ctx, header)
}

// Who makes keys up is held to the limits before anybody is asked for them, on every route that asks who one is. A key
// that has to be looked up counts once all the same.
func TestLimits_hold_before_a_key_is_looked_up(t *testing.T) {
	t.Parallel()
	for _, path := range []string{eventsPath, bookingsPath, "/metrics"} {
		a, on := limited(few(4), many)
		v := newVenue(t, false)
		gate := &askedGate{Gate: v.server.gate}
		deps := v.deps
		deps.Gate, deps.Metrics = gate, http.NotFoundHandler()
		on(&deps)
		v.server = newTestServer(t, deps)
		method := map[bool]string{true: "POST", false: "GET"}[path == bookingsPath]
		_, known := v.newKey(models.KeyDraft{Name: "an admin", Role: models.RoleAdmin})
		v.show(known, "GET", apiPath+"/me", "").want(http.StatusOK)
		v.show(known, "GET", apiPath+"/me", "").want(http.StatusOK)
		a.want(t, "a key", map[string]int{"ip passed": 2, "key passed": 2})
		for range 10 {
			guess, _ := identity.NewKey()
			v.show(guess, method, path, "")
		}
		if gate.times != 3 {
			t.Errorf("%s: %d look-ups of keys", path, gate.times)
		}
		a.want(t, path, map[string]int{"ip passed": 2, "ip refused": 8})
	}
}

// Who a request is from: the connection's address, or what a proxy that is believed says, and nobody else.
func TestLimits_know_an_address(t *testing.T) {
	t.Parallel()
	proxies := func(d *Deps) { d.TrustedProxies = []string{"10.0.0.0/8"} }
	none := func(*Deps) {}
	for name, test := range map[string]struct {
		deps       func(*Deps)
		one, other string // from which address, and for whom
		same       bool
	}{
		"the same":                             {none, "192.0.2.1", "192.0.2.1", true},
		"another":                              {none, "192.0.2.1", "192.0.2.2", false},
		"another of the same /64":              {none, "[2001:db8::1]", "[2001:db8::2]", true},
		"another /64":                          {none, "[2001:db8::1]", "[2001:db8:0:1::1]", false},
		"IPv4 in the dress of IPv6":            {none, "192.0.2.1", "[::ffff:192.0.2.1]", true},
		"who says to be another":               {none, "192.0.2.1", "192.0.2.1 for 192.0.2.2", true},
		"who says so to a proxy's server":      {proxies, "192.0.2.1", "192.0.2.1 for 192.0.2.2", true},
		"two behind a proxy":                   {proxies, "10.1.1.1 for 192.0.2.1", "10.1.1.1 for 192.0.2.2", false},
		"one behind two proxies":               {proxies, "10.1.1.1 for 192.0.2.1", "10.1.1.2 for 192.0.2.1", true},
		"who says so through a proxy":          {proxies, "10.1.1.1 for 192.0.2.1", "10.1.1.1 for 192.0.2.9, 192.0.2.1", true},
		"two of one /64 behind a proxy":        {proxies, "10.1.1.1 for 2001:db8::1", "10.1.1.1 for 2001:db8::2", true},
		"nonsense behind a proxy is the proxy": {proxies, "10.1.1.1 for nobody", "10.1.1.1", true},
		"nor does another header say so":       {proxies, "10.1.1.1 for nobody", "10.1.1.1 for nobody at 192.0.2.9", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, on := limited(few(1), many)
			b := setup(t, test.deps, on)
			status := func(from string) int {
				address, forwarded, _ := strings.Cut(from, " for ")
				r := newRequest("GET", eventsPath, "")
				r.RemoteAddr = address + ":4711"
				forwarded, real, _ := strings.Cut(forwarded, " at ")
				for name, value := range map[string]string{"X-Forwarded-For": forwarded, "X-Real-IP": real} {
					if value != "" {
						r.Header.Set(name, value)
					}
				}
				w := httptest.NewRecorder()
				b.server.router.ServeHTTP(w, r)
				return w.Code
			}
			if got := status(test.one); got != http.StatusOK {
				t.Fatalf("the first request: %d", got)
			}
			want := http.StatusOK
			if test.same {
				want = http.StatusTooManyRequests
			}
			if got := status(test.other); got != want {
				t.Errorf("the second request: %d, want %d", got, want)
			}
		})
	}
}

// calls counts what a limiter is asked.
type calls struct {
	limits.Limiter
	asks [][]limits.Ask
	err  error
}

func (c *calls) Check(ctx context.Context, asks []limits.Ask) (limits.Verdict, error) {
	c.asks = append(c.asks, append([]limits.Ask{}, asks...))
	if c.err != nil {
		return limits.Verdict{}, c.err
	}
	return c.Limiter.Check(ctx, asks)
}

// A limit that is off is not asked for; all of a booking's are asked for at once.
func TestLimits_that_are_off_cost_nothing(t *testing.T) {
	t.Parallel()
	off := limits.Rate{}
	for name, test := range map[string]struct {
		ip, key, bookings limits.Rate
		asks              string // of a booking
	}{
		"all on":        {many, many, many, "[[ip bookings]]"},
		"bookings off":  {many, many, off, "[[ip]]"},
		"ip off":        {off, many, many, "[[bookings]]"},
		"only for keys": {off, many, off, "[]"},
		"all off":       {off, off, off, "[]"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := &calls{Limiter: inprocess.New(inprocess.Options{})}
			b := setup(t, func(d *Deps) { d.Limits = &Limits{Limiter: c, IP: test.ip, Key: test.key, Bookings: test.bookings} })
			event, user := b.event(1), b.user("a@example.com")
			c.asks = nil
			b.book(event.ID, user.ID, 1)
			names := [][]string{}
			for _, asks := range c.asks {
				var call []string
				for _, a := range asks {
					call = append(call, a.Limit.String())
				}
				names = append(names, call)
			}
			if got := fmt.Sprint(names); got != test.asks {
				t.Errorf("asked %s, want %s", got, test.asks)
			}
		})
	}
}

// A client that has gone while its limits were looked up did nothing, and gets nothing.
func TestLimits_let_go_of_a_client_that_is_gone(t *testing.T) {
	t.Parallel()
	c := &calls{err: context.Canceled}
	b := setup(t, func(d *Deps) { d.Limits = &Limits{Limiter: c, IP: many} })
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	w := httptest.NewRecorder()
	b.server.router.ServeHTTP(w, newRequest("GET", eventsPath, "").WithContext(ctx))
	if w.Code != statusClientGone {
		t.Errorf("got %d, want %d", w.Code, statusClientGone)
	}
}
