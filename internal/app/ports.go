package app

import (
	"context"
	"net/http"

	"quantix/internal/handlers"
)

// openHealth shows a worker's health and metrics on WORKER_PORT, and returns what ends that. A worker that cannot
// listen works all the same: payments matter more than their numbers.
func (a *App) openHealth(ctx context.Context) (end func() error) {
	end = func() error { return nil }
	if a.config.WorkerAddr() == "" {
		return end
	}
	server, err := a.serveHealth(ctx, a.config.WorkerAddr())
	if err != nil {
		a.logger.Warn("this worker shows neither health nor metrics; WORKER_PORT=0 turns them off", "error", err)
		return end
	}
	return server.Close
}

func (a *App) serveHealth(ctx context.Context, address string) (*http.Server, error) {
	handler, err := handlers.NewHealth(a.besideDeps())
	if err != nil {
		return nil, err
	}
	server, shown, err := a.serveBeside(ctx, handler, address, "WORKER_PORT")
	if err != nil {
		return nil, err
	}
	a.logger.Info("this worker shows its health and metrics", "address", "http://"+shown)
	return server, nil
}

// openMetrics shows a server's metrics on METRICS_PORT, if there is one, and returns what ends that. Whoever took
// /metrics off the API's port must not be left without: a port that cannot be listened on is an error.
func (a *App) openMetrics(ctx context.Context) (end func(), err error) {
	address := a.config.MetricsAddr()
	if address == "" {
		return func() {}, nil
	}
	handler, err := handlers.NewMetrics(a.besideDeps())
	if err != nil {
		return nil, err
	}
	server, shown, err := a.serveBeside(ctx, handler, address, "METRICS_PORT")
	if err != nil {
		return nil, err
	}
	a.logger.Info("metrics have a port of their own", "address", "http://"+shown+"/metrics")
	return func() { _ = server.Close() }, nil
}

// besideDeps are those of what is answered beside the API.
func (a *App) besideDeps() handlers.Deps {
	return handlers.Deps{
		Logger: a.logger, Ready: a.ready, Metrics: a.metrics.Handler(), Version: a.version,
		TrustedProxies: a.config.TrustedProxies,
		AllowedHosts:   allowedHosts(a.config),
	}
}

// metricsOfAPI are those on the API's port; nil if they have one of their own.
func (a *App) metricsOfAPI() http.Handler {
	if a.config.MetricsAddr() != "" {
		return nil
	}
	return a.metrics.Handler()
}

// maxBeside is how many are connected to such an address at once. They are counted apart: who fills MAX_CONNECTIONS
// must not keep out who looks why.
const maxBeside = 100

// serveBeside answers on an address of its own, which it returns as a person can open it, until the server is closed.
// setting is what names the port.
func (a *App) serveBeside(
	ctx context.Context, handler http.Handler, address, setting string,
) (*http.Server, string, error) {
	listener, err := listen(ctx, address, setting)
	if err != nil {
		return nil, "", err
	}
	server := a.bounded(handler)
	server.ConnState = newConnections(maxBeside, nil).changed
	go func() { _ = server.Serve(listener) }() // ends with Close
	return server, readable(listener.Addr()), nil
}
