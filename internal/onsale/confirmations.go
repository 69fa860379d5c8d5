package onsale

import (
	"context"
	"time"
)

// statistics is what the generator reads of GET /events/{id}/statistics.
type statistics struct {
	TotalTickets     int64 `json:"total_tickets"`
	TotalSold        int64 `json:"total_sold"`
	TotalPending     int64 `json:"total_pending"`
	AvailableTickets int64 `json:"available_tickets"`
	Bookings         struct {
		Pending   int64 `json:"pending"`
		Confirmed int64 `json:"confirmed"`
		Cancelled int64 `json:"cancelled"`
	} `json:"bookings"`
}

// Backlog is one look at the payment pipeline: bookings confirmed so far, and those that still wait.
type Backlog struct {
	At        float64 `json:"at_s"`
	Confirmed int64   `json:"confirmed"`
	Pending   int64   `json:"pending"`
}

// Confirmations measures the way from booked to CONFIRMED, over all events of a run.
type Confirmations struct {
	Confirmed int64 `json:"confirmed"`
	Pending   int64 `json:"pending"`
	Cancelled int64 `json:"cancelled"`
	// PerSecond is the whole pipeline's rate: all confirmed bookings, divided by the time from the first buyer to the
	// last confirmation.
	PerSecond float64 `json:"per_second"`
	// DuringLoad is the rate while buyers were still booking.
	DuringLoad float64 `json:"per_second_during_load"`
	// MaxBacklog is the greatest number of pending bookings that was seen.
	MaxBacklog int64 `json:"max_backlog"`
	// Drained says that no booking was pending at the end.
	Drained bool      `json:"drained"`
	Series  []Backlog `json:"series"`
}

// watcher polls the statistics of all events on one connection of its own.
type watcher struct {
	api    *api
	events []string
	every  time.Duration
	since  time.Time
	seen   Confirmations
	load   Backlog // the last look before the load ended
	last   time.Duration
	err    error
}

// newWatcher looks four times a second, less often when the events are many: at most 200 requests a second.
func newWatcher(to target, events []string) *watcher {
	return &watcher{
		api: newAPI(to), events: events,
		every: max(250*time.Millisecond, time.Duration(len(events))*5*time.Millisecond),
	}
}

// during looks until the load is done.
func (w *watcher) during(ctx context.Context, done <-chan struct{}, since time.Time) {
	w.since = since
	ticker := time.NewTicker(w.every)
	defer ticker.Stop()
	for {
		select {
		case <-done:
			return
		case <-ticker.C:
			if w.err = w.look(ctx); w.err != nil {
				return
			}
		}
	}
}

// drain looks on until nothing is pending or the limit is over, and returns what was measured.
func (w *watcher) drain(ctx context.Context, limit time.Duration) (*Confirmations, error) {
	defer w.api.close()
	for end := time.Now().Add(limit); w.err == nil; {
		if w.err = w.look(ctx); w.err != nil {
			break
		}
		if w.load == (Backlog{}) {
			w.load = w.seen.Series[len(w.seen.Series)-1]
		}
		if w.seen.Pending == 0 || time.Now().After(end) {
			break
		}
		w.err = sleep(ctx, w.every)
	}
	return w.result(), w.err
}

// look sums the statistics of all events up.
func (w *watcher) look(ctx context.Context) error {
	var confirmed, pending, cancelled int64
	for _, event := range w.events {
		var s statistics
		if err := w.api.call(ctx, "GET", "/api/v1/events/"+event+"/statistics", nil, &s); err != nil {
			return err
		}
		confirmed += s.Bookings.Confirmed
		pending += s.Bookings.Pending
		cancelled += s.Bookings.Cancelled
	}
	at := time.Since(w.since)
	if confirmed > w.seen.Confirmed {
		w.last = at
	}
	w.seen.Confirmed, w.seen.Pending, w.seen.Cancelled = confirmed, pending, cancelled
	w.seen.MaxBacklog = max(w.seen.MaxBacklog, pending)
	w.seen.Series = append(w.seen.Series, Backlog{At: at.Seconds(), Confirmed: confirmed, Pending: pending})
	return nil
}

func (w *watcher) result() *Confirmations {
	c := w.seen
	c.Drained = c.Pending == 0
	if w.last > 0 {
		c.PerSecond = float64(c.Confirmed) / w.last.Seconds()
	}
	if w.load.At > 0 {
		c.DuringLoad = float64(w.load.Confirmed) / w.load.At
	}
	return &c
}
