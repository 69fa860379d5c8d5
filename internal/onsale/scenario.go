package onsale

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// Model says what starts a buyer: the end of the one before (Closed), or the clock (Open).
type Model string

// The models of load.
const (
	Closed Model = "closed"
	Open   Model = "open"
)

// Split says how buyers spread over the events.
type Split string

// The splits: all events alike, or a few hot ones and a long tail.
const (
	SplitEven Split = "even"
	SplitZipf Split = "zipf"
)

// The bounds of a run. They keep a slip of the hand from becoming an outage of one's own machine.
const (
	MaxConnections = 5_000
	MaxEvents      = 10_000
	MaxUsers       = 200_000
	MaxBuyers      = 20_000_000
	MaxDuration    = time.Hour
)

// Quantity is the mix of tickets that buyers ask for: any number from Min to Max, all equally likely.
type Quantity struct {
	Min int `json:"min"`
	Max int `json:"max"`
}

// Retry is what a buyer does after 429, 503 or (only with an idempotency key, when it is safe) a lost connection.
// The zero value never retries.
type Retry struct {
	// Attempts is how often a buyer tries again, beyond the first time.
	Attempts int `json:"attempts"`
	// Wait is the first pause when the server names none in Retry-After; it doubles each time, with jitter. Default 100
	// ms.
	Wait time.Duration `json:"-"`
	// MaxWait bounds every pause, the server's included. Default 2 s.
	MaxWait time.Duration `json:"-"`
}

// Surge has Rate buyers a second come instead of the scenario's own, for Length, once the load has lasted for After.
type Surge struct {
	Rate          float64
	After, Length time.Duration
}

// during says whether at is within the surge.
func (s Surge) during(at time.Duration) bool { return at >= s.After && at < s.After+s.Length }

// MarshalJSON writes the durations as text, like the scenario's.
func (s Surge) MarshalJSON() ([]byte, error) {
	return json.Marshal(map[string]any{"rate": s.Rate, "after": s.After.String(), "length": s.Length.String()})
}

// Scenario describes one on-sale. The zero value of a field takes the default that its comment names.
type Scenario struct {
	// Name is a title for reports.
	Name string `json:"name,omitempty"`
	// Target is the server's base URL, such as http://127.0.0.1:8080. Plain HTTP only: TLS would measure TLS.
	Target string `json:"target"`
	// Key is an API key that buyers show, for a server that asks who one is; of an admin's role, for it makes the events.
	Key string `json:"-"`
	// Replicas are the base URLs of further servers on the same database; connections take turns among them all.
	Replicas []string `json:"replicas,omitempty"`
	// AllowRemote permits a target that is not this machine. Only for servers of one's own.
	AllowRemote bool `json:"allow_remote,omitempty"`
	// Model is Closed (default) or Open.
	Model Model `json:"model"`
	// Connections is the number of buyers at a time (Closed) or the bound of the connection pool (Open). Default 64.
	Connections int `json:"connections"`
	// Rate is the arrivals per second of the open model. Either Rate or Burst.
	Rate float64 `json:"rate,omitempty"`
	// Burst is the number of buyers who arrive within Duration, all at once if Duration is zero.
	Burst int `json:"burst,omitempty"`
	// Surge is a storm in the middle of an open load with a Rate. Each second of the result's series then has its
	// latencies, so that the time before the storm can be held against the time after it.
	Surge *Surge `json:"surge,omitempty"`
	// Poisson makes open arrivals random (exponential gaps) rather than evenly spaced.
	Poisson bool `json:"poisson,omitempty"`
	// Duration is how long buyers keep coming. Default 10 s, except for a burst.
	Duration time.Duration `json:"-"`
	// Events is the number of events that are made for the run. Default 1.
	Events int `json:"events"`
	// TicketsPerEvent is the capacity of each. Default 1,000,000.
	TicketsPerEvent int `json:"tickets_per_event"`
	// TicketPrice is written into the events as it stands. Default 25.00.
	TicketPrice string `json:"ticket_price"`
	// Split is SplitEven (default) or SplitZipf, with ZipfExponent (default 1).
	Split        Split   `json:"split"`
	ZipfExponent float64 `json:"zipf_exponent,omitempty"`
	// Quantity is the mix of tickets per booking. Default 1 to 1.
	Quantity Quantity `json:"quantity"`
	// Users is the number of users that are made for the run; buyers take turns with them. Default 1,000.
	Users int `json:"users"`
	// PaymentMethod scripts the simulated gateway (sim_ok, sim_decline, ...). Empty: the field is left out.
	PaymentMethod string `json:"payment_method,omitempty"`
	// GiveUp is a buyer's patience, from arrival to the last answer, retries included. Zero: endless. Half of it spent
	// in waiting for a free connection is all of it.
	GiveUp time.Duration `json:"-"`
	// Timeout bounds one request of a buyer with endless patience. Default 30 s; a connection may keep it up to 1.5
	// times.
	Timeout time.Duration `json:"-"`
	// Retry is what refused-for-load buyers do.
	Retry Retry `json:"retry"`
	// IdempotencyKeys sends a key with every booking; a buyer's retries repeat it.
	IdempotencyKeys bool `json:"idempotency_keys"`
	// Warmup books on an event of its own for that long before the clock starts.
	Warmup time.Duration `json:"-"`
	// WatchConfirmations polls the statistics for confirmed bookings, during the load and after it until none is
	// pending, at most Drain long (default 60 s).
	WatchConfirmations bool          `json:"watch_confirmations,omitempty"`
	Drain              time.Duration `json:"-"`
	// SkipAudit leaves the audit out, for servers that have none. The result then says that nothing was proven.
	SkipAudit bool `json:"skip_audit,omitempty"`
	// Seed makes the choices of buyers repeatable.
	Seed uint64 `json:"seed"`
	// Begun, if set, is called when all is prepared, and the first buyer comes as soon as it returns: for whoever looks
	// at something else beside the load.
	Begun func() `json:"-"`
}

