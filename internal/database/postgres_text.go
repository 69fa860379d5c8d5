package database

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// querier is a connection or a pool of them.
type querier interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// CheckTexts reports whether a database keeps every text and knows which letters are the same but for their case.
func CheckTexts(ctx context.Context, url string) error {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return fmt.Errorf("connect to PostgreSQL: %w", rootCause(err))
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	return checkTexts(ctx, conn)
}

// The first is asked alone: in another encoding the letters of the second cannot even be written.
const (
	selectEncoding = `SELECT current_setting('server_encoding')`
	selectCases    = `SELECT lower(U&'\00C4') = U&'\00E4', datctype FROM pg_database WHERE datname = current_database()`
)

func checkTexts(ctx context.Context, conn querier) error {
	var encoding, locale string
	if err := conn.QueryRow(ctx, selectEncoding).Scan(&encoding); err != nil {
		return fmt.Errorf("ask PostgreSQL for its encoding: %w", err)
	}
	if encoding != "UTF8" {
		return fmt.Errorf("the database is in %s, which cannot hold every name: it should be in UTF8", encoding)
	}
	var knows bool
	if err := conn.QueryRow(ctx, selectCases).Scan(&knows, &locale); err != nil {
		return fmt.Errorf("ask PostgreSQL for its locale: %w", err)
	}
	if !knows {
		return fmt.Errorf("the database's locale %s knows the cases of ASCII letters only", locale)
	}
	return nil
}
