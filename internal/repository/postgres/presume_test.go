package postgres_test

import (
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"quantix/internal/models"
	"quantix/internal/repository"
	"quantix/internal/repository/postgres"
	"quantix/internal/retry"
	"quantix/internal/sale"
	"quantix/internal/testkit"
)

// A remembering bundle has sold tickets of an event, and will decide the next batch on what it remembers. count counts
// its round trips.
type remembering struct {
	*bundle
	event models.Event
	user  models.User
	count *counter
}

// setupRemembering makes one; tickets are those that are left.
func setupRemembering(t *testing.T, tickets int64) *remembering {
	t.Helper()
	r := &remembering{count: &counter{}}
	r.bundle = setup(t, func(c *pgxpool.Config, _ *postgres.Options) { c.ConnConfig.Tracer = r.count })
	r.event, r.user = r.bundle.event(t, tickets+2), r.bundle.user(t)
	r.warmUp(t)
	return r
}

// warmUp sells two tickets, and has that remembered for longer than usual, as the machine may be slow.
func (r *remembering) warmUp(t *testing.T) {
	t.Helper()
	r.must(t, r.event.ID, reserve(r.user.ID, 1))
	r.must(t, r.event.ID, reserve(r.user.ID, 1))
	postgres.Age(r.Store, -patience, 0)
}

// trips runs commands and returns their round trips, but for those of retries.
func (r *remembering) trips(t *testing.T, commands ...sale.Command) (int64, []sale.Verdict) {
	t.Helper()
	r.count.trips.Store(0)
	verdicts, err := r.decide(t.Context(), r.event.ID, commands...)
	if err != nil {
		t.Fatal(err)
	}
	return r.count.trips.Load(), verdicts
}

func TestPresumed_in_one_round_trip(t *testing.T) {
	t.Parallel()
	r := setupRemembering(t, 10)
	trips, verdicts := r.trips(t, reserve(r.user.ID, 2), reserve(r.user.ID, 3))
	if trips != 1 || verdicts[0].Err != nil || verdicts[1].Err != nil {
		t.Errorf("%d round trips, %+v", trips, verdicts)
	}
	trips, verdicts = r.trips(t, reserve(r.user.ID, 4), reserve(r.user.ID, 2))
	if trips != 1 || verdicts[0].Err != nil || !models.ErrInsufficientTickets.Is(verdicts[1].Err) {
		t.Errorf("the last tickets: %d round trips, %+v", trips, verdicts)
	}
	r.audit(t, r.event.ID)
}

// Whatever is not as it is remembered undoes all of the batch, which is then decided on what is there.
func TestPresumed_in_vain(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		meddle func(*testing.T, *remembering)
		want   *models.Error // of a booking of three tickets; nil: it is made
	}{
		"sold by another process": {
			func(t *testing.T, r *remembering) {
				open(t, r.url).must(t, r.event.ID, reserve(r.user.ID, 8))
			}, models.ErrInsufficientTickets,
		},
		"sold and given back by another process": {
			func(t *testing.T, r *remembering) {
				other := open(t, r.url)
				booked := other.must(t, r.event.ID, reserve(r.user.ID, 8))[0].Booking
				other.must(t, r.event.ID, &sale.Cancel{Booking: booked.ID})
			}, nil,
		},
		"cancelled by another process": {
			func(t *testing.T, r *remembering) { open(t, r.url).must(t, r.event.ID, &sale.CancelEvent{}) },
			models.ErrEventCancelled,
		},
		"the user was deleted": {
			func(t *testing.T, r *remembering) { r.exec(t, "UPDATE users SET deleted_at = now()") },
			models.ErrUserNotFound,
		},
		"a clock that runs ahead": {
			func(_ *testing.T, r *remembering) { postgres.Age(r.Store, 0, time.Minute) }, nil,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := setupRemembering(t, 10)
			test.meddle(t, r)
			command := reserve(r.user.ID, 3)
			trips, verdicts := r.trips(t, command)
			if err := verdicts[0].Err; (err == nil) != (test.want == nil) || err != nil && !test.want.Is(err) {
				t.Errorf("the booking: %v, want %v", err, test.want)
			}
			if trips < 3 {
				t.Errorf("%d round trips: it was not presumed and then read", trips)
			}
			if b := verdicts[0].Booking; b != nil && time.Since(b.CreatedAt).Abs() > 30*time.Second {
				t.Errorf("made at %s by a clock that was not the database's", b.CreatedAt)
			}
			r.audit(t, r.event.ID)
		})
	}
}

// A key that was used for another event is found, although no index refuses it.
func TestPresumed_keys_are_looked_up(t *testing.T) {
	t.Parallel()
	r := setupRemembering(t, 10)
	elsewhere := r.bundle.event(t, 5)
	first := reserve(r.user.ID, 1)
	first.Key, first.Hash = "k", models.RequestHash{1}
	r.must(t, elsewhere.ID, first)
	again := reserve(r.user.ID, 1)
	again.Key, again.Hash = "k", models.RequestHash{2}
	if _, verdicts := r.trips(t, again); !models.ErrKeyReused.Is(verdicts[0].Err) {
		t.Errorf("a key of another event: %+v", verdicts[0])
	}
}

