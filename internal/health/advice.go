package health

import (
	"context"
	"errors"

	"quantix/internal/queue"
	"quantix/internal/repository"
)

// OfDatabase says what keeps the database from taking bookings, and what to do about it.
func OfDatabase(err error) (detail, remedy string) {
	switch {
	case errors.Is(err, repository.ErrNoRoom):
		return "the database's disk is full", "make room on it; bookings go on by themselves then"
	case errors.Is(err, repository.ErrReadOnly):
		return "the database takes no writes: it is a standby, or set to read only",
			"point DATABASE_URL or DB_HOST at the primary, or see default_transaction_read_only; check the rights of DATA_DIR"
	case errors.Is(err, context.DeadlineExceeded):
		return "the database does not answer in time", "quantix doctor; look for its load, and for long transactions in pg_stat_activity"
	}
	return "the database does not answer, or refuses bookings", "quantix doctor names the cause; so does this server's log"
}

// OfQueue says what keeps the queue from taking messages, and what to do about it.
func OfQueue(err error) (detail, remedy string) {
	if refusal, ok := errors.AsType[*queue.Refusal](err); ok {
		return "payments wait: Redis takes nothing (" + refusal.Code + ")", refusal.Remedy
	}
	return "payments wait until the queue answers", "check REDIS_URL, and that Redis runs there"
}
