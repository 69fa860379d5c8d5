package models

import "fmt"

// Stock is an event's counters. At every commit Available + Held + Sold = Total, all four at least 0; Held is the
// sum of the quantities of PENDING bookings, Sold of CONFIRMED ones. Amounts are minor units of the event's currency.
type Stock struct {
	Total, Available, Held, Sold int64
	HeldAmount, SoldAmount       int64
	Pending                      int64 // how many bookings are PENDING
	Confirmed                    int64
	Cancelled                    int64
}

// Taken is how many tickets are spoken for.
func (s Stock) Taken() int64 { return s.Held + s.Sold }

// Bookings is how many bookings the event ever had.
func (s Stock) Bookings() int64 { return s.Pending + s.Confirmed + s.Cancelled }

// Hold takes tickets off the sale for a new PENDING booking of a total amount.
func (s *Stock) Hold(quantity, amount int64) {
	s.Available -= quantity
	s.Held += quantity
	s.HeldAmount += amount
	s.Pending++
	s.mustBalance()
}

// Release gives back the tickets of a PENDING booking that ends.
func (s *Stock) Release(quantity, amount int64) {
	s.Available += quantity
	s.Held -= quantity
	s.HeldAmount -= amount
	s.Pending--
	s.Cancelled++
	s.mustBalance()
}

// HoldAgain undoes a Release, for a booking whose payment arrived after it had expired.
func (s *Stock) HoldAgain(quantity, amount int64) {
	s.Cancelled--
	s.Hold(quantity, amount)
}

// Sell turns the held tickets of a PENDING booking into sold ones.
func (s *Stock) Sell(quantity, amount int64) {
	s.Held -= quantity
	s.HeldAmount -= amount
	s.Pending--
	s.Sold += quantity
	s.SoldAmount += amount
	s.Confirmed++
	s.mustBalance()
}

// TakeBack puts the tickets of a CONFIRMED booking on sale again. earned is what it still adds to the revenue.
func (s *Stock) TakeBack(quantity, earned int64) {
	s.Available += quantity
	s.Sold -= quantity
	s.SoldAmount -= earned
	s.Confirmed--
	s.Cancelled++
	s.mustBalance()
}

// Earn changes the revenue of sold tickets, whose money has moved at its gateway.
func (s *Stock) Earn(change int64) {
	s.SoldAmount += change
	s.mustBalance()
}

// Resize sets the capacity, which must not be below what is taken.
func (s *Stock) Resize(total int64) {
	s.Total, s.Available = total, total-s.Taken()
	s.mustBalance()
}

// mustBalance is the promise on stock where it is made; the database's CHECKs are its pair. To break it is a fault of a
// rule: the box office catches the panic (decideAll), the culprit's caller gets an internal error, and the rest of the
// batch is decided again.
func (s *Stock) mustBalance() {
	if s.Available+s.Held+s.Sold != s.Total ||
		min(s.Available, s.Held, s.Sold, s.HeldAmount, s.SoldAmount, s.Pending, s.Confirmed, s.Cancelled) < 0 {
		panic(fmt.Sprintf("the stock does not balance: %+v", *s))
	}
}
