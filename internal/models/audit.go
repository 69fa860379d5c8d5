package models

// AuditFacts is what one snapshot of the database says of an event: the counters that are kept, and the same
// recomputed from bookings, charges and refunds.
type AuditFacts struct {
	Event      *Event // nil: no such event; deleted ones are audited too
	Recomputed Stock
	Charged    int64 // Σ of successful charges, minor units
	Refunded   int64 // Σ of refunds of successful charges, owed or paid, minor units
	Moved      int64 // of these, Σ of what was given back by hand, or taken, of charges that pay for CONFIRMED bookings
	// Counts of what must not be.
	UnpaidConfirmed      int64 // CONFIRMED, not free, without a successful charge that is not owed back
	OverpaidBookings     int64 // more than one successful charge that is not owed back
	UnendedCharges       int64 // successful charge of a booking that is not CONFIRMED, without refunds of all of it
	RefundsWithoutCharge int64 // charge that did not succeed, with a refund
	WrongRefunded        int64 // charge whose refunded sum is not that of its refunds
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

// Audit compares what is kept with what was recomputed.
func Audit(f AuditFacts) AuditReport {
	kept, sums := f.Event.Stock, f.Recomputed
	sums.Total = kept.Total
	sums.Available = kept.Total - sums.Held - sums.Sold
	currency := f.Event.TicketPrice.Currency
	r := AuditReport{
		EventID: f.Event.ID, Counters: kept, Recomputed: sums,
		Charged: Money{f.Charged, currency}, Refunded: Money{f.Refunded, currency}, Differences: []AuditDifference{},
	}
	r.same("available", sums.Available, kept.Available)
	r.same("held", sums.Held, kept.Held)
	r.same("sold", sums.Sold, kept.Sold)
	r.same("held_amount", sums.HeldAmount, kept.HeldAmount)
	r.same("sold_amount", sums.SoldAmount, kept.SoldAmount)
	r.same("pending", sums.Pending, kept.Pending)
	r.same("confirmed", sums.Confirmed, kept.Confirmed)
	r.same("cancelled", sums.Cancelled, kept.Cancelled)
	r.same("oversold", 0, max(0, sums.Held+sums.Sold-kept.Total))
	r.same("charged_minus_refunded", sums.SoldAmount, f.Charged-f.Refunded)
	r.same("unpaid_confirmed", 0, f.UnpaidConfirmed)
	r.same("overpaid_bookings", 0, f.OverpaidBookings)
	r.same("unended_charges", 0, f.UnendedCharges)
	r.same("refunds_without_charge", 0, f.RefundsWithoutCharge)
	r.same("refunded", 0, f.WrongRefunded)
	r.OK = len(r.Differences) == 0
	return r
}

func (r *AuditReport) same(what string, want, have int64) {
	if want != have {
		r.Differences = append(r.Differences, AuditDifference{What: what, Want: want, Have: have})
	}
}
