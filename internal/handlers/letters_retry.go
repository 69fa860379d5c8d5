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
	Cursor  string         `query:"cursor" maxLength:"128" doc:"Where to go on: the cursor of the Link header (rel=next) of the call before, with the same filters."`
}

// retriedBody tells what became of the letters.
type retriedBody struct {
	Retried int  `json:"retried" doc:"How many begin a new round of attempts."`
	Refused int  `json:"refused" doc:"How many stay as they are, because their bookings no longer wait for the payment."`
	More    bool `json:"more" doc:"There may be more: call again, at the Link header's address."`
}

type retriedOutput struct {
	Link string `header:"Link" doc:"Where to go on, where there may be more (rel=next)."`
	Body retriedBody
}

func (h *letters) registerRetryAll(a *api) {
	register(a, operation{
		id: "retry-dead-letters", method: http.MethodPost, path: lettersPath + "/retry", tag: "payments",
		summary: "Try all given-up payments again",
		detail:  "As for each alone; without a filter, all those of charges and refunds. There is nothing to retry of the others. A call looks at 10,000 of them; one goes on at a time.", status: http.StatusAccepted,
		errors: []*models.Error{models.ErrInvalidCursor}, desk: true,
	}, h.retryAll)
}

func (h *letters) retryAll(ctx context.Context, in *lettersRetry) (*retriedOutput, error) {
	if in.Kind != "" && in.Kind != kindCharge && in.Kind != kindRefund {
		return nil, models.Invalid([]models.FieldError{{
			Field: "query.kind", Message: "must be charge or refund", Value: clip(string(in.Kind)),
		}})
	}
	l := list{path: lettersPath + "/retry"}
	if in.EventID != (models.EventID{}) {
		l.setFilter("event_id", in.EventID.String())
	}
	l.setFilter("kind", string(in.Kind))
	after, err := l.decode(in.Cursor)
	if err != nil {
		return nil, err
	}
	filter := models.LetterFilter{Event: in.EventID, Kind: models.LetterKind(in.Kind)}
	done, err := h.letters.RetryAll(ctx, callerOf(ctx), filter, after)
	if err != nil {
		return nil, err
	}
	out := &retriedOutput{Body: retriedBody{Retried: done.Retried, Refused: done.Refused, More: done.Next != nil}}
	if done.Next != nil {
		out.Link = l.next(0, *done.Next)
	}
	return out, nil
}
