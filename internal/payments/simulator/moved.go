package simulator

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"quantix/internal/models"
	"quantix/internal/payments"
)

var _ payments.Teller = (*Gateway)(nil)

// Some methods move a charge's money after it was taken: at once, and where that takes longer, after movesAfter.
const movesAfter = time.Minute

// Look tells what became of a charge and its money.
func (g *Gateway) Look(ctx context.Context, request payments.ChargeRequest) payments.Statement {
	var movements []models.Movement
	result := g.ask(ctx, models.OutcomeUnknown, newEntry(request.Reference, func(now time.Time, r records) models.Result {
		movements = nil
		if c := r.known(now, request.Reference); c != nil {
			movements = moved(now, c)
		}
		return r.find(now, request)
	}))
	if result.Outcome == models.OutcomeUnknown {
		return payments.Statement{Result: result} // the ledger may still be at it
	}
	return payments.Statement{Reference: request.Reference, Result: result, Movements: movements}
}

// moved lists what went back of a charge, by whosever will.
func moved(now time.Time, c *Record) []models.Movement {
	if c.Status != charged {
		return nil
	}
	return slices.Concat(byOthers(now, c), given(now, c), disputedLate(now, c))
}

// byOthers is what the payment method scripts.
func byOthers(now time.Time, c *Record) []models.Movement {
	late := !now.Before(c.CreatedAt.Add(movesAfter))
	hand := models.Movement{
		ID: "hand_" + providerReference(c), Reason: models.RefundMoved, Amount: taken(c), State: models.MovementDone,
		Note: "succeeded",
	}
	bank := dispute(c)
	switch c.Method {
	case MovesPart:
		hand.Amount.Minor = (hand.Amount.Minor + 1) / 2
	case MovesAll:
	case MovesBack:
		if late {
			hand.State, hand.Note = models.MovementUndone, "failed"
		}
	case MovesSlow:
		if !late {
			hand.State, hand.Note = models.MovementOpen, "pending"
		}
	case MovesAbroad:
		hand.Amount.Currency = abroad(c.Amount.Currency)
	case Disputed:
		return []models.Movement{bank}
	case DisputeLost, DisputeWon:
		if late {
			bank.State, bank.Note = models.MovementDone, "lost"
		}
		if late && c.Method == DisputeWon {
			bank.State, bank.Note = models.MovementUndone, "won"
		}
		return []models.Movement{bank}
	case Inquiry:
		bank.State, bank.Note = models.MovementUndone, "warning_needs_response"
		return []models.Movement{bank}
	default:
		return nil
	}
	return []models.Movement{hand}
}

// abroad is another currency.
func abroad(currency models.Currency) models.Currency {
	if currency == "EUR" {
		return "USD"
	}
	return "EUR"
}

// dispute is the bank's, as it begins.
func dispute(c *Record) models.Movement {
	return models.Movement{
		ID: "dispute_" + providerReference(c), Reason: models.RefundDisputed, Amount: taken(c), State: models.MovementOpen,
		Note: "needs_response",
	}
}

// disputedLate is the dispute of what had been given back before.
func disputedLate(now time.Time, c *Record) []models.Movement {
	if c.Method != DisputeLate || c.RefundKey == "" || now.Before(c.RefundedAt.Add(movesAfter)) {
		return nil
	}
	return []models.Movement{dispute(c)}
}

// given is the refund that was asked for, and the one before it that came back.
func given(now time.Time, c *Record) []models.Movement {
	if c.RefundKey == "" {
		return nil
	}
	m := models.Movement{
		ID: refundReference(c), Reason: models.RefundOwed, Part: refundPart(c),
		Amount: models.Money{Minor: left(now, c), Currency: c.Amount.Currency},
		State:  models.MovementDone, Note: "succeeded",
	}
	if refundOpen(now, c) {
		m.State, m.Note = models.MovementOpen, "pending"
	}
	if c.Method != RefundFails {
		return []models.Movement{m}
	}
	failed := m
	failed.ID, failed.Part, failed.State, failed.Note = "re_"+providerReference(c), 1, models.MovementUndone, "failed"
	if refundPart(c) == 1 {
		return []models.Movement{failed}
	}
	return []models.Movement{failed, m}
}

// cameBack tells of a refund that succeeded first and failed later: the first one of sim_refund_fails.
func cameBack(c *Record) bool {
	return c.Method == RefundFails && refundPart(c) == 1
}

func refundOpen(now time.Time, c *Record) bool {
	return c.Method == RefundSlow && now.Before(c.RefundedAt.Add(movesAfter))
}

// refundPart reads the part from the refund's key, "refund:<charge>" or "refund:<charge>:<part>".
func refundPart(c *Record) int {
	if part, err := strconv.Atoi(strings.TrimPrefix(c.RefundKey, "refund:"+c.Reference+":")); err == nil {
		return part
	}
	return 1
}

func refundReference(c *Record) string {
	if part := refundPart(c); part > 1 {
		return "re_" + providerReference(c) + "_" + strconv.Itoa(part)
	}
	return "re_" + providerReference(c)
}

// taken is what a charge has taken of the buyer's money.
func taken(c *Record) models.Money {
	if c.Method == Short {
		return models.Money{Minor: (c.Amount.Minor + 1) / 2, Currency: c.Amount.Currency}
	}
	return c.Amount
}

// left is what can be given back: all but what others have moved.
func left(now time.Time, c *Record) int64 {
	rest := taken(c).Minor
	for _, m := range byOthers(now, c) {
		if m.State != models.MovementUndone && m.Amount.Currency == c.Amount.Currency {
			rest -= m.Amount.Minor
		}
	}
	return rest
}

// second takes the money of sim_twice another time, under the reference that the next charge would have.
func (r records) second(now time.Time, c *Record) {
	reference, is := secondReference(c)
	if !is || c.Status != charged || r[reference] != nil {
		return
	}
	r[reference] = &Record{
		Reference: reference, Booking: c.Booking, Amount: c.Amount, Method: OK, Status: charged, Calls: 1, Charges: 1,
		CreatedAt: now, UpdatedAt: now,
	}
}

func secondReference(c *Record) (string, bool) {
	key, err := models.ParseReference(c.Reference)
	if err != nil || c.Method != Twice {
		return "", false
	}
	key.N++
	return key.Reference(), true
}

// later is what a charge gives to report after its own outcome, and when. Each is a callback's body.
func later(c *Record) map[time.Duration]notice {
	changed := notice{Reference: c.Reference, Outcome: models.OutcomeMoved}
	switch c.Method {
	case MovesPart, MovesAll, MovesAbroad, Disputed, Inquiry:
		return map[time.Duration]notice{time.Second: changed}
	case DisputeLate:
		return map[time.Duration]notice{2 * movesAfter: changed}
	case DisputeLost, DisputeWon, MovesBack, MovesSlow:
		return map[time.Duration]notice{time.Second: changed, movesAfter + time.Second: changed}
	case Twice:
		reference, _ := secondReference(c)
		twice := notice{
			Reference: c.Reference, Outcome: models.OutcomeSucceeded,
			ProviderReference: providerReference(&Record{Reference: reference}),
		}
		return map[time.Duration]notice{time.Second: twice}
	}
	return nil
}
