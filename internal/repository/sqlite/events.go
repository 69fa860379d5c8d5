package sqlite

import (
	"context"
	"errors"
	"math"
	"strings"

	"quantix/internal/journal"
	"quantix/internal/models"
)

const eventColumns = `id, name, description, date_time, sales_end, ticket_price, currency, total_tickets, available, held,
	sold, held_amount, sold_amount, pending_count, confirmed_count, cancelled_count, version, cancelled_at, deleted_at,
	created_at, updated_at, time_zone, organizer_id`

// wholeEvent adds the number of the newest entry in the event's journal, which is no column of it, and the one up to
// which its users were counted.
const wholeEvent = eventColumns + `, (SELECT max(seq) FROM journal WHERE event_id = events.id), counted_seq`

func readEvent(r *row) models.Event {
	e := models.Event{ID: r.id(), Name: r.text(), Description: r.text(), DateTime: r.time(), SalesEnd: r.time()}
	e.TicketPrice = models.Money{Minor: r.int(), Currency: models.Currency(r.text())}
	e.Stock = models.Stock{Total: r.int(), Available: r.int(), Held: r.int(), Sold: r.int(), HeldAmount: r.int(),
		SoldAmount: r.int(), Pending: r.int(), Confirmed: r.int(), Cancelled: r.int()}
	e.Version = r.int()
	e.CancelledAt, e.DeletedAt, e.CreatedAt, e.UpdatedAt = r.time(), r.time(), r.time(), r.time()
	e.TimeZone, e.Organizer, e.Seq = r.text(), r.id(), r.int()
	e.CountsUsers = r.int() == e.Seq // NULL is no number of an entry
	return e
}

const insertEvent = `INSERT INTO events (` + eventColumns + `)
	VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`

// CreateEvent writes a new event and returns it with its times set. Error: models.ErrOrganizerNotFound.
func (s *Store) CreateEvent(ctx context.Context, event models.Event) (models.Event, error) {
	err := s.write(ctx, "create an event", func(c *conn) error {
		if err := organizerIsThere(c, event.Organizer); err != nil {
			return err
		}
		event.CreatedAt = s.now()
		event.UpdatedAt = event.CreatedAt
		e, stock := &event, &event.Stock
		err := c.one(insertEvent, e.ID[:], e.Name, e.Description, micros(e.DateTime), nullMicros(e.SalesEnd),
			e.TicketPrice.Minor, string(e.TicketPrice.Currency), stock.Total, stock.Available, stock.Held, stock.Sold,
			stock.HeldAmount, stock.SoldAmount, stock.Pending, stock.Confirmed, stock.Cancelled, e.Version,
			nullMicros(e.CancelledAt), nullMicros(e.DeletedAt), micros(e.CreatedAt), micros(e.UpdatedAt),
			nullText(e.TimeZone), e.Organizer[:])
		if err != nil {
			return err
		}
		e.Seq = 1
		return c.one(insertEntry, e.ID[:], e.Seq, micros(e.CreatedAt), journal.Created(e))
	})
	if err != nil {
		return models.Event{}, err
	}
	return event, nil
}

const selectEvent = `SELECT ` + wholeEvent + ` FROM events WHERE id = ? AND deleted_at IS NULL`

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
	condition, values := ownEvents(scope, 1)
	return single(ctx, s, "read an event", models.ErrEventNotFound, query+condition, with(args{id[:]}, values), readEvent)
}

const selectOrganizerOf = `SELECT organizer_id FROM events WHERE id = ?`

// OwnerOf returns whose an event is, deleted or not. Error: models.ErrEventNotFound.
func (s *Store) OwnerOf(ctx context.Context, id models.EventID) (models.OrganizerID, error) {
	return single(ctx, s, "look up whose an event is", models.ErrEventNotFound, selectOrganizerOf, args{id[:]},
		readID[models.OrganizerID])
}

const (
	pageOfEvents = `deleted_at IS NULL AND (date_time, id) > (?, ?) AND date_time >= ? AND date_time < ?
		AND (?5 = '' OR ?5 = CASE WHEN cancelled_at IS NOT NULL THEN 'cancelled'
			WHEN coalesce(sales_end, date_time) > ?6 THEN 'on_sale' ELSE 'closed' END)`
	inOrder      = ` ORDER BY date_time, id`
	selectEvents = `SELECT ` + wholeEvent + ` FROM events WHERE ` + pageOfEvents
	// searchEvents has the index of trigrams find all that there are, and then reads and orders those alone: read in
	// their order, a rare text would be looked for in every event. A CROSS JOIN keeps the order in which tables are
	// read.
	searchEvents = `SELECT ` + wholeEvent + `
		FROM event_search CROSS JOIN event_texts t ON t.n = event_search.rowid CROSS JOIN events ON events.id = t.event_id
		WHERE ` + pageOfEvents + ` AND event_search MATCH ?7`
)

