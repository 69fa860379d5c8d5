// Command quantix sells event tickets: a REST API, its workers and its tools in one binary.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"quantix/internal/cli"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// After the first signal the default comes back, so that a second one ends a program that hangs.
	context.AfterFunc(ctx, stop)
	os.Exit(cli.Run(ctx, cli.Program{
		Args: os.Args[1:], Stdout: os.Stdout, Stderr: os.Stderr, LookupEnv: os.LookupEnv, Environ: os.Environ,
	}))
}
