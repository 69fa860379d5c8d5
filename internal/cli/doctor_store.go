package cli

import (
	"context"
	"fmt"
	"time"

	"quantix/internal/app"
	"quantix/internal/config"
	"quantix/internal/database"
	"quantix/internal/health"
	"quantix/internal/models"
	"quantix/internal/repository"
)

func examineStore(ctx context.Context, p Program, c config.Config) bool {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	if c.Store() == config.SQLite && !finding(p, "data directory can be written", database.CheckWritable(c.DataDir), "") {
		return false
	}
	store, err := app.Connect(ctx, c, app.NewLogger(p.Stderr, c), app.Reading)
	if err != nil {
		return finding(p, "database", err, "") // it says what to do
	}
	defer store.Close()
	sound := answers(ctx, p, "database", store.Ping, "") &&
		finding(p, "schema", app.CheckSchema(ctx, c, store), "quantix migrate status shows more") && examineBacklog(ctx, p, store) &&
		examinePayments(ctx, p, c, store)
	if !sound {
		return false
	}
	sound = examineWrites(ctx, p, c, store)
	sound = examineTexts(ctx, p, c) && sound
	sound = examineOwner(ctx, p, c, store) && sound
	sound = examineIdentity(ctx, p, c, store) && sound
	return examineWork(ctx, p, c, store) && sound
}

func examineBacklog(ctx context.Context, p Program, store repository.Store) bool {
	depth, err := store.OutboxDepth(ctx)
	return finding(p, fmt.Sprintf("outbox: %d rows wait to be published", depth), err, "the schema may be damaged")
}

// examineWrites reports whether PostgreSQL takes a write, and has room for it; nothing of it stays. The embedded
// database is its server's to write: there the directory was tried.
func examineWrites(ctx context.Context, p Program, c config.Config, store repository.Store) bool {
	if c.Store() == config.SQLite {
		return true
	}
	trial := models.Process{
		ID: models.NewID[models.ProcessID](), Name: "quantix doctor", Payments: app.PaymentsName(c), Version: version,
	}
	err := store.Beat(ctx, trial, health.TrialRoom)
	if err == nil {
		err = store.Leave(ctx, trial.ID)
	}
	_, remedy := health.OfDatabase(err)
	return finding(p, "database takes writes", err, remedy)
}

// examineTexts reports whether PostgreSQL knows the letters of all languages.
func examineTexts(ctx context.Context, p Program, c config.Config) bool {
	if c.Store() == config.SQLite {
		return true
	}
	return finding(p, "database knows the letters of all languages", database.CheckTexts(ctx, c.PostgresURL()),
		"search tells capitals from small letters beyond ASCII: move to a database in UTF-8 with LC_CTYPE C.UTF-8 or an ICU locale")
}
