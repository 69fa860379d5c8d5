package simulator

import (
	"fmt"
	"slices"
	"strings"

	"quantix/internal/models"
	"quantix/internal/payments"
)

// The methods of the simulated gateway.
const (
	OK      models.PaymentMethod = "sim_ok"      // succeeds; the default
	Decline models.PaymentMethod = "sim_decline" // is declined
	Flaky   models.PaymentMethod = "sim_flaky"   // two errors, then success
	Error   models.PaymentMethod = "sim_error"   // always an error
	Slow    models.PaymentMethod = "sim_slow"    // answers pending, and succeeds after the deadline
	Lost    models.PaymentMethod = "sim_lost"    // charges, but the answer never arrives

	Action      models.PaymentMethod = "sim_action"       // answers pending, for as long as nobody voids it
	Short       models.PaymentMethod = "sim_short"        // takes half of what it was asked for
	Twice       models.PaymentMethod = "sim_twice"        // takes the money twice, and reports both
	MovesPart   models.PaymentMethod = "sim_moves_part"   // succeeds, and somebody gives half of it back there
	MovesAll    models.PaymentMethod = "sim_moves_all"    // succeeds, and somebody gives all of it back there
	MovesBack   models.PaymentMethod = "sim_moves_back"   // the same, and it comes back
	MovesSlow   models.PaymentMethod = "sim_moves_slow"   // the same, and it is not finished for a while
	MovesAbroad models.PaymentMethod = "sim_moves_abroad" // the same, in another currency than was paid
	Disputed    models.PaymentMethod = "sim_dispute"      // succeeds, and the buyer's bank takes the money
	DisputeLost models.PaymentMethod = "sim_dispute_lost" // the same, and the bank decides for the buyer
	DisputeWon  models.PaymentMethod = "sim_dispute_won"  // the same, and the bank gives it back
	DisputeLate models.PaymentMethod = "sim_dispute_late" // succeeds; once it was given back, the bank takes it again
	Inquiry     models.PaymentMethod = "sim_inquiry"      // succeeds, and the bank asks about it, but takes nothing
	// succeeds; a refund of it succeeds, comes back, and succeeds again
	RefundFails models.PaymentMethod = "sim_refund_fails"
	RefundSlow  models.PaymentMethod = "sim_refund_slow" // succeeds; a refund of it is not finished for a while
)

// Methods lists every method.
var Methods = slices.Concat(plainMethods, movingMethods)

var (
	plainMethods  = []models.PaymentMethod{OK, Decline, Flaky, Error, Slow, Lost, Action}
	movingMethods = []models.PaymentMethod{
		Short, Twice, MovesPart, MovesAll, MovesBack, MovesSlow, MovesAbroad, Disputed, DisputeLost,
		DisputeWon, DisputeLate, Inquiry, RefundFails, RefundSlow,
	}
)

// PaidWith is how buyers may pay with the simulated gateway.
var PaidWith = payments.Methods{
	Default: OK,
	Accept:  func(m models.PaymentMethod) bool { return slices.Contains(Methods, m) },
	Rule:    "must be one of " + strings.ReplaceAll(strings.Trim(fmt.Sprint(Methods), "[]"), " ", ", "),
}
