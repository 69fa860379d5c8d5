package app

import (
	"context"
	"fmt"
	"os"
	"time"

	"quantix/internal/config"
	"quantix/internal/handlers"
	"quantix/internal/health"
	"quantix/internal/metrics"
	"quantix/internal/models"
)

// observer has the metrics and the monitor told of what desks do.
type observer struct {
	*metrics.Metrics
	monitor *health.Monitor
}

// Batch counts a transaction of a desk, and notes whether bookings can be written.
func (o observer) Batch(commands int, took time.Duration, err error) {
	o.Metrics.Batch(commands, took, err)
	o.monitor.Committed(err)
}

// monitorOptions say what this process is, and what to look at.
func (a *App) monitorOptions(does role) health.Options {
	o := health.Options{
		Process: models.Process{
			ID: models.NewID[models.ProcessID](), Name: processName(), Sells: does.sells, Works: does.works,
			Payments: PaymentsName(a.config), Version: a.version,
		},
		Store: a.store, Logger: a.logger, Queue: a.queue.Ping,
		Schema: func(ctx context.Context) error { return CheckSchema(ctx, a.config, a.store) },
	}
	if does.works {
		o.Loops = watchedLoops
	}
	return o
}

// watchedLoops are those that holds, payments and refunds need.
var watchedLoops = []string{"relay", "worker", "reclaimer", "retrier", "refunder", "sweeper", "canceller", "reconciler"}

// processName tells people which process one is.
func processName() string {
	host, err := os.Hostname()
	if err != nil || host == "" {
		host = "a process"
	}
	return fmt.Sprintf("%.200s (pid %d)", host, os.Getpid())
}

// PaymentsName is who takes the money, with what must be the same for those who sell and those who charge. It holds no
// secrets: of a key only whether it is live.
func PaymentsName(c config.Config) string {
	if c.PaymentGateway != config.Stripe {
		return string(config.Simulator) + ", " + c.Currency
	}
	name := string(config.Stripe) + " " + stripeMode(c.Stripe.SecretKey)
	if c.Stripe.APIURL != "" {
		name += " at " + c.Stripe.APIURL
	}
	return fmt.Sprintf("%.240s, %s", name, c.Currency)
}

// watch has the monitor look until the program ends.
func (a *App) watch() {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		a.monitor.Run(ctx)
	}()
	a.unwatch = func() {
		cancel()
		<-done
	}
}

// ready tells what this server can do now.
func (a *App) ready(ctx context.Context) handlers.Readiness {
	report := a.monitor.Examine(ctx)
	readiness := handlers.Readiness{Ready: report.Ready()}
	for _, s := range report {
		readiness.Checks = append(readiness.Checks, handlers.Check{
			Name: s.Part, Status: string(s.Status), Since: s.Since, Detail: s.Detail, Remedy: s.Remedy,
		})
	}
	return readiness
}

// healthGauges shows how each part does.
func (a *App) healthGauges() {
	statuses := make([]string, len(health.Statuses))
	for i, s := range health.Statuses {
		statuses[i] = string(s)
	}
	a.metrics.Health(statuses, func(ctx context.Context) map[string]string {
		parts := map[string]string{}
		for _, s := range a.monitor.Examine(ctx) {
			parts[s.Part] = string(s.Status)
		}
		return parts
	})
}
