package postgres

import (
	"errors"
	"testing"
	"time"

	"quantix/internal/models"
	"quantix/internal/testkit"
)

// Statement is a statement whose plan a test looks at, with the indexes that it must use, and no other way.
type Statement struct {
	Name, SQL string
	Indexes   []string
	Short     bool // runs on the desk's pool
}

// The ways to a row that its whole key names: the key in the index's condition, and not the event alone.
const (
	eventByKey    = `events_(pkey|id_total_tickets_key)`
	bookingByKey  = `(bookings_pkey[^\n]*\n *Index Cond: \(id = |bookings_event_id_id_key[^\n]*\n *Index Cond: \(\(event_id = [^\n]*\) AND \(id = )`
	chargeByKey   = `payments_pkey[^\n]*\n *Index Cond: \(\(event_id = [^\n]*\) AND \(booking_id = `
	refundByKey   = `refunds_pkey[^\n]*\n *Index Cond: \(\(event_id = [^\n]*\) AND \(booking_id = `
	entryByKey    = `journal_pkey[^\n]*\n *Index Cond: \(\(event_id = [^\n]*\) AND \(seq `
	customerByKey = `customer_stock_pkey[^\n]*\n *Index Cond: \(\(event_id = [^\n]*\) AND \(user_id = [^\n]*\) AND \(type_no = `
	byPlace       = `\w+ \w+\n *TID Cond: `
)

// The ways along an index from a mark, and not from its beginning.
const (
	openFromMark   = `payments_open_idx[^\n]*\n *Index Cond: \(\(next_attempt_at >= `
	outboxFromMark = `outbox_pkey[^\n]*\n *Index Cond: \(id >= `
)

// own and ownList word statements of an organizer, or of some of its events.
func own(statement string, in func(models.Scope, int) (string, []any), params int, behind string) string {
	condition, _ := in(models.Scope{Organizer: models.OrganizerID{1}}, params)
	return statement + condition + behind
}

func ownList(list func(string) string, params int, only ...models.EventID) string {
	condition, _ := ownEvents(models.Scope{Organizer: models.OrganizerID{1}, Only: models.NewEventSet(only)}, params)
	return list(condition)
}

