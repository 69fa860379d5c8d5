#!/usr/bin/env bash
# pgx 5.12.0 with PostgreSQL 15.20.
# pgx.ErrPreprocessingBatch reads as "the batch was wrong before it was sent". A batch's statements are also *prepared* in
# that phase, over the network: when the connection is lost there, the same error wraps unexpected EOF, and looks to
# errors.As like a statement that does not parse. Neither is a *pgconn.PgError in the first case, nor does SafeToRetry hold,
# although nothing of the batch was run. Seen 2026-11-27 with Go 1.27.3:
#
#   lost:  ErrPreprocessingBatch=true PgError=false EOF=true  SafeToRetry=false
#   wrong: ErrPreprocessingBatch=true PgError=true  EOF=false SafeToRetry=false
set -euo pipefail
source "$(dirname "$0")/postgres.bash"

mkdir program && cd program
cat >main.go <<'END'
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

func main() {
	try("lost", "SELECT 1", true)
	try("wrong", "SELEC 1", false)
}

func try(name, sql string, cut bool) {
	ctx := context.Background()
	config, err := pgx.ParseConfig("host=" + os.Args[1] + " user=postgres dbname=postgres")
	must(err)
	config.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
		return &wire{Conn: conn, cut: cut}, err
	}
	conn, err := pgx.ConnectConfig(ctx, config)
	must(err)
	batch := &pgx.Batch{}
	batch.Queue(sql)
	_, err = conn.SendBatch(ctx, batch).Exec()
	var before pgx.ErrPreprocessingBatch
	var server *pgconn.PgError
	fmt.Printf("%s: ErrPreprocessingBatch=%t PgError=%t EOF=%t SafeToRetry=%t\n", name, errors.As(err, &before),
		errors.As(err, &server), errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF), pgconn.SafeToRetry(err))
}

// wire closes the connection after the client's first Parse message was sent.
type wire struct {
	net.Conn
	cut bool
}

func (w *wire) Write(p []byte) (int, error) {
	n, err := w.Conn.Write(p)
	if w.cut && len(p) > 0 && p[0] == 'P' {
		w.Conn.(*net.UnixConn).CloseRead()
	}
	return n, err
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}
END
export GOTOOLCHAIN=go1.27.3 GOFLAGS=-mod=mod CGO_ENABLED=0
go mod init finding >/dev/null 2>&1
go get github.com/jackc/pgx/v5@v5.12.0 >/dev/null 2>&1
go run . "$dir/data" | tee seen
diff - seen <<'END'
lost: ErrPreprocessingBatch=true PgError=false EOF=true SafeToRetry=false
wrong: ErrPreprocessingBatch=true PgError=true EOF=false SafeToRetry=false
END
echo "as it was: a connection lost while preparing looks like a batch that is wrong"
