package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"quantix/internal/boxoffice"
	"quantix/internal/config"
	"quantix/internal/handlers"
	"quantix/internal/health"
	"quantix/internal/metrics"
	"quantix/internal/models"
	"quantix/internal/payments"
	"quantix/internal/queue"
	"quantix/internal/repository"
	"quantix/internal/sale"
	"quantix/internal/services"
)

// app is the program put together: a store, a box office and the use cases. Servers add a queue and the jobs.
type app struct {
	config   config.Config
	logger   *slog.Logger
	currency models.Currency
	metrics  *metrics.Metrics
	store    repository.Store
	office   *boxoffice.Office
	queue    queue.Queue   // nil for commands that only read or write
	booked   chan struct{} // wakes the relay
	gateway  *gateway
	monitor  *health.Monitor
	unwatch  func() // ends what watch began

	events    *services.Events
	users     *services.Users
	bookings  *services.Bookings
	letters   *services.Letters
	payments  *services.Payments
	callbacks *services.Callbacks
}

// open puts the program together on the store that the settings ask for.
func open(ctx context.Context, p Program, c config.Config, access access) (*app, error) {
	currency, err := models.ParseCurrency(c.Currency)
	if err != nil {
		return nil, fmt.Errorf("CURRENCY: %w", err)
	}
	a := &app{config: c, logger: newLogger(p.Stderr, c), currency: currency, metrics: metrics.New(version), booked: make(chan struct{}, 1)}
	a.monitor, a.unwatch = health.New(), func() {}
	if a.store, err = openStore(ctx, p, c, access); err != nil {
		return nil, err
	}
	if a.gateway, err = openGateway(c, a.store, a.logger); err != nil {
		return nil, errors.Join(err, a.store.Close())
	}
	rules := sale.Rules{PaymentDeadline: c.PaymentDeadline, RefundWindow: c.RefundWindow}
	a.office = boxoffice.New(a.store, boxoffice.Options{
		Rules: rules, MaxInbox: c.MaxInbox, MaxWait: c.MaxWait, Logger: a.logger, Published: a.wakeRelay,
		Observer: observer{a.metrics, a.monitor},
		Patience: handlers.DefaultTimeout,
	})
	a.events = services.NewEvents(a.store, a.office)
	if limited, is := a.gateway.port.(payments.Limited); is {
		a.events = a.events.ChargedBy(limited.CanCharge)
	}
	a.users = services.NewUsers(a.store).Refunded(c.RefundWindow)
	a.bookings = services.NewBookings(a.store, a.office, int64(c.MaxTicketsPerBooking)).PaidWith(a.gateway.methods)
	a.letters = services.NewLetters(a.store, a.office)
	a.callbacks = services.NewCallbacks(a.office, a.gateway.notifiers, nil).Keeping(a.store)
	a.payments = services.NewPayments(a.store, a.office, a.gateway.port, services.PaymentOptions{
		Concurrency: c.PaymentConcurrency, RetryBase: c.PaymentRetryBase, Observer: a.metrics, Logger: a.logger,
	})
	return a, nil
}

// close stops the desks after they have answered, then lets go of the rest. A database that does not let go in time is
// left to the end of the process.
func (a *app) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), a.config.ShutdownTimeout*3/10)
	defer cancel()
	err := a.office.Close(ctx)
	a.unwatch()
	a.gateway.close()
	if a.queue != nil {
		err = errors.Join(err, a.queue.Close())
	}
	closed := make(chan error, 1)
	go func() { closed <- a.store.Close() }()
	select {
	case closeErr := <-closed:
		return errors.Join(err, closeErr)
	case <-ctx.Done():
		return errors.Join(err, fmt.Errorf("close the store: %w", ctx.Err()))
	}
}

// wakeRelay tells the relay that a row may be there; one token is enough for any number of rows.
func (a *app) wakeRelay() {
	select {
	case a.booked <- struct{}{}:
	default:
	}
}
