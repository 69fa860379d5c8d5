package cli

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"quantix/internal/config"
	"quantix/internal/onsale"
)

// A measure takes one or more figures of the sheet, on servers of its own.
type measure struct {
	name  string
	help  string
	extra bool // takes long, or a machine of its own: only when asked for by name
	run   func(*bars, context.Context) error
}

// measures are all of them, in the order in which they are taken.
func measures() []measure {
	return []measure{
		{"baselines", "what PostgreSQL does without us (pgbench, COPY)", false, (*bars).baselines},
		{"nothing", "a handler that does nothing, 1,000 connections", false, (*bars).nothing},
		{"one", "one event over HTTP, 1,000 connections; memory, fsyncs and Redis round trips with it", false, (*bars).one},
		{"one64", "one event over HTTP, 64 connections", false, (*bars).one64},
		{"engine", "one event without HTTP, in this process; WAL with it", false, (*bars).engine},
		{"idle", "p50 of one client alone", false, (*bars).idle},
		{"refusals", "refusals of a sold-out event, and the queries that they cost", false, (*bars).refusals},
		{"confirmed", "booked, paid and CONFIRMED", false, (*bars).confirmed},
		{"burst", "100,000 buyers in 5 s for 10,000 tickets", false, (*bars).burst},
		{"many", "1,000 events evenly", false, (*bars).many},
		{"embedded", "one event in embedded mode, 1,000 connections", false, (*bars).embedded},
		{"start", "from exec to the first answer, embedded", false, (*bars).start},
		{"statistics", "statistics of an event with 1,000,000 bookings", false, (*bars).statistics},
		{"overload", "five times the peak of a slow database arrives for 60 s", true, (*bars).overload},
		{"replicas", "two and three replicas on one event", true, (*bars).replicas},
		{"flat", "one event beside 2,000,000 bookings", true, (*bars).flat},
		{"cold", "a cold event beside a hot one", true, (*bars).cold},
		{"rebuy", "tickets booked again after a cancellation, at the same and at another replica", true, (*bars).rebuy},
		{"hostile", "500 buyers a second beside each client that stopped everybody once", true, (*bars).hostile},
		{"audit", "the audit of one event, over HTTP and by the command", true, (*bars).audit},
		{"search", "search among 1,000 and 300,000 events, in both stores", true, (*bars).search},
		{"snapshot", "ten minutes beside a reader with an old snapshot", true, (*bars).snapshot},
	}
}

// bars is one go at the table.
type bars struct {
	program Program
	config  config.Config
	chosen  []measure
	runs    int
	load    time.Duration // of one measurement
	warmup  time.Duration
	small   int // divides what does not count in seconds; 1 unless --quick
	sheet   *onsale.Sheet
	serial  int // numbers the scratch databases
	clients []onsale.Hostile
}

// runBars measures baselines and figures in one go and shows each bar. Status 1 when a promise was broken: a figure is
// void then. A bar that is missed is no failure of the program.
func runBars(ctx context.Context, p Program, args []string) error {
	fs := flag.NewFlagSet("bench bars", flag.ContinueOnError)
	b := &bars{program: p, sheet: onsale.NewSheet(), small: 1, warmup: 2 * time.Second}
	fs.IntVar(&b.runs, "runs", 3, "how often everything is measured; the table shows medians")
	fs.DurationVar(&b.load, "duration", 10*time.Second, "how long each load lasts")
	only := fs.String("only", "", "measure these alone, separated by commas: "+measureNames(false)+
		"; off unless named, because they take long: "+measureNames(true)+"; or all: every one of them")
	clients := fs.String("clients", "", "of the measure hostile, take these alone, separated by commas: "+hostileNames())
	quick := fs.Bool("quick", false, "a second and a hundredth of the rows each: shows that it works, not how fast")
	asJSON := fs.Bool("json", false, "print the table as JSON")
	markdown := fs.Bool("markdown", false, "print the table as Markdown")
	save := fs.String("save", "", "file to save all runs' figures to, as JSON")
	var err error
	if b.config, err = p.load(fs, args); err != nil {
		return err
	}
	if fs.NArg() > 0 {
		return usageError("bench bars takes flags, not %q", fs.Arg(0))
	}
	if *quick {
		b.load, b.warmup, b.small = time.Second, 0, 100
	}
	if err := b.check(*only); err != nil {
		return err
	}
	if b.clients, err = chooseHostile(*clients); err != nil {
		return err
	}
	if err := b.all(ctx); err != nil {
		return err
	}
	return b.show(*asJSON, *markdown, *save)
}

// measureNames lists the measures that are off unless named, or those that are not.
func measureNames(extra bool) string {
	var names []string
	for _, m := range measures() {
		if m.extra == extra {
			names = append(names, m.name)
		}
	}
	return strings.Join(names, ",")
}

