package config

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
)

// Store is where bookings are kept.
type Store string

// The stores.
const (
	Postgres Store = "postgres"
	SQLite   Store = "sqlite"
)

// Queue is where payments wait for a worker.
type Queue string

// The queues.
const (
	Redis     Queue = "redis"
	InProcess Queue = "inprocess"
)

// Gateway is who takes the money.
type Gateway string

// The gateways.
const (
	Simulator Gateway = "simulator" // takes none
	Stripe    Gateway = "stripe"
)

// Store says which store the settings ask for: PostgreSQL as soon as
// DATABASE_URL or any DB_ option is set, otherwise the embedded one.
func (c Config) Store() Store {
	if c.DatabaseURL != "" {
		return Postgres
	}
	return SQLite
}

// Queue says which queue the settings ask for: Redis if REDIS_URL is set, otherwise
// the embedded one.
func (c Config) Queue() Queue {
	if c.RedisURL != "" {
		return Redis
	}
	return InProcess
}

// PostgresURL returns the address of the database, password included; empty
// for the embedded store.
func (c Config) PostgresURL() string { return c.DatabaseURL }

// Listen returns the host to listen on, empty for all addresses of this machine. Development is open to whoever
// reaches it, and so listens where only this machine does, unless HOST says otherwise.
func (c Config) Listen() string {
	if c.Host == "" && c.Environment != Production {
		return "127.0.0.1"
	}
	return c.Host
}

// Addr returns the address to listen on.
func (c Config) Addr() string { return net.JoinHostPort(c.Listen(), strconv.Itoa(c.Port)) }

// WorkerAddr returns the address where a worker shows its health; empty for none.
func (c Config) WorkerAddr() string { return c.addrOf(c.WorkerPort) }

// MetricsAddr returns the address where a server shows its metrics alone; empty for none.
func (c Config) MetricsAddr() string { return c.addrOf(c.MetricsPort) }

func (c Config) addrOf(port int) string {
	if port == 0 {
		return ""
	}
	return net.JoinHostPort(c.Listen(), strconv.Itoa(port))
}

// validateQueue sees that a process which works beside others has a queue in common with them.
func (c Config) validateQueue(command string) error {
	if c.Queue() == Redis {
		return nil
	}
	return fmt.Errorf("quantix %s needs Redis: set REDIS_URL (such as localhost:6379), "+
		"or run quantix serve, which brings the API, the workers and a queue of its own", command)
}

// validateStore sees that it has a store in common with them.
func (c Config) validateStore(command string) error {
	if c.Store() == Postgres {
		return nil
	}
	return fmt.Errorf("quantix %s needs PostgreSQL: set DATABASE_URL or DB_HOST, "+
		"or run quantix serve, for the embedded store belongs to one process", command)
}

// validateGateway sees that Stripe has what it needs, and that nobody who gave a key for it sells for simulated money.
func (c Config) validateGateway() error {
	switch {
	case c.PaymentGateway != Stripe && c.Simulator.CallbackURL != "" && c.Simulator.CallbackSecret == "":
		return errors.New("PAYMENT_SIM_CALLBACK_URL is set, but not PAYMENT_CALLBACK_SECRET, which signs the callbacks: set both")
	case c.PaymentGateway != Stripe && c.Stripe.SecretKey != "":
		return errors.New("STRIPE_SECRET_KEY is set, but PAYMENT_GATEWAY is simulator, which takes no money: " +
			"set PAYMENT_GATEWAY=stripe, or take the key away")
	case c.PaymentGateway != Stripe:
		return nil
	case c.Stripe.SecretKey == "" || c.Stripe.WebhookSecret == "":
		return errors.New("PAYMENT_GATEWAY=stripe needs STRIPE_SECRET_KEY and STRIPE_WEBHOOK_SECRET: " +
			"copy both from Stripe's dashboard (developers: API keys, webhooks)")
	case strings.HasPrefix(c.Stripe.APIURL, "http:") && strings.Contains(c.Stripe.SecretKey, "_live_"):
		return errors.New("STRIPE_API_URL is not https, and STRIPE_SECRET_KEY is a live key: " +
			"leave STRIPE_API_URL out to use Stripe itself")
	}
	return nil
}

// url makes the address of the database from its parts. A host that is a
// directory goes where the drivers look for a unix socket.
func (d DB) url() string {
	u := url.URL{Scheme: "postgres", User: url.UserPassword(d.User, d.Password), Path: "/" + d.Name}
	if strings.HasPrefix(d.Host, "/") {
		u.RawQuery = url.Values{"host": {d.Host}, "port": {strconv.Itoa(d.Port)}}.Encode()
	} else {
		u.Host = net.JoinHostPort(d.Host, strconv.Itoa(d.Port))
	}
	return u.String()
}
