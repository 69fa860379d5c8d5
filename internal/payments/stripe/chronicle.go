package stripe

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"

	api "github.com/stripe/stripe-go/v85"

	"quantix/internal/models"
	"quantix/internal/payments"
)

var _ payments.Chronicler = (*Gateway)(nil)

// maxListed bounds the events of one piece of the list; so many charges are looked at for it at most.
const maxListed = 50

// listedEvents are those of movedEvents by which every movement shows at least once.
var listedEvents = []string{
	"refund.created", "refund.updated", "refund.failed", "charge.dispute.created", "charge.dispute.updated",
	"charge.dispute.closed", "charge.dispute.funds_withdrawn", "charge.dispute.funds_reinstated",
}

// Since reads Stripe's list of events behind the last one that was read; without one, the newest. Stripe keeps events
// for 30 days: when the last one is gone, it begins anew.
func (g *Gateway) Since(ctx context.Context, place string) payments.Chronicle {
	ctx, cancel := g.bound(ctx)
	defer cancel()
	params := &api.EventListParams{Types: api.StringSlice(listedEvents)}
	params.Limit, params.Single = api.Int64(maxListed), true
	if place != "" {
		params.EndingBefore = &place
	}
	var events []*api.Event // oldest first, with a place
	for e, err := range g.client.V1Events.List(ctx, params).All(ctx) {
		if err != nil {
			return g.unread(ctx, place, err)
		}
		events = append(events, e)
	}
	if place == "" {
		slices.Reverse(events)
	}
	list := payments.Chronicle{
		Place: place, More: place != "" && len(events) == maxListed, Result: models.Result{Outcome: models.OutcomeSucceeded},
	}
	for _, e := range events {
		if id := movedBy(e); id != "" && !slices.Contains(list.Charges, id) {
			list.Charges = append(list.Charges, id)
		}
		list.Place = e.ID
	}
	return list
}

// movedBy names the intent whose money an event may have moved, empty for none. What was refunded from here, and goes
// well, is known without.
func movedBy(e *api.Event) string {
	told := event{Object: "event", Type: string(e.Type)}
	var state struct{ Status any }
	if e.Data == nil || json.Unmarshal(e.Data.Raw, &told.Data.Object) != nil || json.Unmarshal(e.Data.Raw, &state) != nil {
		return ""
	}
	ours := told.Data.Object.Metadata[referenceKey] != ""
	if ours && (state.Status == "succeeded" || state.Status == "pending") {
		return ""
	}
	notice, _ := told.moved() // of an event about nothing of ours: no reference
	return notice.Result.ProviderReference
}

// unread says why the list could not be read. A restricted key that may not read it is told once.
func (g *Gateway) unread(ctx context.Context, place string, err error) payments.Chronicle {
	e, is := errors.AsType[*api.Error](err)
	switch {
	case is && e.HTTPStatusCode == http.StatusForbidden:
		g.blind.Do(func() {
			g.logger.Warn("the Stripe key may not read events: money that moved is found by callbacks alone, and at refunds")
		})
		return payments.Chronicle{Place: place, Result: models.Result{Outcome: models.OutcomeSucceeded}}
	case is && e.Code == api.ErrorCodeResourceMissing && place != "":
		g.logger.Warn("Stripe has forgotten the event that was read last; its list is read anew from the newest")
		return payments.Chronicle{Result: models.Result{Outcome: models.OutcomeSucceeded}}
	}
	return payments.Chronicle{Place: place, Result: unsure(g.explain(ctx, "list", "events", err))}
}
