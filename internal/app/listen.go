package app

import (
	"context"
	"errors"
	"fmt"
	"net"
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
		return "set HOST to an address of this machine, or leave it out for all of them"
	case errors.Is(err, syscall.EADDRINUSE):
		return "set " + port + " to a free one"
	case errors.Is(err, syscall.EACCES):
		return "set " + port + " to one above 1023, which this user may listen on"
	}
	return "check HOST and " + port
}

// allowedHosts are the names that a server may be asked by: this machine's, the one it listens on, and ALLOWED_HOSTS.
func allowedHosts(c config.Config) []string {
	allowed := append([]string{}, c.AllowedHosts...)
	if c.Host != "" {
		allowed = append(allowed, c.Host)
	}
	if name, err := os.Hostname(); err == nil && name != "" {
		first, _, _ := strings.Cut(name, ".")
		allowed = append(allowed, name, first, first+".local")
	}
	return allowed
}
