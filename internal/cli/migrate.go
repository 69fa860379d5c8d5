package cli

import (
	"context"
	"flag"
	"fmt"
	"strconv"

	"quantix/internal/config"
	"quantix/internal/database"
)

// runMigrate changes the schema, or shows where it stands.
func runMigrate(ctx context.Context, p Program, args []string) error {
	fs := flag.NewFlagSet("migrate", flag.ContinueOnError)
	verb, args := cutVerb(args)
	c, err := config.LoadFlags(fs, args, p.LookupEnv)
	if err != nil {
		return err
	}
	var act func(*database.Migrator) error
	switch {
	case verb == "up" && fs.NArg() == 0:
		act = func(m *database.Migrator) error { return m.Up(ctx) }
	case verb == "down" && fs.NArg() <= 1:
		steps := 1
		if fs.NArg() == 1 {
			steps, err = strconv.Atoi(fs.Arg(0))
		}
		if err != nil || steps < 1 {
			return usageError("migrate down takes a number of migrations to take back, such as 1")
		}
		act = func(m *database.Migrator) error { return m.Down(ctx, steps) }
	case verb == "repair" && fs.NArg() == 0:
		act = func(m *database.Migrator) error { return repair(ctx, m) }
	case verb == "status" && fs.NArg() == 0:
		act = func(*database.Migrator) error { return nil }
	default:
		return usageError("migrate takes one of up, down [n], status, repair")
	}
	return withMigrator(ctx, c, verb == "up", newLogger(p.Stderr, c), func(m *database.Migrator) error {
		if err := act(m); err != nil {
			return err
		}
		return showSchema(ctx, p, m)
	})
}

// cutVerb takes the word in front of the flags.
func cutVerb(args []string) (verb string, rest []string) {
	if len(args) == 0 {
		return "", nil
	}
	return args[0], args[1:]
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
