package repotest

import (
	"encoding/binary"
	"slices"
	"testing"
	"time"

	"quantix/internal/models"
	"quantix/internal/sale"
)

// outboxRules are the promises of Outbox.
var outboxRules = rules{
	"a_database_keeps_its_name": func(t *testing.T, s *shop) {
		first, err := s.Installation(s.ctx())
		s.ok("reading the name", err)
		again, err := s.Installation(s.ctx())
		s.ok("reading the name again", err)
		if first == "" || first != again {
			t.Errorf("first %q, then %q", first, again)
		}
	},

	"the_zero_mark_leaves_what_is_remembered": func(t *testing.T, s *shop) {
		mark := models.QueueMark{Epoch: "e", LastID: "7-0"}
		s.ok("remembering", s.Republish(s.ctx(), nil, mark))
		s.ok("forgetting nothing", s.DeleteOutbox(s.ctx(), nil, models.QueueMark{}))
		s.ok("forgetting nothing", s.Republish(s.ctx(), nil, models.QueueMark{}))
		kept, err := s.QueueMark(s.ctx())
		s.ok("reading the mark", err)
		same(t, "the mark", kept, mark)
	},

	"rows_are_claimed_oldest_first_with_their_bookings_in_order": func(t *testing.T, s *shop) {
		want := s.fill(5)
		same(t, "the depth", s.depth(), 5)
		same(t, "the first two", s.claim(2), want[:2])
		same(t, "the rest", s.claim(all), want[2:])
		same(t, "what is left", len(s.claim(all)), 0)
		same(t, "the depth, which counts leased rows", s.depth(), 5)
	},

	"a_batch_leaves_one_outbox_row_with_its_id_and_bookings_in_order": func(t *testing.T, s *shop) {
		event, user, batch := s.event(), s.user(), models.NewID[models.BatchID]()
		commands := []sale.Command{reserve(user, 2), reserve(user, 11), reserve(user, 1), reserve(user, 3)}
		err := s.AtDesk(s.ctx(), event.ID, batch, sale.ReadsOf(commands, false, false), decideAll(commands))
		s.ok("the desk", err)
		rows, err := s.ClaimOutbox(s.ctx(), all, lease)
		s.ok("claiming the outbox", err)
		booked := []models.BookingID{}
		for _, i := range []int{0, 2, 3} {
			if c, is := commands[i].(*sale.Reserve); is {
				booked = append(booked, c.Booking)
			}
		}
		same(t, "the outbox", rows, []models.OutboxRow{{ID: batch, Event: event.ID, Bookings: booked}})
	},

	"a_lease_runs_out_by_the_clock": func(t *testing.T, s *shop) {
		want := s.fill(2)
		s.claim(1)
		s.clock.Pass(time.Second)
		same(t, "what nobody had leased", s.claim(all), want[1:])
		s.clock.Pass(lease - time.Second - time.Microsecond)
		same(t, "what is claimed within the lease", len(s.claim(all)), 0)
		s.clock.Pass(time.Microsecond)
		same(t, "what is claimed when the first lease is out", s.claim(all), want[:1])
		s.clock.Pass(time.Second)
		same(t, "what is claimed when the second is", s.claim(all), want[1:])
	},

	"a_row_that_comes_late_is_claimed_all_the_same": func(t *testing.T, s *shop) {
		rows := s.fill(3)
		// made in 1970
		late := models.OutboxRow{ID: models.BatchID{6: 0x70, 8: 0x80}, Event: rows[0].Event, Bookings: rows[0].Bookings}
		same(t, "what is claimed", s.claim(all), rows)
		s.ok("publishing late", s.Republish(s.ctx(), []models.OutboxRow{late}, models.QueueMark{}))
		same(t, "what is claimed once it is there", s.claimLate(), []models.OutboxRow{late})
		s.clock.Pass(lease)
		same(t, "what is claimed when the leases are out", append(s.claim(1), s.claim(all)...), append([]models.OutboxRow{late}, rows...))
		s.drain()
	},

	"a_row_that_comes_a_little_late_is_claimed_by_the_next_who_looks": func(t *testing.T, s *shop) {
		rows := s.fill(3)
		late := models.OutboxRow{ID: madeBefore(rows[0].ID, 4*time.Second), Event: rows[0].Event, Bookings: rows[0].Bookings}
		same(t, "what is claimed", s.claim(all), rows)
		s.ok("publishing late", s.Republish(s.ctx(), []models.OutboxRow{late}, models.QueueMark{}))
		same(t, "what is claimed next", s.claim(all), []models.OutboxRow{late})
		s.drain()
	},

	"leased_rows_are_found_again_however_often_somebody_looks": func(t *testing.T, s *shop) {
		rows := s.fill(4)
		s.claim(2)
		for range 300 {
			s.clock.Pass(time.Millisecond)
			if got := s.claim(1); len(got) == 1 {
				s.ok("deleting", s.DeleteOutbox(s.ctx(), []models.BatchID{got[0].ID}, models.QueueMark{}))
			}
		}
		s.clock.Pass(lease)
		same(t, "what is claimed when the leases are out", s.claim(all), rows[:2])
	},

	"a_row_is_given_to_one_of_many_callers": func(t *testing.T, s *shop) {
		rows := s.fill(40)
		tally := s.contend(func(int) ([]string, error) {
			got, err := s.ClaimOutbox(s.ctx(), 7, lease)
			return idsOf(got, func(r models.OutboxRow) string { return r.ID.String() }), err
		})
		onceEach(t, "a row was given", tally, len(rows))
	},

	"a_batch_that_makes_no_booking_leaves_no_row": func(t *testing.T, s *shop) {
		event, user := s.event(), s.user()
		b := s.book(event, user, 1)
		s.drain()
		s.done(event.ID, &sale.Cancel{Booking: b.ID})
		s.done(event.ID, &sale.EditEvent{Patch: models.EventPatch{Name: new("X")}})
		s.refused(event.ID, reserve(user, 11), models.ErrInsufficientTickets)
		same(t, "the depth", s.depth(), 0)
	},

	"deleting_remembers_the_mark": func(t *testing.T, s *shop) {
		same(t, "the mark of a new database", s.mark(), models.QueueMark{})
		rows := s.fill(3)
		mark := models.QueueMark{Epoch: "e1", LastID: "1700000000000-5"}
		s.ok("deleting", s.DeleteOutbox(s.ctx(), []models.BatchID{rows[0].ID, rows[2].ID, models.NewID[models.BatchID]()},
			mark))
		same(t, "the mark", s.mark(), mark)
		same(t, "the rows left", s.claim(all), rows[1:2])
		mark.LastID = "1700000000000-12"
		s.ok("deleting again", s.DeleteOutbox(s.ctx(), []models.BatchID{rows[0].ID, rows[1].ID}, mark))
		same(t, "the mark", s.mark(), mark)
		same(t, "the depth", s.depth(), 0)
		mark = models.QueueMark{Epoch: "e2", LastID: "5-1"}
		s.ok("deleting nothing", s.DeleteOutbox(s.ctx(), nil, mark))
		same(t, "the mark of a new epoch", s.mark(), mark)
	},

	"of_one_epoch_the_newest_mark_stays_when_relays_finish_out_of_order": func(t *testing.T, s *shop) {
		for _, step := range []struct{ remember, want models.QueueMark }{
			{models.QueueMark{Epoch: "e1", LastID: "9-9"}, models.QueueMark{Epoch: "e1", LastID: "9-9"}},
			{models.QueueMark{Epoch: "e1", LastID: "10-1"}, models.QueueMark{Epoch: "e1", LastID: "10-1"}},
			{models.QueueMark{Epoch: "e1", LastID: "9-10"}, models.QueueMark{Epoch: "e1", LastID: "10-1"}},
			{models.QueueMark{Epoch: "e1", LastID: "10-0"}, models.QueueMark{Epoch: "e1", LastID: "10-1"}},
			{models.QueueMark{Epoch: "e2", LastID: "1-0"}, models.QueueMark{Epoch: "e2", LastID: "1-0"}},
		} {
			rows := s.fill(1)
			s.ok("deleting", s.DeleteOutbox(s.ctx(), []models.BatchID{rows[0].ID}, step.remember))
			same(t, "the mark", s.mark(), step.want)
			same(t, "the depth", s.depth(), 0)
		}
	},

	"a_queues_words_may_be_anything": func(t *testing.T, s *shop) {
		mark := models.QueueMark{Epoch: "run-'\"% 1", LastID: "18446744073709551615-18446744073709551615"}
		s.ok("deleting", s.DeleteOutbox(s.ctx(), nil, mark))
		same(t, "the mark", s.mark(), mark)
		mark = models.QueueMark{Epoch: "none", LastID: ""}
		s.ok("deleting", s.DeleteOutbox(s.ctx(), nil, mark))
		same(t, "the mark", s.mark(), mark)
	},

	"the_mark_and_the_deletion_are_one": func(t *testing.T, s *shop) {
		rows := s.fill(20)
		crowd(4, func(relay int) {
			for i := relay; i < len(rows); i += 4 {
				if err := s.DeleteOutbox(s.ctx(), []models.BatchID{rows[i].ID},
					models.QueueMark{Epoch: "e", LastID: "7-7"}); err != nil {
					t.Errorf("deleting: %v", err)
				}
			}
		})
		same(t, "the depth", s.depth(), 0)
		same(t, "the mark", s.mark(), models.QueueMark{Epoch: "e", LastID: "7-7"})
	},

	"what_a_queue_lost_is_published_again_with_its_new_mark": func(t *testing.T, s *shop) {
		rows := s.fill(2)
		old := models.QueueMark{Epoch: "e1", LastID: "9-9"}
		s.ok("deleting", s.DeleteOutbox(s.ctx(), []models.BatchID{rows[0].ID, rows[1].ID}, old))
		again := slices.Clone(rows)
		for i := range again {
			again[i].ID = models.NewID[models.BatchID]()
		}
		slices.SortFunc(again, byBatch)
		mark := models.QueueMark{Epoch: "e2", LastID: "1-1"}
		s.ok("publishing again", s.Republish(s.ctx(), again, mark))
		same(t, "the mark", s.mark(), mark)
		same(t, "the rows", s.claim(all), again)
		s.ok("publishing nothing again", s.Republish(s.ctx(), nil, models.QueueMark{Epoch: "e2", LastID: "0-1"}))
		same(t, "the mark, which may go back", s.mark(), models.QueueMark{Epoch: "e2", LastID: "0-1"})
	},

	"republishing_that_fails_moves_nothing": func(t *testing.T, s *shop) {
		rows := s.fill(1)
		good := models.OutboxRow{ID: models.NewID[models.BatchID](), Event: rows[0].Event, Bookings: rows[0].Bookings}
		if err := s.Republish(s.ctx(), []models.OutboxRow{good, rows[0]},
			models.QueueMark{Epoch: "e2", LastID: "1-1"}); err == nil {
			t.Fatal("a row with an id that is there was written again")
		}
		same(t, "the mark", s.mark(), models.QueueMark{})
		same(t, "the depth", s.depth(), 1)
	},
}

