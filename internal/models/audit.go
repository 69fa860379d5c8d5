package models

// AuditFacts is what one snapshot of the database says of an event: the counters that are kept, and the same
// recomputed from bookings, charges and refunds.
type AuditFacts struct {
	Event      *Event // nil: no such event; deleted ones are audited too
	Recomputed Stock
	Charged    int64 // Σ of successful charges, minor units
	Refunded   int64 // Σ of refunds of successful charges, owed or paid, minor units
	Moved      int64 // of these, Σ of what was given back by hand, or taken, of charges that pay for CONFIRMED bookings
	Owed       int64 // refunds that are still to be given, minor units
	Journal    JournalSum
	// Counts of what must not be.
	UnpaidConfirmed      int64 // CONFIRMED, not free, without a successful charge that is not owed back
	OverpaidBookings     int64 // more than one successful charge that is not owed back
	UnendedCharges       int64 // successful charge of a booking that is not CONFIRMED, without refunds of all of it
	RefundsWithoutCharge int64 // charge that did not succeed, with a refund
	WrongRefunded        int64 // charge whose refunded sum is not that of its refunds
	WrongCustomers       int64 // kept row of a user that is not the sum of the user's live bookings
}

// AuditReport is the proof, or the difference.
type AuditReport struct {
	EventID     EventID
	OK          bool
	Counters    Stock
	Recomputed  Stock
	Charged     Money
	Refunded    Money
	Differences []AuditDifference
}

// AuditDifference is one promise that does not hold.
type AuditDifference struct {
	What string // stable name, such as "held" or "unpaid_confirmed"
	Want int64
	Have int64
}
