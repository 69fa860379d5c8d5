package queue

import (
	"time"

	"quantix/internal/models"
)

// Registration is who works on a queue, as the queue's server remembers it. The zero value: nobody ever did.
type Registration struct {
	Token string    // of their database, when they gave their last sign
	Since time.Time // when they took the queue, by the server's clock: it names this taking, too
	Seen  time.Time // their last sign, by the same clock
}

const (
	// signEvery is how often who works on a queue gives a sign of it, and turnEvery how often it turns its database's
	// token.
	signEvery, turnEvery = time.Second, 2 * time.Second
	// quietFor is how long the signs must be missing before a program of the same database takes the queue after a
	// crash; any other database waits for goneFor.
	quietFor, goneFor = 3 * time.Second, time.Minute
	// strangeSigns is how many signs in a row must be another database's before it is believed.
	strangeSigns = 3
)

// watch is what one process knows of who works on a queue, and decides whether it may. The protocol:
//
// Who works gives a sign every second: it turns its database's token now and then, and registers what the token is. A
// database and its copy are alike when the copy is made, but only the one at work goes on turning, and only its own
// programs see that. So
//
//   - who has taken the queue goes on, unless it meets a registration that is older than its own: who was at work
//     first stays at work, whatever a copy does, and whatever becomes of the registration (flushed, or back at an older
//     state);
//   - a program that starts joins when it sees in the registration a token that came into its own database after it
//     began to look: somebody who has the same database registered it;
//   - it takes the queue when nobody ever did, or when the last sign is quietFor old and was of this database (a
//     restart), or goneFor old, whoever's it was (a restored backup that replaces its original);
//   - signs that go on with a token that this database never had are another database's: this one is the copy, and
//     takes nothing for as long as they go on, and goneFor longer.
//
// The registration must be read before the database: then a token of this database that is in it is never too new.
type watch struct {
	mine Registration // the one that is ours, as it was last; zero: none is

	looked  bool
	found   string       // the database's token when we began to look
	last    Registration // what was seen last
	sign    time.Time    // when the last sign was given, by our clock
	fresh   bool         // it was given since the look before
	strange int          // fresh ones in a row with a token that was never ours
	foreign bool         // there were enough of them
	trusted bool         // we had the queue until programs of what seems to be our database took it up again
}

// observe notes a registration, at a time by the server's clock (there) and by ours (here).
func (w *watch) observe(seen Registration, there, here time.Time) {
	if !seen.Since.IsZero() && !seen.Seen.Equal(w.last.Seen) {
		w.sign = here.Add(-max(there.Sub(seen.Seen), 0))
	}
	w.fresh = w.looked && seen.Seen.After(w.last.Seen)
	w.last = seen
}

// holds reports whether the queue is ours, or was and still should be.
func (w *watch) holds() bool {
	return !w.mine.Since.IsZero() && (w.last.Since.IsZero() || !w.last.Since.Before(w.mine.Since))
}

// takes reports whether a process that does not hold the queue may take it, and if so, whether as the same database.
func (w *watch) takes(owner models.Owner, here time.Time) (takes, same bool) {
	silent := here.Sub(w.sign)
	same = !w.foreign && (w.last.Since.IsZero() || knows(owner, w.last.Token))
	return same && silent >= quietFor || silent >= goneFor, same
}

// joins reports whether somebody else works on the queue for the same database.
func (w *watch) joins(owner models.Owner) bool {
	return !w.last.Since.IsZero() && owner.Token == w.last.Token && owner.Token != w.found
}

// begin notes the first look of a process that does not hold the queue, or no longer.
func (w *watch) begin(owner models.Owner) {
	if w.looked && w.mine.Since.IsZero() {
		return
	}
	w.trusted = !w.mine.Since.IsZero() && knows(owner, w.last.Token)
	w.looked, w.found, w.mine, w.strange, w.foreign = true, owner.Token, Registration{}, 0, false
}

// refuse is the verdict on a process that neither holds nor takes the queue. A sign counts only when it was given after
// the first look: the last one of programs that have ended is no reason for an alarm.
func (w *watch) refuse(owner models.Owner, here time.Time) error {
	known := knows(owner, w.last.Token)
	w.trusted = w.trusted && (known || w.last.Since.IsZero())
	switch {
	case w.trusted:
		return nil
	case known || here.Sub(w.sign) >= quietFor:
		w.strange = 0
	case w.fresh:
		w.strange++
	}
	w.foreign = w.foreign || w.strange >= strangeSigns
	if w.foreign {
		return ErrForeign
	}
	return ErrUnsettled
}

// hold notes that a registration is there, and ours.
func (w *watch) hold(r Registration) {
	w.mine, w.last, w.looked, w.strange, w.foreign, w.trusted = r, r, true, 0, false, false
}

// knows reports whether a token is the database's, or was before the last turn.
func knows(owner models.Owner, token string) bool {
	return token != "" && (token == owner.Token || token == owner.Previous)
}

// Foreign reports whether a registration is that of another database that is at work now.
func Foreign(r Registration, now time.Time, owner models.Owner) bool {
	return !r.Since.IsZero() && now.Sub(r.Seen) < quietFor && !knows(owner, r.Token)
}
