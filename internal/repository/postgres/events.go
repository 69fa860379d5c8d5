package postgres

import (
	"context"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgtype/zeronull"

	"quantix/internal/models"
)

// An event is a row of events, which organisers change, and one of event_stock, which bookings change.
const (
	eventColumns = `e.id, e.name, e.description, e.date_time, e.sales_end, e.ticket_price::text, e.currency, e.version,
		e.cancelled_at, e.deleted_at, e.created_at, e.updated_at, e.time_zone`
	stockColumns = `s.total_tickets, s.available, s.held, s.sold, s.held_amount::text, s.sold_amount::text,
		s.pending_count, s.confirmed_count, s.cancelled_count`
	wholeEvents = `SELECT ` + eventColumns + `, ` + stockColumns + ` FROM events e JOIN event_stock s ON s.event_id = e.id`
)

// eventRow is what a row of eventColumns is scanned into, before amounts and times are put right.
type eventRow struct {
	e        *models.Event
	price    amount
	currency string
}

func (r *eventRow) targets() []any {
	e := r.e
	return []any{(*[16]byte)(&e.ID), &e.Name, &e.Description, &e.DateTime, intoTime(&e.SalesEnd), &r.price, &r.currency,
		&e.Version, intoTime(&e.CancelledAt), intoTime(&e.DeletedAt), &e.CreatedAt, &e.UpdatedAt, (*zeronull.Text)(&e.TimeZone)}
}

func (r *eventRow) finish() error {
	e := r.e
	utc(&e.DateTime, &e.SalesEnd, &e.CancelledAt, &e.DeletedAt, &e.CreatedAt, &e.UpdatedAt)
	return money(&e.TicketPrice, r.price, r.currency)
}

// stockRow is the same for stockColumns.
type stockRow struct {
	s          *models.Stock
	held, sold amount
}

func (r *stockRow) targets() []any {
	s := r.s
	return []any{&s.Total, &s.Available, &s.Held, &s.Sold, &r.held, &r.sold, &s.Pending, &s.Confirmed, &s.Cancelled}
}

func (r *stockRow) finish(c models.Currency) error {
	return minors(c, minorPair{&r.s.HeldAmount, r.held}, minorPair{&r.s.SoldAmount, r.sold})
}

// scanEvent reads a row of wholeEvents.
func scanEvent(row pgx.Row, e *models.Event) error {
	event, stock := eventRow{e: e}, stockRow{s: &e.Stock}
	if err := row.Scan(append(event.targets(), stock.targets()...)...); err != nil {
		return err
	}
	if err := event.finish(); err != nil {
		return err
	}
	return stock.finish(e.TicketPrice.Currency)
}

const insertEvent = `
	WITH e AS (
		INSERT INTO events (id, name, description, date_time, sales_end, ticket_price, currency, total_tickets, version,
			cancelled_at, deleted_at, created_at, updated_at, time_zone)
		SELECT $2, $3, $4, $5, $6, $7::bigint * $8::numeric, $9, $10, $19, $20, $21, now, now, $22
		FROM (SELECT coalesce($1::timestamptz, now()) AS now) clock
		RETURNING *
	), s AS (
		INSERT INTO event_stock (event_id, total_tickets, available, held, sold, held_amount, sold_amount, pending_count,
			confirmed_count, cancelled_count)
		VALUES ($2, $10, $11, $12, $13, $14::bigint * $8::numeric, $15::bigint * $8::numeric, $16, $17, $18)
		RETURNING *
	)
	SELECT ` + eventColumns + `, ` + stockColumns + ` FROM e CROSS JOIN s`

// CreateEvent writes a new event and gives it with its times set.
func (s *Store) CreateEvent(ctx context.Context, event models.Event) (models.Event, error) {
	stock := event.Stock
	var made models.Event
	batch := &pgx.Batch{}
	batch.Queue(insertEvent, s.now(), uuid(event.ID), event.Name, event.Description, event.DateTime,
		nullTime(event.SalesEnd), event.TicketPrice.Minor, factor(event.TicketPrice.Currency),
		string(event.TicketPrice.Currency), stock.Total, stock.Available, stock.Held, stock.Sold, stock.HeldAmount,
		stock.SoldAmount, stock.Pending, stock.Confirmed, stock.Cancelled, event.Version,
		nullTime(event.CancelledAt), nullTime(event.DeletedAt), zeronull.Text(event.TimeZone),
	).QueryRow(func(row pgx.Row) error { return scanEvent(row, &made) })
	err := s.inBatch(ctx, s.read, batch, "create an event")
	return made, err
}

const selectEvent = wholeEvents + ` WHERE e.id = $1 AND e.deleted_at IS NULL`

// Event gives one event with its counters in one snapshot. Error: models.ErrEventNotFound.
func (s *Store) Event(ctx context.Context, id models.EventID) (models.Event, error) {
	return s.oneEvent(ctx, selectEvent, id)
}

// AnyEvent is Event for deleted ones, too.
func (s *Store) AnyEvent(ctx context.Context, id models.EventID) (models.Event, error) {
	return s.oneEvent(ctx, selectAnyEvent, id)
}

func (s *Store) oneEvent(ctx context.Context, query string, id models.EventID) (models.Event, error) {
	var event models.Event
	err := scanEvent(s.read.QueryRow(ctx, query, uuid(id)), &event)
	if noRows(err) {
		return models.Event{}, models.ErrEventNotFound
	}
	return event, wrap("read an event", err)
}

const selectEvents = wholeEvents + `
	WHERE e.deleted_at IS NULL AND (e.date_time, e.id) > ($1, $2) AND e.date_time >= $3 AND e.date_time < $4
		AND (e.name ILIKE $5 OR e.description ILIKE $5) AND ($7 = '' OR $7 = ` + saleState + `)
	ORDER BY e.date_time, e.id LIMIT $6`

// saleState is models.SaleState of an event, by the clock.
const saleState = `CASE WHEN e.cancelled_at IS NOT NULL THEN 'cancelled'
	WHEN coalesce(e.sales_end, e.date_time) > coalesce($8::timestamptz, now()) THEN 'on_sale' ELSE 'closed' END`

// Events lists by date_time and id.
func (s *Store) Events(ctx context.Context, filter models.EventFilter, page models.Page) ([]models.Event, error) {
	var after models.Position
	if page.After != nil {
		after = *page.After
	}
	rows, err := s.read.Query(ctx, selectEvents, timeOr(after.Time, pgtype.NegativeInfinity), uuid(after.ID),
		timeOr(filter.From, pgtype.NegativeInfinity), timeOr(filter.To, pgtype.Infinity), contains(filter.Query), page.Limit,
		string(filter.State), s.now())
	list, err := collect(rows, err, scanEvent)
	return list, wrap("list events", err)
}

var likeEscapes = strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`)

// contains makes a pattern for LIKE that finds a text as it is; the empty text is found everywhere.
func contains(text string) string { return "%" + likeEscapes.Replace(text) + "%" }

const selectCancelledEvents = `SELECT e.id FROM events e JOIN event_stock s ON s.event_id = e.id
	WHERE e.cancelled_at IS NOT NULL AND s.pending_count + s.confirmed_count > 0 ORDER BY e.id LIMIT $1`

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
