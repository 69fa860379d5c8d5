package models

import "testing"

func TestStock_by_its_verbs(t *testing.T) {
	t.Parallel()
	s := Stock{Total: 10, Available: 10}
	s.Hold(4, 400)
	s.Sell(4, 400)
	s.Hold(3, 300)
	s.Release(3, 300)
	s.HoldAgain(3, 300)
	s.Earn(-150)
	s.Resize(20)
	want := Stock{
		Total: 20, Available: 13, Held: 3, Sold: 4, HeldAmount: 300, SoldAmount: 250, Pending: 1, Confirmed: 1,
	}
	if s != want {
		t.Errorf("%+v, want %+v", s, want)
	}
	s.TakeBack(4, 250)
	s.Release(3, 300)
	if want = (Stock{Total: 20, Available: 20, Cancelled: 2}); s != want {
		t.Errorf("%+v, want %+v", s, want)
	}
}

// A rule that breaks the balance must not get as far as the database.
func TestStock_panics_when_it_does_not_balance(t *testing.T) {
	t.Parallel()
	for name, breach := range map[string]func(*Stock){
		"more than there is":        func(s *Stock) { s.Hold(11, 0) },
		"nothing is held":           func(s *Stock) { s.Release(1, 0) },
		"nothing is sold":           func(s *Stock) { s.TakeBack(1, 0) },
		"more revenue than earned":  func(s *Stock) { s.Earn(-1) },
		"a capacity below the sold": func(s *Stock) { s.Hold(5, 0); s.Resize(4) },
		"a counter was forced":      func(s *Stock) { s.Available++; s.Hold(1, 0) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			breach(&Stock{Total: 10, Available: 10})
		})
	}
}
