package simulator

import (
	"context"
	"time"

	"quantix/internal/models"
	"quantix/internal/repository"
)

// Ledger is the simulated gateway's own memory. It shares the database of the mode, and nothing else.
type Ledger interface {
	// SimCharges locks the records that there are of the references, in sorted order, lets decide change them or add
	// others in the map (a pointer under its reference), and writes what differs, all or nothing; decide is called at
	// most once. Of several who add the same record at once one succeeds; the others get ErrConflict, and a repeat
	// shows them the record.
	SimCharges(ctx context.Context, references []string, decide func(now time.Time, records map[string]*Record)) error
}

// Store is what every adapter gives: the program's port, and this gateway's ledger.
type Store interface {
	repository.Store
	Ledger
}

// Record is what the simulated gateway remembers of a charge, in the database of its mode.
type Record struct {
	Reference  string
	Booking    models.BookingID
	Amount     models.Money
	Method     models.PaymentMethod
	Status     string // "charged", "declined", "pending", "failed" or "voided"
	Calls      int    // how often Charge was called for it
	Charges    int    // how often money was taken; above 1 is the fault we look for
	SettlesAt  time.Time
	RefundKey  string
	RefundedAt time.Time
	CreatedAt  time.Time
	UpdatedAt  time.Time
}
