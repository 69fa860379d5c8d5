package cli

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"time"

	"quantix/internal/config"
)

// runHealthcheck asks the server of these settings whether it is ready: what a container without a shell can run.
func runHealthcheck(ctx context.Context, p Program, args []string) error {
	c, err := config.Load(args, p.LookupEnv)
	if err != nil {
		return err
	}
	host := c.Host
	if host == "" {
		host = "localhost"
	}
	ctx, cancel := context.WithTimeout(ctx, 4*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("http://%s:%d/readyz", host, c.Port), nil)
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
