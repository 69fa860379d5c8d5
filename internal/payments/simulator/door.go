package simulator

import (
	"os"
	"sync"
	"time"

	"quantix/internal/models"
)

// A door is what stands before the gateway: whoever is refused there was not looked at.
type door struct {
	rate     int
	awayFile string

	mu     sync.Mutex
	second time.Time // its begin
	taken  int       // calls in it
}

// enter returns the refusal of a call, or nil.
func (d *door) enter(now time.Time) *models.Result {
	switch {
	case d.away():
		return &models.Result{Outcome: models.OutcomeUnavailable, Stall: models.StallAway, Reason: "the gateway cannot be reached"}
	case d.full(now):
		return &models.Result{Outcome: models.OutcomeUnavailable, Stall: models.StallThrottled, Reason: "the gateway limits the rate of calls"}
	}
	return nil
}

func (d *door) away() bool {
	if d.awayFile == "" {
		return false
	}
	_, err := os.Stat(d.awayFile)
	return err == nil
}

// full counts a call, and reports whether there were too many before it in this second.
func (d *door) full(now time.Time) bool {
	if d.rate == 0 {
		return false
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if now.Sub(d.second) >= time.Second {
		d.second, d.taken = now, 0
	}
	d.taken++
	return d.taken > d.rate
}

// lost is what is known of a call whose answer was lost. A question (whose fault is models.OutcomeUnknown) has moved
// nothing, and whether anybody was there to answer it is the question now.
func lost(fault models.Outcome) models.Result {
	if fault == models.OutcomeUnknown {
		return models.Result{Outcome: models.OutcomeUnknown, Stall: models.StallAway, Reason: "the gateway did not answer"}
	}
	return models.Result{Outcome: models.OutcomeUnknown, Reason: "the gateway did not answer"}
}
