package sqlite

import (
	"context"
	"errors"

	"quantix/internal/database"
)

// logLimits are lengths in pages of the write-ahead log.
type logLimits struct {
	wake   int64 // this many that are not copied yet wake the copying beside the bookings
	finish int64 // from this length on the writer takes part, so that the log can start anew
	rest   int64 // what the writer copies at most: few milliseconds
}

var usualLimits = logLimits{wake: 4_000, finish: 12_000, rest: 2_000}

// lookEvery is how many commits pass between two looks at the log's length.
const lookEvery = 8

// checkpointer copies the write-ahead log into the database's file. SQLite would do so inside a commit, and every
// booking would wait for it. Here another connection does it while bookings go on; but since they go on, it never
// reaches the end of the log, which would grow for ever. So once the log is long, the writer copies the little that is
// left between two commits, and the log starts anew.
type checkpointer struct {
	db      *database.SQLite
	limits  logLimits
	commits int // seen by the writer
	wake    chan struct{}
	stopped chan error
}

func startCheckpointer(db *database.SQLite) *checkpointer {
	c := &checkpointer{db: db, limits: usualLimits, wake: make(chan struct{}, 1), stopped: make(chan error, 1)}
	go c.loop()
	return c
}

func (c *checkpointer) stop() error {
	close(c.wake)
	return <-c.stopped
}

// loop copies whenever it is woken. What fails is tried again at the next wake; the log keeps everything until then.
func (c *checkpointer) loop() {
	var own *conn
	for range c.wake {
		if own == nil {
			raw, err := c.db.Writer(context.Background())
			if err != nil {
				continue
			}
			own = newConn(raw)
		}
		_, _, _ = own.checkpoint(copyWhatCanBe)
	}
	var err error
	if own != nil {
		err = own.close()
	}
	c.stopped <- err
}

// afterCommit is called by the writer between two transactions.
func (c *checkpointer) afterCommit(writing *conn) {
	if c.commits++; c.commits%lookEvery != 0 {
		return
	}
	length, copied, err := writing.checkpoint(copyNothing)
	switch rest := length - copied; {
	case err != nil:
	case length >= c.limits.finish && rest <= c.limits.rest:
		_, _, _ = writing.checkpoint(copyWhatCanBe)
	case length >= c.limits.finish || rest >= c.limits.wake:
		select {
		case c.wake <- struct{}{}:
		default: // it is awake
		}
	}
}

const (
	copyNothing   = `PRAGMA wal_checkpoint(NOOP)`
	copyWhatCanBe = `PRAGMA wal_checkpoint(PASSIVE)`
)

// checkpoint returns the log's length in pages and how many of them have been copied.
func (c *conn) checkpoint(how string) (length, copied int64, err error) {
	err = c.query(context.Background(), how, nil, func(r *row) error {
		r.int() // whether another connection is at it
		length, copied = r.int(), r.int()
		return nil
	})
	if length < 0 {
		err = errors.Join(err, errors.New("the database keeps no write-ahead log"))
	}
	return length, copied, err
}
