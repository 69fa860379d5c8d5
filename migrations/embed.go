// Package migrations holds the numbered changes of the schema, one folder for each dialect, inside the binary.
// Both dialects have the same numbers.
package migrations

import (
	"embed"
	"io/fs"
)

//go:embed postgres/*.sql sqlite/*.sql
var files embed.FS

// Postgres holds the files for PostgreSQL.
var Postgres = sub("postgres")

// SQLite holds the files for SQLite.
var SQLite = sub("sqlite")

// sub gives one folder. It fails only for a name that is not a valid path, which the names here are.
func sub(dialect string) fs.FS {
	dir, err := fs.Sub(files, dialect)
	if err != nil {
		panic(err)
	}
	return dir
}
