package handlers

import (
	"context"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"quantix/internal/models"
	"quantix/internal/services"
)

const lettersPath = apiPath + "/payments/dead-letters"

// letterBody is a dead letter as it is answered. What a message that nobody can read would name is null.
type letterBody struct {
	ID        models.LetterID   `json:"id"`
	Kind      models.LetterKind `json:"kind" doc:"What was given up."`
	BookingID *models.BookingID `json:"booking_id" nullable:"true"`
	EventID   *models.EventID   `json:"event_id" nullable:"true"`
	Amount    *amount           `json:"amount" nullable:"true"`
	Currency  *models.Currency  `json:"currency" nullable:"true"`
	Attempts  int               `json:"attempts"`
	LastError string            `json:"last_error"`
	Payload   *string           `json:"payload" doc:"Of a message: what could not be read. Of a stray: the gateway's own name for the payment."`
	FailedAt  time.Time         `json:"failed_at"`
}

func toLetter(l models.DeadLetter) letterBody {
	b := letterBody{
		ID: l.ID, Kind: l.Kind, Attempts: l.Attempts, LastError: l.LastError, Payload: textOrNull(l.Payload),
		FailedAt: l.FailedAt.UTC(),
	}
	if l.Kind != models.LetterMessage {
		b.BookingID, b.EventID = &l.Booking, &l.Event
	}
	if l.Amount.Currency != "" {
		b.Amount, b.Currency = &amount{l.Amount}, &l.Amount.Currency
	}
	return b
}

// The inputs of the operations on dead letters.
type (
	letterPath struct {
		ID models.LetterID `path:"id" doc:"The dead letter's id."`
	}
	lettersInput struct{ Paging }
	letterClose  struct {
		ID   models.LetterID `path:"id" doc:"The dead letter's id."`
		Body body[closing, *closing]
	}
)

type letters struct{ letters *services.Letters }

func (h *letters) register(a *api) {
	h.registerRetryAll(a)
	notFound := models.ErrLetterNotFound
	register(a, operation{
		id: "list-dead-letters", method: http.MethodGet, path: lettersPath, tag: "payments", summary: "List dead letters",
		detail: "Payments that need manual review, oldest first.", errors: []*models.Error{models.ErrInvalidCursor},
	}, h.list)
	register(a, operation{
		id: "retry-dead-letter", method: http.MethodPost, path: lettersPath + "/{id}/retry", tag: "payments",
		summary: "Try a payment again", detail: "A new round of attempts begins in the background.", status: http.StatusAccepted,
		errors: []*models.Error{notFound, models.ErrNotRetryable, models.ErrBookingNotPending}, desk: true,
	}, h.retry)
	register(a, operation{
		id: "discard-dead-letter", method: http.MethodDelete, path: lettersPath + "/{id}", tag: "payments",
		summary: "Discard a dead letter", detail: "Only where surely no money was taken and none is owed; a stray, once its money was given back at the gateway.",
		status: http.StatusNoContent,
		errors: []*models.Error{notFound, models.ErrLetterUnknown, models.ErrRefundOwed, models.ErrMoneyMoved}, desk: true,
	}, h.discard)
	register(a, operation{
		id: "close-dead-letter", method: http.MethodPost, path: lettersPath + "/{id}/close", tag: "payments",
		summary: "Close a dead letter",
		detail:  "For who has looked at the gateway and decided: the booking stays as it is, and the reason is kept with the money. A refund whose letter is closed counts as given by other means; a charge of unknown outcome is not asked for any more, and refunded should it turn out to have succeeded.",
		status:  http.StatusNoContent, errors: []*models.Error{notFound}, desk: true,
	}, h.close)
}

func (h *letters) list(ctx context.Context, in *lettersInput) (*listOutput[letterBody], error) {
	l := list{path: lettersPath}
	page, err := in.page(l)
	if err != nil {
		return nil, err
	}
	found, err := h.letters.List(ctx, callerOf(ctx), page)
	if err != nil {
		return nil, err
	}
	position := func(d models.DeadLetter) models.Position { return models.Position{Time: d.FailedAt, ID: d.ID} }
	return cut(in.Paging, l, found, position, toLetter), nil
}

func (h *letters) retry(ctx context.Context, in *letterPath) (*struct{}, error) {
	return nil, h.letters.Retry(ctx, callerOf(ctx), in.ID)
}

func (h *letters) discard(ctx context.Context, in *letterPath) (*struct{}, error) {
	return nil, h.letters.Discard(ctx, callerOf(ctx), in.ID)
}

// maxReason bounds a closing's reason, in characters.
const maxReason = 500

// closing is the body of close-dead-letter.
type closing struct {
	Reason string `json:"reason" minLength:"1" maxLength:"500" doc:"Why, in a sentence." example:"The buyer keeps the ticket; agreed by phone."`
}

func (c *closing) read(f *form) {
	reason, present := f.text("reason", required)
	switch c.Reason = strings.TrimSpace(reason); {
	case !present:
	case c.Reason == "" || utf8.RuneCountInString(reason) > maxReason:
		f.refuse("reason", "must have 1 to 500 characters", nil)
	case !isSearchable(c.Reason):
		f.refuse("reason", "must be UTF-8 text without control characters", nil)
	}
}

func (h *letters) close(ctx context.Context, in *letterClose) (*struct{}, error) {
	return nil, h.letters.Close(ctx, callerOf(ctx), in.ID, in.Body.Value.Reason)
}
