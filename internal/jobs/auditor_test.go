package jobs

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"quantix/internal/models"
	"quantix/internal/payments/simulator"
)

// books is a store for the auditor: some events add up, one does not, and one cannot be read for a while.
type books struct {
	ids     []models.EventID
	wrong   models.EventID
	broken  atomic.Pointer[models.EventID]
	mu      sync.Mutex
	audited map[models.EventID]int
}

func newBooks(events int) *books {
	b := &books{audited: map[models.EventID]int{}}
	for range events {
		b.ids = append(b.ids, models.NewID[models.EventID]())
	}
	return b
}

func (b *books) EventIDs(_ context.Context, after models.EventID, limit int) (ids []models.EventID, err error) {
	for _, id := range b.ids {
		if id.Compare(after) > 0 && len(ids) < limit {
			ids = append(ids, id)
		}
	}
	return ids, nil
}

func (b *books) AuditFacts(_ context.Context, id models.EventID) (models.AuditFacts, error) {
	if broken := b.broken.Load(); broken != nil && *broken == id {
		return models.AuditFacts{}, errors.New("it cannot be read")
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.audited[id]++
	event := models.Event{ID: id, Stock: models.Stock{Total: 5, Available: 5}, TicketPrice: models.Money{Currency: "USD"}}
	sum := models.JournalSum{Balance: models.Balance{Stock: event.Stock, Begun: true}}
	if id == b.wrong {
		event.Stock.Available, sum.Stock.Available = 4, 4
	}
	return models.AuditFacts{Event: &event, Journal: sum}, nil
}

func TestAuditor_counts_the_differences_of_a_complete_round(t *testing.T) {
	t.Parallel()
	h := newHouse(t, embedded(), simulator.Options{})
	store := newBooks(25)
	store.wrong = store.ids[11]
	store.broken.Store(&store.ids[3])
	var log bytes.Buffer
	var mu sync.Mutex
	settings := h.settings()
	settings.Logger = slog.New(slog.NewTextHandler(locked{&mu, &log}, nil))
	auditor := &Auditor{Settings: settings, Store: store, Events: 10, Share: 1}
	h.start([]Loop{auditor})
	h.until("the last event is not audited", func() bool {
		store.mu.Lock()
		defer store.mu.Unlock()
		return store.audited[store.ids[24]] > 1
	})
	if last, err := auditor.Last(); err == nil {
		t.Errorf("a round that missed an event counts: %+v", last)
	}
	store.broken.Store(nil)
	h.until("no round is complete", func() bool { _, err := auditor.Last(); return err == nil })
	if last, _ := auditor.Last(); last.Differences != 1 || last.At.IsZero() {
		t.Errorf("the last round: %+v", last)
	}
	mu.Lock()
	defer mu.Unlock()
	if text := log.String(); !strings.Contains(text, "level=ERROR") || !strings.Contains(text, store.wrong.String()) || !strings.Contains(text, "what=available have=4 want=5") {
		t.Errorf("the log: %s", text)
	}
}

// locked is a writer for many.
type locked struct {
	mu *sync.Mutex
	to *bytes.Buffer
}

func (l locked) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.to.Write(b)
}

// Beside a sale, the audit finds nothing wrong in any of its snapshots.
func TestAuditor_beside_a_sale(t *testing.T) {
	t.Parallel()
	h := newHouse(t, embedded(), simulator.Options{})
	auditor := &Auditor{Settings: h.settings(), Store: h.Store, Share: 1}
	h.start(append(h.loops(), auditor))
	event := h.Event(1000).ID
	refs := h.BookMany(event, 300, simulator.OK)
	refs = append(refs, h.BookMany(event, 100, simulator.Flaky)...)
	h.wait("CONFIRMED", refs...)
	first, err := auditor.Last()
	h.until("no further round", func() bool {
		last, lastErr := auditor.Last()
		return lastErr == nil && (err != nil || last.At.After(first.At))
	})
	if last, _ := auditor.Last(); last.Differences != 0 {
		t.Errorf("the audit found %+v", last)
	}
}