// errEnough stops reading rows that nobody needs.
var errEnough = errors.New("enough")

// Events lists by date_time and id. Texts are compared here, because SQLite's LIKE knows the cases of ASCII letters
// only. Only the first events of a page are looked at one by one; if they do not fill it, the index is asked for the
// rest.
func (s *Store) Events(
	ctx context.Context, scope models.Scope, filter models.EventFilter, page models.Page,
) (models.EventPage, error) {
	after := position(page)
	values := args{microsOr(after.Time, first), after.ID[:], microsOr(filter.From, first), microsOr(filter.To, last),
		string(filter.State), micros(s.now())}
	trigrams := models.Trigrams(filter.Query)
	most := math.MaxInt
	switch {
	case len(trigrams) > 0:
		most = models.SearchNear
	case filter.Query != "":
		most = models.SearchShort
	}
	list, all, err := s.findEvents(ctx, scope, selectEvents, values, filter.Query, page.Limit, most)
	if err == nil && !all && len(trigrams) > 0 {
		list, _, err = s.findEvents(ctx, scope, searchEvents, append(values, matching(trigrams)), filter.Query,
			page.Limit, math.MaxInt)
	}
	return list, wrap("list events", err)
}

// matching words what the index is asked for: texts with all of some trigrams, in whatever order.
func matching(trigrams []string) string {
	quoted := make([]string, len(trigrams))
	for i, one := range trigrams {
		quoted[i] = `"` + strings.ReplaceAll(one, `"`, `""`) + `"`
	}
	return strings.Join(quoted, " AND ")
}

// findEvents reads events until a page is full; all tells that it did not have to give up after most of them, where the
// page's Next is then.
func (s *Store) findEvents(
	ctx context.Context, scope models.Scope, sql string, values args, query string, limit, most int,
) (list models.EventPage, all bool, err error) {
	list.Events = []models.Event{}
	if limit <= 0 {
		return list, true, nil
	}
	condition, more := ownEvents(scope, len(values))
	text, looked := 0, 0
	var last models.Position
	err = s.readers.do(ctx, func(c *conn) error {
		return c.query(ctx, sql+condition+inOrder, with(values, more), func(r *row) error {
			if looked == most {
				return errGivenUp
			}
			event := readEvent(r)
			looked, last = looked+1, models.PositionOf(&event)
			if mentions(&event, query) {
				list.Events = append(list.Events, event)
				text += models.TextOf(&event)
			}
			if text >= models.MaxText {
				list.Next = &last
			}
			if len(list.Events) == limit || list.Next != nil {
				return errEnough
			}
			return nil
		})
	})
	if errors.Is(err, errEnough) {
		err = nil
	}
	if errors.Is(err, errGivenUp) {
		list.Next = &last
		return list, false, nil
	}
	return list, true, err
}

// errGivenUp stops reading rows one by one.
var errGivenUp = errors.New("given up")

// position returns where a page begins; the zero position comes before everything.
func position(page models.Page) models.Position {
	if page.After == nil {
		return models.Position{}
	}
	return *page.After
}

func mentions(event *models.Event, text string) bool {
	text = strings.ToLower(text)
	return strings.Contains(strings.ToLower(event.Name), text) ||
		strings.Contains(strings.ToLower(event.Description), text)
}

const selectCancelledEvents = `SELECT id FROM events
	WHERE cancelled_at IS NOT NULL AND pending_count + confirmed_count > 0 ORDER BY id LIMIT ?`

// CancelledEvents lists events, deleted or not, that are cancelled and still have live bookings.
func (s *Store) CancelledEvents(ctx context.Context, limit int) ([]models.EventID, error) {
	return listForLoops(ctx, s, "list cancelled events", selectCancelledEvents, args{int64(limit)}, readID[models.EventID])
}

const selectEventIDs = `SELECT id FROM events WHERE id > ? ORDER BY id LIMIT ?`

// EventIDs lists every event there ever was, by id, after the given one.
func (s *Store) EventIDs(ctx context.Context, after models.EventID, limit int) ([]models.EventID, error) {
	return list(ctx, s, "list the ids of events", selectEventIDs, args{after[:], int64(limit)}, readID[models.EventID])
}
