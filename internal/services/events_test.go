package services

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"quantix/internal/models"
)

// longAudits is a store whose audits take a second of the bubble's clock.
type longAudits struct {
	EventStore
	counted
}

func (s *longAudits) AuditFacts(ctx context.Context, id models.EventID) (models.AuditFacts, error) {
	_, err := s.query(ctx, "")
	return models.AuditFacts{Event: &models.Event{ID: id}}, err
}

func TestAudits_leave_room_for_other_reads(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := &longAudits{}
		events := NewEvents(store, nil)
		var all sync.WaitGroup
		for range 3 * auditBounds.atOnce {
			all.Go(func() {
				if _, err := events.Audit(t.Context(), models.TheOperator, models.NewID[models.EventID]()); err != nil {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		impatient, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if _, err := events.Audit(impatient, models.TheOperator, models.NewID[models.EventID]()); !errors.Is(err, models.ErrUnavailable) {
			t.Errorf("who cannot wait: %v", err)
		}
		all.Wait()
		if begun, most := store.begun.Load(), store.most.Load(); begun != int64(3*auditBounds.atOnce) || most != int64(auditBounds.atOnce) {
			t.Errorf("%d audits, %d at once; want %d, %d at once", begun, most, 3*auditBounds.atOnce, auditBounds.atOnce)
		}
	})
}

// However many ask about one large event, it is audited once for all who asked before it began, and other events'
// audits go on beside it.
func TestAudits_of_one_event_share_their_result(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := &longAudits{}
		events := NewEvents(store, nil)
		large := models.NewID[models.EventID]()
		var all sync.WaitGroup
		for range 60 {
			all.Go(func() {
				if _, err := events.Audit(t.Context(), models.TheOperator, large); err != nil {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		begun := time.Now()
		if _, err := events.Audit(t.Context(), models.TheOperator, models.NewID[models.EventID]()); err != nil || time.Since(begun) != time.Second {
			t.Errorf("another event's audit took %s: %v", time.Since(begun), err)
		}
		if all.Wait(); store.begun.Load() != 3 {
			t.Errorf("%d audits, want two of the large event and one of the other", store.begun.Load())
		}
		begun = time.Now()
		for range 4 {
			all.Go(func() { _, _ = events.Audit(t.Context(), models.TheOperator, models.NewID[models.EventID]()) })
		}
		if all.Wait(); time.Since(begun) != 2*time.Second {
			t.Errorf("audits of four events took %s; two are under way at a time", time.Since(begun))
		}
	})
}
