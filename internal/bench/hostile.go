package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"quantix/internal/onsale"
)

// hostileRate buyers a second come beside each hostile client.
const hostileRate = 500

// hostileBound is what the p99 may be beside a hostile client, however good it is without.
const hostileBound = 250 * time.Millisecond

// HostileNames lists the hostile clients.
func HostileNames() string {
	var names []string
	for _, h := range onsale.Hostiles() {
		names = append(names, h.Name)
	}
	return strings.Join(names, ",")
}

// chooseHostile returns the clients that --clients names; all if none.
func chooseHostile(names string) (chosen []onsale.Hostile, err error) {
	all := onsale.Hostiles()
	if names == "" {
		return all, nil
	}
	for name := range strings.SplitSeq(names, ",") {
		i := slices.IndexFunc(all, func(h onsale.Hostile) bool { return h.Name == strings.TrimSpace(name) })
		if i < 0 {
			return nil, fmt.Errorf("--clients: there is no client %q; there are %s", name, HostileNames())
		}
		chosen = append(chosen, all[i])
	}
	return chosen, nil
}

// worst gathers the figures of the hostile clients of one run.
type worst struct {
	of                           Key // the measure
	served, p99, unready, memory float64
	results                      []onsale.Result
}

// hostile has buyers come beside each hostile client, on a server of its own, and notes the worst figures.
func (b *Bars) hostile(ctx context.Context) error {
	w := worst{of: "hostile", served: 100}
	for _, h := range b.clients {
		err := b.onServer(ctx, func(s scratch, server *private) error {
			b.say(" %s: %s", h.Name, h.Help)
			subject, err := b.fillFor(ctx, h, s.config.DatabaseURL, func(n need) fill { return n.postgres })
			if err != nil {
				return err
			}
			return b.disturbed(ctx, site{server, s.config.DatabaseURL, subject}, h, &w)
		})
		if err != nil {
			return err
		}
	}
	b.addWorst(w, HostileServed, HostileP99, HostileReady, HostileMemory)
	return nil
}

// hostileEmbedded does so in embedded mode, where what a client needs is made before its server starts.
func (b *Bars) hostileEmbedded(ctx context.Context) error {
	w := worst{of: "hostile_embedded", served: 100}
	for _, h := range b.clients {
		b.say(" %s: %s", h.Name, h.Help)
		if err := b.disturbedEmbedded(ctx, h, &w); err != nil {
			return err
		}
	}
	b.addWorst(w, HostileServedEmb, HostileP99Emb, HostileReadyEmb, HostileMemoryEmb)
	return nil
}

