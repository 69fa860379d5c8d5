// Package config reads Quantix's settings: one table of options (options.go),
// from flags and the environment, checked, into a Config that is passed on.
// Nothing here is global.
package config

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"time"

	"quantix/internal/limits"
)

// Config is what a command runs with. The zero value is no valid configuration:
// Load makes one.
type Config struct {
	Environment Environment // which of the rules of Validate count
	Auth        bool        // callers must say who they are
	PublicURL   string      // "https://tickets.example.com"; empty: not told
	CORSOrigins []string    // "https://shop.example.com", as browsers write them

	Host           string   // address to listen on; empty: see Listen
	Port           int      // TCP port; 0 takes any free one
	WorkerPort     int      // TCP port of a worker's health and metrics; 0 means none
	MetricsPort    int      // TCP port of a server's metrics alone; 0 means none
	AllowedHosts   []string // names that it may be asked by, beside its own
	TrustedProxies []string // addresses and networks whose X-Forwarded-For, -Host and -Proto count

	DatabaseURL   string        // PostgreSQL; empty means the embedded store
	DB            DB            // the parts that DatabaseURL was made of, if it was not given
	DBMaxConns    int           // connections that one process opens at most
	DBLockTimeout time.Duration // how long a statement waits for a row lock

	RedisURL string // redis:// or rediss://; empty means the embedded queue
	DataDir  string // where the embedded store keeps its files

	LogLevel        slog.Level
	LogFormat       LogFormat
	AutoMigrate     bool          // serve, worker and seed apply pending migrations
	ShutdownTimeout time.Duration // to finish what is in hand after SIGTERM

	PaymentDeadline    time.Duration // how long a booking waits for its payment
	PaymentConcurrency int           // charges under way at once, per process
	PaymentRetryBase   time.Duration // pause before the second attempt
	RefundWindow       time.Duration // how long an event may be cancelled after its end
	JournalRetention   time.Duration // how long entries of journals are kept; 0: for ever
	AccessLogRetention time.Duration // how long the log of access to personal data is kept; 0: for ever

	PaymentGateway Gateway // who takes the money: one of the two below
	Simulator      SimulatorSettings
	Stripe         StripeSettings

	AllowSimulatedPayments bool // production may have the simulator

	MaxTicketsPerBooking int
	MaxInbox             int           // buyers that may wait for one event
	MaxWait              time.Duration // how long they may wait there
	MaxStreams           int           // that may be open at once; 0: none
	MaxConnections       int           // of clients that may be open at once
	Limits               LimitSettings
	Currency             string // ISO 4217 code for events that name none

	settings []Setting // where each value came from, in the table's order
	warnings []string  // what is not good, and no reason to stop
}

// LimitSettings are how much one client may ask for.
type LimitSettings struct {
	IP       limits.Rate // of one address
	Key      limits.Rate // of one API key, or subject of tokens
	Bookings limits.Rate // of one user and event
}

// SimulatorSettings are those of the simulated gateway.
type SimulatorSettings struct {
	Latency        time.Duration // its answer time
	FailureRate    float64       // share of its calls that fail, 0 to 1
	LostRate       float64       // share of its answers that never arrive, 0 to 1
	Rate           int           // calls a second that it takes; 0: all
	AwayFile       string        // while there is a file of this name, it is away; empty: never
	CallbackSecret string        // signs its callbacks; empty: none are taken
	CallbackURL    string        // where it posts them; empty: nowhere
}

// StripeSettings are those of Stripe; empty unless the gateway is Stripe.
type StripeSettings struct {
	SecretKey     string // "sk_…" or "rk_…"
	WebhookSecret string // "whsec_…"
	APIURL        string // empty means Stripe's own address
}

// DB holds the parts of a PostgreSQL address.
type DB struct {
	Host     string // a name, an address, or the directory of a unix socket
	Port     int
	User     string
	Password string
	Name     string
}

// LogFormat is the form of the log's lines.
type LogFormat string

// The log's forms.
const (
	LogJSON LogFormat = "json"
	LogText LogFormat = "text"
)

// Load reads a command's settings from its arguments and, where these are silent, from the environment
// (os.LookupEnv), then from the file that --env-file names, then from the defaults. fs has the command's own flags: the
// options are added to it, and arguments that are no flags are left in fs.Args. The error is Faults for settings, and
// then the Config is good for Redacted alone; FlagError for flags that cannot be read; flag.ErrHelp if help was asked
// for.
func Load(fs *flag.FlagSet, args []string, lookup func(string) (string, bool)) (Config, error) {
	given := addFlags(fs)
	fs.SetOutput(io.Discard) // the error says it, in one line
	if err := fs.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return Config{}, err
		}
		return Config{}, flagError(fs.Name(), err)
	}
	file, faults := readEnvFile(given[envFileFlag])
	from := sources{flags: given, file: file, environment: func(name string) string { v, _ := lookup(name); return v }}
	from.production = from.isProduction()
	var c Config
	for _, o := range options {
		s, err := from.find(o)
		if err == nil {
			err = o.apply(&c, &s)
		}
		if err != nil {
			s.wrong = true
			faults = append(faults, err)
		}
		c.settings = append(c.settings, s)
	}
	c.chooseStore()
	if err := file.exposed(); err != nil && from.production {
		faults = append(faults, err)
	} else if err != nil {
		c.warnings = append(c.warnings, err.Error())
	}
	if len(faults) > 0 {
		return c, faults
	}
	return c, nil
}

// apply checks a value and puts it into the Config.
func (o Option) apply(c *Config, s *Setting) error {
	if s.Value == "" {
		return nil // the option is off
	}
	if err := o.set(c, s.Value); err != nil {
		shown := fmt.Sprintf("%q", s.Value)
		if o.Secret {
			shown = "the value given (hidden)"
		}
		err := fmt.Errorf("%s: %s is wrong; accepted: %s", s.origin, shown, o.Accepts)
		if s.Source == FromFlag {
			return FlagError{err}
		}
		return err
	}
	return nil
}

// chooseStore makes the database's URL from its parts as soon as one of them,
// and not the URL itself, is given.
func (c *Config) chooseStore() {
	if c.DatabaseURL != "" {
		return
	}
	for _, s := range c.settings {
		if s.Source != FromDefault && isDB(s.Name) {
			c.DatabaseURL = c.DB.url()
			return
		}
	}
}
