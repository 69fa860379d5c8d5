package cli

import (
	"context"
	"errors"
	"flag"
	"net"
	"net/http"
	"runtime/debug"
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
	idleTimeout       = 2 * time.Minute
	maxHeaderBytes    = 16 << 10
)

// gcPercent has the garbage collected half as often as Go would: the heap that lives is small, and collecting it costs
// a sixth of the processor under load (docs/performance.md). GOGC goes before it.
const gcPercent = 200

// runServe answers the API and, unless --api is given, runs the workers.
func runServe(ctx context.Context, p Program, args []string) error {
	fs := flag.NewFlagSet("serve", flag.ContinueOnError)
	apiOnly := fs.Bool("api", false, "answer the API alone, with workers elsewhere")
	c, err := p.load(fs, args)
	if err != nil {
		return err
	}
	name := "serve"
	if *apiOnly {
		name = "serve --api"
	}
	if fs.NArg() > 0 {
		return usageError("serve takes no argument %q", fs.Arg(0))
	}
	if err := c.Validate(name); err != nil {
		return err
	}
	a, err := openServer(ctx, p, c, role{sells: true, works: !*apiOnly})
	if err != nil {
		return err
	}
	listener, err := listen(ctx, c.Addr(), "PORT")
	if err != nil {
		return errors.Join(err, a.close())
	}
	if *apiOnly {
		return a.serve(ctx, listener, nil)
	}
	return a.serve(ctx, listener, a.workers())
}

// runWorker runs the workers alone.
func runWorker(ctx context.Context, p Program, args []string) error {
	c, err := p.loadAlone("worker", args)
	if err != nil {
		return err
	}
	if err := c.Validate("worker"); err != nil {
		return err
	}
	a, err := openServer(ctx, p, c, role{works: true})
	if err != nil {
		return err
	}
	loops := a.workers()
	loops.start()
	a.watch()
	closeHealth := a.openHealth(ctx)
	a.logger.Info("quantix works", "version", version, "store", c.Store(), "queue", c.Queue())
	<-ctx.Done()
	a.logger.Info("stopping: finishing what is in hand; a second signal ends it at once")
	return a.stopped(errors.Join(loops.end(), closeHealth(), a.close()))
}

// role is what a process does.
type role struct{ sells, works bool }

// openServer opens the program with its queue.
func openServer(ctx context.Context, p Program, c config.Config, does role) (*app, error) {
	if _, chosen := p.LookupEnv("GOGC"); !chosen {
		debug.SetGCPercent(gcPercent)
	}
	a, err := open(ctx, p, c, writing)
	if err != nil {
		return nil, err
	}
	installation, err := a.store.Installation(ctx)
	if err == nil {
		if shared, is := a.gateway.port.(payments.Shared); is {
			shared.BelongTo(installation)
		}
		a.queue, err = openQueue(c, installation)
	}
	if err != nil {
		return nil, errors.Join(err, a.close())
	}
	a.monitor.Start(a.monitorOptions(does))
	a.gauges()
	return a, nil
}

// serve answers until the context ends, then stops in the order in which things depend on each other.
func (a *app) serve(ctx context.Context, listener net.Listener, loops *workers) error {
	handler, err := a.handler()
	if err != nil {
		return errors.Join(err, listener.Close(), a.close())
	}
	server := &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: readHeaderTimeout, ReadTimeout: readTimeout, WriteTimeout: writeTimeout,
		IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeaderBytes,
	}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	if loops != nil {
		loops.start()
	}
	a.watch()
	a.logger.Info("quantix is ready", "address", "http://"+readable(listener.Addr()), "version", version,
		"store", a.config.Store(), "queue", a.config.Queue(), "docs", "http://"+readable(listener.Addr())+"/docs")
	select {
	case err = <-failed:
	case <-ctx.Done():
		a.logger.Info("stopping: finishing what is in hand; a second signal ends it at once")
	}
	return a.stopped(errors.Join(err, a.stop(server, loops)))
}

// stop ends everything within SHUTDOWN_TIMEOUT: requests and loops finish side by side, then the desks answer, then the
// store closes. A client that never finishes its request is cut off; what it sent so far has done nothing.
func (a *app) stop(server *http.Server, loops *workers) error {
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
	return errors.Join(err, a.close())
}

// stopped says how the end went: cleanly, or not within its time.
func (a *app) stopped(err error) error {
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

func (a *app) handler() (http.Handler, error) {
	return handlers.New(handlers.Deps{
		Events: a.events, Users: a.users, Bookings: a.bookings, Letters: a.letters, Callbacks: a.callbacks,
		Currency: a.currency, Logger: a.logger, Ready: a.ready, Metrics: a.metrics.Handler(), Observer: a.metrics,
		Version: version, TrustedProxies: a.config.TrustedProxies,
		AllowedHosts: allowedHosts(a.config),
	})
}

// gauges shows what waits, and how all does.
func (a *app) gauges() {
	a.healthGauges()
	a.metrics.Gauge("quantix_outbox_rows", "Rows of the outbox that wait to be published.", func(ctx context.Context) (float64, error) {
		n, err := a.store.OutboxDepth(ctx)
		return float64(n), err
	})
	a.metrics.Gauge("quantix_dead_letters", "Dead letters: payments that need a person's look.", func(ctx context.Context) (float64, error) {
		n, err := a.store.CountDeadLetters(ctx)
		return float64(n), err
	})
	a.metrics.Gauge("quantix_queue_messages", "Messages in the payment queue, those in hand included.", func(ctx context.Context) (float64, error) {
		n, err := a.queue.Depth(ctx)
		return float64(n), err
	})
}
