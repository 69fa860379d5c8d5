package config

import (
	"errors"
	"flag"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// environment looks variables up in a map.
func environment(vars map[string]string) func(string) (string, bool) {
	return func(name string) (string, bool) {
		v, ok := vars[name]
		return v, ok
	}
}

// read reads the settings of a command without flags of its own.
func read(args []string, vars map[string]string) (Config, error) {
	return Load(flag.NewFlagSet("serve", flag.ContinueOnError), args, environment(vars))
}

// load reads settings that must be right.
func load(t *testing.T, vars map[string]string, args ...string) Config {
	t.Helper()
	c, err := read(args, vars)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestLoadDefaults(t *testing.T) {
	t.Parallel()
	want := Config{
		Environment: Development,

		Port:       8080,
		WorkerPort: 8081,
		DB:         DB{Host: "localhost", Port: 5432, User: "postgres", Password: "password", Name: "ticket_booking"},
		DBMaxConns: 20, DBLockTimeout: 3 * time.Second,
		DataDir: "./data", LogLevel: slog.LevelInfo, LogFormat: LogText, AutoMigrate: true,
		ShutdownTimeout: 10 * time.Second, PaymentDeadline: 15 * time.Minute, PaymentConcurrency: 1024,
		Simulator: SimulatorSettings{Latency: 50 * time.Millisecond}, PaymentRetryBase: time.Second, RefundWindow: 14 * 24 * time.Hour,
		JournalRetention:     90 * 24 * time.Hour,
		AccessLogRetention:   365 * 24 * time.Hour,
		PaymentGateway:       Simulator,
		MaxTicketsPerBooking: 100, MaxInbox: 10_000, MaxWait: 2 * time.Second, MaxStreams: 5000, MaxConnections: 20_000, Currency: "USD",
	}
	got := load(t, nil)
	if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(Config{})); diff != "" {
		t.Errorf("defaults (-want +got):\n%s", diff)
	}
	if got.Store() != SQLite || got.Queue() != InProcess || got.PostgresURL() != "" || got.Addr() != "127.0.0.1:8080" {
		t.Errorf("store %s, queue %s, URL %q, address %q", got.Store(), got.Queue(), got.PostgresURL(), got.Addr())
	}
}

func TestFlagsGoBeforeTheEnvironment(t *testing.T) {
	t.Parallel()
	vars := map[string]string{"PORT": "1000", "CURRENCY": "EUR", "LOG_LEVEL": "", "DATA_DIR": "/srv", "AUTO_MIGRATE": "false"}
	c := load(t, vars, "--port", "2000", "-data-dir=", "--auto-migrate")
	if c.Port != 2000 {
		t.Errorf("port %d, want the flag's 2000", c.Port)
	}
	if c.Currency != "EUR" || c.LogLevel != slog.LevelInfo {
		t.Errorf("currency %s, level %s; want the environment's EUR, and info for an empty variable", c.Currency, c.LogLevel)
	}
	if c.DataDir != "./data" || !c.AutoMigrate {
		t.Errorf("data in %s, auto-migrate %v; want the default for an empty flag, and true for a bare one", c.DataDir, c.AutoMigrate)
	}
}

func TestModes(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		vars  map[string]string
		args  []string
		store Store
		queue Queue
		url   string
	}{
		"nothing set": {nil, nil, SQLite, InProcess, ""},
		"one part of the database": {
			map[string]string{"DB_HOST": "db"}, nil, Postgres, InProcess, "postgres://postgres:password@db:5432/ticket_booking",
		},
		"only its password": {
			map[string]string{"DB_PASSWORD": "p@ss/w:rd"}, nil, Postgres, InProcess, "postgres://postgres:p%40ss%2Fw%3Ard@localhost:5432/ticket_booking",
		},
		"a part as a flag": {
			nil, []string{"--db-name", "shop"}, Postgres, InProcess, "postgres://postgres:password@localhost:5432/shop",
		},
		"how many connections": {
			map[string]string{"DB_MAX_CONNS": "5"}, nil, Postgres, InProcess, "postgres://postgres:password@localhost:5432/ticket_booking",
		},
		"a socket": {
			map[string]string{"DB_HOST": "/run/postgresql"}, nil, Postgres, InProcess,
			"postgres://postgres:password@/ticket_booking?host=%2Frun%2Fpostgresql&port=5432",
		},
		"an address of IP version 6": {
			map[string]string{"DB_HOST": "::1"}, nil, Postgres, InProcess, "postgres://postgres:password@[::1]:5432/ticket_booking",
		},
		"the URL goes first": {
			map[string]string{"DATABASE_URL": "postgres://u@h/n", "DB_HOST": "other"}, nil, Postgres, InProcess, "postgres://u@h/n",
		},
		"Redis alone": {map[string]string{"REDIS_URL": "localhost:6379"}, nil, SQLite, Redis, ""},
		"both": {
			map[string]string{"REDIS_URL": "r", "DATABASE_URL": "postgresql:///n"}, nil, Postgres, Redis, "postgresql:///n",
		},
		"empty variables": {map[string]string{"DB_HOST": "", "REDIS_URL": "", "DATABASE_URL": ""}, nil, SQLite, InProcess, ""},
		"an empty flag takes it back": {
			map[string]string{"REDIS_URL": "r"}, []string{"--redis-url="}, SQLite, InProcess, "",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := load(t, test.vars, test.args...)
			if c.Store() != test.store || c.Queue() != test.queue || c.PostgresURL() != test.url {
				t.Errorf("store %s, queue %s, URL %s; want %s, %s, %s", c.Store(), c.Queue(), c.PostgresURL(), test.store, test.queue, test.url)
			}
		})
	}
}

