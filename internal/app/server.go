package app

import (
	"context"
	"errors"
	"net"
	"net/http"
	"sync"
	"time"

	"quantix/internal/config"
	"quantix/internal/handlers"
	"quantix/internal/payments"
)

// Bounds on what comes from outside, before any handler sees it.
const (
	readHeaderTimeout = 5 * time.Second
	readTimeout       = 15 * time.Second
	writeTimeout      = 30 * time.Second
	idleTimeout       = 75 * time.Second // more than proxies keep a connection for, which are to end it first
	maxHeaderBytes    = 16 << 10
)

// Serve answers the API until ctx ends, and runs the workers, too, if it is to.
func Serve(ctx context.Context, s Setup, works bool) error {
	a, err := openServer(ctx, s, role{sells: true, works: works})
	if err != nil {
		return err
	}
	listener, err := listen(ctx, a.config.Addr(), "PORT")
	if err != nil {
		return errors.Join(err, a.Close())
	}
	closeMetrics, err := a.openMetrics(ctx)
	if err != nil {
		return errors.Join(err, listener.Close(), a.Close())
	}
	defer closeMetrics()
	if !works {
		return a.serve(ctx, listener, nil)
	}
	return a.serve(ctx, listener, a.workers())
}

// Work runs the workers alone until ctx ends.
func Work(ctx context.Context, s Setup) error {
	a, err := openServer(ctx, s, role{works: true})
	if err != nil {
		return err
	}
	loops := a.workers()
	loops.start()
	a.watch()
	closeHealth := a.openHealth(ctx)
	a.logger.Info("quantix works", "version", a.version, "store", a.config.Store(), "queue", a.config.Queue())
	<-ctx.Done()
	a.logger.Info("stopping: finishing what is in hand; a second signal ends it at once")
	return a.stopped(errors.Join(loops.end(), closeHealth(), a.Close()))
}

// role is what a process does.
type role struct{ sells, works bool }

// openServer opens the program with its queue.
func openServer(ctx context.Context, s Setup, does role) (*App, error) {
	a, err := Open(ctx, s, Writing)
	if err != nil {
		return nil, err
	}
	installation, err := a.store.Installation(ctx)
	if err == nil {
		if shared, is := a.gateway.port.(payments.Shared); is {
			shared.BelongTo(installation)
		}
		a.queue, err = OpenQueue(a.config, installation)
	}
	if err == nil && does.sells {
		err = a.openLimits(installation)
	}
	if err != nil {
		return nil, errors.Join(err, a.Close())
	}
	a.queue = guarded(a.queue, a, installation)
	a.monitor.Start(a.monitorOptions(does))
	a.gauges()
	return a, nil
}

// serve answers until the context ends, then stops in the order in which things depend on each other.
func (a *App) serve(ctx context.Context, listener net.Listener, loops *workers) error {
	handler, err := a.handler()
	if err != nil {
		return errors.Join(err, listener.Close(), a.Close())
	}
	server := a.bounded(handler)
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	if loops != nil {
		loops.start()
	}
	a.watch()
	a.unguard = a.guard()
	a.tellAccess()
	a.tellKeys(ctx)
	a.logger.Info("quantix is ready", "address", "http://"+readable(listener.Addr()), "version", a.version,
		"store", a.config.Store(), "queue", a.config.Queue(), "docs", "http://"+readable(listener.Addr())+"/docs")
	select {
	case err = <-failed:
	case <-ctx.Done():
		a.logger.Info("stopping: finishing what is in hand; a second signal ends it at once")
	}
	return a.stopped(errors.Join(err, a.stop(server, loops)))
}

// bounded is a server that no client can keep waiting. "OPTIONS *" is answered as everything else is, and not by
// net/http, which knows none of our headers.
func (a *App) bounded(handler http.Handler) *http.Server {
	return &http.Server{
		Handler: handler, ReadHeaderTimeout: readHeaderTimeout, ReadTimeout: readTimeout, WriteTimeout: writeTimeout,
		IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeaderBytes, DisableGeneralOptionsHandler: true,
		ConnState: a.connections.changed,
	}
}

// stop ends everything within SHUTDOWN_TIMEOUT: requests and loops finish side by side, then the desks answer, then the
// store closes. A client that never finishes its request is cut off; what it sent so far has done nothing.
func (a *App) stop(server *http.Server, loops *workers) error {
	a.feed.Close() // a stream has no end of its own, and its reader goes on at another replica
	var answering sync.WaitGroup
	answering.Go(func() {
		ctx, cancel := context.WithTimeout(context.Background(), a.config.ShutdownTimeout/2)
		defer cancel()
		if server.Shutdown(ctx) != nil {
			a.logger.Warn("some clients did not finish their requests in time and are cut off")
			_ = server.Close()
		}
	})
	var err error
	if loops != nil {
		err = loops.end()
	}
	answering.Wait()
	return errors.Join(err, a.Close())
}

// stopped says how the end went: cleanly, or not within its time.
func (a *App) stopped(err error) error {
	if err == nil {
		a.logger.Info("stopped")
	}
	return err
}

// readable is an address that a person can open: an unspecified host is this machine.
func readable(address net.Addr) string {
	host, port, err := net.SplitHostPort(address.String())
	if ip := net.ParseIP(host); err != nil || ip == nil || !ip.IsUnspecified() {
		return address.String()
	}
	return net.JoinHostPort("localhost", port)
}

func (a *App) handler() (http.Handler, error) {
	return handlers.New(handlers.Deps{
		Events: a.Events, Users: a.Users, Bookings: a.bookings, Letters: a.letters, Callbacks: a.callbacks,
		Feed: a.feed, Organizers: a.organizers, Keys: a.keys, AccessLog: a.accessLog, Exports: a.exports,
		Gate: asGate(a.gate), PublicURL: a.config.PublicURL, CORSOrigins: a.config.CORSOrigins,
		TransportSecurity: a.config.Environment == config.Production,
		Currency:          a.Currency, Logger: a.logger, Ready: a.ready, Metrics: a.metricsOfAPI(), Observer: a.metrics,
		Version: a.version, TrustedProxies: a.config.TrustedProxies,
		AllowedHosts: allowedHosts(a.config), Limits: a.limits,
	})
}

// gauges shows what waits, and how all does.
func (a *App) gauges() {
	a.healthGauges()
	a.metrics.Gauge("quantix_connections", "Connections of clients that are open.", func(context.Context) (float64, error) {
		return float64(a.connections.open.Load()), nil
	})
	a.metrics.Gauge("quantix_streams", "Streams of feeds and counters that are open.", func(context.Context) (float64, error) {
		return float64(a.feed.Streams()), nil
	})
	a.metrics.Gauge("quantix_outbox_rows", "Rows of the outbox that wait to be published.", func(ctx context.Context) (float64, error) {
		n, err := a.store.OutboxDepth(ctx)
		return float64(n), err
	})
	a.metrics.Gauge("quantix_dead_letters", "Dead letters: payments that need manual review.", func(ctx context.Context) (float64, error) {
		n, err := a.store.CountDeadLetters(ctx)
		return float64(n), err
	})
	a.metrics.Gauge("quantix_queue_messages", "Messages in the payment queue, those in hand included.", func(ctx context.Context) (float64, error) {
		n, err := a.queue.Depth(ctx)
		return float64(n), err
	})
}
