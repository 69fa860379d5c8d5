package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgtype/zeronull"

	"quantix/internal/models"
)

const letterColumns = `id, kind, event_id, booking_id, n, amount::text, currency, attempts, last_error, payload, failed_at`

func scanLetter(row pgx.Row, l *models.DeadLetter) error {
	var sum amount
	var currency zeronull.Text
	var n zeronull.Int4
	var event, booking pgtype.UUID
	err := row.Scan((*[16]byte)(&l.ID), (*string)(&l.Kind), &event, &booking, &n, &sum, &currency, &l.Attempts,
		&l.LastError, &l.Payload, &l.FailedAt)
	if err != nil {
		return err
	}
	l.Event, l.Booking, l.N = event.Bytes, booking.Bytes, int(n)
	utc(&l.FailedAt)
	return money(&l.Amount, sum, string(currency))
}

// allLetters are those of charges, refunds and messages, and the strays that have become letters.
const allLetters = `(SELECT id, kind, event_id, booking_id, n, amount, currency, attempts, last_error, payload, failed_at FROM dead_letters
	UNION ALL SELECT id, 'stray', event_id, booking_id, n, amount, currency, 0, last_error, provider_reference, failed_at
	FROM strays WHERE failed_at IS NOT NULL) l`

const (
	lettersAfter  = `SELECT ` + letterColumns + ` FROM ` + allLetters + ` WHERE (failed_at, id) > ($1, $2)`
	oldestLetters = ` ORDER BY failed_at, id LIMIT $3`
	selectLetter  = `SELECT ` + letterColumns + ` FROM ` + allLetters + ` WHERE id = $1`
	countLetters  = `SELECT (SELECT count(*) FROM dead_letters) + (SELECT count(*) FROM strays WHERE failed_at IS NOT NULL)`
	// The filter's event is null, and its kind empty, where all are asked for.
	lettersOf = `SELECT ` + letterColumns + ` FROM dead_letters l WHERE (failed_at, id) > ($1, $2) AND kind IN ('charge', 'refund')
		AND ($4::uuid IS NULL OR event_id = $4) AND ($5 = '' OR kind = $5)`
)

// lettersIn admits letters l of an organizer's events; strays are of bookings that are not here, so that nobody's event
// is theirs.
func lettersIn(scope models.Scope, params int) (condition string, values []any) {
	condition, values = eventsIn(scope, ownerOf("l.event_id"), "l.event_id", params)
	if len(values) > 0 {
		condition += ` AND l.kind <> 'stray'`
	}
	return condition, values
}

// DeadLetters lists dead letters by failed_at and id, oldest first.
func (s *Store) DeadLetters(
	ctx context.Context, scope models.Scope, page models.Page,
) ([]models.DeadLetter, error) {
	var after models.Position
	if page.After != nil {
		after = *page.After
	}
	condition, values := lettersIn(scope, 3)
	rows, err := s.read.Query(ctx, lettersAfter+condition+oldestLetters,
		append([]any{timeOr(after.Time, pgtype.NegativeInfinity), uuid(after.ID), page.Limit}, values...)...)
	list, err := collect(rows, err, scanLetter)
	return list, wrap("list dead letters", err)
}

// DeadLettersOf lists the letters of charges and refunds that a filter lets pass, oldest first.
func (s *Store) DeadLettersOf(
	ctx context.Context, scope models.Scope, filter models.LetterFilter, page models.Page,
) ([]models.DeadLetter, error) {
	var after models.Position
	if page.After != nil {
		after = *page.After
	}
	event := uuid(filter.Event)
	event.Valid = filter.Event != (models.EventID{})
	condition, values := lettersIn(scope, 5)
	rows, err := s.read.Query(ctx, lettersOf+condition+oldestLetters, append([]any{
		timeOr(after.Time, pgtype.NegativeInfinity), uuid(after.ID), page.Limit, event, string(filter.Kind),
	}, values...)...)
	list, err := collect(rows, err, scanLetter)
	return list, wrap("list a kind of dead letters", err)
}

// CountDeadLetters returns how many dead letters there are.
func (s *Store) CountDeadLetters(ctx context.Context) (n int64, err error) {
	err = s.read.QueryRow(ctx, countLetters).Scan(&n)
	return n, wrap("count dead letters", err)
}

// DeadLetter returns one. Error: models.ErrLetterNotFound.
func (s *Store) DeadLetter(
	ctx context.Context, scope models.Scope, id models.LetterID,
) (models.DeadLetter, error) {
	var letter models.DeadLetter
	condition, values := lettersIn(scope, 1)
	err := scanLetter(s.read.QueryRow(ctx, selectLetter+condition, append([]any{uuid(id)}, values...)...), &letter)
	if noRows(err) {
		return models.DeadLetter{}, models.ErrLetterNotFound
	}
	return letter, wrap("read a dead letter", err)
}

const (
	insertMessageLetter = `
		INSERT INTO dead_letters (id, kind, attempts, last_error, payload, failed_at)
		VALUES ($2, 'message', $3, $4, $5, coalesce($1::timestamptz, now())) ON CONFLICT (id) DO NOTHING`
	deleteMessageLetter = `DELETE FROM dead_letters WHERE id = $1 AND kind = 'message'`
)

// AddMessageLetter keeps a queue message that cannot be read. A letter with its id that is there already stays.
func (s *Store) AddMessageLetter(ctx context.Context, l models.DeadLetter) error {
	batch := &pgx.Batch{}
	batch.Queue(insertMessageLetter, s.now(), uuid(l.ID), l.Attempts, clean(l.LastError), clean(l.Payload))
	return s.inBatch(ctx, s.desk, batch, "keep an unreadable message")
}

// DropMessageLetter discards a letter of kind message. Error: models.ErrLetterNotFound.
func (s *Store) DropMessageLetter(ctx context.Context, id models.LetterID) error {
	batch, found := &pgx.Batch{}, false
	batch.Queue(deleteMessageLetter, uuid(id)).Exec(func(tag pgconn.CommandTag) error {
		found = tag.RowsAffected() > 0
		return nil
	})
	err := s.inBatch(ctx, s.read, batch, "discard an unreadable message")
	if err == nil && !found {
		return models.ErrLetterNotFound
	}
	return err
}
