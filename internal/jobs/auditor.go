package jobs

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"quantix/internal/models"
	"quantix/internal/retry"
	"quantix/internal/sale"
)

// AuditorStore is what the auditor reads.
type AuditorStore interface {
	EventIDs(ctx context.Context, after models.EventID, limit int) ([]models.EventID, error)
	AuditFacts(ctx context.Context, id models.EventID) (models.AuditFacts, error)
}

// Auditor recomputes every event's counters and money from its bookings, charges and refunds, some events at a time,
// round after round, beside the sale and without a lock. Each difference is logged as an error; it repairs nothing.
type Auditor struct {
	Settings // Interval: default 30 s
	Store    AuditorStore
	Events   int // events audited at once; default 100
	// Share is how many times as long as an audit took the next one waits at least, so that large events do not keep
	// the database busy; default 20.
	Share int

	after  models.EventID // the last event of this round so far
	found  int            // differences of this round so far
	missed bool           // an event of this round could not be audited

	mu   sync.Mutex
	last AuditRound
}

// AuditRound is what a complete round over all events has found.
type AuditRound struct {
	Differences int
	At          time.Time // when it ended, by this machine's clock
}

var errNoRound = errors.New("no round of the audit is complete yet")

// Name is "auditor".
func (a *Auditor) Name() string { return "auditor" }

// Last returns the last complete round. Error: there was none yet.
func (a *Auditor) Last() (AuditRound, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.last.At.IsZero() {
		return a.last, errNoRound
	}
	return a.last, nil
}

// Run audits until the context ends.
func (a *Auditor) Run(ctx context.Context) error {
	a.Events = cmp.Or(a.Events, 100)
	a.Share = cmp.Or(a.Share, 20)
	a.Settings = a.withDefaults(30 * time.Second)
	p := poller{Settings: a.Settings, name: a.Name()}
	return p.run(ctx, func(context.Context) (int, bool, error) {
		// There is nothing to finish: the loop's own context ends an audit at once.
		begun := time.Now()
		audited, err := a.step(ctx)
		retry.Pause(ctx, min(time.Since(begun)*time.Duration(a.Share), maxAuditPause))
		if ctx.Err() != nil {
			err = nil
		}
		return audited, false, err
	})
}

const maxAuditPause = 10 * time.Minute

// step audits the next events. When one cannot be read, the next step goes on behind it, so that one event does not
// keep the others from being audited; the round is then none that counts.
func (a *Auditor) step(ctx context.Context) (audited int, err error) {
	ids, err := a.Store.EventIDs(ctx, a.after, a.Events)
	if err != nil {
		return 0, fmt.Errorf("list events: %w", err)
	}
	for _, id := range ids {
		a.after = id
		facts, err := a.Store.AuditFacts(ctx, id)
		if err != nil {
			a.missed = true
			return audited, fmt.Errorf("audit event %s: %w", id, err)
		}
		a.report(sale.Audit(facts))
		audited++
	}
	if len(ids) < a.Events {
		a.complete()
	}
	return audited, nil
}

func (a *Auditor) report(r models.AuditReport) {
	for _, d := range r.Differences {
		a.Logger.Error("the audit found a difference: keep the database as it is and report it",
			"event_id", r.EventID, "what", d.What, "have", d.Have, "want", d.Want)
	}
	a.found += len(r.Differences)
}

// complete ends a round; the next one begins with the first event.
func (a *Auditor) complete() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.missed {
		a.last = AuditRound{Differences: a.found, At: time.Now()}
	}
	a.after, a.found, a.missed = models.EventID{}, 0, false
}
