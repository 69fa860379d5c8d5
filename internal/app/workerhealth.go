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
	handler, err := handlers.NewHealth(handlers.Deps{
		Logger: a.logger, Ready: a.ready, Metrics: a.metrics.Handler(), Version: a.version,
		TrustedProxies: a.config.TrustedProxies,
		AllowedHosts:   allowedHosts(a.config),
	})
	if err != nil {
		return nil, err
	}
	listener, err := listen(ctx, address, "WORKER_PORT")
	if err != nil {
		return nil, err
	}
	server := &http.Server{
		Handler: handler, ReadHeaderTimeout: readHeaderTimeout, ReadTimeout: readTimeout, WriteTimeout: writeTimeout,
		IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeaderBytes, ConnState: a.connections.changed,
	}
	go func() { _ = server.Serve(listener) }() // ends with Close
	a.logger.Info("this worker shows its health and metrics", "address", "http://"+readable(listener.Addr()))
	return server, nil
}
