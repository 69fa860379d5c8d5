// Package app is the composition root: it chooses the adapters that the settings ask for, and puts the program together
// from them. Nothing else names an adapter, but for what `quantix bench` measures.
package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"quantix/internal/boxoffice"
	"quantix/internal/config"
	"quantix/internal/feed"
	"quantix/internal/handlers"
	"quantix/internal/health"
	"quantix/internal/identity"
	"quantix/internal/metrics"
	"quantix/internal/models"
	"quantix/internal/payments"
	"quantix/internal/queue"
	"quantix/internal/sale"
	"quantix/internal/services"
)

// Setup is what a program is put together by.
type Setup struct {
	Config  config.Config
	Logger  *slog.Logger
	Version string // of this program
}

// App is the program put together: a store, a box office and the use cases. Servers add a queue and the jobs.
type App struct {
	Currency models.Currency // of all prices
	Events   *services.Events
	Users    *services.Users

	config  config.Config
	logger  *slog.Logger
	version string
	metrics *metrics.Metrics
	store   Store
	office  *boxoffice.Office
	queue   queue.Queue   // nil for commands that only read or write
	booked  chan struct{} // wakes the relay
	gateway *gateway
	monitor *health.Monitor
	unwatch func() // ends what watch began
	unguard func() // ends what guard began

	bookings   *services.Bookings
	letters    *services.Letters
	organizers *services.Organizers
	keys       *services.Keys
	accessLog  *services.AccessLog
	exports    *services.Exports
	gate       *identity.Gate // nil: nobody is asked who they are

	connections *connections
	limits      *handlers.Limits // nil: none
	closeLimits func() error

	payments  *services.Payments
	callbacks *services.Callbacks
	feed      *feed.Feed
}

// Open puts the program together on the store that the settings ask for.
func Open(ctx context.Context, s Setup, access Access) (*App, error) {
	c := s.Config
	currency, err := models.ParseCurrency(c.Currency)
	if err != nil {
		return nil, fmt.Errorf("CURRENCY: %w", err)
	}
	a := &App{
		Currency: currency, config: c, logger: s.Logger, version: s.Version, metrics: metrics.New(s.Version),
		booked: make(chan struct{}, 1),
	}
	a.connections = newConnections(c.MaxConnections, s.Logger)
	a.monitor, a.unwatch, a.unguard = health.New(), func() {}, func() {}
	a.closeLimits = func() error { return nil }
	if a.store, err = OpenStore(ctx, c, s.Logger, access); err != nil {
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
	a.Events = services.NewEvents(a.store, a.office)
	if limited, is := a.gateway.port.(payments.Limited); is {
		a.Events = a.Events.ChargedBy(limited.CanCharge)
	}
	a.Users = services.NewUsers(a.store).Refunded(c.RefundWindow)
	a.bookings = services.NewBookings(a.store, a.office, services.BookingOptions{
		MaxTickets: int64(c.MaxTicketsPerBooking), Methods: a.gateway.methods,
	})
	a.letters = services.NewLetters(a.store, a.office)
	a.organizers, a.keys = services.NewOrganizers(a.store), services.NewKeys(a.store)
	a.accessLog, a.exports = services.NewAccessLog(a.store), services.NewExports(a.Users, a.store)
	a.gate = openGate(c, a.store, a.logger)
	a.callbacks = services.NewCallbacks(a.office, a.gateway.notifiers, nil).Keeping(a.store)
	a.feed = feed.New(a.store, feed.Options{
		Encoding: handlers.FeedEncoding(), MaxStreams: c.MaxStreams, Buyers: a.office.Waiting,
	})
	a.payments = services.NewPayments(a.store, a.office, a.gateway.port, services.PaymentOptions{
		Concurrency: c.PaymentConcurrency, RetryBase: c.PaymentRetryBase, Observer: a.metrics, Logger: a.logger,
	})
	return a, nil
}

// Close stops the desks after they have answered, then lets go of the rest. A database that does not let go in time is
// left to the end of the process.
func (a *App) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), a.config.ShutdownTimeout*3/10)
	defer cancel()
	err := a.office.Close(ctx)
	a.unwatch()
	a.unguard()
	a.gateway.close()
	err = errors.Join(err, a.closeLimits())
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
func (a *App) wakeRelay() {
	select {
	case a.booked <- struct{}{}:
	default:
	}
}
