// Package repository holds the ports to the database: what the rest of the program may ask of a store. The adapters
// postgres and sqlite implement them, and repotest is the suite that both must pass.
//
// Every method is one transaction (or one read outside any). Adapters take the time from their own clock (the
// database's, or the clock that a test has set), never from the caller, and give errors as *models.Error or as one of
// the errors below, never as the driver's.
package repository

import (
	"context"
	"errors"
	"time"

	"quantix/internal/models"
	"quantix/internal/sale"
)

// What a store says when it could not do its work. They come wrapped, with the driver's error as the cause.
var (
	// ErrConflict: the database undid the transaction for the sake of another one (serialization failure, deadlock,
	// busy). Nothing was changed; it may be repeated.
	ErrConflict = errors.New("the transaction lost against another one")
	// ErrUnavailable: no connection, a lock or statement timeout, a full or read-only disk. Nothing was changed.
	ErrUnavailable = errors.New("the database is unavailable")
	// ErrNoRoom and ErrReadOnly come with ErrUnavailable where the database says that this is why: a full disk, or one
	// that takes no writes, such as a standby.
	ErrNoRoom   = errors.New("the database's disk is full")
	ErrReadOnly = errors.New("the database takes no writes")
	// ErrRejected: the database refused what was to be written (a constraint, a value out of range): a fault of ours.
	// Nothing was changed.
	ErrRejected = errors.New("the database refused the change")
	// ErrCommitUnknown: the connection was lost during COMMIT. Whether it took place can be seen only under the
	// event's lock.
	ErrCommitUnknown = errors.New("whether the transaction was committed is unknown")
)

// ClocksDiffer is by how much the clocks of two processes may differ that make ids.
const ClocksDiffer = 10 * time.Minute

// FirstUnseen returns an id that no booking is less than which a look at all of a user's bookings did not see, because
// it was made meanwhile: by when it looked, by the store's clock, and by the newest that it saw, whichever is the
// earlier. (The newest may have been made by a clock that was ahead.) Only a booking of a clock that is behind both by
// ClocksDiffer would be less.
func FirstUnseen(newest models.BookingID, at time.Time) models.BookingID {
	if looked := models.MadeAt[models.BookingID](at); newest.Compare(looked) > 0 {
		newest = looked
	}
	return models.MadeBefore(newest, ClocksDiffer)
}

// Store is everything.
type Store interface {
	Desk
	Events
	Users
	Bookings
	Payments
	Strays
	Chronicles
	Outbox
	Journal
	Audit
	Health
	Organizers
	Identities
	AccessLog

	// Ping reports whether the database answers.
	Ping(ctx context.Context) error
	// SchemaVersion returns the number of the newest migration in force, and whether one failed half-way.
	SchemaVersion(ctx context.Context) (version uint, dirty bool, err error)
	// Close waits for what is in hand and lets go of the database.
	Close() error
}

// Desk is the one way to change an event's stock, its bookings' states and their money.
type Desk interface {
	// AtDesk locks the event's row (waiting at most the lock timeout: ErrUnavailable), reads the clock and what need
	// names, lets decide change the state, writes the state's Writes set-based, counters once, the facts as one entry
	// of the event's journal, an outbox row with the given batch id that points to it when bookings were made, and
	// commits durably. Without changes nothing is written.
	//
	// Changes.Letters are written over those with the same id. Of several bookings under one key, of different events,
	// state.Keys has this event's.
	//
	// need.Customers has the tickets read that need.Users hold: from their rows if state.Event.CountsUsers, otherwise,
	// and where there is no row, from their bookings. CountsUsers is true as long as every entry of the journal since
	// Changes.Recount was written here: a program that knows of no rows ends it.
	//
	// state.Event is nil when there is no such event; decide is called all the same. It must do no I/O. It may be
	// called again, on another state, when nothing has come of what it decided: the last call counts. state.Rules and
	// state.Recheck are decide's to set. The answers that decide noted are valid only when AtDesk gives nil. Errors:
	// ErrConflict, ErrUnavailable, ErrRejected, ErrCommitUnknown.
	AtDesk(
		ctx context.Context, event models.EventID, batch models.BatchID, need sale.Reads, decide func(*sale.State),
	) error
}

