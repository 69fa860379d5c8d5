package app

import (
	"context"
	"time"

	"quantix/internal/config"
	"quantix/internal/jobs"
	"quantix/internal/services"
)

// workerBatch is how many messages a worker reads at once while buyers wait, and workerMost otherwise; never more
// than it can have in hand, for what it has read nobody else gets until it has been dead for half a minute.
const workerBatch, workerMost = 128, 512

// workers is every background loop of this process, at work or not.
type workers struct {
	group jobs.Group
	stop  context.CancelFunc
	done  chan error
}

// workers puts the loops together. Any number of processes may run them all.
func (a *App) workers() *workers {
	settings := jobs.Settings{
		Observer: a.metrics, Noted: a.monitor.Note, Logger: a.logger, Grace: a.config.ShutdownTimeout / 2,
	}
	upkeep := services.NewUpkeep(a.store, a.office)
	giveWay := jobs.GiveWayTo(a.office.Waiting, a.payments.Lag, a.config.PaymentDeadline)
	// Old entries can wait for as long as buyers come; payments cannot.
	patient := jobs.GiveWayTo(a.office.Waiting, func() time.Duration { return 0 }, a.config.PaymentDeadline)
	var marks jobs.MarkStore = a.store
	if a.config.Queue() == config.InProcess {
		marks = &jobs.LocalQueueMarks{MarkStore: a.store}
	}
	auditor := &jobs.Auditor{Settings: settings, Store: a.store}
	a.auditGauges(auditor)
	return &workers{group: jobs.Group{
		Logger: a.logger, Grace: a.config.ShutdownTimeout * 6 / 10,
		Loops: []jobs.Loop{
			&jobs.Reconciler{Settings: settings, Store: marks, Queue: a.queue},
			&jobs.Relay{Settings: settings, Store: marks, Queue: a.queue, Wake: a.booked, GiveWay: giveWay},
			&jobs.Worker{
				Settings: settings, Queue: a.queue, Payments: a.payments, Letters: a.store,
				Batch: min(workerBatch, 2*a.config.PaymentConcurrency), Most: min(workerMost, 2*a.config.PaymentConcurrency),
				GiveWay: giveWay,
			},
			&jobs.Reclaimer{Settings: settings, Queue: a.queue, Payments: a.payments, Letters: a.store},
			&jobs.Retrier{Settings: settings, Payments: a.payments},
			&jobs.Refunder{Settings: settings, Payments: a.payments},
			&jobs.Strays{Settings: settings, Payments: a.payments},
			&jobs.Chronicler{Settings: settings, Payments: a.payments},
			&jobs.Sweeper{Settings: settings, Upkeep: upkeep},
			&jobs.Canceller{Settings: settings, Upkeep: upkeep},
			auditor,
			&jobs.Forgetter{Settings: settings, Log: a.store, Age: a.config.AccessLogRetention},
			&jobs.Pruner{Settings: settings, Store: a.store, Age: a.config.JournalRetention, GiveWay: patient},
		},
	}}
}

// auditGauges shows what the audit has found; nothing before its first complete round.
func (a *App) auditGauges(auditor *jobs.Auditor) {
	a.metrics.Gauge("quantix_audit_differences", "Differences that the last complete round of the audit has found.",
		func(context.Context) (float64, error) {
			last, err := auditor.Last()
			return float64(last.Differences), err
		})
	a.metrics.Gauge("quantix_audit_last_seconds", "Seconds since the last complete round of the audit.",
		func(context.Context) (float64, error) {
			last, err := auditor.Last()
			return time.Since(last.At).Seconds(), err
		})
}

// start lets the loops work.
func (w *workers) start() {
	ctx, cancel := context.WithCancel(context.Background())
	w.stop, w.done = cancel, make(chan error, 1)
	go func() { w.done <- w.group.Run(ctx) }()
}

// end stops the loops after what they have in hand.
func (w *workers) end() error {
	w.stop()
	return <-w.done
}