// Complete returns the scenario with its defaults filled in, or says what is wrong with it.
func (s Scenario) Complete() (Scenario, error) {
	s = s.withDefaults()
	if _, err := parseTarget(s.Target, s.AllowRemote); err != nil {
		return s, err
	}
	return s, errors.Join(s.checkLoad(), s.checkBounds())
}

func (s Scenario) withDefaults() Scenario {
	s.Model = cmp.Or(s.Model, Closed)
	s.Connections = cmp.Or(s.Connections, 64)
	s.Events = cmp.Or(s.Events, 1)
	s.TicketsPerEvent = cmp.Or(s.TicketsPerEvent, 1_000_000)
	s.TicketPrice = cmp.Or(s.TicketPrice, "25.00")
	s.Split = cmp.Or(s.Split, SplitEven)
	s.ZipfExponent = cmp.Or(s.ZipfExponent, 1)
	s.Quantity.Min = cmp.Or(s.Quantity.Min, 1)
	s.Quantity.Max = cmp.Or(s.Quantity.Max, s.Quantity.Min)
	s.Users = cmp.Or(s.Users, 1_000)
	s.Timeout = cmp.Or(s.Timeout, 30*time.Second)
	s.Drain = cmp.Or(s.Drain, time.Minute)
	s.Retry.Wait = cmp.Or(s.Retry.Wait, 100*time.Millisecond)
	s.Retry.MaxWait = cmp.Or(s.Retry.MaxWait, 2*time.Second)
	if s.Burst == 0 {
		s.Duration = cmp.Or(s.Duration, 10*time.Second)
	}
	return s
}

func (s Scenario) checkLoad() error {
	switch {
	case s.Model == Closed && (s.Rate != 0 || s.Burst != 0):
		return errors.New("rate and burst belong to the open model")
	case s.Model == Open && (s.Rate > 0) == (s.Burst > 0):
		return errors.New("the open model needs either a rate or a burst")
	case s.Surge != nil && (s.Rate == 0 || s.Surge.Rate <= 0):
		return errors.New("a surge needs a rate, its own and that of the load around it")
	case s.Surge != nil && (s.Surge.After < 0 || s.Surge.Length <= 0 || s.Surge.After+s.Surge.Length > s.Duration):
		return errors.New("the surge must lie within the duration")
	case s.Model != Closed && s.Model != Open:
		return fmt.Errorf("unknown model %q: closed or open", s.Model)
	case s.Split != SplitEven && s.Split != SplitZipf:
		return fmt.Errorf("unknown split %q: even or zipf", s.Split)
	case !json.Valid([]byte(s.TicketPrice)):
		return fmt.Errorf("ticket price %q is not a number", s.TicketPrice)
	}
	return nil
}

func (s Scenario) checkBounds() error {
	return errors.Join(
		within("connections", s.Connections, 1, MaxConnections),
		within("events", s.Events, 1, MaxEvents),
		within("users", s.Users, 1, MaxUsers),
		within("tickets per event", s.TicketsPerEvent, 1, 1<<31-1),
		within("smallest quantity", s.Quantity.Min, 1, 1_000_000),
		within("greatest quantity", s.Quantity.Max, s.Quantity.Min, 1_000_000),
		within("retry attempts", s.Retry.Attempts, 0, 100),
		within("buyers", s.arrivals(), 0, MaxBuyers),
		within("duration", s.Duration, 0, MaxDuration),
		within("warm-up", s.Warmup, 0, MaxDuration),
		within("drain", s.Drain, 0, MaxDuration),
		within("patience", s.GiveUp, 0, MaxDuration),
		within("timeout", s.Timeout, time.Millisecond, MaxDuration),
	)
}

func within[T int | time.Duration](name string, v, low, high T) error {
	if v < low || v > high {
		return fmt.Errorf("%s must be from %v to %v, not %v", name, low, high, v)
	}
	return nil
}

// arrivals is the number of buyers of the open model; the closed model has as many as it has time for.
func (s Scenario) arrivals() int {
	if s.Burst > 0 {
		return s.Burst
	}
	n := s.Rate * s.Duration.Seconds()
	if s.Surge != nil {
		n += (s.Surge.Rate - s.Rate) * s.Surge.Length.Seconds()
	}
	return int(min(n, MaxBuyers+1))
}

// MarshalJSON writes the durations as text ("10s"), as people write them.
func (s Scenario) MarshalJSON() ([]byte, error) {
	type plain Scenario
	return json.Marshal(struct {
		plain
		Duration string `json:"duration"`
		GiveUp   string `json:"give_up,omitempty"`
		Timeout  string `json:"timeout"`
		Warmup   string `json:"warmup,omitempty"`
		Drain    string `json:"drain,omitempty"`
		Wait     string `json:"retry_wait,omitempty"`
		MaxWait  string `json:"retry_max_wait,omitempty"`
	}{
		plain(s), s.Duration.String(), nonZero(s.GiveUp), s.Timeout.String(), nonZero(s.Warmup), nonZero(s.Drain),
		nonZero(s.Retry.Wait), nonZero(s.Retry.MaxWait),
	})
}

func nonZero(d time.Duration) string {
	if d == 0 {
		return ""
	}
	return d.String()
}