// What is beyond a scope is not found, and not listed: no caller can tell it from what is not there.

// Events is the reading of events, and their creation. Deleted events are not found.
type Events interface {
	// CreateEvent writes a new event and returns it with its times set. Error: models.ErrOrganizerNotFound.
	CreateEvent(ctx context.Context, event models.Event) (models.Event, error)
	// Event returns one event with its counters in one snapshot. Error: models.ErrEventNotFound.
	Event(ctx context.Context, scope models.Scope, id models.EventID) (models.Event, error)
	// AnyEvent is Event for deleted ones, too.
	AnyEvent(ctx context.Context, scope models.Scope, id models.EventID) (models.Event, error)
	// OwnerOf returns whose an event is, deleted or not; that never changes. Error: models.ErrEventNotFound.
	OwnerOf(ctx context.Context, id models.EventID) (models.OrganizerID, error)
	// Events lists by date_time and id. page.After holds the date_time and id of the last event seen. It ends with the
	// event whose text reaches models.MaxText in sum, and a search without trigrams after models.SearchShort events.
	Events(ctx context.Context, scope models.Scope, filter models.EventFilter, page models.Page) (models.EventPage, error)
	// CancelledEvents lists events, deleted or not, that are cancelled and still have live bookings.
	CancelledEvents(ctx context.Context, limit int) ([]models.EventID, error)
	// EventIDs lists every event there ever was, by id, after the given one; for the audit.
	EventIDs(ctx context.Context, after models.EventID, limit int) ([]models.EventID, error)
}

// Users is everything about users. Deleted users are not found.
//
// Persons belong to the installation. An organizer's scope has those whose row the organizer made, and those who have
// booked one of its events, among their newest BookingsLookedAt bookings. One that is limited to some events has those
// who have booked one of these, and of those whose row the organizer made who has booked nothing yet. A user's scope
// has that user.
type Users interface {
	// CreateUser writes a new user and returns it with its times set. Errors: models.ErrEmailTaken (case-insensitive),
	// models.ErrOrganizerNotFound.
	CreateUser(ctx context.Context, user models.User) (models.User, error)
	// User returns one user. Error: models.ErrUserNotFound.
	User(ctx context.Context, scope models.Scope, id models.UserID) (models.User, error)
	// UserKnown reports whether there is such a user, or was one: a deleted one counts.
	UserKnown(ctx context.Context, scope models.Scope, id models.UserID) (bool, error)
	// UserByEmail returns the user who has an address, in any case. Error: models.ErrUserNotFound.
	UserByEmail(ctx context.Context, scope models.Scope, email string) (models.User, error)
	// Users lists all by id, which is the order of creation. page.After holds the id of the last user seen.
	Users(ctx context.Context, page models.Page) ([]models.User, error)
	// UpdateUser locks the user, applies the patch by User.Apply and writes it. Errors: models.ErrUserNotFound,
	// models.ErrEmailTaken, those of User.Apply; models.ErrForbidden for an organizer who sees the user, but has not
	// made the row, or whose row has been bound to a subject since (BindSubject): it is theirs then.
	UpdateUser(
		ctx context.Context, scope models.Scope, id models.UserID, patch models.UserPatch, ifVersion *int64,
	) (models.User, error)
	// DeleteUser erases (User.Erase) a user without live bookings (PENDING, or CONFIRMED and the event not over, that
	// is date_time and sales_end both in the past) and without refundable ones (CONFIRMED, not free, and the event not
	// over for as long as the window). It excludes a booking that is being made for the user meanwhile: it looks at all
	// bookings, locks the user's row against the FOR KEY SHARE of AtDesk, then looks at those made since, by their ids
	// and ClocksDiffer. Nobody waits for it for longer because the user has many. Errors: models.ErrUserNotFound,
	// models.ErrUserHasBookings, models.ErrVersionMismatch, models.ErrForbidden as of UpdateUser. The user's subjects
	// are forgotten with it, and the identity version grows if there were any.
	DeleteUser(
		ctx context.Context, scope models.Scope, id models.UserID, ifVersion *int64, window time.Duration,
	) error
}

