package models

import (
	"fmt"
	"time"
)

// StrayFor is how long a success of an unknown booking is kept before it becomes a letter: longer than a replica of the
// database lags behind, or a restore takes.
const StrayFor = time.Hour

// StrayMax is how long a gateway that gives no answer is asked about a message's payment before a person has to.
const StrayMax = 24 * time.Hour

// Stray is a success that a gateway has reported, or a message that the queue has delivered, of a booking that is not
// in this database: it was set back to an older state, or is not up to date yet. There is one for each charge.
type Stray struct {
	ChargeKey
	Gateway string
	Result  Result // of a message: none, the gateway is still to be asked
	KeptAt  time.Time
}

// LetterID is the id of the stray, and of the letter that it becomes.
func (s *Stray) LetterID() LetterID { return s.ChargeKey.LetterID(LetterStray) }

// Reported reports whether a gateway has said that money was taken.
func (s *Stray) Reported() bool { return s.Result.Outcome == OutcomeSucceeded }

// Explain is what the letter says of it.
func (s *Stray) Explain() string {
	if !s.Reported() {
		return fmt.Sprintf("nobody knows whether %s has taken money for a booking that is not in this database, under the"+
			" reference %s: %s; look there, and give it back, or bring the booking back", s.Gateway, s.Reference(), s.Result.Reason)
	}
	return fmt.Sprintf("%s has taken money for a booking that is not in this database, under the reference %s;"+
		" give it back there, or bring the booking back", s.Gateway, s.Reference())
}
