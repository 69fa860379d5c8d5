package cli

import (
	"context"
	"errors"
	"flag"
	"fmt"

	"quantix/internal/app"
	"quantix/internal/config"
	"quantix/internal/queue"
	"quantix/internal/repository"
)

// runInstallation shows the database's name, or gives it a new one.
func runInstallation(ctx context.Context, p Program, args []string) error {
	verb, args := cutVerb(args)
	fs := flag.NewFlagSet("installation", flag.ContinueOnError)
	yes := fs.Bool("yes", false, "new: this database is a copy, and no program works on it now")
	c, err := p.load(fs, args)
	if err != nil {
		return err
	}
	if verb != "" && verb != "new" || fs.NArg() > 0 {
		return usageError("installation takes nothing, or new --yes")
	}
	if verb == "new" && !*yes {
		return errors.New("installation new is for a copy of a database: stop the programs that work on the copy, then say --yes")
	}
	mode := app.Reading
	if verb == "new" {
		mode = app.Writing
	}
	store, err := app.OpenStore(ctx, c, app.NewLogger(p.Stderr, c), mode)
	if err != nil {
		return err
	}
	name, err := store.Installation(ctx)
	if err == nil && verb == "new" {
		name, err = store.RenewInstallation(ctx)
	}
	if err == nil {
		fmt.Fprintln(p.Stdout, name)
	}
	return errors.Join(err, store.Close())
}

// examineOwner reports whether the queue is another database's, of which this one is a copy or which is a copy of it.
func examineOwner(ctx context.Context, p Program, c config.Config, store repository.Store) bool {
	owner, err := store.Owner(ctx)
	if err != nil || c.Queue() == config.InProcess {
		return finding(p, "installation "+owner.Installation, err, "the schema may be damaged")
	}
	q, err := app.OpenQueue(c, owner.Installation)
	if err != nil {
		return true // said about the queue itself
	}
	defer q.Close()
	shared, is := q.(queue.Shared)
	if !is {
		return true
	}
	there, now, err := shared.Registration(ctx)
	if err != nil {
		return true
	}
	// The database is read after the queue, or its programs may have turned the token in between.
	if owner, err = store.Owner(ctx); err == nil && queue.Foreign(there, now, owner) {
		err = queue.ErrForeign
	}
	return finding(p, "installation "+owner.Installation, err,
		"if this database is a copy, stop its programs and give it an id of its own: quantix installation new --yes")
}
