package config

import (
	"slices"
	"strings"
)

// Option is one line of the table of settings.
type Option struct {
	Name       string // of the environment variable
	Default    string // as one would write it; empty means off
	Production string // the default in production, where it is another one
	Help       string // what it does
	Accepts    string // which values are right
	Secret     bool   // never shown; may be given as a file instead

	isBool bool // the flag may stand without a value
	set    func(*Config, string) error
}

// Flag returns the option's flag, without the dashes in front.
func (o Option) Flag() string {
	return strings.ToLower(strings.ReplaceAll(o.Name, "_", "-"))
}

// defaultIn returns the default of an environment.
func (o Option) defaultIn(production bool) string {
	if production && o.Production != "" {
		return o.Production
	}
	return o.Default
}

// File returns the name of the variable that holds the path of a file with the
// secret; empty for an option that is none.
func (o Option) File() string {
	if !o.Secret {
		return ""
	}
	return o.Name + "_FILE"
}

// Options returns the table of all settings, in the order of the documentation.
func Options() []Option { return slices.Clone(options) }

// isDB reports whether an option, once set, says that there is a PostgreSQL.
func isDB(name string) bool { return strings.HasPrefix(name, "DB_") }

// inPasswords says how to write what ends a password in a URL.
const inPasswords = "; in a password write %23 for #, %2F for /, %3F for ?, %25 for %, %40 for @"

// aRate says what a rate looks like.
const aRate = "N/period, N/period/burst or off, such as 100/s, 600/min/50 or 20/10s; the burst is a twentieth of N unless given"

