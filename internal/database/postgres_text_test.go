package database_test

import (
	"strings"
	"testing"

	"quantix/internal/database"
	"quantix/internal/testkit"
)

// A database that the program makes is in UTF-8 and knows all letters, whatever those of its server are in.
func TestAMissingDatabaseIsMadeForAllTexts(t *testing.T) {
	t.Parallel()
	for name, texts := range map[string][]string{
		"in bytes":  {"-E", "SQL_ASCII", "--locale=C"},
		"in Latin1": {"-E", "LATIN1", "--locale=C"},
		"in ASCII":  {"-E", "UTF8", "--locale=C"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := testkit.NewPostgres(t, testkit.Options{Texts: texts})
			pool, err := database.OpenPostgres(t.Context(), database.PostgresOptions{URL: server.URL("shop"), Create: true, MaxConns: 1})
			if err != nil {
				t.Fatal(err)
			}
			pool.Close()
			if err := database.CheckTexts(t.Context(), server.URL("shop")); err != nil {
				t.Errorf("the new database: %v", err)
			}
			if err := database.CheckTexts(t.Context(), server.URL("postgres")); err == nil || !strings.Contains(err.Error(), "the database") {
				t.Errorf("the server's own: %v", err)
			}
		})
	}
}