// Bookings is the reading of bookings. An organizer's scope has those of its events, a user's those that are theirs.
type Bookings interface {
	// Booking returns one booking. Error: models.ErrBookingNotFound.
	Booking(ctx context.Context, scope models.Scope, id models.BookingID) (models.Booking, error)
	// BookingByKey returns the booking that the user made under an Idempotency-Key: the event's, otherwise one of any
	// event. Error: models.ErrBookingNotFound.
	BookingByKey(ctx context.Context, event models.EventID, key models.ReplayKey) (models.Booking, error)
	// BookingsOfUser lists a user's bookings, newest (highest id) first. page.After holds the id of the last one seen.
	// An organizer's scope has those among the user's newest BookingsLookedAt, unless the organizer has made the user's
	// row.
	BookingsOfUser(
		ctx context.Context, scope models.Scope, user models.UserID, filter models.BookingFilter, page models.Page,
	) ([]models.Booking, error)
	// LiveBookings lists an event's PENDING and CONFIRMED bookings by id, after the given one.
	LiveBookings(ctx context.Context, event models.EventID, after models.BookingID, limit int) ([]models.BookingID, error)
	// ExpiredBookings lists PENDING bookings whose payment_deadline has come (<= now), oldest deadline first, but for
	// those of some events.
	ExpiredBookings(ctx context.Context, limit int, except []models.EventID) ([]models.BookingRef, error)
	// UnpaidBookings lists PENDING bookings before their deadline that no charge was started for, by deadline and id:
	// what a queue that lost its messages must be given again. after is the last one's deadline and id.
	UnpaidBookings(ctx context.Context, after *models.Position, limit int) ([]models.Booking, error)
	// FreeBookings lists those of them that cost nothing, likewise.
	FreeBookings(ctx context.Context, after *models.Position, limit int) ([]models.Booking, error)
}

// Start is a booking that a worker may charge now: with the charge it has just written, or none for a free booking. Or
// it is one that is not here: then all that is known of it is its Ref.
type Start struct {
	Booking models.Booking
	Charge  *models.Charge
	Unknown bool
	At      time.Time // by the store's clock
}

// Due is a charge that somebody must take up (again), with its booking as it stands, and whether by the store's clock
// the booking may still be charged: PENDING, before its deadline, and its event not cancelled.
type Due struct {
	Booking    models.Booking
	Charge     models.Charge
	Chargeable bool
}

// DueRefund is a refund to be made.
type DueRefund struct {
	Booking models.Booking
	Refund  models.Refund
}

// OpenPayments is how much waits for a gateway.
type OpenPayments struct {
	Gateway          string
	Charges, Refunds int64
}

// Payments is charges, refunds and dead letters, but for their outcomes, which only the desk writes.
type Payments interface {
	// StartCharges commits a first charge (N = 1, status started, attempts 1, next_attempt_at = now + lease) for every
	// one of the bookings that is PENDING, before its deadline, not free and without any charge, and whose event is not
	// cancelled; and gives those, the PENDING free ones without a charge of such events, and those that are not here. A
	// booking may end in that very moment: it is given as it stands after its charge was written. Whoever else starts
	// the same booking gets nothing for it; who does so at the same time may get ErrConflict first.
	StartCharges(ctx context.Context, gateway string, bookings []models.BookingRef, lease time.Duration) ([]Start, error)
	// DueCharges takes up to limit open charges (ChargeStatus.Open) whose next_attempt_at has come: sets it to now +
	// lease and, for those that are being tried (ChargeStatus.Trying), counts one more attempt; each charge goes to one
	// caller only. One that falls due late, because its transaction took long, may be passed over like a row by
	// ClaimOutbox.
	DueCharges(ctx context.Context, limit int, lease time.Duration) ([]Due, error)
	// DueRefunds takes up to limit pending refunds whose next_attempt_at has come, likewise.
	DueRefunds(ctx context.Context, limit int, lease time.Duration) ([]DueRefund, error)
	// OpenPayments counts charges without an outcome and refunds that are still owed, by gateway.
	OpenPayments(ctx context.Context) ([]OpenPayments, error)
	// PaymentsOf returns a booking's charges and refunds, by N, in one snapshot.
	PaymentsOf(ctx context.Context, booking models.BookingRef) ([]models.Charge, []models.Refund, error)
	// PaymentsOfAll returns those of several bookings, by booking and N, in one snapshot.
	PaymentsOfAll(ctx context.Context, bookings []models.BookingRef) ([]models.Charge, []models.Refund, error)

	// DeadLetters lists dead letters by failed_at and id, oldest first. page.After holds the last one's. An organizer's
	// scope has those of its events' bookings; messages and strays belong to nobody's.
	DeadLetters(ctx context.Context, scope models.Scope, page models.Page) ([]models.DeadLetter, error)
	// DeadLettersOf lists likewise the letters of charges and refunds that a filter lets pass.
	DeadLettersOf(
		ctx context.Context, scope models.Scope, filter models.LetterFilter, page models.Page,
	) ([]models.DeadLetter, error)
	// CountDeadLetters returns how many dead letters there are.
	CountDeadLetters(ctx context.Context) (int64, error)
	// DeadLetter returns one. Error: models.ErrLetterNotFound.
	DeadLetter(ctx context.Context, scope models.Scope, id models.LetterID) (models.DeadLetter, error)
	// AddMessageLetter keeps a queue message that cannot be read, with the store's clock as FailedAt. A letter with its
	// id that is there already stays.
	AddMessageLetter(ctx context.Context, letter models.DeadLetter) error
	// DropMessageLetter discards a letter of kind message. Error: models.ErrLetterNotFound.
	DropMessageLetter(ctx context.Context, id models.LetterID) error
}

