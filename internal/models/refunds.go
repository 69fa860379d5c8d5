package models

import "fmt"

// RefundStatus is where a refund stands.
type RefundStatus string

// The statuses of a refund.
const (
	RefundPending   RefundStatus = "pending"
	RefundSucceeded RefundStatus = "succeeded"
	RefundFailed    RefundStatus = "failed" // it was given, and came back; what is still owed is another part
)

// RefundReason says why money went back.
type RefundReason string

// The reasons of a refund.
const (
	RefundOwed     RefundReason = ""        // its booking ended, or never was
	RefundMoved    RefundReason = "moved"   // somebody gave it back at the gateway
	RefundDisputed RefundReason = "dispute" // the buyer's bank has taken it
)

// RefundKey names a refund: the Part-th (from 1) of a charge.
type RefundKey struct {
	ChargeKey
	Part int
}

// Key names the refund.
func (r *Refund) Key() RefundKey { return RefundKey{r.ChargeKey, r.Part} }

// RefundID is the refund's public id.
func (k RefundKey) RefundID() RefundID {
	kind := "refund"
	if k.Part > 1 {
		kind = fmt.Sprintf("refund/%d", k.Part)
	}
	return derive[RefundID](k.Booking, kind, k.N)
}

// GatewayKey is the refund's idempotency key at a gateway: "refund:<charge>", and ":<part>" of later parts.
func (k RefundKey) GatewayKey() string {
	if k.Part > 1 {
		return fmt.Sprintf("refund:%s:%d", k.Reference(), k.Part)
	}
	return "refund:" + k.Reference()
}

func (p PaymentSummary) withRefunds(charge ChargeKey, refunds []Refund, confirmed bool) PaymentSummary {
	for _, r := range refunds {
		switch {
		case r.ChargeKey != charge || r.Status == RefundFailed:
		case r.Status == RefundPending:
			p.Status, p.LastError = SummaryRefunding, r.LastError
		case p.Status == SummaryRefunding:
		case confirmed:
			p.Status = SummaryPartlyRefunded
		default:
			p.Status = SummaryRefunded
		}
	}
	return p
}