func TestValidate(t *testing.T) {
	t.Parallel()
	const db, redis = "DATABASE_URL", "REDIS_URL"
	tests := map[string]struct {
		command string
		set     []string
		says    string // empty: fine
	}{
		"serve, embedded":             {"serve", nil, ""},
		"serve, with both":            {"serve", []string{db, redis}, ""},
		"serve, PostgreSQL only":      {"serve", []string{db}, ""},
		"serve, Redis only":           {"serve", []string{redis}, ""},
		"worker, embedded":            {"worker", nil, "set REDIS_URL"},
		"worker, without Redis":       {"worker", []string{db}, "set REDIS_URL"},
		"worker, without PostgreSQL":  {"worker", []string{redis}, "set DATABASE_URL or DB_HOST"},
		"worker, with both":           {"worker", []string{db, redis}, ""},
		"API alone, embedded":         {"serve --api", nil, "quantix serve --api needs Redis"},
		"API alone, without Redis":    {"serve --api", []string{db}, "set REDIS_URL"},
		"API alone, without database": {"serve --api", []string{redis}, "needs PostgreSQL"},
		"API alone, with both":        {"serve --api", []string{db, redis}, ""},
	}
	values := map[string]string{db: "postgres:///n", redis: "localhost"}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			vars := map[string]string{}
			for _, name := range test.set {
				vars[name] = values[name]
			}
			err := load(t, vars).Validate(test.command)
			if (err == nil) != (test.says == "") || err != nil && !strings.Contains(err.Error(), test.says) {
				t.Errorf("Validate: %v, want %q", err, test.says)
			}
		})
	}
}

func TestValidateGateway(t *testing.T) {
	t.Parallel()
	stripe := func(more ...string) []string { return append([]string{"--payment-gateway=stripe"}, more...) }
	const key, hook = "--stripe-secret-key=sk_test_s3cret", "--stripe-webhook-secret=whsec_s3cret"
	tests := map[string]struct {
		args []string
		says string // empty: fine
	}{
		"the simulator":                       {nil, ""},
		"Stripe with both secrets":            {stripe(key, hook), ""},
		"Stripe without any":                  {stripe(), "needs STRIPE_SECRET_KEY and STRIPE_WEBHOOK_SECRET"},
		"Stripe without the key":              {stripe(hook), "needs STRIPE_SECRET_KEY and STRIPE_WEBHOOK_SECRET"},
		"Stripe without the webhook's secret": {stripe(key), "needs STRIPE_SECRET_KEY and STRIPE_WEBHOOK_SECRET"},
		"a key, and the simulator":            {[]string{key, hook}, "set PAYMENT_GATEWAY=stripe"},
		"callbacks without a secret":          {[]string{"--payment-sim-callback-url=http://h/"}, "set both"},
		"callbacks with one":                  {[]string{"--payment-sim-callback-url=http://h/", "--payment-callback-secret=0123456789abcdef"}, ""},
		"a mock of Stripe":                    {stripe(key, hook, "--stripe-api-url=http://mock:12111"), ""},
		"a live key for a mock":               {stripe("--stripe-secret-key=sk_live_s3cret", hook, "--stripe-api-url=http://mock"), "is a live key"},
		"a live key over https":               {stripe("--stripe-secret-key=sk_live_s3cret", hook, "--stripe-api-url=https://mock"), ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := load(t, nil, test.args...).Validate("serve")
			if (err == nil) != (test.says == "") || err != nil && !strings.Contains(err.Error(), test.says) {
				t.Errorf("Validate: %v, want %q", err, test.says)
			}
			if err != nil && strings.Contains(err.Error(), "s3cret") {
				t.Errorf("a secret is told: %v", err)
			}
		})
	}
}