// Strays is successes and messages of bookings that are not here.
type Strays interface {
	// KeepStrays keeps what was not kept before, by the charge. Of a message and a report of one charge the report
	// counts, whichever comes first; when it comes later, the time begins anew.
	KeepStrays(ctx context.Context, strays []models.Stray, lease time.Duration) error
	// DueStrays takes up to limit strays whose lease has run out, and leases them again; each goes to one caller only.
	DueStrays(ctx context.Context, limit int, lease time.Duration) ([]DueStray, error)
	// ForgetStray drops one that has found its booking, or that nothing hangs on.
	ForgetStray(ctx context.Context, id models.LetterID) error
	// StrayLetter makes a stray that is still kept a dead letter, with the store's clock as FailedAt and what is known
	// of the payment now. One that is a letter, or was, stays; a report of what was none yet makes it a stray again.
	StrayLetter(ctx context.Context, stray models.Stray) error
	// CloseStray discards a letter of kind stray, for good: what is reported again later makes no other. Error:
	// models.ErrLetterNotFound.
	CloseStray(ctx context.Context, id models.LetterID) error
}

// Chronicles is how far gateways' lists of what happened were read.
type Chronicles interface {
	// ClaimChronicle returns the place that was kept last for a gateway's list, empty when none was, to one caller
	// within a time: the others are not due.
	ClaimChronicle(ctx context.Context, gateway string, every time.Duration) (place string, due bool, err error)
	// KeepPlace remembers how far a list was read that was claimed.
	KeepPlace(ctx context.Context, gateway, place string) error
}

// DueStray is a stray to look for again, and for how long, by the store's clock, it was kept.
type DueStray struct {
	Stray models.Stray
	Age   time.Duration
}

