package onsale

import (
	"context"
	"fmt"
	"io"
	"sync"
	"time"
)

// Run prepares users and events, plays the scenario, proves the outcome and returns what was measured. It writes a
// live line to progress (nil: nowhere). When ctx ends early the result holds what was measured until then, unproven,
// and the error is ctx's.
func Run(ctx context.Context, s Scenario, progress io.Writer) (Result, error) {
	s, err := s.Complete()
	if err != nil {
		return Result{Scenario: s}, fmt.Errorf("scenario: %w", err)
	}
	to, err := parseTarget(s.Target, s.AllowRemote)
	to = to.showing(s.Key)
	if err != nil {
		return Result{Scenario: s}, err
	}
	p := &play{s: s, to: to, id: newRunID(), report: newReporter(progress)}
	defer p.close()
	if err := p.prepare(ctx); err != nil {
		return Result{Scenario: s}, fmt.Errorf("prepare the on-sale: %w", err)
	}
	return p.perform(ctx)
}

// play is one run of a scenario.
type play struct {
	s      Scenario
	to     target
	id     string
	report *reporter
	users  []string
	events []string
	conns  []*conn
}

func (p *play) prepare(ctx context.Context) (err error) {
	p.report.say("preparing %d users and %d events of %d tickets", p.s.Users, p.s.Events, p.s.TicketsPerEvent)
	if p.users, err = createUsers(ctx, p.to, p.id, p.s.Users); err != nil {
		return err
	}
	if p.events, err = createEvents(ctx, p.to, p.s, "On-sale "+p.id, p.s.Events, p.s.TicketsPerEvent); err != nil {
		return err
	}
	if err := p.makeConns(); err != nil {
		return err
	}
	if err := dialAll(ctx, p.conns); err != nil {
		return fmt.Errorf("open %d connections: %w", len(p.conns), err)
	}
	return p.warmUp(ctx)
}

// makeConns spreads the connections over the target and its replicas.
func (p *play) makeConns() error {
	targets := []target{p.to}
	for _, url := range p.s.Replicas {
		to, err := parseTarget(url, p.s.AllowRemote)
		to = to.showing(p.s.Key)
		if err != nil {
			return err
		}
		targets = append(targets, to)
	}
	for i := range p.s.Connections {
		p.conns = append(p.conns, newConn(targets[i%len(targets)]))
	}
	return nil
}

// warmUp books on an event of its own: the measured events stay whole, while pools, caches and code get warm.
func (p *play) warmUp(ctx context.Context) error {
	if p.s.Warmup == 0 {
		return nil
	}
	p.report.say("warming up for %s", p.s.Warmup)
	s := p.s
	s.Model, s.Duration, s.Rate, s.Burst, s.Surge, s.GiveUp = Closed, p.s.Warmup, 0, 0, nil, 0
	events, err := createEvents(ctx, p.to, s, "Warm-up "+p.id, 1, 1<<30)
	if err != nil {
		return err
	}
	newLoad(s, p.to, newRunID(), p.users, events, p.conns).run(ctx)
	return ctx.Err()
}

// perform plays the measured load and proves it.
func (p *play) perform(ctx context.Context) (Result, error) {
	l := newLoad(p.s, p.to, p.id, p.users, p.events, p.conns)
	if p.s.Begun != nil {
		p.s.Begun()
	}
	started := time.Now()
	watch := p.load(ctx, l)
	res := newResult(p.s, started, l.rec.merge())
	if ctx.Err() != nil {
		res.Violations = append(res.Violations, "interrupted: nothing was proven")
		return res, ctx.Err()
	}
	p.closeConns() // the server need not hold them through the audit
	if watch != nil {
		var err error
		p.report.say("waiting until every booking is settled, at most %s", p.s.Drain)
		if res.Confirmations, err = watch.drain(ctx, p.s.Drain); err != nil {
			res.Violations = append(res.Violations, fmt.Sprintf("confirmations: %v", err))
		}
	}
	p.report.say("auditing %d events", len(p.events))
	verdicts, violations := verify(ctx, p.to, p.s, p.events, l.rec.merge())
	res.Audits, res.Violations = verdicts, append(res.Violations, violations...)
	return res, ctx.Err()
}

// load runs l with the live line, and the watcher if the scenario wants one, beside it.
func (p *play) load(ctx context.Context, l *load) *watcher {
	done, since := make(chan struct{}), time.Now()
	var beside sync.WaitGroup
	beside.Go(func() { p.report.during(l.rec, done, since) })
	var watch *watcher
	if p.s.WatchConfirmations {
		watch = newWatcher(p.to, p.events)
		beside.Go(func() { watch.during(ctx, done, since) })
	}
	l.run(ctx)
	close(done)
	beside.Wait()
	return watch
}

func (p *play) closeConns() {
	for _, c := range p.conns {
		c.close()
	}
}

func (p *play) close() { p.closeConns() }
