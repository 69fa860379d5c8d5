package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"quantix/internal/config"
	"quantix/internal/onsale"
	"quantix/internal/repository"
)

// A measure takes one or more figures of the sheet, on servers of its own.
type measure struct {
	name  string
	help  string
	extra bool // takes long, or a machine of its own: only when asked for by name
	run   func(*Bars, context.Context) error
}

// measures are all of them, in the order in which they are taken.
func measures() []measure {
	return []measure{
		{"baselines", "what PostgreSQL does without us (pgbench, COPY)", false, (*Bars).baselines},
		{"nothing", "a handler that does nothing, 1,000 connections", false, (*Bars).nothing},
		{"one", "one event over HTTP, 1,000 connections; memory, fsyncs and Redis round trips with it", false, (*Bars).one},
		{"one64", "one event over HTTP, 64 connections", false, (*Bars).one64},
		{"engine", "one event without HTTP, in this process; WAL with it", false, (*Bars).engine},
		{"idle", "p50 of one client alone", false, (*Bars).idle},
		{"refusals", "refusals of a sold-out event, and the queries that they cost", false, (*Bars).refusals},
		{"confirmed", "booked, paid and CONFIRMED", false, (*Bars).confirmed},
		{"burst", "100,000 buyers in 5 s for 10,000 tickets", false, (*Bars).burst},
		{"many", "1,000 events evenly", false, (*Bars).many},
		{"embedded", "one event in embedded mode, 1,000 connections", false, (*Bars).embedded},
		{"start", "from exec to the first answer, embedded", false, (*Bars).start},
		{"statistics", "statistics of an event with 1,000,000 bookings", false, (*Bars).statistics},
		{"overload", "five times the peak of a slow database arrives for 60 s", true, (*Bars).overload},
		{"replicas", "two and three replicas on one event", true, (*Bars).replicas},
		{"flat", "one event beside 2,000,000 bookings", true, (*Bars).flat},
		{"cold", "a cold event beside a hot one", true, (*Bars).cold},
		{"rebuy", "tickets booked again after a cancellation, at the same and at another replica", true, (*Bars).rebuy},
		{"hostile", "500 buyers a second beside each client that stopped everybody once", true, (*Bars).hostile},
		{"hostile_embedded", "the same in embedded mode", true, (*Bars).hostileEmbedded},
		{"slow", "one event beside 5,000 connections that take their time", true, (*Bars).slow},
		{"audit", "the audit of one event, over HTTP and by the command", true, (*Bars).audit},
		{"search", "search among 1,000 and 300,000 events, in both stores", true, (*Bars).search},
		{"watched", "one event beside readers of its feed and of its counters", true, (*Bars).watched},
		{"thousand", "a thousand readers of a feed beside 1,000 buyers a second", true, (*Bars).thousand},
		{"auth", "one event with keys and limits against the same without, and refusals", true, (*Bars).auth},
		{"snapshot", "ten minutes beside a reader with an old snapshot", true, (*Bars).snapshot},
	}
}

// Bars is one go at the table. Only its exported fields are its owner's to set, before it is chosen what to measure.
type Bars struct {
	Config   config.Config // names the scratch servers
	Progress io.Writer     // what it is at, and what its servers say
	Runs     int           // how often everything is measured
	Load     time.Duration // of one measurement
	// Audit does what quantix audit does, and says nothing.
	Audit func(context.Context, repository.Store) error
	Sheet *Sheet // the figures

	chosen  []measure
	clients []onsale.Hostile
	warmup  time.Duration
	small   int // divides what does not count in seconds; 1 unless quick
	serial  int // numbers the scratch databases
}

// NewBars has nothing measured yet.
func NewBars(progress io.Writer, audit func(context.Context, repository.Store) error) *Bars {
	return &Bars{Progress: progress, Audit: audit, Sheet: NewSheet(), small: 1, warmup: 2 * time.Second}
}

// MeasureNames lists the measures that are off unless named, or those that are not.
func MeasureNames(extra bool) string {
	var names []string
	for _, m := range measures() {
		if m.extra == extra {
			names = append(names, m.name)
		}
	}
	return strings.Join(names, ",")
}

// Hurry has everything last a second, with a hundredth of the rows.
func (b *Bars) Hurry() { b.Load, b.warmup, b.small = time.Second, 0, 100 }

// Choose takes the names of measures and of hostile clients, separated by commas; empty: those that are meant then. It
// refuses what cannot be measured, before anything is.
func (b *Bars) Choose(only, clients string) (err error) {
	if b.Runs < 1 || b.Runs > 100 {
		return fmt.Errorf("--runs must be from 1 to 100, not %d", b.Runs)
	}
	if b.Load < time.Second || b.Load > 10*time.Minute {
		return fmt.Errorf("--duration must be from 1s to 10m, not %s", b.Load)
	}
	if b.Config.DatabaseURL == "" || b.Config.RedisURL == "" {
		return errors.New("bench bars needs a scratch PostgreSQL and Redis in DATABASE_URL and REDIS_URL; make bench starts private ones")
	}
	if b.chosen, err = choose(only); err != nil {
		return err
	}
	b.clients, err = chooseHostile(clients)
	return err
}