// wrong has values that each option refuses, right those that it takes.
var wrong = map[string][]string{
	"DB_HOST":         {"a host", "db:5432", "http://db"},
	"DB_PORT":         {"0", "65536", "five", "1.5", "-1"},
	"DB_USER":         {"a\nb"},
	"DB_PASSWORD":     {"s3cret\nline"},
	"DB_NAME":         {"a\x00b"},
	"DATABASE_URL":    {"s3cret", "mysql://u:s3cret@h/d", "postgres://u:s3cret@h:port/d", "postgres://u:s3cret%zz@h/d", "postgres:s3cret"},
	"DB_MAX_CONNS":    {"1", "1001", "many"},
	"DB_LOCK_TIMEOUT": {"3", "0s", "2m", "soon"},
	"REDIS_URL":       {"http://h", "h:port", "redis://:s3cret@h/x", "redis://:s3cret%zz@h", "h:0", "h:70000", "redis://h/-1"},
	"APP_ENV":         {"staging", "prod"},
	"AUTH":            {"yes", "true"},
	"PUBLIC_URL": {
		"tickets.example.com", "http://tickets.example.com", "https://h/path", "https://u:p@h", "https://h?x=1", "https://h#f", "https://",
		"https://h:port", "https://*.example.com", "ftp://localhost", "https://h:0", "https://h:", "https://h//", "https://tickéts.example",
	},
	"CORS_ORIGINS": {
		"*", "null", "https://h/", "shop.example.com", "https://a,,https://c", "https://*.example.com", "https://u@h", "https://h?", "https://h#",
	},
	"METRICS_PORT":             {"-1", "65536", "http"},
	"ALLOW_SIMULATED_PAYMENTS": {"yes please", "2"},
	"ACCESS_LOG_RETENTION":     {"90", "23h", "-24h", "876001h"},
	"PORT":                     {"-1", "65536", "http"},
	"WORKER_PORT":              {"-1", "65536", "http"},
	"HOST":                     {"h:80", "http://h", "a b", "/tmp"},
	"ALLOWED_HOSTS":            {"a,,b", "http://a", "a:80", "*.", "a*.b"},
	"TRUSTED_PROXIES":          {"proxy", "10.0.0.0/33", "10.0.0.1,", "10.0.0.0/8;127.0.0.1"},
	"PAYMENT_DEADLINE":         {"0", "-5", "500ms", "721h", "soon", "NaN", "Inf", "1e3"},
	"PAYMENT_CONCURRENCY":      {"0", "10001"},
	"PAYMENT_RETRY_BASE":       {"0", "1", "2h"},
	"REFUND_WINDOW":            {"0", "14", "-1h", "8761h"},
	"JOURNAL_RETENTION":        {"90", "23h", "-24h", "1s", "876001h", "soon"},
	"PAYMENT_GATEWAY":          {"paypal", "stripe,simulator"},
	"STRIPE_SECRET_KEY":        {"pk_live_s3cret", "sk_", "whsec_s3cret", "sk_s3cret\n", "sk_s3cret key", " sk_s3cret", "sk_s3cré"},
	"STRIPE_WEBHOOK_SECRET":    {"sk_s3cret", "whsec_", "s3cret", "whsec_s3cret\r"},
	"STRIPE_API_URL":           {"api.stripe.com", "ftp://h", "http://", "https://u:p@h", "https://h?key=1", "https://h#f", "http://h:port"},
	"PAYMENT_SIM_LATENCY":      {"50", "-1s", "61s"},
	"PAYMENT_SIM_FAILURE_RATE": {"-0.1", "1.1", "NaN", "10%"},
	"PAYMENT_SIM_LOST_RATE":    {"-0.1", "1.1", "NaN", "10%"},
	"PAYMENT_SIM_RATE":         {"-1", "1000001", "2.5"},
	"PAYMENT_SIM_AWAY_FILE":    {"a\nb"},
	"PAYMENT_CALLBACK_SECRET":  {"s3cret", "s3cret-s3cret-s3cret\n"},
	"PAYMENT_SIM_CALLBACK_URL": {"localhost:8080", "ftp://h", "http://u:p@h/"},
	"MAX_TICKETS_PER_BOOKING":  {"0", "1000001", "1e3"},
	"MAX_INBOX":                {"0", "none"},
	"MAX_STREAMS":              {"-1", "none"},
	"MAX_WAIT":                 {"0", "61s"},
	"MAX_CONNECTIONS":          {"0", "-1", "1000001", "many"},
	"RATE_LIMIT_IP":            {"0/s", "100", "100/s/0", "100/ms", "100/10", "none", "1e3/s"},
	"RATE_LIMIT_KEY":           {"-1/s", "1000001/min", "100001/s", "100/s/1/1"},
	"RATE_LIMIT_BOOKINGS":      {"10/month", "10/721h", "1/d/40"},
	"CURRENCY":                 {"usd", "US", "EURO", "E2R", "€€"},
	"DATA_DIR":                 {"a\nb"},
	"AUTO_MIGRATE":             {"yes please", "2"},
	"LOG_LEVEL":                {"loud", "0"},
	"LOG_FORMAT":               {"xml"},
	"SHUTDOWN_TIMEOUT":         {"10", "0s", "11m"},
}

