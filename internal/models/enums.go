package models

import "slices"

// The lists of values that callers tell apart. The API's document is made from them, so that what is added here is
// documented there; a test reads the constants from the source and finds what is missing here.

// Statuses lists where a booking may stand.
var Statuses = []Status{StatusPending, StatusConfirmed, StatusCancelled}

// CancelReasons lists why a booking may be CANCELLED.
var CancelReasons = []CancelReason{ReasonUser, ReasonExpired, ReasonDeclined, ReasonEventCancelled}

// ChargeStatuses lists where a charge may stand.
var ChargeStatuses = []ChargeStatus{
	ChargeStarted, ChargeDoubtful, ChargePending, ChargeUnknown, ChargeSucceeded, ChargeDeclined, ChargeFailed,
	ChargeVoided,
}

// The charges that are still to be resolved, those whose next turn counts as another try, and those that have ended:
// what the stores look for is made from these.
var (
	OpenChargeStatuses   = only(ChargeStatuses, ChargeStatus.Open)
	TryingChargeStatuses = only(ChargeStatuses, ChargeStatus.Trying)
	EndedChargeStatuses  = only(ChargeStatuses, func(s ChargeStatus) bool { return !s.Open() })
)

func only[S any](all []S, keep func(S) bool) (kept []S) {
	for _, s := range all {
		if keep(s) {
			kept = append(kept, s)
		}
	}
	return kept
}

// RefundStatuses lists where a refund may stand.
var RefundStatuses = []RefundStatus{RefundPending, RefundSucceeded, RefundFailed}

// LetterKinds lists what a dead letter may be about.
var LetterKinds = []LetterKind{LetterCharge, LetterRefund, LetterMessage, LetterStray, LetterMoved, LetterDispute}

// FactKinds lists what a journal may tell.
var FactKinds = []FactKind{
	FactOpened, FactCreated, FactEdited, FactEventCancelled, FactDeleted, FactBooked, FactConfirmed, FactCancelled,
	FactRestored, FactRevenue, FactCharged, FactRefundOwed, FactRefundReduced, FactRefundGiven, FactRefundMoved,
	FactRefundFailed,
}

// AccessActions lists what may be done with personal data.
var AccessActions = []AccessAction{ReadUser, FindUser, ListUsers, UpdateUser, EraseUser, ExportUser, ListBookings}

// SaleStates lists how an event's sale may stand.
var SaleStates = []SaleState{OnSale, SaleClosed, CalledOff}

// SummaryStatuses lists what a booking's payment may be called beside its charge's status.
var SummaryStatuses = []string{
	SummaryNotRequired, SummaryQueued, SummaryNone, SummaryRefunding, SummaryRefunded, SummaryPartlyRefunded,
}

// PaymentStatuses lists what a payment may be called: a charge, a refund, or a booking's payment as a whole.
func PaymentStatuses() []string {
	all := slices.Clone(SummaryStatuses)
	for _, s := range ChargeStatuses {
		all = append(all, string(s))
	}
	for _, s := range RefundStatuses {
		if !slices.Contains(all, string(s)) {
			all = append(all, string(s))
		}
	}
	return all
}
