package cli

import (
	"context"
	"errors"
	"flag"
	"fmt"

	"quantix/internal/app"
	"quantix/internal/models"
	"quantix/internal/repository"
	"quantix/internal/sale"
)

// runAudit recomputes every event, or one, beside a running server. Status 1 and a line for each difference when
// something does not add up.
func runAudit(ctx context.Context, p Program, args []string) error {
	fs := flag.NewFlagSet("audit", flag.ContinueOnError)
	one := fs.String("event", "", "`id` of the only event to audit")
	c, err := p.load(fs, args)
	if err != nil {
		return err
	}
	if fs.NArg() > 0 {
		return usageError("audit takes no argument %q; --event names an event", fs.Arg(0))
	}
	store, err := app.OpenStore(ctx, c, app.NewLogger(p.Stderr, c), app.Reading)
	if err != nil {
		return err
	}
	defer store.Close()
	if *one != "" {
		id, err := models.ParseID[models.EventID](*one)
		if err != nil {
			return usageError("--event: %v", err)
		}
		clean, err := auditEvent(ctx, p, store, id)
		return auditEnd(p, 1, clean, err)
	}
	return auditAll(ctx, p, store)
}

func auditAll(ctx context.Context, p Program, store repository.Store) error {
	const step = 500
	clean, audited := true, 0
	for after := (models.EventID{}); ; {
		ids, err := store.EventIDs(ctx, after, step)
		if err != nil {
			return err
		}
		for _, id := range ids {
			ok, err := auditEvent(ctx, p, store, id)
			if err != nil {
				return err
			}
			clean, audited, after = clean && ok, audited+1, id
		}
		if len(ids) < step {
			return auditEnd(p, audited, clean, nil)
		}
	}
}

func auditEvent(ctx context.Context, p Program, store repository.Store, id models.EventID) (clean bool, err error) {
	facts, err := store.AuditFacts(ctx, id)
	switch {
	case errors.Is(err, models.ErrEventNotFound):
		return false, fmt.Errorf("there is no event %s", id)
	case err != nil:
		return false, fmt.Errorf("audit event %s: %w", id, err)
	}
	report := sale.Audit(facts)
	for _, d := range report.Differences {
		fmt.Fprintf(p.Stdout, "event %s: %s is %d; bookings, charges and refunds say %d\n", id, d.What, d.Have, d.Want)
	}
	return report.OK, nil
}

func auditEnd(p Program, audited int, clean bool, err error) error {
	if err != nil {
		return err
	}
	if !clean {
		fmt.Fprintf(p.Stdout, "audit: %d events, with differences\n", audited)
		return exitError(1)
	}
	fmt.Fprintf(p.Stdout, "audit: %d events, no difference\n", audited)
	return nil
}
