package postgres

import (
	"context"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgtype/zeronull"

	"quantix/internal/journal"
	"quantix/internal/models"
)

// An event is a row of events, which organisers change, and one of event_stock, which bookings change.
const (
	eventColumns = `e.id, e.name, e.description, e.date_time, e.sales_end, e.ticket_price::text, e.currency, e.version,
		e.cancelled_at, e.deleted_at, e.created_at, e.updated_at, e.time_zone, e.organizer_id`
	stockColumns = `s.total_tickets, s.available, s.held, s.sold, s.held_amount::text, s.sold_amount::text,
		s.pending_count, s.confirmed_count, s.cancelled_count, coalesce(s.counted_seq = s.journal_seq, false), s.journal_seq`
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
		&e.Version, intoTime(&e.CancelledAt), intoTime(&e.DeletedAt), &e.CreatedAt, &e.UpdatedAt,
		(*zeronull.Text)(&e.TimeZone), (*[16]byte)(&e.Organizer)}
}

func (r *eventRow) finish() error {
	e := r.e
	utc(&e.DateTime, &e.SalesEnd, &e.CancelledAt, &e.DeletedAt, &e.CreatedAt, &e.UpdatedAt)
	return money(&e.TicketPrice, r.price, r.currency)
}

// stockRow is the same for stockColumns.
type stockRow struct {
	s          *models.Stock
	seq        *int64
	counts     *bool
	held, sold amount
}

func (r *stockRow) targets() []any {
	s := r.s
	return []any{
		&s.Total, &s.Available, &s.Held, &s.Sold, &r.held, &r.sold, &s.Pending, &s.Confirmed, &s.Cancelled, r.counts, r.seq,
	}
}

func (r *stockRow) finish(c models.Currency) error {
	return minors(c, minorPair{&r.s.HeldAmount, r.held}, minorPair{&r.s.SoldAmount, r.sold})
}

