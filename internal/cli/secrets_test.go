package cli_test

import (
	"bytes"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/redis/go-redis/v9"

	"quantix/internal/config"
	"quantix/internal/testkit"
)

// canary is in every secret that these tests plant, and must be in nothing that is written or answered.
const canary = "c4nary"

// The shape of an API key, and of a token.
const (
	keyCanary   = "qx_" + canary + "abcdefghijklmnopqrstuvwxyz234567abcdefghijklmnopqrsa"
	tokenCanary = "eyJhbGciOiJub25lIn0." + canary + "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz.c2ln"
)

// planted are right values of all settings that are secret. Nothing listens at the addresses.
func planted(tb testing.TB) map[string]string {
	tb.Helper()
	nowhere := testkit.FreePort(tb)
	values := map[string]string{
		"DB_PASSWORD":             canary + "-password",
		"DATABASE_URL":            fmt.Sprintf("postgres://shop:%s-url@127.0.0.1:%d/n?application_name=x", canary, nowhere),
		"REDIS_URL":               fmt.Sprintf("redis://shop:%s-redis@127.0.0.1:%d/0", canary, nowhere),
		"STRIPE_SECRET_KEY":       "sk_test_" + canary,
		"STRIPE_WEBHOOK_SECRET":   "whsec_" + canary,
		"PAYMENT_CALLBACK_SECRET": canary + "-callback-secret",
	}
	for _, o := range config.Options() {
		if o.Secret && values[o.Name] == "" {
			tb.Fatalf("%s is a secret, and no canary: add one", o.Name)
		}
	}
	return values
}

// silent fails the test if a text shows a canary.
func silent(tb testing.TB, where, text string) {
	tb.Helper()
	if at := strings.Index(text, canary); at >= 0 {
		tb.Errorf("%s shows a secret: …%s…", where, text[max(0, at-200):min(len(text), at+60)])
	}
}

func writeFile(tb testing.TB, dir, name, content string) string {
	tb.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		tb.Fatal(err)
	}
	return path
}

// Whichever way the secrets come, and whatever a command finds in vain at their addresses, it tells none of them.
func TestSecrets_are_told_by_no_command(t *testing.T) {
	t.Parallel()
	values := planted(t)
	ways := map[string]func(dir, name, value string) (variable, line string){
		"environment": func(_, name, value string) (string, string) { return name + "=" + value, "" },
		"files": func(dir, name, value string) (string, string) {
			return name + "_FILE=" + writeFile(t, dir, name, value+"\n"), ""
		},
		"env file": func(_, name, value string) (string, string) { return "", name + "='" + value + "'" },
		"files of env file": func(dir, name, value string) (string, string) {
			return "", name + "_FILE=" + writeFile(t, dir, name, value)
		},
	}
	for way, plant := range ways {
		for _, format := range []string{"text", "json"} {
			t.Run(way+", "+format, func(t *testing.T) {
				t.Parallel()
				dir := t.TempDir()
				env := []string{
					"LOG_LEVEL=debug", "LOG_FORMAT=" + format, "PAYMENT_GATEWAY=stripe", "SHUTDOWN_TIMEOUT=1s",
					fmt.Sprintf("PORT=%d", testkit.FreePort(t)), "WORKER_PORT=0",
				}
				var lines []string
				for name, value := range values {
					variable, line := plant(dir, name, value)
					env, lines = append(env, variable), append(lines, line)
				}
				file := "--env-file=" + writeFile(t, dir, "quantix.env", strings.Join(lines, "\n"))
				for _, args := range [][]string{
					{"doctor"}, {"serve"}, {"serve", "--api"}, {"worker"}, {"migrate", "status"}, {"migrate", "up"}, {"seed"}, {"audit"}, {"installation"},
				} {
					stdout, stderr, status := quantix(t, dir, env, append(args, file)...)
					silent(t, strings.Join(args, " "), stdout+stderr)
					if status == 0 || !strings.Contains(stdout+stderr, "127.0.0.1") {
						t.Errorf("%v did not look for the database: %d %s%s", args, status, stdout, stderr)
					}
				}
			})
		}
	}
}

