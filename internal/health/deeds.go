// Package health knows whether this process, and the installation around it, can do its work: by what was last done, a
// booking's commit, a publish, a sweep, and not by who answers a ping.
package health

import (
	"sync"
	"time"
)

// Deed is what is known of one kind of work.
type Deed struct {
	Done    time.Time // when it last succeeded; zero: never
	Failing time.Time // since when it has done nothing but fail; zero: it does not
	Err     error     // the last failure's
}

// Deeds remember for each kind of work when it was last done. They may be used by any number of goroutines.
type Deeds struct {
	mu sync.Mutex
	of map[string]Deed
}

// NewDeeds remember nothing yet.
func NewDeeds() *Deeds { return &Deeds{of: map[string]Deed{}} }

// Note remembers that a kind of work was done, or why it was not.
func (d *Deeds) Note(kind string, err error) {
	now := time.Now()
	d.mu.Lock()
	defer d.mu.Unlock()
	deed := d.of[kind]
	switch {
	case err == nil:
		deed = Deed{Done: now}
	case deed.Failing.IsZero():
		deed.Failing, deed.Err = now, err
	default:
		deed.Err = err
	}
	d.of[kind] = deed
}

// Last returns what is known of a kind of work; zero: nothing.
func (d *Deeds) Last(kind string) Deed {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.of[kind]
}
