package postgres_test

import (
	"sync"
	"testing"
	"time"

	"quantix/internal/models"
)

// TestAnEventsEntriesAreInTheOrderOfTheirTransactions: the feed is in the order of transactions' numbers, and must have
// each event's entries in their own order, however many events a transaction decides.
func TestAnEventsEntriesAreInTheOrderOfTheirTransactions(t *testing.T) {
	t.Parallel()
	b := setup(t)
	other := open(t, b.url)
	var events []models.EventID
	for range 24 {
		events = append(events, b.event(t, 100_000).ID)
	}
	user := b.user(t)
	until := time.Now().Add(3 * time.Second)
	var all sync.WaitGroup
	for i := range 32 {
		store := []*bundle{b, other}[i%2]
		all.Go(func() {
			for n := 0; time.Now().Before(until); n++ {
				_, _ = store.decide(t.Context(), events[(n*7+i)%len(events)], reserve(user.ID, 1))
			}
		})
	}
	all.Wait()
	var entries, wrong int
	err := b.connect(t).QueryRow(t.Context(), `SELECT count(*), count(*) FILTER (WHERE later.tx < j.tx) FROM journal j
		JOIN journal later ON later.event_id = j.event_id AND later.seq = j.seq + 1`).Scan(&entries, &wrong)
	if err != nil || wrong > 0 {
		t.Errorf("%d of %d entries come before those that they follow: %v", wrong, entries, err)
	}
}
