package models

import "time"

// decide gives a first answer again before it looks for any reason to refuse: a buyer who lost the answer must get the
// ticket that was sold, not "sold out".
func (c *Reserve) decide(s *EventState) Verdict {
	if made := s.Bookings[c.Booking]; s.Recheck && made != nil {
		first := made.AsFirstAnswered()
		return Verdict{Booking: &first}
	}
	if c.Key != "" {
		if earlier := s.Keys[ReplayKey{c.User, c.Key}]; earlier != nil {
			return replay(earlier, c.Hash)
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

// replay answers a known key: with the first answer, or, when it is another request, with a refusal.
func replay(earlier *Booking, hash RequestHash) Verdict {
	if earlier.RequestHash != hash {
		return refuse(ErrKeyReused)
	}
	first := earlier.AsFirstAnswered()
	return Verdict{Booking: &first, Replayed: true}
}

func (c *Reserve) refusal(s *EventState, event *Event) *Error {
	if !s.Users[c.User] {
		return ErrUserNotFound
	}
	if closed := event.SalesClosed(s.Now); closed != nil {
		return closed
	}
	if c.Method == "" && event.TicketPrice.Minor > 0 {
		return errMethodRequired
	}
	return OutOfStock(c.Quantity, event.Stock.Available)
}

// errMethodRequired is for gateways without a default method: only a free booking needs none.
var errMethodRequired = func() *Error {
	e := *ErrInvalid
	e.Fields = []FieldError{{Location: "body.payment_method", Message: "is required for tickets that are not free"}}
	return &e
}()

// OutOfStock gives the refusal of a quantity that is not available, or nil.
func OutOfStock(quantity, available int64) *Error {
	switch {
	case quantity <= available:
		return nil
	case available <= 0:
		return ErrSoldOut.Attr("available", int64(0))
	}
	return ErrInsufficientTickets.Attr("available", available)
}

// reserve moves tickets from available to held.
func (s *EventState) reserve(c *Reserve, event *Event) *Booking {
	// The product fits: price × total_tickets was checked when either was set, and the quantity is available.
	total, _ := event.TicketPrice.Times(c.Quantity)
	b := &Booking{
		ID: c.Booking, UserID: c.User, EventID: event.ID, Quantity: c.Quantity, Status: Pending,
		UnitPrice: event.TicketPrice, TotalAmount: total, PaymentMethod: c.Method,
		PaymentDeadline: s.Now.Add(s.Rules.PaymentDeadline).Truncate(time.Microsecond),
		IdempotencyKey:  c.Key, RequestHash: c.Hash, CreatedAt: s.Now, UpdatedAt: s.Now,
	}
	stock := &event.Stock
	stock.Available -= b.Quantity
	stock.Held += b.Quantity
	stock.HeldAmount += total.Minor
	stock.Pending++
	s.touchEvent()
	s.changes.NewBookings = append(s.changes.NewBookings, b)
	s.changes.Publish = append(s.changes.Publish, b.ID)
	if c.Key != "" {
		s.Keys[ReplayKey{c.User, c.Key}] = b
	}
	answer := *b
	return &answer
}
