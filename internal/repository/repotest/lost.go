package repotest

import (
	"testing"
	"time"

	"quantix/internal/models"
	"quantix/internal/sale"
)

// lostRules are the promises of LostBookings, PublishLost and NoteQueue.
var lostRules = rules{
	"what_is_older_than_all_that_is_queued_is_lost": func(t *testing.T, s *shop) {
		first, second := s.unqueued(), s.unqueued()
		s.clock.Pass(slack)
		s.lost(t, "no older than the slack", nil)
		s.clock.Pass(time.Second)
		s.lost(t, "both older than an empty queue", nil, first, second)
		s.lost(t, "the first is queued", &first)
		s.clock.Pass(5 * time.Minute)
		third := s.unqueued()
		s.lost(t, "a young one is queued", &third, first, second)
		s.lost(t, "an unknown one is queued", &models.BookingRef{
			Event: first.Event, Booking: models.NewID[models.BookingID](),
		})
	},

	"what_is_charged_or_in_the_outbox_is_not_lost": func(t *testing.T, s *shop) {
		event, user := s.event(), s.user()
		s.book(event, user, 1) // stays in the outbox
		charged, free := s.unqueued(), s.unqueued()
		_, err := s.StartCharges(s.ctx(), "simulated", []models.BookingRef{charged}, lease)
		s.ok("starting a charge", err)
		ended := s.unqueued()
		s.done(ended.Event, &sale.Cancel{Booking: ended.Booking})
		s.clock.Pass(time.Minute)
		s.lost(t, "only what waits for a message", nil, free)
		s.clock.Pass(theRules.PaymentDeadline)
		s.lost(t, "after the deadline", nil)
	},

	"what_was_published_again_is_lost_once_the_queue_has_come_so_far": func(t *testing.T, s *shop) {
		ref := s.unqueued()
		s.clock.Pass(time.Minute)
		s.lost(t, "lost", nil, ref)
		again := func(want int) {
			t.Helper()
			n, err := s.PublishLost(s.ctx(), []models.BookingRef{ref})
			s.ok("publishing again", err)
			same(t, "published again", n, want)
		}
		again(1)
		again(0)
		rows := s.claim(all)
		same(t, "the outbox", len(rows), 1)
		same(t, "its bookings", rows[0].Bookings, []models.BookingID{ref.Booking})
		s.ok("publishing", s.DeleteOutbox(s.ctx(), []models.BatchID{rows[0].ID}, models.QueueMark{}))
		s.clock.Pass(50 * time.Second)
		s.lost(t, "within a minute", nil)
		young := s.unqueued()
		s.clock.Pass(2 * time.Minute)
		s.lost(t, "the queue has come further", &young, ref)
		again(1)
	},

	"other_processes_queues_count_while_they_live": func(t *testing.T, s *shop) {
		ref := s.unqueued()
		s.clock.Pass(time.Minute)
		member := models.NewID[models.BatchID]()
		s.ok("noting a queue", s.NoteQueue(s.ctx(), member, &ref))
		s.lost(t, "another process has it", nil)
		s.clock.Pass(31 * time.Second)
		s.lost(t, "the other process is gone", nil, ref)
		s.ok("noting it again", s.NoteQueue(s.ctx(), member, nil))
		s.lost(t, "the other process's queue is empty", nil, ref)
	},

	"a_database_is_told_from_its_copies_by_a_token_that_turns": func(t *testing.T, s *shop) {
		turn := func() models.Owner {
			t.Helper()
			owner, err := s.TurnOwner(s.ctx(), time.Minute)
			s.ok("turning the token", err)
			return owner
		}
		first := turn()
		same(t, "before its time", turn(), first)
		s.clock.Pass(time.Minute)
		second := turn()
		if first.Token == "" || second.Token == first.Token || second.Previous != first.Token ||
			second.Installation != first.Installation {
			t.Errorf("first %+v, then %+v", first, second)
		}
		s.ok("remembering a mark", s.Republish(s.ctx(), nil, models.QueueMark{Epoch: "e", LastID: "7-0"}))
		name, err := s.RenewInstallation(s.ctx())
		s.ok("naming it anew", err)
		owner, err := s.Owner(s.ctx())
		s.ok("reading the owner", err)
		same(t, "the owner", owner, models.Owner{Installation: name})
		mark, err := s.QueueMark(s.ctx())
		s.ok("reading the mark", err)
		if name == first.Installation || mark != (models.QueueMark{}) {
			t.Errorf("named %q, was %q, and remembers %+v", name, first.Installation, mark)
		}
	},

	"lost_ones_are_listed_oldest_first_up_to_the_limit": func(t *testing.T, s *shop) {
		first := s.unqueued()
		s.clock.Pass(time.Second)
		s.unqueued()
		s.clock.Pass(time.Minute)
		list, err := s.LostBookings(s.ctx(), nil, slack, 1)
		s.ok("listing lost bookings", err)
		same(t, "the first", list, []models.BookingRef{first})
	},
}

const slack = 30 * time.Second

// unqueued makes a booking whose outbox row was published.
func (s *shop) unqueued() models.BookingRef {
	s.t.Helper()
	kept := s.depth()
	b := s.book(s.event(), s.user(), 1)
	rows := s.claim(all)
	for _, row := range rows {
		if row.Event == b.EventID {
			s.ok("publishing", s.DeleteOutbox(s.ctx(), []models.BatchID{row.ID}, models.QueueMark{}))
		}
	}
	same(s.t, "the outbox", s.depth(), kept)
	return b.Ref()
}

// lost checks what seems lost while the oldest message is a booking's.
func (s *shop) lost(t *testing.T, when string, held *models.BookingRef, want ...models.BookingRef) {
	t.Helper()
	list, err := s.LostBookings(s.ctx(), held, slack, all)
	s.ok("listing lost bookings", err)
	if want == nil {
		want = []models.BookingRef{}
	}
	same(t, when, list, want)
}
