package handlers

import (
	"net/http"
	"testing"

	"quantix/internal/models"
	"quantix/internal/sale"
)

type letterJSON struct {
	ID, Kind  string
	BookingID *string `json:"booking_id"`
}

func TestLetters(t *testing.T) {
	t.Parallel()
	b := setup(t)
	event, user := b.event(10), b.user("john@example.com")
	booking := b.book(event.ID, user.ID, 2)
	b.giveUp(booking, models.Unavailable)
	listed := b.do("GET", lettersPath, "").want(http.StatusOK)
	listed.golden("letter_list")
	at := lettersPath + "/" + read[[]letterJSON](listed)[0].ID
	b.do("POST", at+"/retry", "").want(http.StatusAccepted).golden("letter_retry")
	b.do("POST", at+"/retry", "").refused(http.StatusNotFound, "dead_letter_not_found")
	b.do("DELETE", at, "").refused(http.StatusNotFound, "dead_letter_not_found")
}

func TestLetters_discard(t *testing.T) {
	t.Parallel()
	b := setup(t)
	event, user := b.event(10), b.user("john@example.com")
	b.giveUp(b.book(event.ID, user.ID, 1), models.Unavailable)
	sure := lettersPath + "/" + read[[]letterJSON](b.do("GET", lettersPath, ""))[0].ID
	b.do("DELETE", sure, "").want(http.StatusNoContent).golden("letter_discard")
	b.giveUp(b.book(event.ID, user.ID, 1), models.Unknown)
	unsure := lettersPath + "/" + read[[]letterJSON](b.do("GET", lettersPath, ""))[0].ID
	b.do("DELETE", unsure, "").refused(http.StatusConflict, "outcome_not_known")
}

func TestLetters_of_a_charge_whose_booking_ended(t *testing.T) {
	t.Parallel()
	b := setup(t)
	event, user := b.event(10), b.user("john@example.com")
	booking := b.book(event.ID, user.ID, 1)
	b.giveUp(booking, models.Unavailable)
	b.do("PUT", bookingsPath+"/"+booking.ID+"/cancel", "").want(http.StatusOK)
	at := lettersPath + "/" + read[[]letterJSON](b.do("GET", lettersPath, ""))[0].ID
	b.do("POST", at+"/retry", "").refused(http.StatusConflict, "booking_not_pending")
}

func TestLetters_of_messages(t *testing.T) {
	t.Parallel()
	b := setup(t)
	letter := models.DeadLetter{
		ID: models.NewID[models.LetterID](), Kind: models.LetterMessage, Attempts: 1, LastError: "it cannot be read",
		Payload: `{"booking":`,
	}
	if err := b.store.AddMessageLetter(t.Context(), letter); err != nil {
		t.Fatal(err)
	}
	b.do("GET", lettersPath, "").want(http.StatusOK).golden("letter_list_message")
	at := lettersPath + "/" + letter.ID.String()
	b.do("POST", at+"/retry", "").refused(http.StatusConflict, "not_retryable")
	b.do("DELETE", at, "").want(http.StatusNoContent)
	b.do("GET", lettersPath+"?limit=1&status=x", "").refused(http.StatusBadRequest, "invalid_request")
	b.do("POST", lettersPath+"/x/retry", "").refused(http.StatusBadRequest, "invalid_request").at(t, "path.id")
}

func TestLetters_are_retried_all_at_once(t *testing.T) {
	t.Parallel()
	b := setup(t)
	event, other, user := b.event(10), b.event(10), b.user("john@example.com")
	ended := b.book(event.ID, user.ID, 1)
	for _, booking := range []bookingJSON{ended, b.book(event.ID, user.ID, 1), b.book(other.ID, user.ID, 1)} {
		b.giveUp(booking, models.Unavailable)
	}
	b.do("PUT", bookingsPath+"/"+ended.ID+"/cancel", "").want(http.StatusOK)
	retry := lettersPath + "/retry"
	b.do("POST", retry+"?kind=message", "").refused(http.StatusBadRequest, "invalid_request")
	b.do("POST", retry+"?event_id=1", "").refused(http.StatusBadRequest, "invalid_request")
	b.do("POST", retry+"?cursor=x", "").refused(http.StatusBadRequest, "invalid_cursor")
	type result struct {
		Retried, Refused int
		More             bool
	}
	for query, want := range map[string]result{"?kind=refund": {}, "?event_id=" + other.ID + "&kind=refund": {}} {
		if got := read[result](b.do("POST", retry+query, "").want(http.StatusAccepted)); got != want {
			t.Errorf("%s: %+v, want %+v", query, got, want)
		}
	}
	b.do("POST", retry+"?kind=charge&event_id="+event.ID, "").want(http.StatusAccepted).golden("letter_retry_all")
	if got, want := read[result](b.do("POST", retry, "").want(http.StatusAccepted)), (result{Retried: 1, Refused: 1}); got != want {
		t.Errorf("all the others: %+v, want %+v", got, want)
	}
	if left := read[[]letterJSON](b.do("GET", lettersPath, "")); len(left) != 1 || *left[0].BookingID != ended.ID {
		t.Errorf("letters left: %+v", left)
	}
}

// Money that moved at the gateway is neither retried nor discarded; a person closes its letter, and says why.
func TestLetters_close(t *testing.T) {
	t.Parallel()
	b := setup(t)
	event, user := b.event(10), b.user("john@example.com")
	booking := b.book(event.ID, user.ID, 2)
	b.pay(booking, models.Succeeded)
	ref := refOf(t, booking)
	moved := &sale.SettleMoved{Charge: models.FirstCharge(ref), Movements: []models.Movement{{
		ID: "re_hand", Reason: models.RefundMoved, Amount: models.Money{Minor: 1000, Currency: "USD"}, State: models.MovementDone, Note: "succeeded",
	}}}
	if _, err := b.office.Tell(t.Context(), ref.Event, moved); err != nil {
		t.Fatal(err)
	}
	listed := b.do("GET", lettersPath, "").want(http.StatusOK)
	listed.golden("letter_list_moved")
	at := lettersPath + "/" + read[[]letterJSON](listed)[0].ID
	b.do("POST", at+"/retry", "").refused(http.StatusConflict, "not_retryable")
	b.do("DELETE", at, "").refused(http.StatusConflict, "money_moved")
	for _, bad := range []string{`{}`, `{"reason":""}`, `{"reason":"  "}`, `{"reason":7}`, `{"reason":"ok","force":true}`} {
		b.do("POST", at+"/close", bad).refused(http.StatusBadRequest, "invalid_request")
	}
	b.do("POST", at+"/close", `{"reason":"agreed by phone"}`).want(http.StatusNoContent)
	b.do("POST", at+"/close", `{"reason":"agreed by phone"}`).refused(http.StatusNotFound, "dead_letter_not_found")
	b.do("GET", bookingsPath+"/"+booking.ID+"/payments", "").want(http.StatusOK).golden("booking_payments_moved")
}
