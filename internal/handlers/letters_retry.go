package handlers

import (
	"context"
	"net/http"

	"quantix/internal/models"
)

// lettersRetry narrows down which dead letters are retried.
type lettersRetry struct {
	EventID models.EventID `query:"event_id" doc:"Only this event's."`
	Kind    paymentKind    `query:"kind" doc:"Only charges, or only refunds."`
}

// retriedBody tells what became of the letters.
type retriedBody struct {
	Retried int  `json:"retried" doc:"How many begin a new round of attempts."`
	Refused int  `json:"refused" doc:"How many stay as they are, because their bookings no longer wait for the payment."`
	More    bool `json:"more" doc:"There may be more: call again."`
}

type retriedOutput struct{ Body retriedBody }

func (h *letters) registerRetryAll(a *api) {
	register(a, operation{
		id: "retry-dead-letters", method: http.MethodPost, path: lettersPath + "/retry", tag: "payments",
		summary: "Try all given-up payments again",
		detail:  "As for each alone; without a filter, all those of charges and refunds. There is nothing to retry of the others.", status: http.StatusAccepted,
		desk: true,
	}, h.retryAll)
}

func (h *letters) retryAll(ctx context.Context, in *lettersRetry) (*retriedOutput, error) {
	if in.Kind != "" && in.Kind != kindCharge && in.Kind != kindRefund {
		return nil, models.Invalid([]models.FieldError{{Location: "query.kind", Message: "must be charge or refund", Value: clip(string(in.Kind))}})
	}
	done, err := h.letters.RetryAll(ctx, models.LetterFilter{Event: in.EventID, Kind: models.LetterKind(in.Kind)})
	if err != nil {
		return nil, err
	}
	return &retriedOutput{Body: retriedBody(done)}, nil
}
