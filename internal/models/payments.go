package models

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// PaymentMethod says how a buyer pays, in words that the gateway in use understands.
type PaymentMethod string

// MaxAttempts is how often a gateway is tried before a charge or a refund becomes a dead letter.
const MaxAttempts = 5

// ChargeKey names a charge: the N-th (from 1) of a booking. Being derived, the key is known before anything is written
// or sent.
type ChargeKey struct {
	BookingRef
	N int
}

// FirstCharge is the key of a booking's first charge.
func FirstCharge(ref BookingRef) ChargeKey { return ChargeKey{ref, 1} }

// ChargeID is the charge's public id.
func (k ChargeKey) ChargeID() ChargeID { return derive[ChargeID](k.Booking, "charge", k.N) }

// LetterID is the id of the dead letter of the charge or of its refund.
func (k ChargeKey) LetterID(kind LetterKind) LetterID {
	return derive[LetterID](k.Booking, "letter/"+string(kind), k.N)
}

// Reference is the charge's name towards a gateway, its idempotency key there: "qx_<event>_<booking>_<n>".
func (k ChargeKey) Reference() string {
	b := make([]byte, 0, 80)
	b = hex.AppendEncode(append(b, "qx_"...), k.Event[:])
	b = hex.AppendEncode(append(b, '_'), k.Booking[:])
	return string(strconv.AppendInt(append(b, '_'), int64(k.N), 10))
}

// ParseReference reads what Reference wrote.
func ParseReference(reference string) (ChargeKey, error) {
	var k ChargeKey
	parts := strings.Split(reference, "_")
	if len(parts) != 4 || parts[0] != "qx" || len(parts[1]) != 32 || len(parts[2]) != 32 {
		return k, fmt.Errorf("%q is not a charge's reference", Clip(reference, 100))
	}
	_, errEvent := hex.Decode(k.Event[:], []byte(parts[1]))
	_, errBooking := hex.Decode(k.Booking[:], []byte(parts[2]))
	n, errN := strconv.ParseUint(parts[3], 10, 15)
	k.N = int(n)
	if errEvent != nil || errBooking != nil || errN != nil || k.N < 1 || k.Reference() != reference {
		return ChargeKey{}, fmt.Errorf("%q is not a charge's reference", Clip(reference, 100))
	}
	return k, nil
}

// ChargeStatus is where a charge stands.
type ChargeStatus string

// The statuses of a charge. Started, doubtful, pending and unknown have no outcome yet; the retrier ends them.
const (
	ChargeStarted   ChargeStatus = "started"   // committed before the gateway is asked
	ChargeDoubtful  ChargeStatus = "doubtful"  // a try had no answer: it may still take the money, whatever later ones say
	ChargePending   ChargeStatus = "pending"   // the gateway has not decided
	ChargeUnknown   ChargeStatus = "unknown"   // given up without knowing; a dead letter tells of it
	ChargeSucceeded ChargeStatus = "succeeded" // money was taken
	ChargeDeclined  ChargeStatus = "declined"  // the gateway refused
	ChargeFailed    ChargeStatus = "failed"    // surely not made, and given up; a dead letter tells of it
	ChargeVoided    ChargeStatus = "voided"    // can never be made any more
)

// Open reports whether the outcome is still to come.
func (s ChargeStatus) Open() bool {
	return s.Trying() || s == ChargePending || s == ChargeUnknown
}

// Trying reports whether the next time that the charge is taken up counts as another try.
func (s ChargeStatus) Trying() bool { return s == ChargeStarted || s == ChargeDoubtful }

// Charge is one attempt to take a booking's money, with all its tries at the gateway.
type Charge struct {
	ChargeKey
	Gateway           string
	Amount            Money
	Refunded          int64 // in minor units: the sum of its refunds, owed, given or taken
	Status            ChargeStatus
	Attempts          int // tries begun
	LastError         string
	ProviderReference string    // the gateway's own name for it
	NextAttemptAt     time.Time // when an open charge may be taken up (again): a lease, or a backoff
	CreatedAt         time.Time
	UpdatedAt         time.Time
}

