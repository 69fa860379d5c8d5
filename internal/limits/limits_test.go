package limits_test

import (
	"net/netip"
	"testing"
	"time"

	"quantix/internal/limits"
)

func TestParseRate_reads_what_it_says(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]limits.Rate{
		"off":            {},
		"50/s":           {Count: 50, Period: time.Second, Burst: 3},
		"100/10s":        {Count: 100, Period: 10 * time.Second, Burst: 5},
		"600/min/50":     {Count: 600, Period: time.Minute, Burst: 50},
		"1/h":            {Count: 1, Period: time.Hour, Burst: 1},
		"20/d":           {Count: 20, Period: 24 * time.Hour, Burst: 1},
		"21/d":           {Count: 21, Period: 24 * time.Hour, Burst: 2},
		"100/1m30s/7":    {Count: 100, Period: 90 * time.Second, Burst: 7},
		"100000/s/1":     {Count: 100_000, Period: time.Second, Burst: 1},
		"1000000/min":    {Count: 1_000_000, Period: time.Minute, Burst: 50_000},
		"1/720h/1":       {Count: 1, Period: 720 * time.Hour, Burst: 1},
		"0050/s":         {Count: 50, Period: time.Second, Burst: 3},
		"100/s/1000000":  {Count: 100, Period: time.Second, Burst: 1_000_000},
		"1000/1h0m0s/10": {Count: 1000, Period: time.Hour, Burst: 10},
	} {
		got, err := limits.ParseRate(text)
		if err != nil || got != want {
			t.Errorf("%s: got %+v, %v; want %+v", text, got, err, want)
		}
		if again, err := limits.ParseRate(got.String()); err != nil || again != got {
			t.Errorf("%s is written as %s, which is read as %+v, %v", text, got, again, err)
		}
	}
}

func TestParseRate_refuses_the_rest(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"", "on", "Off", "0", "50", "50/", "/s", "50/s/", "50/s/1/1", "0/s", "-1/s", "+5/s", "5.5/s", "1e3/s", " 50/s", "50 /s",
		"50/s ", "50/ms", "50/500ms", "50/1.5s", "50/0s", "50/-1s", "50/m", "50/week", "50/721h", "50/s/0", "50/s/-1", "50/s/x",
		"100001/s", "1000001/d", "50/s/1000001", "99999999999999999999/s", "1/d/31", "1/720h/2", "٥/s",
	} {
		if got, err := limits.ParseRate(text); err == nil {
			t.Errorf("%q is read as %s", text, got)
		}
	}
}

// Whatever is read can be reckoned with: no interval is nothing, and no time beyond what an int64 and a double hold.
func FuzzParseRate(f *testing.F) {
	for _, text := range []string{"off", "50/s", "600/min/50", "100/10s/1", "1/720h", "100000/s/1000000", "1/d/30"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		r, err := limits.ParseRate(text)
		if err != nil || r.Off() {
			return
		}
		if r.Count < 1 || r.Burst < 1 || r.Interval() < 10*time.Microsecond || r.Interval()%time.Microsecond != 0 ||
			r.Span() < r.Interval() || r.Span() > 46*24*time.Hour || r.Period%time.Second != 0 {
			t.Errorf("%q: %+v earns one in %s, all in %s", text, r, r.Interval(), r.Span())
		}
		if earned := r.Interval() * time.Duration(r.Count); earned > r.Period || earned < r.Period*9/10 {
			t.Errorf("%q: %d are earned in %s", text, r.Count, earned)
		}
		if again, err := limits.ParseRate(r.String()); err != nil || again != r {
			t.Errorf("%q is written as %s, which is read as %+v, %v", text, r, again, err)
		}
	})
}

func TestAddress_is_one_name_for_one_customer(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		one, other string
		same       bool
	}{
		{"192.0.2.1", "192.0.2.1", true},
		{"192.0.2.1", "192.0.2.2", false},
		{"192.0.2.1", "::ffff:192.0.2.1", true},
		{"::ffff:192.0.2.1", "::ffff:192.0.2.2", false},
		{"2001:db8::1", "2001:db8::ffff:ffff:ffff:ffff", true},
		{"2001:db8::1", "2001:db8:0:1::1", false},
		{"fe80::1%eth0", "fe80::2%eth1", true},
	} {
		one, other := netip.MustParseAddr(test.one), netip.MustParseAddr(test.other)
		if got := limits.Address(one) == limits.Address(other); got != test.same {
			t.Errorf("%s and %s have one name: %v", one, other, got)
		}
	}
	v4, v6, none := limits.Address(netip.MustParseAddr("192.0.2.1")), limits.Address(netip.MustParseAddr("2001:db8::1")), limits.Address(netip.Addr{})
	for want, name := range map[int]limits.Name{4: v4, 8: v6, 0: none} {
		if got := len(name.Append(nil)); got != want {
			t.Errorf("%d bytes, want %d", got, want)
		}
	}
}

func TestBuyer_is_a_user_at_an_event(t *testing.T) {
	t.Parallel()
	a, b := [16]byte{1}, [16]byte{2}
	if limits.Buyer(a, b) == limits.Buyer(b, a) || limits.Buyer(a, a) == limits.Buyer(a, b) {
		t.Error("two buyers have one name")
	}
}
