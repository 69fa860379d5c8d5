package sale

import (
	"time"

	"quantix/internal/models"
)

// decide returns a first answer again before it looks for any reason to refuse: a buyer who lost the answer must get
// the ticket that was sold, not "sold out".
func (c *Reserve) decide(s *State) Verdict {
	if made := s.Bookings[c.Booking]; s.Recheck && made != nil {
		first := made.AsFirstAnswered()
		return Verdict{Booking: &first}
	}
	if c.Key != "" {
		if earlier := s.Keys[models.ReplayKey{User: c.User, Key: c.Key}]; earlier != nil {
			return Replay(earlier, c.Hash)
		}
	}
	event, err := s.liveEvent()
	if err == nil {
		err = c.refusal(s, event)
	}
	if err != nil {
		return refuse(err)
	}
	return Verdict{Booking: s.reserve(c, event)}
}

// Replay answers a known key: with the first answer, or, when it is another request, with a refusal.
func Replay(earlier *models.Booking, hash models.RequestHash) Verdict {
	if earlier.RequestHash != hash {
		return refuse(models.ErrKeyReused)
	}
	first := earlier.AsFirstAnswered()
	return Verdict{Booking: &first, Replayed: true}
}

// refusal looks at the user's limit before the stock: a later reason refuses only what all earlier ones let pass, and
// who may not have so many need not wait for tickets to come back.
func (c *Reserve) refusal(s *State, event *models.Event) *models.Error {
	if !s.Users[c.User] {
		return models.ErrUserNotFound
	}
	if closed := event.SalesClosed(s.Now); closed != nil {
		return closed
	}
	if c.Method == "" && event.TicketPrice.Minor > 0 {
		return errMethodRequired
	}
	if limit := s.Rules.MaxLivePerUser; limit > 0 {
		if over := overLimit(c.Quantity, s.Customers[c.User].Live, limit); over != nil {
			return over
		}
	}
	return OutOfStock(c.Quantity, event.Stock.Available)
}

// errMethodRequired is for gateways without a default method: only a free booking needs none.
var errMethodRequired = func() *models.Error {
	e := *models.ErrInvalid
	e.Fields = []models.FieldError{{Field: "payment_method", Message: "is required for tickets that are not free"}}
	return &e
}()

// OutOfStock returns the refusal of a quantity that is not available, or nil.
func OutOfStock(quantity, available int64) *models.Error {
	switch {
	case quantity <= available:
		return nil
	case available <= 0:
		return models.ErrSoldOut.Attr("available", int64(0))
	}
	return models.ErrInsufficientTickets.Attr("available", available)
}

// reserve moves tickets from available to held.
func (s *State) reserve(c *Reserve, event *models.Event) *models.Booking {
	// The product fits: price × total_tickets was checked when either was set, and the quantity is available.
	total, _ := event.TicketPrice.Times(c.Quantity)
	b := &models.Booking{
		ID: c.Booking, UserID: c.User, EventID: event.ID, Quantity: c.Quantity, Status: models.StatusPending,
		UnitPrice: event.TicketPrice, TotalAmount: total, PaymentMethod: c.Method,
		PaymentDeadline: s.Now.Add(s.Rules.PaymentDeadline).Truncate(time.Microsecond),
		IdempotencyKey:  c.Key, RequestHash: c.Hash, CreatedAt: s.Now, UpdatedAt: s.Now,
	}
	s.hold(b)
	s.writes.NewBookings = append(s.writes.NewBookings, b)
	if c.Key != "" {
		s.Keys[models.ReplayKey{User: c.User, Key: c.Key}] = b
	}
	answer := *b
	return &answer
}
