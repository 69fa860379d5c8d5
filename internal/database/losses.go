package database

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"slices"
)

// Loss is a table that going back drops, with how many rows are in it.
type Loss struct {
	Table string
	Rows  int64
}

// precious are the tables whose rows nobody but their users can make again. All others follow from them, or move
// elsewhere.
var precious = []string{
	"events", "users", "bookings", "strays", "organizers", "api_keys", "subjects", "access_log",
}

// madeByItself is how many rows of a table its migration makes.
var madeByItself = map[string]int64{"organizers": 1}

var dropTable = regexp.MustCompile(`(?m)^DROP TABLE (\w+);`)

// Losses tells which of these rows Down would destroy; nothing when all that it drops is empty.
func (m *Migrator) Losses(ctx context.Context, steps int) ([]Loss, error) {
	back, err := m.newest(steps)
	if err != nil {
		return nil, err
	}
	var losses []Loss
	for _, migration := range back {
		dropped, err := m.drops(migration)
		if err != nil {
			return nil, err
		}
		for _, table := range precious {
			if !slices.Contains(dropped, table) {
				continue
			}
			rows, err := m.count(ctx, table)
			if err != nil {
				return nil, err
			}
			if rows -= madeByItself[table]; rows > 0 {
				losses = append(losses, Loss{table, rows})
			}
		}
	}
	return losses, nil
}

// newest returns the newest steps migrations that are in force, the last one first.
func (m *Migrator) newest(steps int) ([]Migration, error) {
	if steps < 1 {
		return nil, fmt.Errorf("migrate down: the number of steps must be at least 1, not %d", steps)
	}
	version, dirty, err := m.settledVersion()
	if err == nil && dirty {
		err = dirtyError(version)
	}
	list, listErr := listMigrations(m.files)
	if err := errors.Join(err, listErr); err != nil {
		return nil, err
	}
	applied := slices.DeleteFunc(list, func(migration Migration) bool { return migration.Version > version })
	if steps > len(applied) {
		return nil, fmt.Errorf("migrate down %d: only %d migrations are applied", steps, len(applied))
	}
	slices.Reverse(applied)
	return applied[:steps], nil
}

// drops lists the tables that going back behind a migration drops.
func (m *Migrator) drops(migration Migration) (tables []string, err error) {
	text, err := fs.ReadFile(m.files, fmt.Sprintf("%06d_%s.down.sql", migration.Version, migration.Name))
	for _, match := range dropTable.FindAllSubmatch(text, -1) {
		tables = append(tables, string(match[1]))
	}
	return tables, err
}

// count counts a table's rows.
func (m *Migrator) count(ctx context.Context, table string) (rows int64, err error) {
	err = m.db.QueryRowContext(ctx, "SELECT count(*) FROM "+table).Scan(&rows)
	if err != nil {
		err = fmt.Errorf("count what is in %s: %w", table, err)
	}
	return rows, err
}
