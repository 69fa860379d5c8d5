package models

import "testing"

// The journal's arithmetic must be that of the verbs: what they do to the stock is what their facts add up to.
func TestBalance_follows_the_verbs_of_stock(t *testing.T) {
	t.Parallel()
	begun := Stock{Total: 20, Available: 11, Held: 4, Sold: 5, HeldAmount: 400, SoldAmount: 500, Pending: 2, Confirmed: 2, Cancelled: 3}
	for kind, test := range map[FactKind]struct {
		fact Fact
		verb func(*Stock)
	}{
		FactBooked:         {Fact{Quantity: 3, Amount: 300}, func(s *Stock) { s.Hold(3, 300) }},
		FactConfirmed:      {Fact{Quantity: 3, Amount: 300}, func(s *Stock) { s.Sell(3, 300) }},
		FactRestored:       {Fact{Quantity: 3, Amount: 300}, func(s *Stock) { s.HoldAgain(3, 300) }},
		FactRevenue:        {Fact{Amount: -70}, func(s *Stock) { s.Earn(-70) }},
		FactEdited:         {Fact{Terms: &Terms{TotalTickets: 12}}, func(s *Stock) { s.Resize(12) }},
		FactCreated:        {Fact{Terms: &Terms{TotalTickets: 30}}, func(s *Stock) { *s = Stock{Total: 30, Available: 30} }},
		FactEventCancelled: {Fact{}, func(*Stock) {}},
		FactDeleted:        {Fact{}, func(*Stock) {}},
		FactOpened: {
			Fact{Balance: &Balance{Stock: Stock{Total: 1, Sold: 1, Confirmed: 1}}},
			func(s *Stock) { *s = Stock{Total: 1, Sold: 1, Confirmed: 1} },
		},
		"booking.cancelled, PENDING": {
			Fact{Kind: FactCancelled, Was: StatusPending, Quantity: 3, Amount: 300}, func(s *Stock) { s.Release(3, 300) },
		},
		"booking.cancelled, CONFIRMED": {
			Fact{Kind: FactCancelled, Was: StatusConfirmed, Quantity: 3, Amount: 120}, func(s *Stock) { s.TakeBack(3, 120) },
		},
	} {
		if test.fact.Kind == "" {
			test.fact.Kind = kind
		}
		want, got := begun, Balance{Stock: begun}
		test.verb(&want)
		if err := got.Add(&test.fact); err != nil || got.Stock != want {
			t.Errorf("%s comes to %+v, %v; its verb to %+v", kind, got.Stock, err, want)
		}
		if got.Charged != 0 || got.Refunded != 0 || got.Owed != 0 {
			t.Errorf("%s has moved money: %+v", kind, got)
		}
		if begins := kind == FactCreated || kind == FactOpened; got.Begun != begins {
			t.Errorf("%s: begun is %t", kind, got.Begun)
		}
	}
}

func TestBalance_adds_up_money(t *testing.T) {
	t.Parallel()
	for kind, want := range map[FactKind]Balance{
		FactCharged:       {Charged: 1100, Refunded: 500, Owed: 300},
		FactRefundOwed:    {Charged: 1000, Refunded: 600, Owed: 400},
		FactRefundReduced: {Charged: 1000, Refunded: 400, Owed: 200},
		FactRefundGiven:   {Charged: 1000, Refunded: 500, Owed: 200},
		FactRefundMoved:   {Charged: 1000, Refunded: 600, Owed: 300},
		FactRefundFailed:  {Charged: 1000, Refunded: 400, Owed: 300},
	} {
		got := Balance{Charged: 1000, Refunded: 500, Owed: 300}
		if err := got.Add(&Fact{Kind: kind, Amount: 100}); err != nil || got != want {
			t.Errorf("%s comes to %+v, %v; want %+v", kind, got, err, want)
		}
	}
	var b Balance
	if err := b.Add(&Fact{Kind: "ticket.scanned", Quantity: 1, Amount: 1}); err == nil || b != (Balance{}) {
		t.Errorf("a kind that there is not comes to %+v, %v", b, err)
	}
}

func TestJournalPage_tells_a_reader_whether_it_has_missed_entries(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		first, after int64
		gone         bool
	}{
		{1, 0, false}, {1, 1, false}, // nothing was pruned
		{5, 0, true}, {5, 3, true}, {5, 4, true}, // what was told at 5 is gone, too: its sum stands there
		{5, 5, false}, {5, 9, false},
	} {
		if got := (JournalPage{First: test.first, Last: 9}).Gone(test.after); got != test.gone {
			t.Errorf("after %d of a journal from %d: gone is %t", test.after, test.first, got)
		}
	}
}
