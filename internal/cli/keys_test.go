package cli_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"quantix/internal/testkit"
)

var (
	aloneKey = regexp.MustCompile(`^qx_[a-z2-7]{57}[aeimquy4]\n$`)
	someID   = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f-]{27}`)
)

// newKey makes a key by the command line, and returns its text and its id.
func newKey(tb testing.TB, dir string, env []string, args ...string) (text, id string) {
	tb.Helper()
	stdout, stderr, status := quantix(tb, dir, env, append([]string{"keys", "create"}, args...)...)
	if status != 0 || !aloneKey.MatchString(stdout) || strings.Contains(stderr, strings.TrimSpace(stdout)) {
		tb.Fatalf("keys create: %d %s%s", status, stdout, stderr)
	}
	return strings.TrimSpace(stdout), someID.FindString(stderr)
}

// me asks a server who somebody is.
func (s *server) me(tb testing.TB, key string) answer {
	tb.Helper()
	a, err := s.try(http.MethodGet, "/api/v1/me", "", "Authorization", "Bearer "+key)
	if err != nil {
		tb.Fatal(err)
	}
	return a
}

func TestKeys_are_made_and_revoked_beside_a_running_server(t *testing.T) {
	t.Parallel()
	for mode, env := range modes(t) {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			s := serveIn(t, dir, append([]string{"AUTH=on"}, env...)...)
			s.AwaitLine(5*time.Second, "there is no key of an admin")
			if a := s.me(t, ""); a.status != http.StatusUnauthorized || !strings.HasPrefix(a.header.Get("WWW-Authenticate"), "Bearer ") {
				t.Errorf("%d %v", a.status, a.header)
			}
			key, id := newKey(t, dir, env, "--role", "admin", "--name", "first")
			stays, _ := newKey(t, dir, env, "--role", "door", "--expires", "720h")
			if a := s.me(t, key); a.status != http.StatusOK || !strings.Contains(a.body, "admin") {
				t.Fatalf("%d %s", a.status, a.body)
			}
			list, stderr, status := quantix(t, dir, env, "keys", "list")
			if status != 0 || !strings.Contains(list, id+"  first  admin") || strings.Contains(list, "qx_") {
				t.Errorf("%d %s%s", status, list, stderr)
			}
			if _, stderr, status := quantix(t, dir, env, "keys", "revoke", id); status != 0 {
				t.Fatalf("%d %s", status, stderr)
			}
			testkit.Eventually(t, 5*time.Second, func() error { // a second, but that the machine is busy
				if a := s.me(t, key); a.status != http.StatusUnauthorized {
					return fmt.Errorf("%d %s", a.status, a.body)
				}
				return nil
			})
			if a := s.me(t, stays); a.status != http.StatusOK {
				t.Errorf("%d %s", a.status, a.body)
			}
			if _, stderr, status := quantix(t, dir, env, "keys", "revoke", id); status != 1 || !strings.Contains(stderr, "There is no API key with this id") {
				t.Errorf("%d %s", status, stderr)
			}
		})
	}
}

// Before the first start there is no database yet: a script makes the first key, then starts the server.
func TestKeys_create_makes_the_first_one_once(t *testing.T) {
	t.Parallel()
	for mode, env := range modes(t) {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			newKey(t, dir, env, "--role", "admin", "--if-none")
			stdout, stderr, status := quantix(t, dir, env, "keys", "create", "--role", "admin", "--if-none")
			if status != 0 || stdout != "" || !strings.Contains(stderr, "There is a key of an admin already") {
				t.Errorf("%d %s%s", status, stdout, stderr)
			}
		})
	}
}

func TestKeys_create_says_in_JSON_what_the_API_says(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	stdout, stderr, status := quantix(t, dir, nil, "keys", "create", "--role", "box_office", "--expires", "2035-01-02T03:04:05+02:00", "--json")
	var key map[string]any
	if err := json.Unmarshal([]byte(stdout), &key); status != 0 || err != nil {
		t.Fatalf("%d %v %s%s", status, err, stdout, stderr)
	}
	text, _ := key["key"].(string)
	if !aloneKey.MatchString(text+"\n") || key["expires_at"] != "2035-01-02T01:04:05Z" || key["name"] != "box_office" ||
		key["event_ids"] != nil || key["organizer_id"] != "00000000-0000-7000-8000-000000000001" || key["last_used_at"] != nil {
		t.Errorf("%v", key)
	}
	list, _, _ := quantix(t, dir, nil, "keys", "list", "--json")
	if strings.Contains(list, text) || !strings.Contains(list, fmt.Sprint(key["id"])) {
		t.Error(list)
	}
}

func TestKeys_say_what_is_wrong(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if _, stderr, status := quantix(t, dir, nil, "migrate", "up"); status != 0 {
		t.Fatal(stderr)
	}
	const id = "01890000-0000-7000-8000-000000000000"
	for line, want := range map[string]struct {
		status int
		says   string
	}{
		"keys":                                 {2, "keys takes one of create, list, revoke id"},
		"keys make":                            {2, "keys takes one of"},
		"keys create more --role admin":        {2, "keys takes one of"},
		"keys create":                          {1, "role must be admin, organizer, box_office or door"},
		"keys create --role customer --name x": {1, "role must be admin, organizer, box_office or door"},
		"keys create --role admin --organizer " + id:             {1, "without organizer_id and event_ids"},
		"keys create --role admin --events " + id:                {1, "without organizer_id and event_ids"},
		"keys create --role door --organizer x":                  {2, "--organizer: "},
		"keys create --role door --organizer " + id:              {1, "There is no organizer with this id."},
		"keys create --role door --events x," + id:               {2, "--events: "},
		"keys create --role door --events " + id:                 {1, "There is no event with this id."},
		"keys create --role door --expires soon":                 {2, "--expires takes a duration such as 720h"},
		"keys create --role door --expires 2001-01-01T00:00:00Z": {2, "--expires is over already"},
		"keys create --role door --expires -1h":                  {2, "--expires is over already"},
		"keys create --role door --if-none":                      {2, "--if-none is for the first key of an admin"},
		"keys revoke":                                            {2, "keys takes one of"},
		"keys revoke x":                                          {2, "quantix keys list shows the ids"},
		"keys revoke " + id + " " + id:                           {2, "keys takes one of"},
		"keys revoke " + id:                                      {1, "There is no API key with this id"},
		"organizers":                                             {2, "organizers takes one of create name, list"},
		"organizers create":                                      {2, "organizers takes one of"},
	} {
		stdout, stderr, status := quantix(t, dir, nil, strings.Fields(line)...)
		if status != want.status || !strings.Contains(stderr, want.says) || strings.Count(stderr, "\n") != 1 || stdout != "" {
			t.Errorf("%s: %d %s%s, want %d and %q", line, status, stdout, stderr, want.status, want.says)
		}
	}
	if list, _, _ := quantix(t, dir, nil, "keys", "list"); strings.Count(list, "\n") != 1 {
		t.Error(list)
	}
}

func TestOrganizers_are_made_and_listed(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	stdout, stderr, status := quantix(t, dir, nil, "organizers", "create", "Quay Concerts")
	id := strings.TrimSpace(stdout)
	if status != 0 || !someID.MatchString(id) {
		t.Fatalf("%d %s%s", status, stdout, stderr)
	}
	list, _, _ := quantix(t, dir, nil, "organizers", "list")
	if !strings.Contains(list, id+"  Quay Concerts\n") || !strings.Contains(list, "default\n") {
		t.Error(list)
	}
	newKey(t, dir, nil, "--role", "organizer", "--organizer", id)
}

// A key that somebody has put where it does not belong is named by its place, and never shown.
func TestDoctor_finds_keys_in_wrong_places(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	key, _ := newKey(t, dir, nil, "--role", "admin")
	env := []string{"AUTH=on", "FOO=" + key, "PAYMENT_CALLBACK_SECRET=" + key, "AUTH_OIDC_AUDIENCE=" + key, "CURRENCY=" + key}
	stdout, stderr, _ := quantix(t, dir, env, "doctor")
	if strings.Contains(stdout+stderr, key) {
		t.Errorf("the key is shown: %s%s", stdout, stderr)
	}
	for _, want := range []string{"FAULT  setting: CURRENCY"} {
		if !strings.Contains(stdout, want) {
			t.Errorf("%q is not told: %s", want, stdout)
		}
	}
	stdout, stderr, status := quantix(t, dir, env[:3], "doctor")
	for _, want := range []string{
		"warn   PAYMENT_CALLBACK_SECRET has a Quantix key in it", "warn   the environment variable FOO has a Quantix key in it",
		"ok     API keys: 1, of which 1 of an admin",
	} {
		if !strings.Contains(stdout, want) || strings.Contains(stdout+stderr, key) || status != 0 {
			t.Errorf("%d, %q is not told, or the key is shown: %s%s", status, want, stdout, stderr)
		}
	}
}

func TestDoctor_tells_who_can_show_who_they_are(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if _, stderr, status := quantix(t, dir, nil, "migrate", "up"); status != 0 {
		t.Fatal(stderr)
	}
	examine := func(status int, want string, env ...string) {
		t.Helper()
		stdout, stderr, got := quantix(t, dir, env, "doctor")
		if got != status || !strings.Contains(stdout, want) {
			t.Errorf("%d, want %d and %q: %s%s", got, status, want, stdout, stderr)
		}
	}
	examine(0, "all is well", "AUTH=off")
	examine(1, "FAULT  API keys: 0, of which 0 of an admin: AUTH is on, and there is no key of an admin", "AUTH=on")
	issuer := testkit.NewIssuer(t)
	tokens := []string{"AUTH=on", "AUTH_OIDC_ISSUER=" + issuer.URL(), "AUTH_OIDC_AUDIENCE=quantix"}
	examine(1, "nobody can run this installation", tokens...)
	examine(0, "s, with 1 keys", append(tokens, "AUTH_OIDC_ROLES_CLAIM=roles")...)
	_, id := newKey(t, dir, nil, "--role", "admin", "--expires", "24h")
	examine(0, "warn   key "+id+" (admin) expires on ", "AUTH=on")
	issuer.Stop()
	examine(1, "FAULT  issuer of tokens answers: discovery: ", tokens...)
	_, _ = newKey(t, dir, nil, "--role", "door", "--expires", "720h")
	examine(0, "ok     API keys: 2, of which 1 of an admin", "AUTH=on")
}