// Nor does it when they are wrong.
func TestSecrets_that_are_wrong_are_told_by_no_command(t *testing.T) {
	t.Parallel()
	wrong := map[string]string{
		"DB_PASSWORD": canary + "\nline", "DATABASE_URL": "mysql://u:" + canary + "@h/d", "REDIS_URL": "redis://:" + canary + "#x@h",
		"STRIPE_SECRET_KEY": "pk_" + canary, "STRIPE_WEBHOOK_SECRET": "sk_" + canary, "PAYMENT_CALLBACK_SECRET": canary,
	}
	env := []string{"LOG_LEVEL=debug"}
	for name := range planted(t) {
		env = append(env, name+"="+wrong[name])
	}
	dir := t.TempDir()
	broken := "--env-file=" + writeFile(t, dir, "quantix.env", "DB_PASSWORD=\""+canary+"\n"+canary+"\n"+canary+"=1\nX_"+strings.ToUpper(canary)+"\n")
	for _, args := range [][]string{{"doctor"}, {"serve"}, {"worker"}, {"migrate", "up"}, {"serve", broken}, {"doctor", broken}} {
		stdout, stderr, status := quantix(t, dir, env, args...)
		silent(t, strings.Join(args, " "), stdout+stderr)
		if status == 0 || strings.Count(stdout+stderr, "hidden") < len(wrong) {
			t.Errorf("%v: %d %s%s", args, status, stdout, stderr)
		}
	}
}