// fill makes batches of two or three bookings, and returns their rows, oldest first.
func (s *shop) fill(batches int) []models.OutboxRow {
	s.t.Helper()
	events, user := []models.Event{s.event(tickets(1000)), s.event(tickets(1000))}, s.user()
	var rows []models.OutboxRow
	for i := range batches {
		row := models.OutboxRow{ID: models.NewID[models.BatchID](), Event: events[i%2].ID}
		var commands []sale.Command
		for range 2 + i%2 {
			command := reserve(user, 1)
			commands = append(commands, command)
			row.Bookings = append(row.Bookings, command.Booking)
		}
		// In the order of the commands, not of their ids.
		slices.Reverse(commands)
		slices.Reverse(row.Bookings)
		s.ok("the desk", s.AtDesk(s.ctx(), row.Event, row.ID, sale.ReadsOf(commands, false, false), decideAll(commands)))
		s.clock.Pass(time.Microsecond)
		rows = append(rows, row)
	}
	if !slices.IsSortedFunc(rows, byBatch) {
		s.t.Fatal("batch ids made later do not sort later")
	}
	return rows
}

// madeBefore returns an id as it is made so long before another: its transaction then waited for a connection or a
// lock, or the clock of its machine lags behind.
func madeBefore(id models.BatchID, d time.Duration) models.BatchID {
	made := binary.BigEndian.Uint64(id[:]) - uint64(d.Milliseconds())<<16 // a UUIDv7 begins with 48 bits of them
	binary.BigEndian.PutUint64(id[:], made)
	return id
}

