package app

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"strings"
	"syscall"

	"quantix/internal/config"
)

// listen opens an address of this machine. The error names the setting to change: HOST, or that of the port.
func listen(ctx context.Context, address, port string) (net.Listener, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err == nil {
		return listener, nil
	}
	if op, ok := errors.AsType[*net.OpError](err); ok {
		err = op.Err // the address is in the sentence already
	}
	return nil, fmt.Errorf("listen on %s: %w; %s", address, err, listenAdvice(err, port))
}

func listenAdvice(err error, port string) string {
	switch {
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return "set HOST to an address of this machine, or leave it out"
	case errors.Is(err, syscall.EADDRINUSE):
		return "set " + port + " to a free one"
	case errors.Is(err, syscall.EACCES):
		return "set " + port + " to one above 1023, which this user may listen on"
	}
	return "check HOST and " + port
}

// tellAccess says that anyone who reaches this process may do anything, if that is so; louder if that may be more than
// this machine's own users.
func (a *App) tellAccess() {
	switch open, beyond := a.config.IsOpen(); {
	case beyond:
		a.logger.Warn("anyone who reaches this address may do anything here, for AUTH is off: set AUTH=on, leave HOST out to listen "+
			"on this machine alone, or see to it that only you reach it", "host", a.config.Listen())
	case open:
		a.logger.Info("anyone who reaches this address may do anything here, for AUTH is off; only this machine reaches it", "host", a.config.Listen())
	}
}

// allowedHosts are the names that a server may be asked by: this machine's, the one it listens on, that of PUBLIC_URL,
// and ALLOWED_HOSTS.
func allowedHosts(c config.Config) []string {
	allowed := append([]string{}, c.AllowedHosts...)
	if c.Host != "" {
		allowed = append(allowed, c.Host)
	}
	if u, err := url.Parse(c.PublicURL); err == nil && u.Host != "" {
		allowed = append(allowed, u.Hostname())
	}
	if name, err := os.Hostname(); err == nil && name != "" {
		first, _, _ := strings.Cut(name, ".")
		allowed = append(allowed, name, first, first+".local")
	}
	return allowed
}
