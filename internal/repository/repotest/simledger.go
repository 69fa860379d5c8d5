package repotest

import (
	"fmt"
	"testing"
	"time"

	"quantix/internal/payments/simulator"

	"quantix/internal/models"
	"quantix/internal/repository"
	"quantix/internal/retry"
)

// simRules are the promises of SimLedger.
var simRules = rules{
	"a_record_is_read_as_it_was_written": func(t *testing.T, s *shop) {
		want := simulator.Record{
			Reference: "qx_a_b_1", Booking: models.NewID[models.BookingID](), Amount: models.Money{Minor: 75505, Currency: "KWD"},
			Method: simulator.Slow, Status: "pending", Calls: 3, Charges: 1, SettlesAt: noon.Add(time.Hour), RefundKey: "refund:x",
			RefundedAt: noon.Add(time.Minute), CreatedAt: noon, UpdatedAt: noon.Add(time.Microsecond),
		}
		s.ledger([]string{want.Reference}, func(_ time.Time, records map[string]*simulator.Record) {
			record := want
			records[want.Reference] = &record
		})
		got := s.record(want.Reference)
		same(t, "the record", got, want)
		isInstant(t, "settles_at", got.SettlesAt)
		isInstant(t, "created_at", got.CreatedAt)
	},

	"unset_times_stay_unset": func(t *testing.T, s *shop) {
		want := simulator.Record{Reference: "r", Amount: models.Money{Minor: models.MaxAmount, Currency: "USD"}, Method: simulator.OK, Status: "charged", CreatedAt: noon, UpdatedAt: noon}
		s.ledger([]string{"r"}, func(_ time.Time, records map[string]*simulator.Record) {
			record := want
			records["r"] = &record
		})
		got := s.record("r")
		same(t, "the record", got, want)
		if got.SettlesAt != (time.Time{}) || got.RefundedAt != (time.Time{}) {
			t.Errorf("times that were never set are %v and %v", got.SettlesAt, got.RefundedAt)
		}
	},

	"only_the_records_asked_for_are_given_and_the_clock": func(t *testing.T, s *shop) {
		for _, name := range []string{"a", "b"} {
			s.call([]string{name})
		}
		s.clock.Pass(time.Minute)
		s.ledger([]string{"b", "c", "b"}, func(now time.Time, records map[string]*simulator.Record) {
			if !now.Equal(noon.Add(time.Minute)) || len(records) != 1 || records["b"] == nil {
				t.Errorf("at %v the ledger gives %v; want b alone", now, records)
			}
		})
		s.ledger([]string{"c"}, func(_ time.Time, records map[string]*simulator.Record) {
			if len(records) != 0 {
				t.Errorf("what was only asked for was written: %v", records)
			}
		})
	},

	"what_was_changed_is_written_and_what_was_not_stays": func(t *testing.T, s *shop) {
		s.call([]string{"a", "b"})
		s.ledger([]string{"a", "b", "c"}, func(now time.Time, records map[string]*simulator.Record) {
			records["a"].Status, records["a"].Charges = "charged", 1
			records["c"] = &simulator.Record{Reference: "c", Amount: models.Money{Minor: 1, Currency: "JPY"}, Method: simulator.OK, Status: "declined", CreatedAt: now, UpdatedAt: now}
		})
		if a, b, c := s.record("a"), s.record("b"), s.record("c"); a.Status != "charged" || a.Charges != 1 ||
			b.Status != "pending" || c.Status != "declined" {
			t.Errorf("the records are %+v, %+v, %+v", a, b, c)
		}
	},

	"nothing_asked_is_decided_all_the_same_at_most_once": func(t *testing.T, s *shop) {
		calls := 0
		s.ledger(nil, func(_ time.Time, records map[string]*simulator.Record) { calls += 1 + len(records) })
		if calls > 1 {
			t.Errorf("decide was called %d times, or was given records", calls)
		}
	},

	"of_many_who_make_a_record_at_once_none_is_lost": func(t *testing.T, s *shop) {
		crowd(16, func(int) { s.call([]string{"new"}) })
		same(t, "the calls counted", s.record("new").Calls, 16)
	},

	"who_lost_the_making_of_a_record_has_made_no_other_either": func(t *testing.T, s *shop) {
		crowd(8, func(i int) { s.call([]string{fmt.Sprint("old", i), "x"}) })
		crowd(8, func(i int) { s.call([]string{fmt.Sprint("own", i), "new", fmt.Sprint("old", i)}) })
		same(t, "the calls counted", s.record("new").Calls, 8)
		for i := range 8 {
			same(t, "the calls of a record of one's own", s.record(fmt.Sprint("own", i)).Calls, 1)
			same(t, "the calls of a record that was there", s.record(fmt.Sprint("old", i)).Calls, 2)
		}
	},

	"records_of_one_batch_may_differ_in_everything": func(t *testing.T, s *shop) {
		want, names := map[string]simulator.Record{}, []string{}
		for i := range 6 {
			name := fmt.Sprint("r", i)
			names = append(names, name)
			want[name] = simulator.Record{
				Reference: name, Booking: models.NewID[models.BookingID](), Method: []models.PaymentMethod{simulator.OK, simulator.Slow}[i%2],
				Amount: models.Money{Minor: int64(1 + i), Currency: []models.Currency{"USD", "JPY", "KWD"}[i%3]}, Status: []string{"charged", "pending"}[i/3],
				Calls: i, Charges: 5 - i, SettlesAt: noon.Add(time.Duration(i) * time.Hour), CreatedAt: noon, UpdatedAt: noon,
			}
		}
		write := func(_ time.Time, records map[string]*simulator.Record) {
			for name, record := range want {
				records[name] = &record
			}
		}
		check := func() {
			s.ledger(names, func(_ time.Time, records map[string]*simulator.Record) {
				for name, record := range records {
					same(t, "the record "+name, *record, want[name])
				}
				same(t, "the number of records", len(records), len(names))
			})
		}
		s.ledger(names, write)
		check()
		for i, name := range names {
			record := want[name]
			record.Calls, record.RefundKey, record.RefundedAt = 10-i, "refund:"+name, noon.Add(time.Duration(i)*time.Minute)
			want[name] = record
		}
		s.ledger(names, write)
		check()
	},

	"calls_are_counted_exactly_whatever_the_order_of_references": func(t *testing.T, s *shop) {
		const callers, rounds = 8, 10
		crowd(callers, func(caller int) {
			for round := range rounds {
				a, b, c := fmt.Sprint("r", (caller+round)%4), fmt.Sprint("r", (caller+round+1)%4),
					fmt.Sprint("r", (caller+round+2)%4)
				if caller%2 == 0 {
					a, c = c, a
				}
				s.call([]string{a, b, c})
			}
		})
		sum := 0
		for i := range 4 {
			sum += s.record(fmt.Sprint("r", i)).Calls
		}
		same(t, "the calls counted", sum, callers*rounds*3)
	},

	"it_stands_apart_from_events_and_bookings": func(t *testing.T, s *shop) {
		event, user := s.event(), s.user()
		b := s.book(event, user, 1)
		s.leavesNothing(func() { s.call([]string{models.FirstCharge(b.Ref()).Reference()}) })
	},
}

