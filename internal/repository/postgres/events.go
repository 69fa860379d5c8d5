package postgres

import (
	"context"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"quantix/internal/models"
)

const eventColumns = `id, name, description, date_time, sales_end, ticket_price::text, currency, total_tickets, available,
	held, sold, held_amount::text, sold_amount::text, pending_count, confirmed_count, cancelled_count, version,
	cancelled_at, deleted_at, created_at, updated_at`

func scanEvent(row pgx.Row, e *models.Event) error {
	var price, held, sold amount
	var currency string
	s := &e.Stock
	err := row.Scan((*[16]byte)(&e.ID), &e.Name, &e.Description, &e.DateTime, intoTime(&e.SalesEnd), &price, &currency,
		&s.Total, &s.Available, &s.Held, &s.Sold, &held, &sold, &s.Pending, &s.Confirmed, &s.Cancelled, &e.Version,
		intoTime(&e.CancelledAt), intoTime(&e.DeletedAt), &e.CreatedAt, &e.UpdatedAt)
	if err != nil {
		return err
	}
	utc(&e.DateTime, &e.SalesEnd, &e.CancelledAt, &e.DeletedAt, &e.CreatedAt, &e.UpdatedAt)
	e.TicketPrice.Currency = models.Currency(currency)
	return minors(e.TicketPrice.Currency, minorPair{&e.TicketPrice.Minor, price}, minorPair{&s.HeldAmount, held},
		minorPair{&s.SoldAmount, sold})
}

const insertEvent = `
	INSERT INTO events (id, name, description, date_time, sales_end, ticket_price, currency, total_tickets, available,
		held, sold, held_amount, sold_amount, pending_count, confirmed_count, cancelled_count, version,
		cancelled_at, deleted_at, created_at, updated_at)
	SELECT $2, $3, $4, $5, $6, $7::bigint * $8::numeric, $9, $10, $11, $12, $13, $14::bigint * $8::numeric,
		$15::bigint * $8::numeric, $16, $17, $18, $19, $20, $21, now, now
	FROM (SELECT coalesce($1::timestamptz, now()) AS now) clock
	RETURNING ` + eventColumns

// CreateEvent writes a new event and gives it with its times set.
func (s *Store) CreateEvent(ctx context.Context, event models.Event) (models.Event, error) {
	stock := event.Stock
	row := s.read.QueryRow(ctx, insertEvent, s.now(), uuid(event.ID), event.Name, event.Description, event.DateTime,
		nullTime(event.SalesEnd), event.TicketPrice.Minor, factor(event.TicketPrice.Currency),
		string(event.TicketPrice.Currency), stock.Total, stock.Available, stock.Held, stock.Sold, stock.HeldAmount,
		stock.SoldAmount, stock.Pending, stock.Confirmed, stock.Cancelled, event.Version,
		nullTime(event.CancelledAt), nullTime(event.DeletedAt))
	var made models.Event
	err := scanEvent(row, &made)
	return made, wrapWrite("create an event", err)
}

const selectEvent = `SELECT ` + eventColumns + ` FROM events WHERE id = $1 AND deleted_at IS NULL`

// Event gives one event with its counters in one snapshot. Error: models.ErrEventNotFound.
func (s *Store) Event(ctx context.Context, id models.EventID) (models.Event, error) {
	var event models.Event
	err := scanEvent(s.read.QueryRow(ctx, selectEvent, uuid(id)), &event)
	if noRows(err) {
		return models.Event{}, models.ErrEventNotFound
	}
	return event, wrap("read an event", err)
}

const selectEvents = `SELECT ` + eventColumns + ` FROM events
	WHERE deleted_at IS NULL AND (date_time, id) > ($1, $2) AND date_time >= $3 AND date_time < $4
		AND (name ILIKE $5 OR description ILIKE $5)
	ORDER BY date_time, id LIMIT $6`

// Events lists by date_time and id.
func (s *Store) Events(ctx context.Context, filter models.EventFilter, page models.Page) ([]models.Event, error) {
	var after models.Position
	if page.After != nil {
		after = *page.After
	}
	rows, err := s.read.Query(ctx, selectEvents, timeOr(after.Time, pgtype.NegativeInfinity), uuid(after.ID),
		timeOr(filter.From, pgtype.NegativeInfinity), timeOr(filter.To, pgtype.Infinity), contains(filter.Query), page.Limit)
	list, err := collect(rows, err, scanEvent)
	return list, wrap("list events", err)
}

var likeEscapes = strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`)

// contains makes a pattern for LIKE that finds a text as it is; the empty text is found everywhere.
func contains(text string) string { return "%" + likeEscapes.Replace(text) + "%" }

const selectCancelledEvents = `SELECT id FROM events
	WHERE cancelled_at IS NOT NULL AND pending_count + confirmed_count > 0 ORDER BY id LIMIT $1`

// CancelledEvents lists events, deleted or not, that are cancelled and still have live bookings.
func (s *Store) CancelledEvents(ctx context.Context, limit int) ([]models.EventID, error) {
	rows, err := s.desk.Query(ctx, selectCancelledEvents, limit)
	list, err := collect[models.EventID](rows, err, scanID)
	return list, wrap("list cancelled events", err)
}

const selectEventIDs = `SELECT id FROM events WHERE id > $1 ORDER BY id LIMIT $2`

// EventIDs lists every event there ever was, by id, after the given one.
func (s *Store) EventIDs(ctx context.Context, after models.EventID, limit int) ([]models.EventID, error) {
	rows, err := s.read.Query(ctx, selectEventIDs, uuid(after), limit)
	list, err := collect[models.EventID](rows, err, scanID)
	return list, wrap("list the ids of events", err)
}
