package cli

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"
)

// runHealthcheck asks the server of these settings whether it is ready: what a container without a shell can run.
func runHealthcheck(ctx context.Context, p Program, args []string) error {
	c, err := p.loadAlone("healthcheck", args)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 4*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+loopback(c.Listen(), c.Port)+"/readyz", nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return fmt.Errorf("the server does not answer: %w", err)
	}
	defer response.Body.Close()
	body, _ := io.ReadAll(io.LimitReader(response.Body, 4096))
	fmt.Fprintf(p.Stdout, "%s\n", body)
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("the server is not ready: %s", response.Status)
	}
	return nil
}

// loopback is the address to ask for what listens on a host: an unspecified one is this machine, in the same family.
func loopback(host string, port int) string {
	switch ip := net.ParseIP(host); {
	case host == "":
		host = "localhost"
	case ip == nil || !ip.IsUnspecified():
	case ip.To4() != nil:
		host = "127.0.0.1"
	default:
		host = "::1"
	}
	return net.JoinHostPort(host, strconv.Itoa(port))
}