func TestAWrongValueIsToldInOneLine(t *testing.T) {
	t.Parallel()
	for _, o := range Options() {
		if len(wrong[o.Name]) == 0 {
			t.Errorf("%s: no wrong value is tried", o.Name)
		}
		for _, value := range wrong[o.Name] {
			_, fromEnv := read(nil, map[string]string{o.Name: value})
			_, fromFlag := read([]string{"--" + o.Flag() + "=" + value}, nil)
			checkMessage(t, o, value, fromEnv, o.Name+": ")
			checkMessage(t, o, value, fromFlag, "--"+o.Flag()+": ")
		}
	}
}

// checkMessage looks at the error for a wrong value.
func checkMessage(t *testing.T, o Option, value string, err error, prefix string) {
	t.Helper()
	if err == nil {
		t.Errorf("%s takes %q", o.Name, value)
		return
	}
	text := err.Error()
	if !strings.HasPrefix(text, prefix) || !strings.HasSuffix(text, "accepted: "+o.Accepts) || strings.Contains(text, "\n") {
		t.Errorf("message %q does not name the option and what it accepts, in one line", text)
	}
	if o.Secret && strings.Contains(text, "s3cret") {
		t.Errorf("message %q tells a secret", text)
	}
	if !o.Secret && !strings.Contains(text, strings.Trim(strings.ToValidUTF8(value, ""), "\n\x00ab")) {
		t.Errorf("message %q does not show the value %q", text, value)
	}
}

func TestAllFaultsAreTold(t *testing.T) {
	t.Parallel()
	c, err := read([]string{"--max-wait=soon"}, map[string]string{
		"PORT": "abc", "DB_PASSWORD": "x", "DB_PASSWORD_FILE": "y", "REDIS_URL_FILE": "/no/where", "CURRENCY": "EUR",
	})
	faults, ok := errors.AsType[Faults](err)
	if !ok || len(faults) != 4 || strings.Count(err.Error(), "\n") != 3 {
		t.Fatalf("%v, want four faults", err)
	}
	if _, ok := errors.AsType[FlagError](err); !ok {
		t.Errorf("%v: want the flag to be told from the environment", err)
	}
	for i, s := range c.Redacted() {
		if s.Name != Options()[i].Name || s.Name == "CURRENCY" && s.Value != "EUR" {
			t.Errorf("setting %d: %+v", i, s)
		}
	}
}

