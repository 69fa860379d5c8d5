package services_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"quantix/internal/models"
	"quantix/internal/services"
	"quantix/internal/testkit/shop"
)

// manyLetters is a store with any number of letters, whose bookings no longer wait.
type manyLetters struct {
	services.LetterStore
	letters []models.DeadLetter
	largest int
	during  func()
}

func newManyLetters(s *shop.Shop, n int) *manyLetters {
	m := &manyLetters{LetterStore: s.Store, during: func() {}}
	event := s.Event(10).ID
	for i := range n {
		ref := models.BookingRef{Event: event, Booking: models.NewID[models.BookingID]()}
		m.letters = append(m.letters, models.DeadLetter{
			ID: models.NewID[models.LetterID](), Kind: models.LetterCharge, ChargeKey: models.FirstCharge(ref),
			FailedAt: shop.Opening.Add(time.Duration(i) * time.Second),
		})
	}
	return m
}

func (m *manyLetters) DeadLettersOf(_ context.Context, _ models.Scope, _ models.LetterFilter, page models.Page) ([]models.DeadLetter, error) {
	m.during()
	m.largest = max(m.largest, page.Limit)
	from := 0
	if page.After != nil {
		from = 1 + slices.IndexFunc(m.letters, func(l models.DeadLetter) bool { return l.ID == models.LetterID(page.After.ID) })
	}
	return m.letters[from:min(from+page.Limit, len(m.letters))], nil
}

// However many letters there are, a call looks at some, puts few before the desks at once, and says where to go on:
// letters that cannot be retried do not stand before the others for ever.
func TestRetryAll_works_in_pieces_and_goes_on(t *testing.T) {
	t.Parallel()
	const all = 12_000
	s := shop.New(t)
	store := newManyLetters(s, all)
	letters := services.NewLetters(store, s.Office)
	first, err := letters.RetryAll(t.Context(), models.TheOperator, models.LetterFilter{}, nil)
	if err != nil || first.Next == nil || first.Retried != 0 || first.Refused < 10_000 || first.Refused > 10_200 {
		t.Fatalf("the first call: %+v, %v", first, err)
	}
	second, err := letters.RetryAll(t.Context(), models.TheOperator, models.LetterFilter{}, first.Next)
	if err != nil || second.Next != nil || first.Refused+second.Refused != all {
		t.Errorf("the second call: %+v, %v, after %+v", second, err, first)
	}
	if store.largest > 200 {
		t.Errorf("%d letters were put before the desks at once", store.largest)
	}
}

// Any number of clients may ask: one call goes on at a time.
func TestRetryAll_one_at_a_time(t *testing.T) {
	t.Parallel()
	s := shop.New(t)
	store := newManyLetters(s, 1)
	letters := services.NewLetters(store, s.Office)
	retry := func() error {
		_, err := letters.RetryAll(t.Context(), models.TheOperator, models.LetterFilter{}, nil)
		return err
	}
	var second error
	store.during = func() {
		store.during = func() {}
		second = retry()
	}
	if err := retry(); err != nil || !errors.Is(second, models.ErrBusy) {
		t.Errorf("the first: %v; beside it: %v", err, second)
	}
	if err := retry(); err != nil {
		t.Errorf("after it: %v", err)
	}
}

// A letter whose event's row somebody holds, or that a rule fails on, does not keep those behind it.
func TestRetryAll_goes_on_after_a_letter_that_fails(t *testing.T) {
	t.Parallel()
	s := shop.New(t)
	store := newManyLetters(s, 300)
	store.letters[0].Event, store.letters[1].Kind = models.NewID[models.EventID](), models.LetterMoved
	done, err := services.NewLetters(store, s.Office).RetryAll(t.Context(), models.TheOperator, models.LetterFilter{}, nil)
	if err != nil || done.Refused != 300 {
		t.Errorf("%+v, %v", done, err)
	}
}