// ledger uses the simulated gateway's memory, again if it lost against another.
func (s *shop) ledger(references []string, decide func(time.Time, map[string]*simulator.Record)) {
	s.t.Helper()
	err := retry.Do(s.ctx(), repository.IsConflict, func() error { return s.SimCharges(s.ctx(), references, decide) })
	if err != nil {
		s.t.Errorf("the simulated gateway's memory: %v", err)
	}
}

// call counts one more call under each reference, making the records that are not there. Any goroutine may do so.
func (s *shop) call(references []string) {
	s.ledger(references, func(now time.Time, records map[string]*simulator.Record) {
		for _, name := range references {
			r := records[name]
			if r == nil {
				r = &simulator.Record{
					Reference: name, Booking: models.NewID[models.BookingID](), Amount: models.Money{Minor: 2500, Currency: "USD"},
					Method: simulator.OK, Status: "pending", CreatedAt: now,
				}
				records[name] = r
			}
			r.Calls++
			r.UpdatedAt = now
		}
	})
}

func (s *shop) record(name string) simulator.Record {
	s.t.Helper()
	var kept *simulator.Record
	s.ledger([]string{name}, func(_ time.Time, records map[string]*simulator.Record) {
		if records[name] != nil {
			r := *records[name]
			kept = &r
		}
	})
	if kept == nil {
		s.t.Fatalf("there is no record %q", name)
	}
	return *kept
}
