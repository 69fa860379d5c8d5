package config

import (
	"net/url"
	"strings"
	"testing"
)

// A password with a sign that ends it in a URL is read as it is, or refused with the way to write it, and never shown.
func TestPasswordsInAddresses(t *testing.T) {
	t.Parallel()
	for password, right := range map[string]bool{
		"p@ss": true, "p@12": true, "a:b": true, "p%40ss": true, "%41": true, "%zz": false, "12%": false,
		"p#ss": false, "12#ss": false, "p/ss": false, "12/ss": false, "p?ss": false, "12?ss": false, "1/2@x": false, "12#/?@": false,
	} {
		for name, address := range map[string]string{
			"DATABASE_URL": "postgres://shop:" + password + "@db:5432/n",
			"REDIS_URL":    "redis://shop:" + password + "@cache:6379/1",
		} {
			c, err := read(nil, map[string]string{name: address})
			if right != (err == nil) {
				t.Errorf("%s: %v", address, err)
			}
			for _, s := range c.Redacted() {
				if s.Name == name && strings.Contains(strings.TrimPrefix(s.Value, "postgres://"), strings.Trim(password, "@%")) {
					t.Errorf("%s is shown as %s", address, s.Value)
				}
			}
			if err != nil {
				if !strings.Contains(err.Error(), "%23 for #") || strings.Contains(err.Error(), password) {
					t.Errorf("%s: %v", address, err)
				}
				continue
			}
			given := c.DatabaseURL + c.RedisURL
			u, err := url.Parse(given)
			if err != nil {
				t.Fatal(err)
			}
			want, err := url.PathUnescape(password)
			if got, _ := u.User.Password(); err != nil || got != want || strings.TrimSuffix(u.Hostname(), "b") != "d" && u.Hostname() != "cache" {
				t.Errorf("%s is read as %q at %s (%v)", address, got, u.Host, err)
			}
		}
	}
	// An @ in a query is no password of the address.
	for _, good := range []string{"postgres://db/n?user=shop@server", "postgres:///n?password=p@ss&host=/run", "postgres://db:5432/n?password=p@ss"} {
		if _, err := read(nil, map[string]string{"DATABASE_URL": good}); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
}

func TestAllowedHosts(t *testing.T) {
	t.Parallel()
	c := load(t, map[string]string{"ALLOWED_HOSTS": "Tickets.example.com, *.example.org"})
	if got := strings.Join(c.AllowedHosts, " "); got != "tickets.example.com *.example.org" {
		t.Errorf("%q", got)
	}
	for _, bad := range []string{"a,,b", "http://a", "a:80", "*.", "a*.b", "*.*"} {
		if _, err := read(nil, map[string]string{"ALLOWED_HOSTS": bad}); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}
