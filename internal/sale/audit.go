package sale

import "quantix/internal/models"

// Audit compares what is kept with what was recomputed.
func Audit(f models.AuditFacts) models.AuditReport {
	kept, sums := f.Event.Stock, f.Recomputed
	sums.Total = kept.Total
	sums.Available = kept.Total - sums.Held - sums.Sold
	currency := f.Event.TicketPrice.Currency
	r := models.AuditReport{
		EventID: f.Event.ID, Counters: kept, Recomputed: sums,
		Charged:  models.Money{Minor: f.Charged, Currency: currency},
		Refunded: models.Money{Minor: f.Refunded, Currency: currency}, Differences: []models.AuditDifference{},
	}
	same(&r, "available", sums.Available, kept.Available)
	same(&r, "held", sums.Held, kept.Held)
	same(&r, "sold", sums.Sold, kept.Sold)
	same(&r, "held_amount", sums.HeldAmount, kept.HeldAmount)
	same(&r, "sold_amount", sums.SoldAmount, kept.SoldAmount)
	same(&r, "pending", sums.Pending, kept.Pending)
	same(&r, "confirmed", sums.Confirmed, kept.Confirmed)
	same(&r, "cancelled", sums.Cancelled, kept.Cancelled)
	same(&r, "oversold", 0, max(0, sums.Held+sums.Sold-kept.Total))
	same(&r, "charged_minus_refunded", sums.SoldAmount, f.Charged-f.Refunded)
	same(&r, "unpaid_confirmed", 0, f.UnpaidConfirmed)
	same(&r, "overpaid_bookings", 0, f.OverpaidBookings)
	same(&r, "unended_charges", 0, f.UnendedCharges)
	same(&r, "refunds_without_charge", 0, f.RefundsWithoutCharge)
	same(&r, "refunded", 0, f.WrongRefunded)
	same(&r, "customer_stock", 0, f.WrongCustomers)
	sameJournal(&r, &f)
	r.OK = len(r.Differences) == 0
	return r
}

// sameJournal has the journal as a third witness beside the counters and the bookings: what its entries add up to, and
// that none is missing.
func sameJournal(r *models.AuditReport, f *models.AuditFacts) {
	j, s, kept := &f.Journal, &f.Journal.Stock, &f.Event.Stock
	same(r, "journal_last", f.Event.Seq, j.Last)
	same(r, "journal_gaps", 0, j.Gaps)
	if !j.Begun {
		same(r, "journal_begun", 1, 0)
		return
	}
	same(r, "journal_total", kept.Total, s.Total)
	same(r, "journal_available", kept.Available, s.Available)
	same(r, "journal_held", kept.Held, s.Held)
	same(r, "journal_sold", kept.Sold, s.Sold)
	same(r, "journal_held_amount", kept.HeldAmount, s.HeldAmount)
	same(r, "journal_sold_amount", kept.SoldAmount, s.SoldAmount)
	same(r, "journal_pending", kept.Pending, s.Pending)
	same(r, "journal_confirmed", kept.Confirmed, s.Confirmed)
	same(r, "journal_cancelled", kept.Cancelled, s.Cancelled)
	same(r, "journal_charged", f.Charged, j.Charged)
	same(r, "journal_refunded", f.Refunded, j.Refunded)
	same(r, "journal_owed", f.Owed, j.Owed)
}

func same(r *models.AuditReport, what string, want, have int64) {
	if want != have {
		r.Differences = append(r.Differences, models.AuditDifference{What: what, Want: want, Have: have})
	}
}