func byBatch(a, b models.OutboxRow) int { return a.ID.Compare(b.ID) }

func (s *shop) claim(limit int) []models.OutboxRow {
	s.t.Helper()
	rows, err := s.ClaimOutbox(s.ctx(), limit, lease)
	s.ok("claiming the outbox", err)
	return rows
}

// claimLate claims until there is something, as often as a store may pass over a row that comes late.
func (s *shop) claimLate() []models.OutboxRow {
	s.t.Helper()
	for range 300 {
		if rows := s.claim(all); len(rows) > 0 {
			return rows
		}
	}
	s.t.Fatal("a row that came late is never claimed")
	return nil
}

func (s *shop) drain() {
	s.t.Helper()
	ids := idsOf(s.claim(all), func(r models.OutboxRow) models.BatchID { return r.ID })
	s.ok("deleting the outbox", s.DeleteOutbox(s.ctx(), ids, models.QueueMark{}))
}

func (s *shop) depth() int64 {
	s.t.Helper()
	depth, err := s.OutboxDepth(s.ctx())
	s.ok("counting the outbox", err)
	return depth
}

func (s *shop) mark() models.QueueMark {
	s.t.Helper()
	mark, err := s.QueueMark(s.ctx())
	s.ok("reading the mark", err)
	return mark
}
