package models

// Stall says that a gateway was not even tried, because it would have nobody's call just now: that is waited out, and
// counts as no try of the payment that happened to ask.
type Stall string

// The stalls; empty is none.
const (
	Throttled Stall = "throttled" // the gateway takes no more calls a second, and has not looked at this one
	Away      Stall = "away"      // there is no gateway that could be asked
	Locked    Stall = "locked"    // the gateway is busy with an earlier call for this payment
)

// stalled gives back the try that was counted when a charge was taken up. What was certain of earlier ones stays so, but
// when one of them is under way still.
func (c *Charge) stalled(r Result, try int) {
	if c.Status == ChargeStarted && r.Stall == Locked {
		c.Status = ChargeDoubtful
	}
	if c.Status.Trying() && lastTry(c.Attempts, try) {
		c.Attempts = max(c.Attempts-1, 0)
	}
}

// lastTry tells whether a try is still the one that was counted last. Decided again, after a commit whose answer was lost, a
// stall finds that its own was given back.
func lastTry(attempts, try int) bool { return try == 0 || try == attempts }
