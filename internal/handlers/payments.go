package handlers

import (
	"context"
	"time"

	"quantix/internal/models"
)

// paymentBody is a charge or a refund of a booking.
type paymentBody struct {
	ID                string          `json:"id" format:"uuid"`
	Kind              paymentKind     `json:"kind"`
	Status            paymentStatus   `json:"status" doc:"Where the charge or the refund stands."`
	Amount            amount          `json:"amount"`
	Currency          models.Currency `json:"currency"`
	ProviderReference *string         `json:"provider_reference" doc:"The payment provider's own name for it."`
	Attempts          int             `json:"attempts"`
	LastError         *string         `json:"last_error"`
	Reason            *string         `json:"reason" doc:"Of a refund that nobody here asked for: moved (given back at the gateway, by hand) or dispute (taken by the buyer's bank)."`
	CreatedAt         time.Time       `json:"created_at"`
}

func chargeBody(c models.Charge) paymentBody {
	return paymentBody{
		ID: c.ChargeID().String(), Kind: kindCharge, Status: paymentStatus(c.Status), Amount: amount{c.Amount},
		Currency: c.Amount.Currency, ProviderReference: textOrNull(c.ProviderReference), Attempts: c.Attempts,
		LastError: textOrNull(c.LastError), CreatedAt: c.CreatedAt.UTC(),
	}
}

func refundBody(r models.Refund) paymentBody {
	return paymentBody{
		ID: r.Key().RefundID().String(), Kind: kindRefund, Status: paymentStatus(r.Status), Amount: amount{r.Amount},
		Currency: r.Amount.Currency, ProviderReference: textOrNull(r.ProviderReference), Attempts: r.Attempts,
		LastError: textOrNull(r.LastError), Reason: textOrNull(string(r.Reason)), CreatedAt: r.CreatedAt.UTC(),
	}
}

// toPayments puts each charge before its refunds.
func toPayments(charges []models.Charge, refunds []models.Refund) []paymentBody {
	all := make([]paymentBody, 0, len(charges)+len(refunds))
	for _, c := range charges {
		all = append(all, chargeBody(c))
		for _, r := range refunds {
			if r.ChargeKey == c.ChargeKey {
				all = append(all, refundBody(r))
			}
		}
	}
	return all
}

type paymentsOutput struct {
	Body []paymentBody `nullable:"false"`
}

func (h *bookings) payments(ctx context.Context, in *bookingPath) (*paymentsOutput, error) {
	charges, refunds, err := h.bookings.Payments(ctx, callerOf(ctx), in.ID)
	if err != nil {
		return nil, err
	}
	return &paymentsOutput{Body: toPayments(charges, refunds)}, nil
}