// Refund is money owed back, or given back, for one charge, or a part of it.
type Refund struct {
	ChargeKey
	Part              int // from 1: a charge may be given back in parts
	Gateway           string
	ChargeReference   string // the provider's reference of the charge
	Amount            Money
	Reason            RefundReason
	Status            RefundStatus
	Attempts          int
	LastError         string
	ProviderReference string
	NextAttemptAt     time.Time
	CreatedAt         time.Time
	UpdatedAt         time.Time
}

// LetterKind says what a dead letter is about.
type LetterKind string

// The kinds of dead letters.
const (
	LetterCharge  LetterKind = "charge"
	LetterRefund  LetterKind = "refund"
	LetterMessage LetterKind = "message" // a queue message that nobody can read
	LetterMoved   LetterKind = "moved"   // money of a booking was given back at the gateway, by hand
	LetterDispute LetterKind = "dispute" // the buyer's bank has taken a booking's money back
	LetterStray   LetterKind = "stray"   // money was taken for a booking that is not in this database
)

// DeadLetter is a payment that needs manual review.
type DeadLetter struct {
	ID        LetterID
	Kind      LetterKind
	ChargeKey // zero for messages
	Amount    Money
	Attempts  int
	LastError string
	Payload   string // of messages: what could not be read; of strays: the gateway's own name for the payment
	FailedAt  time.Time
}

// Outcome is what a gateway said of a charge or a refund.
type Outcome string

// The outcomes.
const (
	OutcomeSucceeded   Outcome = "succeeded"
	OutcomeDeclined    Outcome = "declined"
	OutcomePending     Outcome = "pending"     // the gateway has it and has not decided
	OutcomeUnknown     Outcome = "unknown"     // no answer: it may or may not have happened
	OutcomeUnavailable Outcome = "unavailable" // an answer that says it surely did not happen; try again
	OutcomeAbsent      Outcome = "absent"      // Find: the gateway has never heard of it
	OutcomeVoided      Outcome = "voided"      // Void: it did not and will not happen
	OutcomePrepared    Outcome = "prepared"    // Prepare: the gateway has given its reference; no money has moved
	// Refund: so much is not left, because money has moved otherwise; look at all of it
	OutcomeMoved Outcome = "moved"
	OutcomeGone  Outcome = "gone" // nobody was asked: the payment's gateway is not set up any more
)

// Result is a gateway's answer.
type Result struct {
	Outcome           Outcome
	ProviderReference string
	Reason            string // for declines and errors: safe to store and show
	Amount            Money  // of a success: what was taken; zero where the gateway does not say

	Stall      Stall         // set when the gateway did not look at the payment: the try is given back
	RetryAfter time.Duration // of a stall: how long the gateway wants to be left alone; zero when it does not say
}

// What a booking's payment is called where its charge's status does not tell how it stands.
const (
	SummaryNotRequired    = "not_required" // a free booking
	SummaryQueued         = "queued"       // not charged yet
	SummaryNone           = "none"         // cancelled before any charge
	SummaryRefunding      = "refunding"
	SummaryRefunded       = "refunded"
	SummaryPartlyRefunded = "partly_refunded" // by hand, at the gateway
)

// PaymentSummary is a booking's payment in three words.
type PaymentSummary struct {
	Status    string // a ChargeStatus, or one of SummaryStatuses
	Attempts  int
	LastError string
}

// Summarize tells how a booking's payment stands, from its charges (oldest first) and refunds.
func Summarize(b *Booking, charges []Charge, refunds []Refund) PaymentSummary {
	switch {
	case b.TotalAmount.Minor == 0:
		return PaymentSummary{Status: SummaryNotRequired}
	case len(charges) == 0 && b.Status == StatusPending:
		return PaymentSummary{Status: SummaryQueued}
	case len(charges) == 0:
		return PaymentSummary{Status: SummaryNone}
	}
	last := charges[len(charges)-1]
	summary := PaymentSummary{Status: string(last.Status), Attempts: last.Attempts, LastError: last.LastError}
	return summary.withRefunds(last.ChargeKey, refunds, b.Status == StatusConfirmed)
}
