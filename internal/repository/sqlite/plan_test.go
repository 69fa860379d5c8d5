package sqlite

import (
	"context"
	"regexp"
	"testing"
)

// scanOfATable matches a plan that reads a whole table that grows with the sale, under its name or its alias.
var scanOfATable = regexp.MustCompile(`SCAN (bookings|b|payments|p|refunds|r|users|u|customer_stock|sim_charges)\b`)

// Every statement that grows with the number of bookings finds its rows by an index.
func TestNoStatementReadsAWholeTable(t *testing.T) {
	t.Parallel()
	store, _ := newStore(t, Options{})
	for _, text := range []string{
		selectUser, selectUsers, pieceOfBookings, hasLiveBookingsSince, updateUser,
		selectEvent, selectEvents, searchEvents, selectEventIDs,
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
