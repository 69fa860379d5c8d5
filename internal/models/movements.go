package models

// MovementState is where a movement stands.
type MovementState string

// The states of a movement. It may go from each to those below it, and never back.
const (
	// a refund that is not finished, and may fail; a dispute that is not decided: the money is gone
	MovementOpen   MovementState = "open"
	MovementDone   MovementState = "done"   // the money is gone
	MovementUndone MovementState = "undone" // it never went, or came back
)

// Movement is money of a charge that went back at its gateway, by whosever will.
type Movement struct {
	ID     string       // the gateway's name for it
	Reason RefundReason // RefundOwed: it was asked for here, as Part
	Part   int
	Amount Money
	State  MovementState
	Note   string // how it stands there, in a word
}
