package sale

import (
	"testing"

	"quantix/internal/models"
)

// A stall gives back its own try, once: the desk decides it again when the first commit's answer was lost.
func TestStalled_gives_back_one_try(t *testing.T) {
	t.Parallel()
	for _, stall := range []models.Stall{models.StallThrottled, models.StallAway, models.StallLocked} {
		s, user := newState()
		c := givenCharge(s, given(s, user, models.StatusPending, ""), models.ChargeStarted, 3)
		r := s.addRefund(c, 100, models.RefundOwed, models.RefundPending, "")
		r.Attempts = 3
		result := models.Result{Outcome: models.OutcomeUnavailable, Stall: stall}
		for range 3 {
			s.Decide(&Settle{Charge: c.ChargeKey, Try: 3, Result: result})
			s.Decide(&SettleRefund{Charge: c.ChargeKey, Try: 3, Result: result})
			s.Recheck = true
		}
		if c.Attempts != 2 || r.Attempts != 2 {
			t.Errorf("%s: after one stall of the third try the charge counts %d, the refund %d", stall, c.Attempts, r.Attempts)
		}
		s.Decide(&Settle{Charge: c.ChargeKey, Try: 1, Result: result})
		s.Decide(&SettleRefund{Charge: c.ChargeKey, Try: 1, Result: result})
		if c.Attempts != 2 || r.Attempts != 2 {
			t.Errorf("%s: a late stall of the first try took one from the others: %d, %d", stall, c.Attempts, r.Attempts)
		}
	}
}
