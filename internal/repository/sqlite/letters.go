package sqlite

import (
	"context"

	"quantix/internal/models"
)

const letterColumns = `id, kind, event_id, booking_id, n, amount, currency, attempts, last_error, payload, failed_at`

func readLetter(r *row) models.DeadLetter {
	return models.DeadLetter{ID: r.id(), Kind: models.LetterKind(r.text()), ChargeKey: readChargeKey(r),
		Amount: readMoneyColumns(r), Attempts: int(r.int()), LastError: r.text(), Payload: r.text(), FailedAt: r.time()}
}

// allLetters are those of charges, refunds and messages, and the strays that have become letters.
const allLetters = `(SELECT ` + letterColumns + ` FROM dead_letters
	UNION ALL SELECT id, 'stray', event_id, booking_id, n, amount, currency, 0, last_error, provider_reference, failed_at
	FROM strays WHERE failed_at IS NOT NULL) l`

const (
	lettersAfter  = `SELECT ` + letterColumns + ` FROM ` + allLetters + ` WHERE (failed_at, id) > (?1, ?2)`
	oldestLetters = ` ORDER BY failed_at, id LIMIT ?3`
	selectLetters = lettersAfter + oldestLetters
	selectLetter  = `SELECT ` + letterColumns + ` FROM ` + allLetters + ` WHERE id = ?`
	countLetters  = `SELECT (SELECT count(*) FROM dead_letters) + (SELECT count(*) FROM strays WHERE failed_at IS NOT NULL)`
)

// lettersIn admits letters l of an organizer's events; strays are of bookings that are not here, so that nobody's event
// is theirs.
func lettersIn(scope models.Scope, params int) (condition string, values args) {
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
	after := position(page)
	condition, values := lettersIn(scope, 3)
	return list(ctx, s, "list dead letters", lettersAfter+condition+oldestLetters,
		with(args{microsOr(after.Time, first), after.ID[:], int64(page.Limit)}, values), readLetter)
}

// The filter's event is an empty blob, and its kind an empty text, where all are asked for.
const lettersOf = `SELECT ` + letterColumns + ` FROM dead_letters l WHERE (failed_at, id) > (?1, ?2) AND kind IN ('charge', 'refund')
	AND (?4 = x'' OR event_id = ?4) AND (?5 = '' OR kind = ?5)`

// DeadLettersOf lists the letters of charges and refunds that a filter lets pass, oldest first.
func (s *Store) DeadLettersOf(
	ctx context.Context, scope models.Scope, filter models.LetterFilter, page models.Page,
) ([]models.DeadLetter, error) {
	after, event := position(page), []byte{}
	if filter.Event != (models.EventID{}) {
		event = filter.Event[:]
	}
	condition, values := lettersIn(scope, 5)
	return list(ctx, s, "list a kind of dead letters", lettersOf+condition+oldestLetters,
		with(args{microsOr(after.Time, first), after.ID[:], int64(page.Limit), event, string(filter.Kind)}, values),
		readLetter)
}

// CountDeadLetters returns how many dead letters there are.
func (s *Store) CountDeadLetters(ctx context.Context) (n int64, err error) {
	err = s.readers.do(ctx, func(c *conn) error {
		n, err = c.number(ctx, countLetters)
		return err
	})
	return n, wrap("count dead letters", err)
}

// DeadLetter returns one. Error: models.ErrLetterNotFound.
func (s *Store) DeadLetter(
	ctx context.Context, scope models.Scope, id models.LetterID,
) (models.DeadLetter, error) {
	condition, values := lettersIn(scope, 1)
	return single(ctx, s, "read a dead letter", models.ErrLetterNotFound, selectLetter+condition,
		with(args{id[:]}, values), readLetter)
}

const (
	insertMessageLetter = `INSERT INTO dead_letters (id, kind, attempts, last_error, payload, failed_at)
		VALUES (?, 'message', ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING`
	deleteMessageLetter = `DELETE FROM dead_letters WHERE id = ? AND kind = 'message'`
)

// AddMessageLetter keeps a queue message that cannot be read. A letter with its id that is there already stays.
func (s *Store) AddMessageLetter(ctx context.Context, l models.DeadLetter) error {
	return s.write(ctx, "keep an unreadable message", func(c *conn) error {
		_, err := c.exec(insertMessageLetter, l.ID[:], int64(l.Attempts), clean(l.LastError), clean(l.Payload),
			micros(s.now()))
		return err
	})
}

// DropMessageLetter discards a letter of kind message. Error: models.ErrLetterNotFound.
func (s *Store) DropMessageLetter(ctx context.Context, id models.LetterID) error {
	return s.write(ctx, "discard an unreadable message", func(c *conn) error {
		dropped, err := c.exec(deleteMessageLetter, id[:])
		if err == nil && dropped == 0 {
			err = models.ErrLetterNotFound
		}
		return err
	})
}