// options is the only place where a setting is described.
var options = []Option{
	{
		Name: "DB_HOST", Default: "localhost", Help: "PostgreSQL: host, or the directory of its unix socket",
		Accepts: "a host name, an address, or a directory",
		set:     func(c *Config, v string) error { return hostOrDir(&c.DB.Host, v) },
	}, {
		Name: "DB_PORT", Default: "5432", Help: "PostgreSQL: port",
		Accepts: "a port, 1 to 65535",
		set:     func(c *Config, v string) error { return integer(&c.DB.Port, v, 1, 65535) },
	}, {
		Name: "DB_USER", Default: "postgres", Help: "PostgreSQL: user",
		Accepts: "a name",
		set:     func(c *Config, v string) error { return text(&c.DB.User, v) },
	}, {
		Name: "DB_PASSWORD", Default: "password", Help: "PostgreSQL: password", Secret: true,
		Accepts: "a password, on one line",
		set:     func(c *Config, v string) error { return text(&c.DB.Password, v) },
	}, {
		Name: "DB_NAME", Default: "ticket_booking", Help: "PostgreSQL: database; created if it is missing and the user may",
		Accepts: "a name",
		set:     func(c *Config, v string) error { return text(&c.DB.Name, v) },
	}, {
		Name: "DATABASE_URL", Help: "PostgreSQL: the whole address; goes before DB_HOST to DB_NAME", Secret: true,
		Accepts: "a URL such as postgres://user:password@host:5432/name" + inPasswords,
		set:     func(c *Config, v string) error { return postgresURL(&c.DatabaseURL, v) },
	}, {
		Name: "DB_MAX_CONNS", Default: "20", Help: "PostgreSQL: connections that one process opens at most, and one more for its health",
		Accepts: "a whole number, 2 to 1000",
		set:     func(c *Config, v string) error { return integer(&c.DBMaxConns, v, 2, 1000) },
	}, {
		Name: "DB_LOCK_TIMEOUT", Default: "3s", Help: "PostgreSQL: how long a statement waits for a row lock",
		Accepts: "a duration of 1ms to 1m, such as 3s",
		set:     func(c *Config, v string) error { return duration(&c.DBLockTimeout, v, ms, minute) },
	}, {
		Name: "REDIS_URL", Help: "Redis for the payment queue and for what limits count, such as localhost:6379; without it both are embedded", Secret: true,
		Accepts: "host:port, or a URL such as redis://:password@host:6379/0 (rediss:// for TLS)" + inPasswords,
		set:     func(c *Config, v string) error { return redisURL(&c.RedisURL, v) },
	}, {
		Name: appEnv, Default: string(Development), Help: "what this runs for; production refuses to start with what only suits development",
		Accepts: "development or production",
		set:     func(c *Config, v string) error { return environmentName(&c.Environment, v) },
	}, {
		Name: "AUTH", Default: "off", Production: "on", Help: "whether callers must show a key or a token; off: anyone may do anything",
		Accepts: "on or off",
		set:     func(c *Config, v string) error { return onOff(&c.Auth, v) },
	}, {
		Name: "AUTH_OIDC_ISSUER", Help: "OpenID Connect issuer whose access tokens are taken beside keys; without it, keys alone",
		Accepts: "its address as it writes it itself, such as https://login.example.com/realms/tickets; http on localhost alone",
		set:     func(c *Config, v string) error { return issuer(&c.OIDC.Issuer, v) },
	}, {
		Name: "AUTH_OIDC_AUDIENCE", Help: "audience (aud) that tokens for this server have; others are refused",
		Accepts: "a text, such as quantix or https://tickets.example.com",
		set:     func(c *Config, v string) error { return text(&c.OIDC.Audience, v) },
	}, {
		Name: "AUTH_OIDC_ROLES_CLAIM", Help: "where a token has its roles: admin, organizer, box_office or door; without it, all who have one are customers",
		Accepts: "the name of a claim, or a path such as realm_access.roles",
		set:     func(c *Config, v string) error { return text(&c.OIDC.RolesClaim, v) },
	}, {
		Name: "PUBLIC_URL", Help: "address that the API is reached at from outside, through TLS or a proxy that has it",
		Accepts: "an https address without a path, such as https://tickets.example.com; http on localhost alone",
		set:     func(c *Config, v string) error { return publicURL(&c.PublicURL, v) },
	}, {
		Name: "CORS_ORIGINS", Help: "other sites whose pages may use the API in a browser; without it, none",
		Accepts: "origins separated by commas, such as https://shop.example.com,http://localhost:3000",
		set:     func(c *Config, v string) error { return origins(&c.CORSOrigins, v) },
	}, {
		Name: "PORT", Default: "8080", Help: "port of the API",
		Accepts: "a port, 1 to 65535, or 0 for any free one",
		set:     func(c *Config, v string) error { return integer(&c.Port, v, 0, 65535) },
	}, {
		Name: "WORKER_PORT", Default: "8081", Help: "port where quantix worker shows its health and metrics",
		Accepts: "a port, 1 to 65535, or 0 for none",
		set:     func(c *Config, v string) error { return integer(&c.WorkerPort, v, 0, 65535) },
	}, {
		Name: "METRICS_PORT", Default: "0", Help: "port of quantix serve for /metrics alone, which PORT then does not have; 0: none",
		Accepts: "a port, 1 to 65535, or 0 for none",
		set:     func(c *Config, v string) error { return integer(&c.MetricsPort, v, 0, 65535) },
	}, {
		Name: "HOST", Help: "address to listen on; without it, 127.0.0.1 in development, and all of this machine's in production",
		Accepts: "a host name or an address, without a port",
		set:     func(c *Config, v string) error { return host(&c.Host, v) },
	}, {
		Name: "ALLOWED_HOSTS", Help: "names that this server is asked by, beside localhost, addresses and this machine's own name",
		Accepts: "names separated by commas, such as tickets.example.com,*.example.org; * for any",
		set:     func(c *Config, v string) error { return hostNames(&c.AllowedHosts, v) },
	}, {
		Name: "TRUSTED_PROXIES", Help: "proxies whose X-Forwarded-For, -Host and -Proto are believed; without it, none",
		Accepts: "addresses and networks, separated by commas, such as 10.0.0.0/8,127.0.0.1",
		set:     func(c *Config, v string) error { return networks(&c.TrustedProxies, v) },
	}, {
		Name: "PAYMENT_DEADLINE", Default: "15", Help: "how long a booking waits for its payment, in minutes",
		Accepts: "minutes, or a duration such as 90s or 2m; 1s to 720h",
		set:     func(c *Config, v string) error { return minutes(&c.PaymentDeadline, v, second, 720*hour) },
	}, {
		Name: "PAYMENT_CONCURRENCY", Default: "1024", Help: "payments under way at once, in one process",
		Accepts: "a whole number, 1 to 10000",
		set:     func(c *Config, v string) error { return integer(&c.PaymentConcurrency, v, 1, 10_000) },
	}, {
		Name: "PAYMENT_RETRY_BASE", Default: "1s", Help: "pause before a payment's second attempt; each further one doubles it",
		Accepts: "a duration of 1ms to 1h, such as 1s",
		set:     func(c *Config, v string) error { return duration(&c.PaymentRetryBase, v, ms, hour) },
	}, {
		Name: "REFUND_WINDOW", Default: "336h", Help: "how long after its end an event may still be cancelled and its tickets be refunded",
		Accepts: "a duration of 1s to 8760h, such as 336h for 14 days",
		set:     func(c *Config, v string) error { return duration(&c.RefundWindow, v, second, 8760*hour) },
	}, {
		Name: "JOURNAL_RETENTION", Default: "2160h", Help: "how long what happened at an event is kept entry by entry; then only as a sum",
		Accepts: "0 (for ever), or a duration of 24h to 876000h, such as 2160h for 90 days",
		set:     func(c *Config, v string) error { return durationOr0(&c.JournalRetention, v, 24*hour, 876_000*hour) },
	}, {
		Name: "ACCESS_LOG_RETENTION", Default: "8760h", Help: "how long it is kept who looked at or changed another person's data",
		Accepts: "0 (for ever), or a duration of 24h to 876000h, such as 8760h for a year",
		set:     func(c *Config, v string) error { return durationOr0(&c.AccessLogRetention, v, 24*hour, 876_000*hour) },
	}, {
		Name: "PAYMENT_GATEWAY", Default: "simulator", Help: "who takes the money; the simulator takes none",
		Accepts: "simulator or stripe",
		set:     func(c *Config, v string) error { return gateway(&c.PaymentGateway, v) },
	}, {
		Name: "ALLOW_SIMULATED_PAYMENTS", Default: "false", Help: "whether production may sell for simulated money", isBool: true,
		Accepts: "true or false",
		set:     func(c *Config, v string) error { return boolean(&c.AllowSimulatedPayments, v) },
	}, {
		Name: "STRIPE_SECRET_KEY", Help: "Stripe: secret key, or a restricted one that may write PaymentIntents and refunds", Secret: true,
		Accepts: "a key that begins with sk_ or rk_",
		set:     func(c *Config, v string) error { return token(&c.Stripe.SecretKey, v, "sk_", "rk_") },
	}, {
		Name: "STRIPE_WEBHOOK_SECRET", Help: "Stripe: signing secret of the webhook endpoint", Secret: true,
		Accepts: "a secret that begins with whsec_",
		set:     func(c *Config, v string) error { return token(&c.Stripe.WebhookSecret, v, "whsec_") },
	}, {
		Name: "STRIPE_API_URL", Help: "Stripe: address of its API, for tests; without it, Stripe's own",
		Accepts: "an address such as http://localhost:12111, without user or password; https for a live key",
		set:     func(c *Config, v string) error { return webAddress(&c.Stripe.APIURL, v) },
	}, {
		Name: "PAYMENT_SIM_LATENCY", Default: "50ms", Help: "simulated gateway: how long it takes to answer",
		Accepts: "a duration of 0 to 1m, such as 50ms",
		set:     func(c *Config, v string) error { return duration(&c.Simulator.Latency, v, 0, minute) },
	}, {
		Name: "PAYMENT_SIM_FAILURE_RATE", Default: "0", Help: "simulated gateway: share of the calls that end in an error",
		Accepts: "a number from 0 (none) to 1 (all)",
		set:     func(c *Config, v string) error { return share(&c.Simulator.FailureRate, v) },
	}, {
		Name: "PAYMENT_SIM_LOST_RATE", Default: "0", Help: "simulated gateway: share of its answers that never arrive, whatever it did",
		Accepts: "a number from 0 (none) to 1 (all)",
		set:     func(c *Config, v string) error { return share(&c.Simulator.LostRate, v) },
	}, {
		Name: "PAYMENT_SIM_RATE", Default: "0", Help: "simulated gateway: calls a second that it takes of one process, refusing the rest as Stripe does with 429",
		Accepts: "a whole number, 0 (no limit) to 1000000",
		set:     func(c *Config, v string) error { return integer(&c.Simulator.Rate, v, 0, 1_000_000) },
	}, {
		Name: "PAYMENT_SIM_AWAY_FILE", Help: "simulated gateway: while there is a file of this name, it cannot be reached; without it, always",
		Accepts: "the name of a file",
		set:     func(c *Config, v string) error { return text(&c.Simulator.AwayFile, v) },
	}, {
		Name: "PAYMENT_CALLBACK_SECRET", Help: "simulated gateway: signs its callbacks; without it, none are taken", Secret: true,
		Accepts: "a secret of 16 characters or more, on one line",
		set:     func(c *Config, v string) error { return secret(&c.Simulator.CallbackSecret, v) },
	}, {
		Name: "PAYMENT_SIM_CALLBACK_URL", Help: "simulated gateway: where it posts a callback for every charge that is decided; without it, nowhere",
		Accepts: "an address such as http://localhost:8080/api/v1/payments/callbacks/simulator, without user or password",
		set:     func(c *Config, v string) error { return webAddress(&c.Simulator.CallbackURL, v) },
	}, {
		Name: "MAX_TICKETS_PER_BOOKING", Default: "100", Help: "tickets that one booking may take",
		Accepts: "a whole number, 1 to 1000000",
		set:     func(c *Config, v string) error { return integer(&c.MaxTicketsPerBooking, v, 1, 1_000_000) },
	}, {
		Name: "MAX_LIVE_PER_USER", Default: "0", Help: "tickets of one event that one user may hold, those of unpaid bookings included",
		Accepts: "a whole number, 0 (as many as there are) to 1000000",
		set:     func(c *Config, v string) error { return integer(&c.MaxLivePerUser, v, 0, 1_000_000) },
	}, {
		Name: "MAX_INBOX", Default: "10000", Help: "buyers that may wait for one event before further ones are told to come back",
		Accepts: "a whole number, 1 to 1000000",
		set:     func(c *Config, v string) error { return integer(&c.MaxInbox, v, 1, 1_000_000) },
	}, {
		Name: "MAX_WAIT", Default: "2s", Help: "how long buyers may wait for one event before they and further ones are told to come back",
		Accepts: "a duration of 1ms to 1m, such as 2s",
		set:     func(c *Config, v string) error { return duration(&c.MaxWait, v, ms, minute) },
	}, {
		Name: "MAX_STREAMS", Default: "5000", Help: "streams (of what happens, and of live counters) that one process keeps open before further ones are told to come back",
		Accepts: "a whole number, 0 to 1000000; 0 for none",
		set:     func(c *Config, v string) error { return integer(&c.MaxStreams, v, 0, 1_000_000) },
	}, {
		Name: "MAX_CONNECTIONS", Default: "20000", Help: "connections of clients that one process keeps open before it closes further ones at once",
		Accepts: "a whole number, 1 to 1000000",
		set:     func(c *Config, v string) error { return integer(&c.MaxConnections, v, 1, 1_000_000) },
	}, {
		Name: "RATE_LIMIT_IP", Default: "off", Production: "100/s/200", Help: "requests that one client address may send; IPv6 counts by /64",
		Accepts: aRate,
		set:     func(c *Config, v string) error { return rate(&c.Limits.IP, v) },
	}, {
		Name: "RATE_LIMIT_KEY", Default: "off", Production: "1000/s/2000", Help: "requests that one API key, or whoever a token is of, may send",
		Accepts: aRate,
		set:     func(c *Config, v string) error { return rate(&c.Limits.Key, v) },
	}, {
		Name: "RATE_LIMIT_BOOKINGS", Default: "off", Production: "10/min/10", Help: "bookings of one event that one user may ask for",
		Accepts: aRate,
		set:     func(c *Config, v string) error { return rate(&c.Limits.Bookings, v) },
	}, {
		Name: "CURRENCY", Default: "USD", Help: "currency of events that name none",
		Accepts: "an ISO 4217 code of three capital letters, such as EUR",
		set:     func(c *Config, v string) error { return currency(&c.Currency, v) },
	}, {
		Name: "DATA_DIR", Default: "./data", Help: "where the embedded store keeps its files",
		Accepts: "a directory",
		set:     func(c *Config, v string) error { return text(&c.DataDir, v) },
	}, {
		Name: "AUTO_MIGRATE", Default: "true", Help: "whether serve and worker (and seed) apply pending migrations", isBool: true,
		Accepts: "true or false",
		set:     func(c *Config, v string) error { return boolean(&c.AutoMigrate, v) },
	}, {
		Name: "LOG_LEVEL", Default: "info", Help: "the least important lines that are logged",
		Accepts: "debug, info, warn or error",
		set:     func(c *Config, v string) error { return level(&c.LogLevel, v) },
	}, {
		Name: "LOG_FORMAT", Default: "text", Help: "form of the log's lines",
		Accepts: "json or text",
		set:     func(c *Config, v string) error { return logFormat(&c.LogFormat, v) },
	}, {
		Name: "SHUTDOWN_TIMEOUT", Default: "10s", Help: "time to finish what is in hand after SIGTERM",
		Accepts: "a duration of 1s to 10m, such as 10s",
		set:     func(c *Config, v string) error { return duration(&c.ShutdownTimeout, v, second, 10*minute) },
	},
}