// HotStatements are all statements that run for each booking, payment or second.
var HotStatements = []Statement{
	{"lockEvent", lockEvent, []string{eventByKey}, true},
	{"lockFreeEvents", lockFreeEvents, []string{eventByKey}, true},
	{"selectStock", selectStock, []string{"event_stock_pkey"}, true},
	{"selectFreeStock", selectFreeStock, []string{"event_stock_pkey", entryByKey}, true},
	{"lockUsers", lockUsers, []string{"users_pkey"}, true},
	{"lockFreeUsers", lockFreeUsers, []string{"users_pkey"}, true},
	{"selectKeys", selectKeys, []string{"bookings_idempotency_key"}, true},
	{"selectStates", selectStates, []string{bookingByKey}, true},
	{"lockCharges", lockCharges, []string{chargeByKey}, true},
	{"lockRefunds", lockRefunds, []string{refundByKey}, true},
	{"lockFreeCharges", lockFreeCharges, []string{eventByKey, chargeByKey}, true},
	{"lockFreeRefunds", lockFreeRefunds, []string{eventByKey, refundByKey}, true},
	{"countMoney", countMoney, []string{"payments_pkey", "refunds_pkey"}, true},
	{"updateBookings", updateBookings, []string{`bookings[^\n]*\n *TID Cond`}, true},
	{"confirmPaid", confirmPaid, []string{bookingByKey}, true},
	{"updateNewBookings", updateNewBookings, []string{bookingByKey}, true},
	{"updateCharges", updateCharges, []string{`payments[^\n]*\n *TID Cond`}, true},
	{"updateRefunds", updateRefunds, []string{`refunds[^\n]*\n *TID Cond`}, true},
	{"selectCustomers", selectCustomers, []string{"event_stock_pkey", customerByKey, "bookings_user_id_idx"}, true},
	{"changeCustomers", changeCustomers, []string{customerByKey, `customer_stock[^\n]*\n *TID Cond`}, true},
	{"dropCustomers", dropCustomers, []string{"customer_stock_pkey"}, true},
	{"presumeEvent", presumeEvent, []string{eventByKey}, true},
	{"presumeUsers", presumeUsers, []string{"users_pkey"}, true},
	{"presumeNoKeys", presumeNoKeys, []string{"bookings_idempotency_key"}, true},
	{"presumeStock", presumeStock, []string{"event_stock_pkey"}, true},
	{"updateStock", updateStock, []string{`event_stock[^\n]*\n *TID Cond`}, true},
	{"startCharges", startCharges, []string{bookingByKey}, true},
	{"pageOfPending", pageOfPending, []string{"bookings_pending_idx"}, true},
	{"moveLapsed", moveLapsed, []string{`bookings[^\n]*\n *TID Cond`}, true},
	{"selectRefs", selectRefs, []string{bookingByKey}, true},
	{"dueCharges", dueCharges, []string{openFromMark}, true},
	{"claimCharges", claimCharges, []string{byPlace, bookingByKey}, true},
	{"firstDue", firstDue, []string{openFromMark}, true},
	{"dueOutbox", dueOutbox, []string{outboxFromMark}, true},
	{"claimOutbox", claimOutbox, []string{byPlace, entryByKey}, true},
	{"firstOutbox", firstOutbox, []string{outboxFromMark}, true},
	{"claimStrays", claimStrays, []string{"free", "strays_due_idx", byPlace}, true},
	{"dueRefunds", dueRefunds, []string{"refunds_pending_idx"}, true},
	{"claimRefunds", claimRefunds, []string{byPlace, bookingByKey}, true},
	{"selectSpan", selectSpan, []string{"journal_pkey", "event_stock_pkey"}, false},
	{"selectEntries", selectEntries, []string{entryByKey}, false},
	{"selectFeed", selectFeed, []string{`journal_tx_idx[^\n]*\n *Index Cond: \(\(tx >= `}, false},
	{"selectEvent", selectEvent, []string{eventByKey}, false},
	{"selectEvents", selectEvents(""), []string{"events_date_time_idx"}, false},
	{"eventsOfOne", ownList(selectEvents, 7), []string{`events_organizer_id_idx[^\n]*\n *Index Cond: \(\(organizer_id = [^\n]*\) AND \(ROW\(date_time, id\) > `}, false},
	{"eventsOfKey", ownList(selectEvents, 7, models.EventID{1}), []string{`events_(pkey|organizer_id_idx)`}, false},
	{"nearOfOne", ownList(searchNear, 9), []string{"events_organizer_id_idx"}, false},
	{"eventOfOne", own(selectEvent, ownEvents, 1, ""), []string{eventByKey}, false},
	{"bookingOfOne", own(selectBooking, bookingsIn, 1, ""), []string{"bookings_pkey", eventByKey}, false},
	{"bookingsOfOne", own(bookingsOfUser, listedIn, 4, newestBookings), []string{`bookings_user_id_idx[^\n]*\n *Index Cond: \(\(user_id = [^\n]*\) AND \(id < `, eventByKey}, false},
	{"userOfOne", own(selectUser, usersIn, 1, ""), []string{"users_pkey", `bookings_user_id_idx`, eventByKey}, false},
	{"selectOrganizerOf", selectOrganizerOf, []string{eventByKey}, true},
	{"selectKeyByHash", selectKeyByHash, []string{"api_keys_hash_key"}, true},
	{"selectSubject", selectSubject, []string{"subjects_pkey"}, true},
	{"lockUserByEmail", lockUserByEmail, []string{"users_email_fold_key"}, false},
	{"newestAccess", selectAccess + newestAccess, []string{"access_log_pkey"}, false},
	{"selectAccessOf", selectAccessOf, []string{"access_log_user_id_idx"}, false},
	{"pruneAccess", pruneAccess, []string{"access_log_pkey"}, false},
	{"selectAllCharges", selectAllCharges, []string{chargeByKey, bookingByKey}, false},
	{"selectAllRefunds", selectAllRefunds, []string{refundByKey}, false},
	{"selectUser", selectUser, []string{"users_pkey"}, false},
	{"pieceOfBookings", pieceOfBookings, []string{`bookings_user_id_idx[^\n]*\n *Index Cond: \(\(user_id = [^\n]*\) AND \(id < `}, false},
	{"hasLiveBookingsSince", hasLiveBookingsSince, []string{`bookings_user_id_idx[^\n]*\n *Index Cond: \(\(user_id = [^\n]*\) AND \(id >= `}, false},
	{"selectBooking", selectBooking, []string{"bookings_pkey"}, false},
	{"selectBookingByKey", selectBookingByKey, []string{"bookings_idempotency_key"}, false},
	{"selectBookingsOfUser", selectBookingsOfUser, []string{"bookings_user_id_idx"}, false},
	{"selectLiveBookings", selectLiveBookings, []string{"bookings_event_id_id_key"}, false},
	{"selectExpiredBookings", selectExpiredBookings, []string{"bookings_pending_idx"}, false},
	{"selectUnpaidBookings", selectUnpaidBookings, []string{"bookings_pending_idx"}, false},
	{"selectFreeBookings", selectFreeBookings, []string{"bookings_pending_idx"}, false},
	{"selectCharges", selectCharges, []string{"payments_pkey", "bookings_event_id_id_key"}, false},
	{"selectRefunds", selectRefunds, []string{"refunds_pkey"}, false},
	{"auditEvent", auditEvent, []string{"bookings_event_id_id_key", "payments_pkey", "refunds_pkey"}, false},
	{"auditCustomers", auditCustomers, []string{"customer_stock_pkey", "bookings_event_id_id_key"}, false},
}

