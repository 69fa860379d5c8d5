package sqlite

import (
	"context"
	"regexp"
	"strings"
	"testing"

	"quantix/internal/models"
)

// scanOfATable matches a plan that reads a whole table that grows with the sale, under its name or its alias.
var scanOfATable = regexp.MustCompile(
	`SCAN (bookings|b|payments|p|refunds|r|users|u|customer_stock|sim_charges|api_keys|subjects|access_log)\b`)

// Every statement that grows with the number of bookings finds its rows by an index.
func TestNoStatementReadsAWholeTable(t *testing.T) {
	t.Parallel()
	store, _ := newStore(t, Options{})
	mine := models.Scope{Organizer: models.DefaultOrganizer}
	own := func(text string, in func(models.Scope, int) (string, args), params int, behind string) string {
		condition, _ := in(mine, params)
		return text + condition + behind
	}
	for _, text := range []string{
		own(selectEvent, ownEvents, 1, ""), own(selectBooking, bookingsIn, 1, ""), own(selectUser, usersIn, 1, ""),
		own(bookingsOfUser, listedIn, 4, newestBookings), own(lettersAfter, lettersIn, 3, oldestLetters),
		selectOrganizerOf, countEventsOf, selectKeyByHash, keysAfter + firstByID, own(keysAfter, organizerKeys, 2, firstByID),
		revokeKey, touchKey, deleteKeysOf, disownUsersOf, selectSubject, selectSubjectsOf, hasSubject, selectAccess + newestAccess,
		selectAccessOf, pruneAccess, selectAllCharges, selectAllRefunds,
		selectUser, selectUsers, pieceOfBookings, hasLiveBookingsSince, updateUser,
		selectEvent, selectEvents + inOrder, searchEvents + inOrder, selectEventIDs,
		selectBooking, selectBookingByKey, selectBookingsOfUser, selectLiveBookings, selectExpiredBookings, selectUnpaidBookings, selectFreeBookings,
		selectAnyEvent, selectUsersOf, selectKeys, selectStates, selectChargesOf, selectRefundsOf,
		updateCounters, updateEvent, updateBooking, updateCharge, updateRefund, deleteLetter,
		selectCustomers, dropCustomers, upsertCustomer, changeCustomer, auditCustomers,
		selectStartable, selectDueCharges, selectDueRefunds, leaseCharge, leaseRefund, selectCharges, selectRefunds,
		selectLetters, selectLetter, selectSimCharge, auditBookings, auditMoney, selectBacklog,
	} {
		err := store.readers.do(t.Context(), func(c *conn) error {
			return c.query(context.Background(), "EXPLAIN QUERY PLAN "+text, make(args, 32), func(r *row) error {
				r.next = 3
				if step := r.text(); scanOfATable.MatchString(step) {
					t.Errorf("%s\n%s", step, text)
				}
				return nil
			})
		})
		if err != nil {
			t.Errorf("explaining %s: %v", text, err)
		}
	}
}

func organizerKeys(scope models.Scope, params int) (string, args) {
	return organizersIn(scope, "organizer_id", params)
}

// An organizer's events are found in their order, however many others there are.
func TestAnOrganizersListIsReadFromItsIndex(t *testing.T) {
	t.Parallel()
	store, _ := newStore(t, Options{})
	condition, _ := ownEvents(models.Scope{Organizer: models.DefaultOrganizer}, 6)
	var plan string
	err := store.readers.do(t.Context(), func(c *conn) error {
		return c.query(t.Context(), "EXPLAIN QUERY PLAN "+selectEvents+condition+inOrder, make(args, 7), func(r *row) error {
			r.next = 3
			plan += r.text() + "\n"
			return nil
		})
	})
	if err != nil || !strings.Contains(plan, "events_organizer_id_idx (organizer_id=? AND (date_time,id)>") ||
		strings.Contains(plan, "TEMP B-TREE") {
		t.Errorf("%v\n%s", err, plan)
	}
}
