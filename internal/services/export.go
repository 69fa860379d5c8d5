package services

import (
	"context"

	"quantix/internal/models"
	"quantix/internal/repository"
)

// ExportStore is what an export reads.
type ExportStore interface {
	repository.Bookings
	repository.AccessLog
	SubjectsOf(ctx context.Context, user models.UserID) ([]models.Subject, error)
	PaymentsOfAll(ctx context.Context, bookings []models.BookingRef) ([]models.Charge, []models.Refund, error)
}

// Exports is the reading of all that is known of a person.
type Exports struct {
	users *Users
	store ExportStore
}

// NewExports works on a store.
func NewExports(users *Users, store ExportStore) *Exports {
	return &Exports{users: users, store: store}
}

// Export is what is known of a person. Bookings and accesses, which may be many, are read in pieces.
type Export struct {
	User     models.User
	Subjects []models.Subject // as issuers of tokens name them

	store    ExportStore
	bookings models.Page
	accesses models.Page
}

// ExportedBooking is a booking with its charges and refunds.
type ExportedBooking struct {
	Booking models.Booking
	Charges []models.Charge
	Refunds []models.Refund
}

// Begin reads a person's row. Error: models.ErrUserNotFound.
func (x *Exports) Begin(ctx context.Context, who models.Caller, id models.UserID) (*Export, error) {
	user, err := x.users.look(ctx, who, models.ExportUser, id)
	if err != nil {
		return nil, err
	}
	subjects, err := explained(x.store.SubjectsOf(ctx, id))
	if err != nil {
		return nil, err
	}
	whole := models.Page{Limit: models.MaxLimit}
	return &Export{User: user, Subjects: subjects, store: x.store, bookings: whole, accesses: whole}, nil
}

// Bookings returns the next of the person's bookings, newest first; none: there are no more.
func (x *Export) Bookings(ctx context.Context) ([]ExportedBooking, error) {
	found, err := explained(x.store.BookingsOfUser(ctx, models.Everything, x.User.ID, models.BookingFilter{}, x.bookings))
	if err != nil || len(found) == 0 {
		return nil, err
	}
	x.bookings.After = &models.Position{ID: found[len(found)-1].ID}
	all := make([]ExportedBooking, len(found))
	refs := make([]models.BookingRef, len(found))
	place := make(map[models.BookingID]*ExportedBooking, len(found))
	for i := range found {
		all[i].Booking, refs[i] = found[i], found[i].Ref()
		place[found[i].ID] = &all[i]
	}
	charges, refunds, err := x.store.PaymentsOfAll(ctx, refs)
	for i := range charges {
		one := place[charges[i].Booking]
		one.Charges = append(one.Charges, charges[i])
	}
	for i := range refunds {
		one := place[refunds[i].Booking]
		one.Refunds = append(one.Refunds, refunds[i])
	}
	return explained(all, err)
}

// Accesses returns the next of the entries of the access log that are about the person, newest first; none: there are
// no more.
func (x *Export) Accesses(ctx context.Context) ([]models.AccessEntry, error) {
	found, err := explained(x.store.AccessEntries(ctx, models.AccessFilter{User: x.User.ID}, x.accesses))
	if n := len(found); n > 0 {
		x.accesses.After = &models.Position{Time: found[n-1].At, ID: found[n-1].ID}
	}
	return found, err
}
