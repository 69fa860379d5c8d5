package handlers

import (
	"context"
	"net/http"

	"quantix/internal/models"
)

// statisticsBody is an event's figures, all from one snapshot.
type statisticsBody struct {
	EventID          models.EventID  `json:"event_id"`
	TotalTickets     int64           `json:"total_tickets"`
	TotalSold        int64           `json:"total_sold" doc:"Tickets of CONFIRMED bookings."`
	EstimatedRevenue amount          `json:"estimated_revenue" doc:"Of CONFIRMED bookings."`
	AvailableTickets int64           `json:"available_tickets"`
	TotalPending     int64           `json:"total_pending" doc:"Tickets of PENDING bookings."`
	PendingRevenue   amount          `json:"pending_revenue" doc:"Of PENDING bookings."`
	Currency         models.Currency `json:"currency"`
	Bookings         bookingCounts   `json:"bookings"`
}

// bookingCounts is how many bookings there are in each status.
type bookingCounts struct {
	Pending   int64 `json:"pending"`
	Confirmed int64 `json:"confirmed"`
	Cancelled int64 `json:"cancelled"`
}

func toStatistics(e models.Event) statisticsBody {
	money := func(minor int64) amount {
		return amount{models.Money{Minor: minor, Currency: e.TicketPrice.Currency}}
	}
	s := e.Stock
	return statisticsBody{
		EventID: e.ID, TotalTickets: s.Total, TotalSold: s.Sold, EstimatedRevenue: money(s.SoldAmount),
		AvailableTickets: s.Available, TotalPending: s.Held, PendingRevenue: money(s.HeldAmount),
		Currency: e.TicketPrice.Currency,
		Bookings: bookingCounts{Pending: s.Pending, Confirmed: s.Confirmed, Cancelled: s.Cancelled},
	}
}

type statisticsOutput struct{ Body statisticsBody }

func (h *events) registerStatistics(a *api) {
	register(a, operation{
		id: "get-event-statistics", method: http.MethodGet, path: eventsPath + "/{id}/statistics", tag: "events",
		summary: "Read an event's sales", detail: "All figures are of one moment. Of a deleted event, too.", errors: []*models.Error{models.ErrEventNotFound},
	}, h.statistics)
	h.registerAudit(a)
}

func (h *events) statistics(ctx context.Context, in *eventPath) (*statisticsOutput, error) {
	event, err := h.events.Figures(ctx, callerOf(ctx), in.ID)
	if err != nil {
		return nil, err
	}
	return &statisticsOutput{Body: toStatistics(event)}, nil
}
