package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"quantix/internal/app"
	"quantix/internal/config"
	"quantix/internal/health"
	"quantix/internal/models"
	"quantix/internal/repository"
)

// examineWork reports whether those who sell and those who work are there, get on with it, and have the same settings
// as this command. That nothing runs at all is no fault.
func examineWork(ctx context.Context, p Program, c config.Config, store repository.Store) bool {
	seen := health.Installation{Self: models.Process{Sells: true, Payments: app.PaymentsName(c)}}
	var err error
	if seen.Processes, err = store.Processes(ctx, health.HeardOf); err == nil {
		seen.Backlog, err = store.Backlog(ctx)
	}
	if err != nil {
		return finding(p, "servers and workers", err, "the schema may be damaged")
	}
	states := []health.State{seen.JudgeExpiry(), seen.JudgePayments()}
	if slices.ContainsFunc(seen.Processes, func(p models.Process) bool { return p.Sells }) {
		states = append(states, seen.JudgeWorkers())
	}
	finding(p, fmt.Sprintf("servers and workers: %d heard of lately", len(seen.Processes)), nil, "")
	sound := true
	for _, s := range states {
		var fault error
		if s.Status != health.OK {
			fault = errors.New(s.Detail)
		}
		sound = finding(p, s.Part, fault, s.Remedy) && sound
	}
	return sound
}
