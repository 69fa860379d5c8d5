package handlers

import (
	"context"
	"net/http"
	"time"

	"quantix/internal/models"
)

// auditBody is the proof that an event's counters equal its bookings and its money, or the differences.
type auditBody struct {
	OK          bool             `json:"ok"`
	EventID     models.EventID   `json:"event_id"`
	Counters    stockBody        `json:"counters" doc:"As the event keeps them."`
	Recomputed  stockBody        `json:"recomputed" doc:"From bookings, charges and refunds."`
	Charged     amount           `json:"charged" doc:"All successful charges."`
	Refunded    amount           `json:"refunded" doc:"All refunds, owed or paid."`
	Currency    models.Currency  `json:"currency"`
	Differences []differenceBody `json:"differences" nullable:"false" doc:"What does not hold; empty when ok."`
}

// stockBody is an event's counters.
type stockBody struct {
	TotalTickets int64  `json:"total_tickets"`
	Available    int64  `json:"available"`
	Held         int64  `json:"held" doc:"Tickets of PENDING bookings."`
	Sold         int64  `json:"sold" doc:"Tickets of CONFIRMED bookings."`
	HeldAmount   amount `json:"held_amount"`
	SoldAmount   amount `json:"sold_amount"`
	Pending      int64  `json:"pending" doc:"Bookings."`
	Confirmed    int64  `json:"confirmed" doc:"Bookings."`
	Cancelled    int64  `json:"cancelled" doc:"Bookings."`
}

// differenceBody is one promise that does not hold. Amounts are in minor units here.
type differenceBody struct {
	What string `json:"what" example:"held"`
	Want int64  `json:"want"`
	Have int64  `json:"have"`
}

func toStock(s models.Stock, currency models.Currency) stockBody {
	return stockBody{
		TotalTickets: s.Total, Available: s.Available, Held: s.Held, Sold: s.Sold,
		HeldAmount: amount{models.Money{Minor: s.HeldAmount, Currency: currency}},
		SoldAmount: amount{models.Money{Minor: s.SoldAmount, Currency: currency}},
		Pending:    s.Pending, Confirmed: s.Confirmed, Cancelled: s.Cancelled,
	}
}

func toAudit(r models.AuditReport) auditBody {
	currency := r.Charged.Currency
	b := auditBody{
		OK: r.OK, EventID: r.EventID, Counters: toStock(r.Counters, currency), Recomputed: toStock(r.Recomputed, currency),
		Charged: amount{r.Charged}, Refunded: amount{r.Refunded}, Currency: currency, Differences: []differenceBody{},
	}
	for _, d := range r.Differences {
		b.Differences = append(b.Differences, differenceBody{What: d.What, Want: d.Want, Have: d.Have})
	}
	return b
}

// auditTimeout is for an event of millions of bookings, on a busy machine, and for those whose audits wait for others.
const auditTimeout = 5 * time.Minute

type auditOutput struct{ Body auditBody }

func (h *events) registerAudit(a *api) {
	register(a, operation{
		id: "audit-event", method: http.MethodGet, path: eventsPath + "/{id}/audit", tag: "events",
		summary: "Prove an event's counters",
		detail:  "Recomputes them from bookings, charges and refunds, in one snapshot. Deleted events are audited too. Millions of bookings take a while: up to five minutes.",
		errors:  []*models.Error{models.ErrEventNotFound},
		long:    auditTimeout,
	}, h.audit)
}

func (h *events) audit(ctx context.Context, in *eventPath) (*auditOutput, error) {
	report, err := h.events.Audit(ctx, callerOf(ctx), in.ID)
	if err != nil {
		return nil, err
	}
	return &auditOutput{Body: toAudit(report)}, nil
}