func (b *Bars) disturbedEmbedded(ctx context.Context, h onsale.Hostile, w *worst) error {
	dir, err := os.MkdirTemp("", "quantix-bench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	subject, err := b.fillFor(ctx, h, filepath.Join(dir, "data"), func(n need) fill { return n.sqlite })
	if err != nil {
		return err
	}
	c := b.Config
	c.DatabaseURL, c.RedisURL = "", ""
	server, err := launch(ctx, b.Progress, c, dir)
	if err != nil {
		return err
	}
	defer server.stop()
	return b.disturbed(ctx, site{server: server, subject: subject}, h, w)
}

// fillFor makes what a hostile client needs where it is told, and returns the id of what the client is after.
func (b *Bars) fillFor(
	ctx context.Context, h onsale.Hostile, where string, in func(need) fill,
) (subject string, err error) {
	n, is := needs[h.Name]
	if !is {
		return "", nil
	}
	return in(n)(ctx, where, max(n.rows/b.small, 1))
}

// addWorst notes the worst figures of all clients.
func (b *Bars) addWorst(w worst, served, p99, ready, memory Key) {
	var all onsale.Result
	for _, r := range w.results {
		all.Audits, all.Violations = append(all.Audits, r.Audits...), append(all.Violations, r.Violations...)
	}
	b.addResult(served, all, w.served)
	b.addResult(p99, all, w.p99)
	b.addResult(ready, all, w.unready)
	b.addResult(memory, all, w.memory)
}

// site is where a hostile client meets the buyers.
type site struct {
	server  *private
	address string // of its PostgreSQL; empty: embedded
	subject string // what the client is after
}

// disturbed plays the same buyers without and with one hostile client.
func (b *Bars) disturbed(ctx context.Context, at site, h onsale.Hostile, w *worst) error {
	server := at.server
	buyers := onsale.Scenario{Model: onsale.Open, Rate: hostileRate, Connections: 256, Users: 100}
	if b.small == 1 { // so that all is warm, and as it will be
		if _, err := b.play(ctx, server, buyers); err != nil {
			return err
		}
	}
	alone, err := b.play(ctx, server, buyers)
	if err != nil {
		return err
	}
	before, told := countProcessorTime(ctx, at.address, server.pid)
	r, d, err := b.playDisturbed(ctx, server, buyers, h, at.subject)
	if err != nil {
		return err
	}
	after, still := countProcessorTime(ctx, at.address, server.pid)
	if used := after.Minus(before); told == nil && still == nil {
		b.say("  processor time: server %s, PostgreSQL %s, buyers %s", used.Server, used.Postgres, used.Generator)
	}
	memory, err := peakMemory(server.pid)
	if err == nil {
		b.compare(h, alone, r, d, memory, w)
	}
	return err
}

// compare notes what became of buyers beside a hostile client.
func (b *Bars) compare(h onsale.Hostile, alone, r onsale.Result, d disturbance, memory float64, w *worst) {
	undisturbed, p99 := alone.Journey.P99, r.Journey.P99
	served := 100 * float64(r.Buyers[onsale.Accepted]) / (hostileRate * r.Scenario.Duration.Seconds())
	key := w.of.Of(h.Name)
	b.add(key.Of("goes"), float64(d.Goes))
	b.add(key.Of("served"), served)
	b.add(key.Of("alone_ms"), milliseconds(undisturbed))
	b.add(key.Of("p99_ms"), milliseconds(p99))
	b.add(key.Of("unready"), float64(len(d.unready)))
	b.add(key.Of("mb"), memory)
	b.say("  the buyers were sent late by %.4g ms (p99); the client's answers by hundreds, none first: %v; %d looks at /readyz",
		milliseconds(r.Lateness.P99), d.Answers, d.looks)
	for _, fault := range d.unready[:min(len(d.unready), 5)] {
		b.say("  /readyz %s", fault)
	}
	w.served, w.memory = min(w.served, served), max(w.memory, memory)
	w.unready += float64(len(d.unready))
	w.p99 = max(w.p99, float64(p99)/float64(max(3*undisturbed, hostileBound)))
	w.results = append(w.results, r)
}

// disturbance is what a hostile client did, and what became of /readyz meanwhile.
type disturbance struct {
	onsale.Disturbance
	looks   int
	unready []string
}

// playDisturbed plays a scenario beside what a hostile client does from its first buyer to its last: in a process of
// its own, so that it takes the system's turns, and not those of the buyers.
func (b *Bars) playDisturbed(
	ctx context.Context, server *private, s onsale.Scenario, h onsale.Hostile, subject string,
) (r onsale.Result, d disturbance, err error) {
	r, err = b.beside(ctx, server, s, func() error {
		watching, end := context.WithCancel(ctx)
		defer end()
		watched := make(chan error, 1)
		go func() {
			var err error
			d.looks, d.unready, err = onsale.WatchReady(watching, server.url)
			watched <- err
		}()
		var err error
		d.Disturbance, err = disturb(ctx, "--client", h.Name, "--target", server.url, "--subject", subject,
			"--duration", b.Load.String())
		end()
		return errors.Join(err, <-watched)
	})
	return r, d, err
}

// disturb runs this program as a hostile client, and returns what it did.
func disturb(ctx context.Context, args ...string) (d onsale.Disturbance, err error) {
	err = runSelf(ctx, &d, "disturb", args...)
	return d, err
}

// HostileNamed returns the one hostile client of that name.
func HostileNamed(name string) (onsale.Hostile, error) {
	chosen, err := chooseHostile(name)
	if err == nil && len(chosen) != 1 {
		err = fmt.Errorf("--client: name one of %s", HostileNames())
	}
	if err != nil {
		return onsale.Hostile{}, err
	}
	return chosen[0], nil
}
