package cli

import (
	"context"
	"flag"
	"runtime/debug"

	"quantix/internal/app"
)

// gcPercent has the garbage collected half as often as Go would: the heap that lives is small, and collecting it costs
// a sixth of the processor under load (docs/performance.md). GOGC goes before it.
const gcPercent = 200

// runServe answers the API and, unless --api is given, runs the workers.
func runServe(ctx context.Context, p Program, args []string) error {
	fs := flag.NewFlagSet("serve", flag.ContinueOnError)
	apiOnly := fs.Bool("api", false, "answer the API alone, with workers elsewhere")
	c, err := p.read(fs, args)
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
	p.warn(c)
	p.collectLess()
	return app.Serve(ctx, p.setup(c), !*apiOnly)
}

// runWorker runs the workers alone.
func runWorker(ctx context.Context, p Program, args []string) error {
	c, err := p.loadAlone("worker", args)
	if err != nil {
		return err
	}
	p.warn(c)
	p.collectLess()
	return app.Work(ctx, p.setup(c))
}

// collectLess sets the garbage collector for a server, unless its owner has.
func (p Program) collectLess() {
	if _, chosen := p.LookupEnv("GOGC"); !chosen {
		debug.SetGCPercent(gcPercent)
	}
}