// check refuses what cannot be measured, before anything is.
func (b *bars) check(only string) error {
	if b.runs < 1 || b.runs > 100 {
		return usageError("--runs must be from 1 to 100, not %d", b.runs)
	}
	if b.load < time.Second || b.load > 10*time.Minute {
		return usageError("--duration must be from 1s to 10m, not %s", b.load)
	}
	if b.config.DatabaseURL == "" || b.config.RedisURL == "" {
		return usageError("bench bars needs a scratch PostgreSQL and Redis in DATABASE_URL and REDIS_URL; make bench starts private ones")
	}
	var err error
	b.chosen, err = choose(only)
	return err
}

// choose gives the measures that --only names.
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
			return nil, usageError("--only: there is no measure %q; there are %s,%s and all", name, measureNames(false), measureNames(true))
		}
		chosen = append(chosen, measures()[i])
	}
	return chosen, nil
}

// all takes every chosen measure, run after run, so that a drift of the machine touches all alike.
func (b *bars) all(ctx context.Context) error {
	for run := 1; run <= b.runs; run++ {
		for _, m := range b.chosen {
			b.say("run %d of %d: %s", run, b.runs, m.help)
			if err := m.run(b, ctx); err != nil {
				return fmt.Errorf("%s: %w", m.name, err)
			}
		}
	}
	return nil
}

func (b *bars) say(format string, args ...any) {
	fmt.Fprintf(b.program.Stderr, "bars: "+format+"\n", args...)
}

// add notes a figure, and says so.
func (b *bars) add(k onsale.Key, figure float64) {
	b.say("  %s %.4g", k, figure)
	b.sheet.Add(k, figure)
}

// addResult notes a figure of a result that must have been proven.
func (b *bars) addResult(k onsale.Key, r onsale.Result, figure float64) {
	b.say("  %s %.4g", k, figure)
	for _, a := range r.Answers {
		if a.Class == onsale.Failed || a.Class == onsale.Overloaded {
			b.say("  %s: %d answers with status %d %s", a.Class, a.Count, a.Status, a.Code)
		}
	}
	for _, v := range r.Violations {
		b.say("  VIOLATION: %s", v)
	}
	b.sheet.AddResult(k, r, figure)
}

func (b *bars) show(asJSON, markdown bool, save string) error {
	if save != "" {
		if err := b.sheet.Save(save); err != nil {
			return err
		}
	}
	var err error
	switch {
	case asJSON:
		var text []byte
		if text, err = b.sheet.MarshalJSON(); err == nil {
			_, err = fmt.Fprintf(b.program.Stdout, "%s\n", text)
		}
	case markdown:
		err = b.sheet.Markdown(b.program.Stdout)
	default:
		err = b.sheet.Text(b.program.Stdout)
	}
	if err == nil && len(b.sheet.Voids()) > 0 {
		fmt.Fprintln(b.program.Stderr, "a promise was broken: what is void counts as zero")
		return exitError(1)
	}
	return err
}

// scratch is a new database and an empty Redis.
type scratch struct {
	config config.Config
	redis  *onsale.ScratchRedis
}

// onScratch makes both, lets use have them, and removes them.
func (b *bars) onScratch(ctx context.Context, use func(scratch) error) error {
	b.serial++
	url, err := onsale.ScratchURL(b.config.DatabaseURL, fmt.Sprintf("quantix_bars_%d_%d", os.Getpid(), b.serial))
	if err != nil {
		return err
	}
	redis, err := onsale.TakeScratchRedis(ctx, b.config.RedisURL)
	if err != nil {
		return err
	}
	s := scratch{b.config, redis}
	s.config.DatabaseURL, s.config.RedisURL = url, redis.URL
	err = use(s)
	return errors.Join(err, redis.Close(), onsale.DropScratch(context.WithoutCancel(ctx), url))
}

// onServer starts a private server on a database and a Redis of its own.
func (b *bars) onServer(ctx context.Context, use func(scratch, *private) error, settings ...string) error {
	return b.onScratch(ctx, func(s scratch) error { return b.on(ctx, s, use, settings...) })
}

// on starts a private server on what was made for it.
func (b *bars) on(ctx context.Context, s scratch, use func(scratch, *private) error, settings ...string) error {
	server, err := startPrivate(ctx, b.program, s.config, settings...)
	if err != nil {
		return err
	}
	defer server.stop()
	return use(s, server)
}

// onEmbedded starts a private server in embedded mode.
func (b *bars) onEmbedded(ctx context.Context, use func(*private) error) error {
	c := b.config
	c.DatabaseURL, c.RedisURL = "", ""
	server, err := startPrivate(ctx, b.program, c)
	if err != nil {
		return err
	}
	defer server.stop()
	return use(server)
}

// beside plays a scenario, and does something else from its first buyer on.
func (b *bars) beside(ctx context.Context, server *private, s onsale.Scenario, do func() error) (onsale.Result, error) {
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
func (b *bars) play(ctx context.Context, server *private, s onsale.Scenario) (onsale.Result, error) {
	s.Target = server.url
	if s.Burst == 0 && s.Duration == 0 {
		s.Duration = b.load
	}
	return onsale.Run(ctx, s, nil)
}