// Outbox is the messages that wait to be published, and how far the queue had got.
type Outbox interface {
	// ClaimOutbox takes up to limit rows, oldest first, whose lease (if any) has run out, and leases them. A row that
	// is committed only after younger ones were claimed may be passed over for some seconds, or some hundred calls.
	ClaimOutbox(ctx context.Context, limit int, lease time.Duration) ([]models.OutboxRow, error)
	// DeleteOutbox removes rows that were published, and remembers the queue's mark in the same transaction; of two
	// marks of one epoch the newer one stays. The zero mark leaves what is remembered.
	DeleteOutbox(ctx context.Context, ids []models.BatchID, mark models.QueueMark) error
	// QueueMark returns the mark remembered last; zero when there is none.
	QueueMark(ctx context.Context) (models.QueueMark, error)
	// Republish writes outbox rows for bookings that a queue has lost and remembers exactly the given mark, in one
	// transaction. The zero mark leaves what is remembered.
	Republish(ctx context.Context, rows []models.OutboxRow, mark models.QueueMark) error
	// LostBookings lists up to limit bookings whose message a queue seems to have lost, by deadline and id: PENDING,
	// before their deadline, without a charge, in no outbox row, made more than slack before the oldest message there
	// is, and if they were published again, that long before it, too, and a minute ago. The oldest is that of held, a
	// queue's (none: it is empty, and the time counts), and of all that processes have noted by NoteQueue and not
	// forgotten. While held is a booking that is not here, nothing is lost.
	LostBookings(ctx context.Context, held *models.BookingRef, slack time.Duration, limit int) ([]models.BookingRef, error)
	// PublishLost writes outbox rows for those of the bookings that were not published again within a minute, notes
	// that they were, and returns how many. Which of them a queue holds nobody looks at.
	PublishLost(ctx context.Context, bookings []models.BookingRef) (int, error)
	// NoteQueue notes the oldest message of a queue that one process keeps, none when it is empty. It counts for half a
	// minute.
	NoteQueue(ctx context.Context, member models.BatchID, oldest *models.BookingRef) error
	// Installation names this database, for things outside it that several installations may share.
	Installation(ctx context.Context) (string, error)
	// Owner returns what tells this database from its copies, and TurnOwner first gives it a new token, unless it has
	// one that is younger. Of several who turn at once one does; the others may be given what was before.
	Owner(ctx context.Context) (models.Owner, error)
	TurnOwner(ctx context.Context, every time.Duration) (models.Owner, error)
	// RenewInstallation gives this database a name of its own, which no copy has, and forgets how far the queue had
	// got.
	RenewInstallation(ctx context.Context) (string, error)
	// OutboxDepth returns how many rows wait.
	OutboxDepth(ctx context.Context) (int64, error)
}

// Journal is the reading of what happened. Entries are written by AtDesk and CreateEvent alone.
type Journal interface {
	// Journal returns up to limit entries of an event, deleted or not, after a seq, oldest first, in one snapshot. A
	// page ends with the entry that reaches models.MaxEntryBytes. Error: models.ErrEventNotFound.
	Journal(ctx context.Context, event models.EventID, after int64, limit int) (models.JournalPage, error)
	// Feed returns up to limit entries of all events after a place (nil: from the oldest that is kept), in the one
	// order in which every reader sees them. Entries whose place could still be preceded by one that is not committed
	// are left for later, so that no reader passes over any. Errors: models.ErrFeedGone, models.ErrFeedAhead,
	// ErrUnavailable.
	Feed(ctx context.Context, after *models.FeedPlace, limit int) ([]models.Entry, error)
	// EventsByID returns those of some events that there are, deleted or not, as they stand now, in any order.
	EventsByID(ctx context.Context, ids []models.EventID) ([]models.Event, error)
	// PruneJournal replaces the oldest entries of an event, up to limit, that are older than an age by one that opens
	// with their sum, at the seq of the last of them, and returns how many are gone. The newest entry stays as it is.
	PruneJournal(ctx context.Context, event models.EventID, age time.Duration, limit int) (int, error)
	// MendFeed begins a new epoch of the feed if this database's numbers are behind those of its journal, as after a
	// dump was restored to another server, and reports whether it did. Until then Feed is unavailable.
	MendFeed(ctx context.Context) (bool, error)
}

// Audit recomputes.
type Audit interface {
	// AuditFacts returns an event's counters and the same recomputed, all in one snapshot and without a lock.
	// Error: models.ErrEventNotFound, also for ids that never were; deleted events are audited.
	AuditFacts(ctx context.Context, id models.EventID) (models.AuditFacts, error)
}

// Health is what processes tell of themselves, and what shows whether anybody does the work.
type Health interface {
	// Beat notes that a process is there, by the store's clock, with its other members as they are now, and forgets
	// those that were not heard of for a day. It goes the way that bookings go, and is committed as they are. With room
	// it takes so many bytes of new room on the disk as well: only where these are there, bookings may succeed.
	Beat(ctx context.Context, process models.Process, room int) error
	// Leave forgets a process that ends.
	Leave(ctx context.Context, id models.ProcessID) error
	// Processes lists those that were heard of within a time, by id.
	Processes(ctx context.Context, within time.Duration) ([]models.Process, error)
	// Backlog returns how late the oldest of what waits for a worker is. It is cheap, however much waits.
	Backlog(ctx context.Context) (models.Backlog, error)
}
