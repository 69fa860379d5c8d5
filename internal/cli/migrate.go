package cli

import (
	"context"
	"flag"
	"fmt"
	"strconv"
	"strings"

	"quantix/internal/app"
	"quantix/internal/database"
)

// runMigrate changes the schema, or shows where it stands.
func runMigrate(ctx context.Context, p Program, args []string) error {
	verb, args := cutVerb(args)
	number, args := cutNumber(verb, args)
	fs := flag.NewFlagSet("migrate", flag.ContinueOnError)
	yes := fs.Bool("yes", false, "down: drop tables even if they hold events, users or bookings, which are lost")
	c, err := p.load(fs, args)
	if err != nil {
		return err
	}
	var act func(*database.Migrator) error
	switch {
	case verb == "up" && fs.NArg() == 0:
		act = func(m *database.Migrator) error { return m.Up(ctx) }
	case verb == "down" && len(number)+fs.NArg() <= 1:
		steps, err := parseSteps(append(number, fs.Args()...))
		if err != nil {
			return err
		}
		act = func(m *database.Migrator) error { return down(ctx, m, steps, *yes) }
	case verb == "repair" && fs.NArg() == 0:
		act = func(m *database.Migrator) error { return repair(ctx, m) }
	case verb == "status" && fs.NArg() == 0:
		act = func(*database.Migrator) error { return nil }
	default:
		return usageError("migrate takes one of up, down [n] [--yes], status, repair")
	}
	return app.WithMigrator(ctx, c, verb == "up", app.NewLogger(p.Stderr, c), func(m *database.Migrator) error {
		if err := act(m); err != nil {
			return err
		}
		return showSchema(ctx, p, m)
	})
}

// cutVerb takes the word in front of the flags, if there is one.
func cutVerb(args []string) (verb string, rest []string) {
	if len(args) == 0 || strings.HasPrefix(args[0], "-") {
		return "", args
	}
	return args[0], args[1:]
}

// cutNumber takes the number between down and the flags: a negative one would look like a flag.
func cutNumber(verb string, args []string) (number, rest []string) {
	if verb == "down" && len(args) > 0 {
		if _, err := strconv.Atoi(args[0]); err == nil {
			return args[:1:1], args[1:]
		}
	}
	return nil, args
}

// parseSteps returns how many migrations to take back; one unless a number is there.
func parseSteps(number []string) (int, error) {
	if len(number) == 0 {
		return 1, nil
	}
	steps, err := strconv.Atoi(number[0])
	if err != nil || steps < 1 {
		return 0, usageError("migrate down takes how many migrations to take back, 1 or more, not %q", number[0])
	}
	return steps, nil
}

// down takes migrations back; what only a backup could bring back goes only if that was agreed to.
func down(ctx context.Context, m *database.Migrator, steps int, yes bool) error {
	losses, err := m.Losses(ctx, steps)
	if err != nil {
		return err
	}
	if len(losses) > 0 && !yes {
		return fmt.Errorf("migrate down %d would drop tables that hold %s: make a backup, then say --yes to lose them", steps, listed(losses))
	}
	return m.Down(ctx, steps)
}

// listed names what would be lost.
func listed(losses []database.Loss) string {
	parts := make([]string, len(losses))
	for i, loss := range losses {
		parts[i] = fmt.Sprintf("%s (%d)", loss.Table, loss.Rows)
	}
	return strings.Join(parts, ", ")
}

// repair declares that a migration that failed half-way is not in force: a failing file is rolled back by both stores.
func repair(ctx context.Context, m *database.Migrator) error {
	schema, err := m.Status(ctx)
	if err != nil || !schema.Dirty {
		return err
	}
	return m.Repair(ctx, schema.Version-1)
}

func showSchema(ctx context.Context, p Program, m *database.Migrator) error {
	schema, err := m.Status(ctx)
	if err != nil {
		return err
	}
	for _, migration := range schema.Migrations {
		state := "pending"
		if migration.Applied {
			state = "applied"
		}
		fmt.Fprintf(p.Stdout, "%06d  %s  %s\n", migration.Version, state, migration.Name)
	}
	if schema.Dirty {
		fmt.Fprintf(p.Stdout, "migration %d failed half-way: mend its cause, then run quantix migrate repair and quantix migrate up\n", schema.Version)
	}
	return nil
}