// choose returns the measures that --only names.
func choose(only string) (chosen []measure, err error) {
	switch only {
	case "":
		return slices.DeleteFunc(measures(), func(m measure) bool { return m.extra }), nil
	case "all":
		return measures(), nil
	}
	for name := range strings.SplitSeq(only, ",") {
		i := slices.IndexFunc(measures(), func(m measure) bool { return m.name == strings.TrimSpace(name) })
		if i < 0 {
			return nil, fmt.Errorf("--only: there is no measure %q; there are %s,%s and all", name, MeasureNames(false), MeasureNames(true))
		}
		chosen = append(chosen, measures()[i])
	}
	return chosen, nil
}

// Measure takes every chosen measure, run after run, so that a drift of the machine touches all alike.
func (b *Bars) Measure(ctx context.Context) error {
	for run := 1; run <= b.Runs; run++ {
		for _, m := range b.chosen {
			b.say("run %d of %d: %s", run, b.Runs, m.help)
			if err := m.run(b, ctx); err != nil {
				return fmt.Errorf("%s: %w", m.name, err)
			}
		}
	}
	return nil
}

func (b *Bars) say(format string, args ...any) {
	fmt.Fprintf(b.Progress, "bars: "+format+"\n", args...)
}

// add notes a figure, and says so.
func (b *Bars) add(k Key, figure float64) {
	b.say("  %s %.4g", k, figure)
	b.Sheet.Add(k, figure)
}

// addResult notes a figure of a result that must have been proven.
func (b *Bars) addResult(k Key, r onsale.Result, figure float64) {
	b.say("  %s %.4g", k, figure)
	for _, a := range r.Answers {
		if a.Class == onsale.Failed || a.Class == onsale.Overloaded {
			b.say("  %s: %d answers with status %d %s", a.Class, a.Count, a.Status, a.Code)
		}
	}
	for _, v := range r.Violations {
		b.say("  VIOLATION: %s", v)
	}
	b.Sheet.AddResult(k, r, figure)
}

// scratch is a new database and an empty Redis.
type scratch struct {
	config config.Config
	redis  *scratchRedis
}

// onScratch makes both, lets use have them, and removes them.
func (b *Bars) onScratch(ctx context.Context, use func(scratch) error) error {
	b.serial++
	url, err := scratchURL(b.Config.DatabaseURL, fmt.Sprintf("quantix_bars_%d_%d", os.Getpid(), b.serial))
	if err != nil {
		return err
	}
	redis, err := takeScratchRedis(ctx, b.Config.RedisURL)
	if err != nil {
		return err
	}
	s := scratch{b.Config, redis}
	s.config.DatabaseURL, s.config.RedisURL = url, redis.URL
	err = use(s)
	return errors.Join(err, redis.Close(), dropScratch(context.WithoutCancel(ctx), url))
}

// onServer starts a private server on a database and a Redis of its own.
func (b *Bars) onServer(ctx context.Context, use func(scratch, *private) error, settings ...string) error {
	return b.onScratch(ctx, func(s scratch) error { return b.on(ctx, s, use, settings...) })
}

// on starts a private server on what was made for it.
func (b *Bars) on(ctx context.Context, s scratch, use func(scratch, *private) error, settings ...string) error {
	server, err := startPrivate(ctx, b.Progress, s.config, settings...)
	if err != nil {
		return err
	}
	defer server.stop()
	return use(s, server)
}

// onEmbedded starts a private server in embedded mode.
func (b *Bars) onEmbedded(ctx context.Context, use func(*private) error) error {
	c := b.Config
	c.DatabaseURL, c.RedisURL = "", ""
	server, err := startPrivate(ctx, b.Progress, c)
	if err != nil {
		return err
	}
	defer server.stop()
	return use(server)
}

// beside plays a scenario, and does something else from its first buyer on.
func (b *Bars) beside(ctx context.Context, server *private, s onsale.Scenario, do func() error) (onsale.Result, error) {
	type ending struct {
		result onsale.Result
		err    error
	}
	begun, ended := make(chan struct{}), make(chan ending, 1)
	s.Begun = func() { close(begun) }
	go func() {
		r, err := b.play(ctx, server, s)
		ended <- ending{r, err}
	}()
	select {
	case <-begun:
		err := do()
		end := <-ended
		return end.result, errors.Join(err, end.err)
	case end := <-ended: // it could not begin
		return end.result, end.err
	}
}

// play plays a scenario on a server, with this go's length, and without a live line.
func (b *Bars) play(ctx context.Context, server *private, s onsale.Scenario) (onsale.Result, error) {
	s.Target = server.url
	if s.Burst == 0 && s.Duration == 0 {
		s.Duration = b.Load
	}
	return onsale.Run(ctx, s, nil)
}
