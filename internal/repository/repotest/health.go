package repotest

import (
	"testing"
	"time"

	"quantix/internal/models"
	"quantix/internal/sale"
)

// process is one that has all there is.
func process(name string) models.Process {
	return models.Process{
		ID: models.NewID[models.ProcessID](), Name: name, Sells: true, Works: true, Payments: "simulator, USD", Version: "v1",
	}
}

// healthRules are the promises of Health.
var healthRules = rules{
	"processes_are_seen_as_they_were_last": func(t *testing.T, s *shop) {
		first, second := process("a"), process("b")
		s.ok("the first beat", s.Beat(s.ctx(), first, 0))
		s.clock.Pass(10 * time.Second)
		s.ok("another's", s.Beat(s.ctx(), second, 0))
		first.SeenAt, second.SeenAt = noon, noon.Add(10*time.Second)
		same(t, "all", s.processes(time.Minute), []models.Process{first, second})
		same(t, "those seen lately", s.processes(5*time.Second), []models.Process{second})
		first.Works, first.Payments, first.SeenAt = false, "stripe, EUR", s.clock.Now()
		s.ok("the next beat", s.Beat(s.ctx(), first, 100_000))
		same(t, "afterwards", s.processes(5*time.Second), []models.Process{first, second})
	},

	"who_leaves_is_gone_and_who_is_silent_is_forgotten": func(t *testing.T, s *shop) {
		leaves, silent, last := process("a"), process("b"), process("c")
		s.ok("a beat", s.Beat(s.ctx(), leaves, 0))
		s.ok("a beat", s.Beat(s.ctx(), silent, 0))
		s.ok("leaving", s.Leave(s.ctx(), leaves.ID))
		s.ok("leaving again", s.Leave(s.ctx(), leaves.ID))
		silent.SeenAt = noon
		same(t, "who is left", s.processes(time.Minute), []models.Process{silent})
		s.clock.Pass(25 * time.Hour)
		s.ok("a beat", s.Beat(s.ctx(), last, 0))
		last.SeenAt = s.clock.Now()
		same(t, "who is remembered", s.processes(1000*time.Hour), []models.Process{last})
	},

	"the_backlog_is_how_late_the_oldest_is": func(t *testing.T, s *shop) {
		same(t, "at first", s.backlog(), models.Backlog{})
		event, user := s.event(), s.user()
		charged := s.paid(event, user, 1)
		b := s.book(event, user, 2)
		s.start(b)
		same(t, "before anything is late", s.backlog(), models.Backlog{})
		s.clock.Pass(lease + 7*time.Second)
		if late := s.backlog(); late.Charges != 7*time.Second || late.Outbox != lease+7*time.Second || late.Expiry != 0 ||
			late.Refunds != 0 {
			t.Errorf("a charge is late: %+v", late)
		}
		s.done(event.ID, &sale.Cancel{Booking: charged.ID})
		s.clock.Pass(theRules.PaymentDeadline)
		late := s.backlog()
		if late.Expiry != lease+7*time.Second || late.Refunds <= 0 || late.Refunds > theRules.PaymentDeadline {
			t.Errorf("a booking and a refund are late: %+v", late)
		}
		s.done(event.ID, &sale.Expire{Booking: b.ID})
		for _, row := range s.claim(all) {
			s.ok("publishing", s.DeleteOutbox(s.ctx(), []models.BatchID{row.ID}, models.QueueMark{}))
		}
		if late := s.backlog(); late.Expiry != 0 || late.Outbox != 0 {
			t.Errorf("afterwards: %+v", late)
		}
	},
}

func (s *shop) processes(within time.Duration) []models.Process {
	s.t.Helper()
	list, err := s.Processes(s.ctx(), within)
	s.ok("listing processes", err)
	return list
}

func (s *shop) backlog() models.Backlog {
	s.t.Helper()
	late, err := s.Backlog(s.ctx())
	s.ok("looking at the backlog", err)
	return late
}