// Age makes what is remembered older, and has the database's clock remembered ahead of what it says.
func Age(s *Store, by, ahead time.Duration) {
	s.memory.mu.Lock()
	defer s.memory.mu.Unlock()
	for _, known := range s.memory.events {
		known.read = known.read.Add(-by)
	}
	s.memory.clock.db = s.memory.clock.db.Add(ahead)
}

// Forget has the next batches read their events: what a test does while one is decided is done under the event's lock.
func Forget(s *Store) {
	s.memory.mu.Lock()
	defer s.memory.mu.Unlock()
	s.memory.events = nil
}

// What the audit's plan is tested with.
const (
	BeginAudit = beginAudit
	AuditEvent = auditEvent
)

// MoveLapsed is tested with places that a look would not have given.
const MoveLapsed = moveLapsed

// UpdateBookings is tested with rows that are not as they were seen.
var UpdateBookings = updateBookings

// FitsRow and MovesOf say which charges stand in their bookings' rows.
var FitsRow, MovesOf = fitsRow, movesOf

// PendingPage is how many PENDING bookings a poll looks at.
const PendingPage = pendingPage

// Wrap and WrapWrite translate pgx's errors.
var Wrap, WrapWrite = wrap, wrapWrite

// AwaitWaiters waits until that many calls wait for a shared transaction.
func AwaitWaiters(tb testing.TB, s *Store, n int) {
	tb.Helper()
	await(tb, func() bool { return s.sharing.waiters.Waiting() == n })
}

// Solo is how many calls wait by themselves for an event that somebody else has.
func Solo(s *Store) int { return len(s.sharing.solo) }

// AwaitLone waits until there are that many.
func AwaitLone(tb testing.TB, s *Store, n int) {
	tb.Helper()
	await(tb, func() bool { return Solo(s) == n })
}

// await fails when what must come does not.
func await(tb testing.TB, come func() bool) {
	tb.Helper()
	testkit.Eventually(tb, time.Minute, func() error {
		if !come() {
			return errors.New("it has not come")
		}
		return nil
	})
}

// HoldClock stops the clock by which events are isolated, of a store that nobody uses yet: on a busy machine a test's
// steps may lie further apart than an isolation lasts.
func HoldClock(s *Store) {
	now := time.Now()
	s.sharing.now = func() time.Time { return now }
}

// Isolates reports whether an event has its transactions to itself for now.
func Isolates(s *Store, event models.EventID) bool { return s.sharing.isolates(event) }

// SearchAll is the statement of a search that the first events do not answer.
var SearchAll = searchAll("")
