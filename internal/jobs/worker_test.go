package jobs

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"quantix/internal/models"
	"quantix/internal/payments/simulator"
	"quantix/internal/queue"
	"quantix/internal/services"
	"quantix/internal/testkit/shop"
)

// reads is a queue that is always empty and notes when it was read.
type reads struct {
	queue.Queue
	times []time.Time
}

func (r *reads) Receive(ctx context.Context, _ string, _ int, wait time.Duration) ([]queue.Message, error) {
	r.times = append(r.times, time.Now())
	time.Sleep(wait) // virtual: the test's clock moves when all wait
	return nil, ctx.Err()
}

func (r *reads) Ack(context.Context, []queue.Message) error { return nil }

func TestWorker_gives_way(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for _, test := range []struct {
			name    string
			giveWay GiveWay
			want    int
		}{
			{"nobody to give way to", nil, 100},
			{"nobody in need", func() time.Duration { return 0 }, 100},
			{"a crowd", func() time.Duration { return 240 * time.Millisecond }, 4},
		} {
			q := &reads{}
			w := &Worker{
				Queue: q, Payments: services.NewPayments(nil, nil, nil, services.PaymentOptions{}), Wait: 10 * time.Millisecond,
				GiveWay: test.giveWay,
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			if err := w.Run(ctx); err != nil {
				t.Errorf("%s: %v", test.name, err)
			}
			cancel()
			if got := len(q.times); got < test.want-1 || got > test.want+1 {
				t.Errorf("%s: %d reads in a second, want %d", test.name, got, test.want)
			}
		}
	})
}

func TestPayments_know_how_long_bookings_waited(t *testing.T) {
	t.Parallel()
	h := newHouse(t, embedded(), simulator.Options{})
	paying, event := h.newPayments(), h.Event(10).ID
	for _, event := range []models.EventID{event, h.Event(10, shop.Free).ID} {
		for _, waited := range []time.Duration{2 * time.Minute, 0} {
			ref := h.Book(event, 1, simulator.OK)
			h.clock.skip(waited)
			if err := paying.Charge(t.Context(), []models.BookingRef{ref}); err != nil {
				t.Fatal(err)
			}
			if lag := paying.Lag(); lag < waited || lag > waited+time.Minute {
				t.Errorf("the lag is %s after %s", lag, waited)
			}
		}
	}
	late := h.Book(event, 1, simulator.OK)
	h.clock.skip(time.Hour)
	if err := paying.Charge(t.Context(), []models.BookingRef{late}); err != nil {
		t.Fatal(err)
	}
	if lag := paying.Lag(); lag < time.Hour {
		t.Errorf("the lag is %s when all that was asked for had expired: payments would go on giving way", lag)
	}
	if err := paying.Drain(t.Context()); err != nil {
		t.Error(err)
	}
}