// Nobody waits for a lock with a decision in hand.
func TestPresumed_waits_for_no_lock(t *testing.T) {
	t.Parallel()
	for name, sql := range map[string]string{
		"the event's": "SELECT FROM events FOR UPDATE", "the user's": "SELECT FROM users FOR UPDATE",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := setupRemembering(t, 10)
			release := r.lockRows(t, sql)
			done := make(chan error, 1)
			go func() { _, err := r.decide(t.Context(), r.event.ID, reserve(r.user.ID, 3)); done <- err }()
			testkit.Eventually(t, patience, func() error { // the usual way does
				if len(done) > 0 {
					return nil
				}
				return r.waits(t, "transactionid")
			})
			release()
			if err := <-done; err != nil {
				t.Error(err)
			}
			r.audit(t, r.event.ID)
		})
	}
}

// A change by hand, which no journal tells of, is seen a second later at the latest; and the end of a sale at once.
func TestPresumed_for_a_second_only(t *testing.T) {
	t.Parallel()
	r := setupRemembering(t, 10)
	r.exec(t, "UPDATE events SET ticket_price = 10")
	postgres.Age(r.Store, patience+time.Second, 0)
	if v := r.must(t, r.event.ID, reserve(r.user.ID, 1))[0]; v.Booking.UnitPrice.Minor != 1000 {
		t.Errorf("sold at %d", v.Booking.UnitPrice.Minor)
	}
	r.exec(t, "UPDATE events SET sales_end = clock_timestamp() + interval '2 seconds'")
	postgres.Forget(r.Store)
	r.warmUp(t)
	trips, _ := r.trips(t, reserve(r.user.ID, 1))
	if trips != 2 {
		t.Errorf("%d round trips, two seconds before the end of the sale; want 2", trips)
	}
}

// TestPresumed_by_two_processes has two sell the same event at once: nothing is sold twice, and nothing is lost.
func TestPresumed_by_two_processes(t *testing.T) {
	t.Parallel()
	r := setupRemembering(t, 300)
	other := open(t, r.url)
	var sold sync.Map
	var group sync.WaitGroup
	for _, b := range []*bundle{r.bundle, other} {
		group.Go(func() {
			for range 60 {
				command := reserve(r.user.ID, 5)
				var verdicts []sale.Verdict
				err := retry.Do(t.Context(), repository.IsConflict, func() (err error) {
					verdicts, err = b.decide(t.Context(), r.event.ID, command)
					return err
				})
				switch {
				case err != nil:
					t.Error(err)
				case verdicts[0].Err == nil:
					sold.Store(command.Booking, true)
				case !models.ErrSoldOut.Is(verdicts[0].Err):
					t.Error(verdicts[0].Err)
				}
			}
		})
	}
	group.Wait()
	n := 0
	for range sold.Range {
		n++
	}
	event, err := r.Event(t.Context(), models.Everything, r.event.ID)
	if err != nil || n != 60 || event.Stock.Available != 0 || event.Stock.Held != event.Stock.Total {
		t.Errorf("%d bookings of 5 were told, of 300 tickets; the stock is %+v (%v)", n, event.Stock, err)
	}
	r.audit(t, r.event.ID)
}

// What was seen of a booking when its charge was started is not believed when it has changed since.
func TestSeen_and_cancelled_since(t *testing.T) {
	t.Parallel()
	b := setup(t)
	event, user := b.event(t, 1000), b.user(t)
	b.must(t, event.ID, reserve(user.ID, 1)) // else there would be no tickets to sell, which no rule gets past
	for _, remembered := range []bool{false, true} {
		booked := b.must(t, event.ID, reserve(user.ID, 1))[0].Booking
		starts, err := b.StartCharges(t.Context(), "sim", []models.BookingRef{booked.Ref()}, time.Minute)
		if err != nil || len(starts) != 1 {
			t.Fatalf("started %d: %v", len(starts), err)
		}
		b.must(t, event.ID, &sale.Cancel{Booking: booked.ID})
		if remembered {
			b.must(t, event.ID, reserve(user.ID, 1))
			b.must(t, event.ID, reserve(user.ID, 1))
			postgres.Age(b.Store, -patience, 0)
		}
		settles := []sale.Command{&sale.Settle{
			Charge: starts[0].Charge.ChargeKey, Result: models.Result{Outcome: models.OutcomeSucceeded},
			Seen: &sale.Seen{Booking: &starts[0].Booking, Charge: starts[0].Charge},
		}}
		if _, err := b.decide(t.Context(), event.ID, settles...); !errors.Is(err, repository.ErrConflict) {
			t.Fatalf("settled what was seen: %v, want ErrConflict", err)
		}
		var v sale.Verdict
		again := sale.ReadsOf(settles, false, true)
		err = b.AtDesk(t.Context(), event.ID, models.NewID[models.BatchID](), again, func(s *sale.State) {
			s.Rules = rules
			v = s.Decide(settles[0])
		})
		if err != nil || v.Err != nil || v.Booking.Status != models.StatusCancelled {
			t.Errorf("settled as read: %+v, %v", v, err)
		}
		_, refunds, err := b.PaymentsOf(t.Context(), booked.Ref())
		if err != nil || len(refunds) != 1 {
			t.Errorf("%d refunds (%v), want 1", len(refunds), err)
		}
	}
	b.audit(t, event.ID)
}