// scanEvent reads a row of wholeEvents.
func scanEvent(row pgx.Row, e *models.Event) error {
	event, stock := eventRow{e: e}, stockRow{s: &e.Stock, seq: &e.Seq, counts: &e.CountsUsers}
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
			cancelled_at, deleted_at, created_at, updated_at, time_zone, organizer_id)
		SELECT $2, $3, $4, $5, $6, $7::bigint * $8::numeric, $9, $10, $19, $20, $21, now, now, $22, $24
		FROM (SELECT coalesce($1::timestamptz, now()) AS now) clock
		RETURNING *
	), s AS (
		INSERT INTO event_stock (event_id, total_tickets, available, held, sold, held_amount, sold_amount, pending_count,
			confirmed_count, cancelled_count, journal_seq)
		VALUES ($2, $10, $11, $12, $13, $14::bigint * $8::numeric, $15::bigint * $8::numeric, $16, $17, $18, 1)
		RETURNING *
	), j AS (
		INSERT INTO journal (event_id, seq, at, facts) SELECT id, 1, created_at, $23 FROM e
	)
	SELECT ` + eventColumns + `, ` + stockColumns + ` FROM e CROSS JOIN s`

// CreateEvent writes a new event and returns it with its times set. Error: models.ErrOrganizerNotFound.
func (s *Store) CreateEvent(ctx context.Context, event models.Event) (models.Event, error) {
	stock := event.Stock
	var made models.Event
	batch := &pgx.Batch{}
	batch.Queue(insertEvent, s.now(), uuid(event.ID), event.Name, event.Description, event.DateTime,
		nullTime(event.SalesEnd), event.TicketPrice.Minor, factor(event.TicketPrice.Currency),
		string(event.TicketPrice.Currency), stock.Total, stock.Available, stock.Held, stock.Sold, stock.HeldAmount,
		stock.SoldAmount, stock.Pending, stock.Confirmed, stock.Cancelled, event.Version,
		nullTime(event.CancelledAt), nullTime(event.DeletedAt), zeronull.Text(event.TimeZone), journal.Created(&event),
		uuid(event.Organizer),
	).QueryRow(func(row pgx.Row) error { return scanEvent(row, &made) })
	err := s.inBatch(ctx, s.read, batch, "create an event")
	return made, err
}

const selectEvent = wholeEvents + ` WHERE e.id = $1 AND e.deleted_at IS NULL`

// Event returns one event with its counters in one snapshot. Error: models.ErrEventNotFound.
func (s *Store) Event(ctx context.Context, scope models.Scope, id models.EventID) (models.Event, error) {
	return s.oneEvent(ctx, selectEvent, scope, id)
}

// AnyEvent is Event for deleted ones, too.
func (s *Store) AnyEvent(ctx context.Context, scope models.Scope, id models.EventID) (models.Event, error) {
	return s.oneEvent(ctx, selectAnyEvent, scope, id)
}

func (s *Store) oneEvent(
	ctx context.Context, query string, scope models.Scope, id models.EventID,
) (models.Event, error) {
	var event models.Event
	condition, values := ownEvents(scope, 1)
	err := scanEvent(s.read.QueryRow(ctx, query+condition, append([]any{uuid(id)}, values...)...), &event)
	if noRows(err) {
		return models.Event{}, models.ErrEventNotFound
	}
	return event, wrap("read an event", err)
}

const selectOrganizerOf = `SELECT organizer_id FROM events WHERE id = $1`

// OwnerOf returns whose an event is, deleted or not. Error: models.ErrEventNotFound.
func (s *Store) OwnerOf(ctx context.Context, id models.EventID) (owner models.OrganizerID, err error) {
	err = scanID(s.desk.QueryRow(ctx, selectOrganizerOf, uuid(id)), &owner)
	if noRows(err) {
		return models.OrganizerID{}, models.ErrEventNotFound
	}
	return owner, wrap("look up whose an event is", err)
}

const (
	inPage = `(e.date_time, e.id) > ($1, $2) AND e.date_time >= $3 AND e.date_time < $4
		AND ($6 = '' OR $6 = ` + saleState + `)`
	pageOfEvents = `e.deleted_at IS NULL AND ` + inPage
	inOrder      = ` ORDER BY e.date_time, e.id LIMIT `
)

// The lists are of the events that a condition admits besides (see ownEvents).

func selectEvents(own string) string {
	return wholeEvents + ` WHERE ` + pageOfEvents + own + inOrder + `$5`
}

// searchNear looks at the first events of a page one by one. Whether an index could find them sooner is not asked.
func searchNear(own string) string {
	return `
		WITH near AS MATERIALIZED (SELECT e.* FROM events e WHERE ` + pageOfEvents + own + inOrder + `$9)
		SELECT ` + eventColumns + `, ` + stockColumns + ` FROM near e JOIN event_stock s ON s.event_id = e.id
		WHERE e.name || E'\n' || e.description ILIKE $8` + inOrder + `$5`
}

// lastLookedAt is where searchNear ends, if it does.
func lastLookedAt(own string) string {
	return `SELECT e.date_time, e.id FROM events e WHERE ` + pageOfEvents + own + inOrder + `1 OFFSET $5`
}

// searchAll has the index of trigrams (events_text_idx) find all that there are, and then puts them in order: read in
// their order, a rare text would be looked for in every event.
func searchAll(own string) string {
	return `
		WITH found AS MATERIALIZED (
			SELECT e.id, e.date_time, e.sales_end, e.cancelled_at FROM events e
			WHERE e.deleted_at IS NULL AND e.name || E'\n' || e.description ILIKE $8` + own + `
		), page AS MATERIALIZED (
			SELECT e.id FROM found e WHERE ` + inPage + inOrder + `$5
		)
		SELECT ` + eventColumns + `, ` + stockColumns + `
		FROM page p JOIN events e ON e.id = p.id JOIN event_stock s ON s.event_id = e.id ORDER BY e.date_time, e.id`
}

// saleState is models.SaleState of an event, by the clock.
const saleState = `CASE WHEN e.cancelled_at IS NOT NULL THEN 'cancelled'
	WHEN coalesce(e.sales_end, e.date_time) > coalesce($7::timestamptz, now()) THEN 'on_sale' ELSE 'closed' END`

// Events lists by date_time and id.
func (s *Store) Events(
	ctx context.Context, scope models.Scope, filter models.EventFilter, page models.Page,
) (models.EventPage, error) {
	var after models.Position
	if page.After != nil {
		after = *page.After
	}
	bounds := []any{timeOr(after.Time, pgtype.NegativeInfinity), uuid(after.ID),
		timeOr(filter.From, pgtype.NegativeInfinity),
		timeOr(filter.To, pgtype.Infinity), page.Limit, string(filter.State), s.now()}
	if filter.Query == "" {
		return s.listEvents(ctx, scope, selectEvents, bounds...)
	}
	if len(models.Trigrams(filter.Query)) == 0 {
		return s.searchShort(ctx, scope, bounds, contains(filter.Query))
	}
	bounds = append(bounds, contains(filter.Query))
	list, err := s.listEvents(ctx, scope, searchNear, append(slices.Clone(bounds), models.SearchNear)...)
	if err != nil || len(list.Events) == page.Limit || list.Next != nil {
		return list, err
	}
	return s.listEvents(ctx, scope, searchAll, bounds...)
}

// searchShort looks at models.SearchShort events, one by one, and tells where it ended, in one snapshot: no event is
// passed over that comes or goes meanwhile.
func (s *Store) searchShort(
	ctx context.Context, scope models.Scope, bounds []any, pattern string,
) (list models.EventPage, err error) {
	err = s.snapshot(ctx, func(batch *pgx.Batch) {
		near, values := owned(scope, searchNear, append(slices.Clone(bounds), pattern, models.SearchShort))
		batch.Queue(near, values...).Query(func(rows pgx.Rows) (err error) {
			list, err = collectEvents(rows, nil)
			return err
		})
		limit := bounds[4]
		bounds := slices.Clone(bounds)
		bounds[4] = models.SearchShort - 1
		last, values := owned(scope, lastLookedAt, bounds)
		batch.Queue(last, values...).Query(func(rows pgx.Rows) error {
			ends, err := collect(rows, nil, scanPosition)
			if err == nil && len(ends) > 0 && list.Next == nil && len(list.Events) != limit {
				list.Next = &ends[0]
			}
			return err
		})
	})
	return list, wrap("list events", err)
}

func scanPosition(row pgx.Row, p *models.Position) error {
	err := row.Scan(&p.Time, &p.ID)
	utc(&p.Time)
	return err
}

func (s *Store) listEvents(
	ctx context.Context, scope models.Scope, text func(own string) string, values ...any,
) (models.EventPage, error) {
	sql, values := owned(scope, text, values)
	rows, err := s.read.Query(ctx, sql, values...)
	list, err := collectEvents(rows, err)
	return list, wrap("list events", err)
}

// collectEvents reads events up to the one whose text reaches models.MaxText in sum.
func collectEvents(rows pgx.Rows, err error) (page models.EventPage, _ error) {
	sum := 0
	page.Events, err = collectUntil(rows, err, scanEvent, func(e *models.Event) bool {
		sum += models.TextOf(e)
		if sum >= models.MaxText {
			page.Next = new(models.PositionOf(e))
		}
		return page.Next != nil
	})
	return page, err
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
