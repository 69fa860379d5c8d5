package sale

import (
	"fmt"

	"quantix/internal/models"
)

// A Customer is how many tickets of the event a user holds: those of PENDING and CONFIRMED bookings.
//
// They are kept as rows of customer_stock from the first Reserve on that was decided under a limit: the event then
// CountsUsers, for every process, whatever its own setting is. Known is a user whose number was read, from the row or,
// where there is none, from the bookings: the row becomes what the number is now. Of the others, who give tickets back
// or buy where nobody looks at the limit, only the change is known: it is added to the row if there is one. So a row is
// exact, or it is not there.
type Customer struct {
	User  models.UserID
	Live  int64 // tickets; unless Known, how many more they are than before the batch
	Known bool
}

// count adds to what a user holds. To count somebody is what makes an event count.
func (s *State) count(user models.UserID, change int64) {
	c := s.Customers[user]
	switch {
	case c != nil && c.Known:
		s.writes.Recount = s.writes.Recount || !s.Event.CountsUsers
		s.Event.CountsUsers = true
	case !s.Event.CountsUsers:
		return
	case c == nil:
		c = &Customer{User: user}
		if s.Customers == nil {
			s.Customers = map[models.UserID]*Customer{}
		}
		s.Customers[user] = c
	}
	c.Live += change
	if c.Known && c.Live < 0 {
		panic(fmt.Sprintf("user %s holds %d tickets", user, c.Live))
	}
	s.writes.Customers = addOnce(s.writes.Customers, c)
}

// overLimit returns the refusal of a quantity with which a user would hold more tickets than one may, or nil. Who holds
// more already, by a payment that came late or a limit that was lowered, keeps them.
func overLimit(quantity, live, limit int64) *models.Error {
	if quantity <= limit-live {
		return nil
	}
	return models.ErrUserLimitReached.Attr("limit", limit).Attr("live", live).Attr("available", max(0, limit-live))
}
