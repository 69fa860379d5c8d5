package models

// Stall says that a gateway was not even tried, because it would have nobody's call just now: that is waited out, and
// counts as no try of the payment that happened to ask.
type Stall string

// The stalls; empty is none.
const (
	StallThrottled Stall = "throttled" // the gateway takes no more calls a second, and has not looked at this one
	StallAway      Stall = "away"      // there is no gateway that could be asked
	StallLocked    Stall = "locked"    // the gateway is busy with an earlier call for this payment
)