// askingPostgres is a PostgreSQL that asks for passwords, and has a user "shop" with another one.
func askingPostgres(t *testing.T) *testkit.PostgresServer {
	t.Helper()
	server := testkit.NewPostgres(t, testkit.Options{})
	conn, err := pgx.Connect(t.Context(), server.URL("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	var hba string
	if err := conn.QueryRow(t.Context(), "SHOW hba_file").Scan(&hba); err != nil {
		t.Fatal(err)
	}
	for _, statement := range []string{
		"CREATE ROLE shop LOGIN PASSWORD 'another one'", "CREATE DATABASE n OWNER shop",
		"COPY (SELECT 'host all shop all scram-sha-256' UNION ALL SELECT 'host all postgres all trust') TO '" + hba + "'",
		"SELECT pg_reload_conf()",
	} {
		if _, err := conn.Exec(t.Context(), statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
	return server
}

// askingRedis is the address of a Redis that asks for another password.
func askingRedis(t *testing.T) string {
	t.Helper()
	address := testkit.NewRedis(t, testkit.RedisOptions{}).Addr()
	client := redis.NewClient(&redis.Options{Addr: address})
	defer client.Close()
	if err := client.ConfigSet(t.Context(), "requirepass", "another one").Err(); err != nil {
		t.Fatal(err)
	}
	return address
}

// What a driver says of a password that is refused does not have it.
func TestSecrets_that_are_refused_are_told_by_no_driver(t *testing.T) {
	t.Parallel()
	server := askingPostgres(t)
	address := net.JoinHostPort("127.0.0.1", strconv.Itoa(server.Port()))
	wrong := fmt.Sprintf("postgres://shop:%s@%s/n?sslmode=disable", canary+"-url", address)
	for name, env := range map[string][]string{
		"database":              {"DATABASE_URL=" + wrong},
		"database, in parts":    {"DB_HOST=127.0.0.1", fmt.Sprintf("DB_PORT=%d", server.Port()), "DB_USER=shop", "DB_NAME=n", "DB_PASSWORD=" + canary},
		"database, in a query":  {"DATABASE_URL=postgres://" + address + "/n?sslmode=disable&user=shop&password=" + canary + "-url"},
		"database, wrong value": {"DATABASE_URL=" + wrong + "&sslpassword=" + canary + "-key&pool_max_conns=many"}, // which the driver's parser refuses
		"redis":                 {"REDIS_URL=redis://:" + canary + "-redis@" + askingRedis(t) + "/0"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			env := append([]string{"LOG_LEVEL=debug", "SHUTDOWN_TIMEOUT=1s"}, env...)
			for _, args := range [][]string{{"doctor"}, {"migrate", "up"}, {"serve"}} {
				if args[0] == "serve" && name == "redis" {
					s := serveIn(t, t.TempDir(), env...) // which goes on without
					testkit.Eventually(t, 20*time.Second, func() error {
						a, err := s.try("GET", "/readyz", "")
						silent(t, "readyz", a.body)
						if err == nil && !strings.Contains(a.body, "WRONGPASS") {
							err = fmt.Errorf("readyz: %s", a.body)
						}
						return err
					})
					silent(t, "the log", s.Stderr())
					continue
				}
				port := fmt.Sprintf("--port=%d", testkit.FreePort(t))
				stdout, stderr, _ := quantix(t, t.TempDir(), env, append(args, port)...)
				silent(t, strings.Join(args, " "), stdout+stderr)
				if said := strings.ToLower(stdout + stderr); name != "redis" && !strings.Contains(said, "password") && !strings.Contains(said, "cannot") {
					t.Errorf("%v was refused by nobody: %s", args, stdout+stderr)
				}
			}
		})
	}
}

// loudStripe refuses everything and repeats what it was sent, as Stripe does with part of it.
func loudStripe(t *testing.T) (url string) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		w.WriteHeader(http.StatusPaymentRequired)
		fmt.Fprintf(w, `{"error":{"type":"card_error","code":"card_declined","message":%q}}`,
			"No such PaymentMethod: '"+r.Form.Get("payment_method")+"' "+r.Header.Get("Authorization"))
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// misplaced are requests with a key where none belongs, and with one where it does.
func misplaced(user, event string) []struct{ method, path, body, header string } {
	const api = "/api/v1"
	booked := func(more string) string { return strings.Replace(booking(user, event, 1), "{", "{"+more, 1) }
	var all []struct{ method, path, body, header string }
	add := func(method, path, body, header string) {
		all = append(all, struct{ method, path, body, header string }{method, path, body, header})
	}
	for _, key := range []string{keyCanary, tokenCanary} {
		for _, header := range []string{
			"Authorization: Bearer ", "Authorization: ", "Authorization: Basic ", "X-Api-Key: ", "X-Request-Id: ", "Idempotency-Key: ", "If-Match: ",
			"If-None-Match: ", "Last-Event-Id: ", "Cookie: key=", "User-Agent: ", "Referer: https://h/?key=", "X-Forwarded-For: ", "X-Forwarded-Host: ",
			"Origin: https://", "Quantix-Signature: ", "Stripe-Signature: t=1,v1=", "Content-Type: ", "Accept: ", "Traceparent: ", key + ": ",
		} {
			for _, request := range []string{"GET " + api + "/events", "POST " + api + "/users", "POST " + api + "/bookings", "GET " + api + "/feed", "GET /nothing"} {
				method, path, _ := strings.Cut(request, " ")
				add(method, path, map[string]string{"POST": "{}"}[method], header+key)
			}
			add("POST", api+"/payments/callbacks/stripe", `{"x":1}`, header+key)
		}
		for _, path := range []string{
			"/" + key, "/docs/" + key, "/problems/" + key, api + "/" + key, api + "/events/" + key, api + "/bookings/" + key + "/payments",
			api + "/users/" + key, api + "/payments/callbacks/" + key, api + "/events?api_key=" + key, api + "/events?" + key + "=1",
			api + "/events?limit=" + key, api + "/events?after=" + key, api + "/events?state=" + key, api + "/users?email=" + key,
			api + "/feed?after=" + key, api + "/payments/dead-letters?kind=" + key, api + "/events/" + event + "/feed?after=" + key, "/readyz?key=" + key,
		} {
			add("GET", path, "", "X-None: x")
			add("POST", path, "{}", "X-None: x")
			add("DELETE", path, "", "X-None: x")
		}
		add(strings.ReplaceAll(key, ".", "-"), api+"/events", "", "X-None: x")
		for _, body := range []string{
			`{"api_key":"` + key + `"}`, `{"` + key + `":1}`, `{"` + key + `":1,"` + key + `":2}`, `{"email":"` + key + `"}`, `{"name":` + key + `}`,
			`{"user_id":"` + key + `"}`, `{"quantity":"` + key + `"}`, `{"ticket_price":"` + key + `"}`, `{"time_zone":"` + key + `"}`,
			`{"date_time":"` + key + `"}`, `{"reason":"` + key + `"}`, key, `"` + key + `"`, `["` + key + `"]`,
			booked(`"payment_method":"` + key + `",`), booked(`"payment_method":"pm_` + canary + `",`), booked(`"payment_method":["pm_` + canary + `"],`),
			booked(`"payment_method":"pm ` + canary + `",`), booked(`"payment_method":"` + canary + `",`), booked(`"api_key":"` + key + `",`),
		} {
			for _, path := range []string{"/users", "/events", "/bookings", "/payments/callbacks/simulator", "/payments/dead-letters/retry"} {
				add("POST", api+path, body, "X-None: x")
			}
			add("PUT", api+"/events/"+event, body, "X-None: x")
		}
	}
	return all
}

// A server at work tells no secret of its own, and none that its clients send to the wrong place: not in an answer, in
// its log, its metrics, or its title.
func TestSecrets_are_told_by_no_server(t *testing.T) {
	t.Parallel()
	values := planted(t)
	for _, format := range []string{"text", "json"} {
		t.Run(format, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			lines := "STRIPE_SECRET_KEY=" + values["STRIPE_SECRET_KEY"]
			port := testkit.FreePort(t)
			env := []string{
				"LOG_LEVEL=debug", "LOG_FORMAT=" + format, "PAYMENT_GATEWAY=stripe", "STRIPE_API_URL=" + loudStripe(t), "PAYMENT_RETRY_BASE=10ms",
				"STRIPE_WEBHOOK_SECRET_FILE=" + writeFile(t, dir, "hook", values["STRIPE_WEBHOOK_SECRET"]), fmt.Sprintf("PORT=%d", port),
				"PAYMENT_CALLBACK_SECRET=" + values["PAYMENT_CALLBACK_SECRET"],
			}
			p := testkit.StartIn(t, dir, testkit.Build(t), env, "serve", "--env-file", writeFile(t, dir, "quantix.env", lines))
			p.AwaitLine(30*time.Second, "quantix is ready")
			s := &server{Process: p, url: fmt.Sprintf("http://127.0.0.1:%d", port), env: env}
			event, user := s.event(t, 1000, "10"), s.user(t)
			for _, r := range misplaced(user, event) {
				header, value, _ := strings.Cut(r.header, ": ")
				a, err := s.try(r.method, r.path, r.body, header, value)
				if err != nil {
					t.Errorf("%s %s: %v", r.method, r.path, err)
				}
				silent(t, fmt.Sprintf("%s %s (%s) %s", r.method, r.path, r.header, r.body), fmt.Sprint(a.header)+a.body)
			}
			id := s.bookAs(t, user, event, "pm_"+canary)
			s.becomes(t, 20*time.Second, id, "CANCELLED")
			for _, path := range []string{
				"/metrics", "/readyz", "/healthz", "/openapi.json", "/problems", "/api/v1/bookings/" + id, "/api/v1/bookings/" + id + "/payments",
				"/api/v1/events/" + event, "/api/v1/events/" + event + "/feed", "/api/v1/events/" + event + "/audit", "/api/v1/bookings/user/" + user,
				"/api/v1/payments/dead-letters", "/api/v1/feed",
			} {
				silent(t, path, s.want(t, http.StatusOK, "GET", path, "").body)
			}
			if title, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", p.Pid())); err == nil {
				silent(t, "the title", string(bytes.ReplaceAll(title, []byte{0}, []byte{' '})))
			}
			silent(t, "the log", p.Stderr()+p.Stdout())
			if !strings.Contains(p.Stderr(), "unknown") && !strings.Contains(p.Stderr(), "request") {
				t.Error("nothing was logged")
			}
		})
	}
}