func TestRightValues(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, value string
		got         func(Config) any
		want        any
	}{
		{"PAYMENT_DEADLINE", "15", func(c Config) any { return c.PaymentDeadline }, 15 * time.Minute},
		{"PAYMENT_DEADLINE", "0.5", func(c Config) any { return c.PaymentDeadline }, 30 * time.Second},
		{"PAYMENT_DEADLINE", "90s", func(c Config) any { return c.PaymentDeadline }, 90 * time.Second},
		{"PAYMENT_DEADLINE", "2m", func(c Config) any { return c.PaymentDeadline }, 2 * time.Minute},
		{"JOURNAL_RETENTION", "0", func(c Config) any { return c.JournalRetention }, time.Duration(0)},
		{"JOURNAL_RETENTION", "24h", func(c Config) any { return c.JournalRetention }, 24 * time.Hour},
		{"PORT", "0", func(c Config) any { return c.Port }, 0},
		{"WORKER_PORT", "0", func(c Config) any { return c.WorkerAddr() }, ""},
		{"WORKER_PORT", "9", func(c Config) any { return c.WorkerAddr() }, "127.0.0.1:9"},
		{"METRICS_PORT", "0", func(c Config) any { return c.MetricsAddr() }, ""},
		{"METRICS_PORT", "9090", func(c Config) any { return c.MetricsAddr() }, "127.0.0.1:9090"},
		{"APP_ENV", "Production", func(c Config) any { return c.Environment }, Production},
		{"APP_ENV", "production", func(c Config) any { return c.Addr() }, ":8080"},
		{"APP_ENV", "production", func(c Config) any { return c.Auth }, true},
		{"AUTH", "on", func(c Config) any { return c.Auth }, true},
		{"PUBLIC_URL", "https://Tickets.example.com:443/", func(c Config) any { return c.PublicURL }, "https://tickets.example.com"},
		{"PUBLIC_URL", "https://tickets.example.com:8443", func(c Config) any { return c.PublicURL }, "https://tickets.example.com:8443"},
		{"PUBLIC_URL", "http://localhost:8080", func(c Config) any { return c.PublicURL }, "http://localhost:8080"},
		{"PUBLIC_URL", "http://[::1]", func(c Config) any { return c.PublicURL }, "http://[::1]"},
		{"CORS_ORIGINS", "https://a.example, HTTP://B:3000,http://c:80", func(c Config) any { return strings.Join(c.CORSOrigins, "|") }, "https://a.example|http://b:3000|http://c"},
		{"ALLOW_SIMULATED_PAYMENTS", "1", func(c Config) any { return c.AllowSimulatedPayments }, true},
		{"ACCESS_LOG_RETENTION", "0", func(c Config) any { return c.AccessLogRetention }, time.Duration(0)},
		{"HOST", "[::1]", func(c Config) any { return c.Addr() }, "[::1]:8080"},
		{"HOST", "127.0.0.1", func(c Config) any { return c.Addr() }, "127.0.0.1:8080"},
		{"REDIS_URL", "localhost:6379", func(c Config) any { return c.RedisURL }, "redis://localhost:6379"},
		{"REDIS_URL", "redis://", func(c Config) any { return c.RedisURL }, "redis://localhost:6379"},
		{"REDIS_URL", "cache", func(c Config) any { return c.RedisURL }, "redis://cache:6379"},
		{"REDIS_URL", "redis://:p@h:1/2", func(c Config) any { return c.RedisURL }, "redis://:p@h:1/2"},
		{"REDIS_URL", "rediss://u:p@[::1]/0", func(c Config) any { return c.RedisURL }, "rediss://u:p@[::1]:6379/0"},
		{"TRUSTED_PROXIES", "10.0.0.0/8, ::1", func(c Config) any { return strings.Join(c.TrustedProxies, "|") }, "10.0.0.0/8|::1"},
		{"LOG_LEVEL", "WARN", func(c Config) any { return c.LogLevel }, slog.LevelWarn},
		{"LOG_FORMAT", "JSON", func(c Config) any { return c.LogFormat }, LogJSON},
		{"PAYMENT_SIM_FAILURE_RATE", "1", func(c Config) any { return c.Simulator.FailureRate }, 1.0},
		{"PAYMENT_SIM_LOST_RATE", "0.02", func(c Config) any { return c.Simulator.LostRate }, 0.02},
		{"PAYMENT_SIM_RATE", "25", func(c Config) any { return c.Simulator.Rate }, 25},
		{"PAYMENT_SIM_AWAY_FILE", "/run/away", func(c Config) any { return c.Simulator.AwayFile }, "/run/away"},
		{"PAYMENT_SIM_LATENCY", "0", func(c Config) any { return c.Simulator.Latency }, time.Duration(0)},
		{"PAYMENT_GATEWAY", "Stripe", func(c Config) any { return c.PaymentGateway }, Stripe},
		{"STRIPE_SECRET_KEY", "rk_test_1", func(c Config) any { return c.Stripe.SecretKey }, "rk_test_1"},
		{"STRIPE_WEBHOOK_SECRET", "whsec_a+/=", func(c Config) any { return c.Stripe.WebhookSecret }, "whsec_a+/="},
		{"STRIPE_API_URL", "http://localhost:12111", func(c Config) any { return c.Stripe.APIURL }, "http://localhost:12111"},
		{"AUTO_MIGRATE", "0", func(c Config) any { return c.AutoMigrate }, false},
	}
	for _, test := range tests {
		t.Run(test.name+"="+test.value, func(t *testing.T) {
			t.Parallel()
			if got := test.got(load(t, map[string]string{test.name: test.value})); got != test.want {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}

func TestSecretsFromFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	password, empty, bad := write("password", "from file\r\n"), write("empty", "\n"), write("bad", "mysql://u:s3cret@h/n")
	c := load(t, map[string]string{"DB_PASSWORD_FILE": password})
	if c.DB.Password != "from file" || c.Store() != Postgres {
		t.Errorf("password %q, store %s", c.DB.Password, c.Store())
	}
	if c = load(t, map[string]string{"DB_PASSWORD": "env"}, "--db-password-file", password); c.DB.Password != "from file" {
		t.Errorf("password %q, want the flag's", c.DB.Password)
	}
	if c = load(t, map[string]string{"DB_PASSWORD_FILE": password}, "--db-password", "flag"); c.DB.Password != "flag" {
		t.Errorf("password %q, want the flag's", c.DB.Password)
	}
	key := write("key", "sk_test_1\n")
	if c = load(t, map[string]string{"STRIPE_SECRET_KEY_FILE": key}); c.Stripe.SecretKey != "sk_test_1" {
		t.Errorf("Stripe's key %q, want the file's", c.Stripe.SecretKey)
	}
	faults := map[string]map[string]string{
		"DB_PASSWORD and DB_PASSWORD_FILE are both given": {"DB_PASSWORD": "x", "DB_PASSWORD_FILE": password},
		`DB_PASSWORD_FILE: "` + empty + `" is empty`:      {"DB_PASSWORD_FILE": empty},
		`REDIS_URL_FILE: "/no/where" cannot be read (no`:  {"REDIS_URL_FILE": "/no/where"},
		"DATABASE_URL_FILE: the value given (hidden)":     {"DATABASE_URL_FILE": bad},
	}
	for prefix, vars := range faults {
		if _, err := read(nil, vars); err == nil || !strings.HasPrefix(err.Error(), prefix) || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("error %v, want %s…", err, prefix)
		}
	}
}

func TestArguments(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"--prot", "1"}, {"--port"}} {
		if _, err := read(args, nil); err == nil || strings.Contains(err.Error(), "\n") {
			t.Errorf("%q: %v, want an error of one line", args, err)
		}
	}
	if _, err := read([]string{"--help"}, nil); !errors.Is(err, flag.ErrHelp) {
		t.Errorf("--help: %v, want flag.ErrHelp", err)
	}
	fs := flag.NewFlagSet("serve", flag.ContinueOnError)
	api := fs.Bool("api", false, "the API alone")
	c, err := Load(fs, []string{"--api", "--port=1", "rest"}, environment(nil))
	if err != nil || !*api || c.Port != 1 || fs.Arg(0) != "rest" {
		t.Errorf("a command's own flag: %v, %v, port %d, rest %q", err, *api, c.Port, fs.Args())
	}
}
