package services

import (
	"context"
	"time"

	"quantix/internal/boxoffice"
	"quantix/internal/models"
	"quantix/internal/repository"
	"quantix/internal/sale"
)

// EventStore is what the use cases of events read and create.
type EventStore interface {
	repository.Events
	repository.Audit
}

// Events is the use cases of events.
type Events struct {
	store  EventStore
	office *boxoffice.Office
	owners *owners

	single  *sharedReads[eventKey, models.Event]
	figures *sharedReads[eventKey, models.Event] // of deleted ones, too
	lists   *sharedReads[eventList, models.EventPage]
	audits  *sharedReads[models.EventID, models.AuditFacts]

	chargeable func(models.Money) error // see ChargedBy
}

// What readers may ask of the store at one time. Each query keeps a connection and a processor, which others need, too:
// a list for a moment, an audit perhaps for minutes.
var (
	singleBounds = readBounds{atOnce: 16, waiting: 10_000, timeout: 10 * time.Second}
	listBounds   = readBounds{atOnce: 4, waiting: 1_000, timeout: 10 * time.Second}
	auditBounds  = readBounds{atOnce: 2, waiting: 1_000, timeout: 5 * time.Minute}
)

// eventKey is an event as somebody may see it.
type eventKey struct {
	scope models.Scope
	event models.EventID
}

// eventList is a page of a list of events.
type eventList struct {
	scope  models.Scope
	filter models.EventFilter
	limit  int
	later  bool // than after
	after  models.Position
}

// NewEvents works on a store and a box office.
func NewEvents(store EventStore, office *boxoffice.Office) *Events {
	return &Events{
		store: store, office: office, owners: newOwners(store),
		single: newSharedReads(singleBounds, func(ctx context.Context, k eventKey) (models.Event, error) {
			return store.Event(ctx, k.scope, k.event)
		}),
		figures: newSharedReads(singleBounds, func(ctx context.Context, k eventKey) (models.Event, error) {
			return store.AnyEvent(ctx, k.scope, k.event)
		}),
		lists:  newSharedReads(listBounds, listEvents(store)),
		audits: newSharedReads(auditBounds, store.AuditFacts),
	}
}

// ChargedBy returns the same use cases for a gateway that cannot charge every price; it says why not, for the organiser
// to read.
func (e *Events) ChargedBy(chargeable func(models.Money) error) *Events {
	other := *e
	other.chargeable = chargeable
	return &other
}

// listEvents reads a page from a store.
func listEvents(store EventStore) func(context.Context, eventList) (models.EventPage, error) {
	return func(ctx context.Context, l eventList) (models.EventPage, error) {
		page := models.Page{Limit: l.limit}
		if l.later {
			page.After = &l.after
		}
		return store.Events(ctx, l.scope, l.filter, page)
	}
}

// Create puts an event on sale, as its organizer's: the caller's own, unless an admin names another one. Errors:
// models.ErrInvalid, models.ErrOrganizerNotFound; models.ErrForbidden for who is limited to some events.
func (e *Events) Create(ctx context.Context, who models.Caller, draft models.EventDraft) (models.Event, error) {
	organizer, err := ownOrganizer(who, draft.Organizer)
	if err != nil {
		return models.Event{}, err
	}
	draft.Organizer = organizer
	event, err := models.NewEvent(draft)
	if err == nil && e.chargeable != nil {
		err = sale.CheckPrice(event.TicketPrice, e.chargeable)
	}
	if err != nil {
		return models.Event{}, err
	}
	return retried(ctx, func() (models.Event, error) { return e.store.CreateEvent(ctx, event) })
}

// Get returns one event, by a query that all share who ask for it at the same time. Error: models.ErrEventNotFound.
func (e *Events) Get(ctx context.Context, who models.Caller, id models.EventID) (models.Event, error) {
	return explained(e.single.get(ctx, eventKey{who.Scope(), id}))
}

// Figures returns one event, a deleted one too, for its Stock, which is its statistics: in one snapshot and at constant
// cost. Error: models.ErrEventNotFound.
func (e *Events) Figures(ctx context.Context, who models.Caller, id models.EventID) (models.Event, error) {
	return explained(e.figures.get(ctx, eventKey{who.Scope(), id}))
}

// List returns events by date_time; the list is shared with all who ask for the same at the same time, and not to be
// changed.
func (e *Events) List(
	ctx context.Context, who models.Caller, filter models.EventFilter, p models.Page,
) (models.EventPage, error) {
	p = page(p)
	key := eventList{scope: who.Scope(), filter: filter, limit: p.Limit, later: p.After != nil}
	if p.After != nil {
		key.after = *p.After
	}
	return explained(e.lists.get(ctx, key))
}

// Update changes an event. Errors: models.ErrEventNotFound, models.ErrInvalid, models.ErrVersionMismatch,
// models.ErrCapacityBelowTaken, models.ErrCurrencyFixed, models.ErrDateInPast.
func (e *Events) Update(
	ctx context.Context, who models.Caller, id models.EventID, patch models.EventPatch, ifVersion *int64,
) (models.Event, error) {
	return e.ask(ctx, who, id, &sale.EditEvent{Patch: patch, IfVersion: ifVersion, Chargeable: e.chargeable})
}

// Delete hides an event without live or refundable bookings. Errors: models.ErrEventNotFound,
// models.ErrEventHasBookings, models.ErrEventRefundable, models.ErrVersionMismatch.
func (e *Events) Delete(ctx context.Context, who models.Caller, id models.EventID, ifVersion *int64) error {
	_, err := e.ask(ctx, who, id, &sale.DeleteEvent{IfVersion: ifVersion})
	return err
}

// Cancel stops an event's sale for good and starts the cancelling and refunding of its bookings, which goes on in the
// background; asked again, it only shows how far that has got. Errors: models.ErrEventNotFound, models.ErrEventOver.
func (e *Events) Cancel(ctx context.Context, who models.Caller, id models.EventID) (models.Event, error) {
	return e.ask(ctx, who, id, &sale.CancelEvent{})
}

// Audit recomputes an event's counters and money from its bookings, charges and refunds. Two events are audited at a
// time, each once for all who asked before it began. Error: models.ErrEventNotFound.
func (e *Events) Audit(ctx context.Context, who models.Caller, id models.EventID) (models.AuditReport, error) {
	if err := e.Within(ctx, who, id); err != nil {
		return models.AuditReport{}, err
	}
	facts, err := explained(e.audits.get(ctx, id))
	if err != nil {
		return models.AuditReport{}, err
	}
	return sale.Audit(facts), nil
}

// Within says models.ErrEventNotFound of an event that is not within the caller's reach, deleted or not; of one that is
// not there perhaps nothing: what comes next finds out.
func (e *Events) Within(ctx context.Context, who models.Caller, id models.EventID) error {
	return e.owners.within(ctx, who.Scope(), id)
}

func (e *Events) ask(ctx context.Context, who models.Caller, id models.EventID, c sale.Command) (models.Event, error) {
	if err := e.Within(ctx, who, id); err != nil {
		return models.Event{}, err
	}
	verdict, err := e.office.Ask(ctx, id, c)
	if err != nil {
		return models.Event{}, err
	}
	return *verdict.Event, nil
}
