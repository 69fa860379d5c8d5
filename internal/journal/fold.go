package journal

import "quantix/internal/models"

// Fold adds an entry, as it is stored, to a sum. Entries must come in the order of their seqs. Error: as of [Decode].
func Fold(s *models.JournalSum, seq int64, stored []byte) error {
	_, facts, err := Decode(stored)
	if err != nil {
		return err
	}
	if s.First == 0 {
		s.First, s.Last = seq, seq-1
	}
	s.Gaps += seq - s.Last - 1
	s.Last = seq
	for i := range facts {
		if err := s.Add(&facts[i]); err != nil {
			return err
		}
	}
	return nil
}

// Created returns the first entry of a new event, as it is stored.
func Created(e *models.Event) []byte {
	return Encode(e.TicketPrice.Currency, []models.Fact{{Kind: models.FactCreated, Terms: models.TermsOf(e)}})
}

// Opening returns an entry that stands for all that a balance sums up, as it is stored.
func Opening(currency models.Currency, balance models.Balance) []byte {
	return Encode(currency, []models.Fact{{Kind: models.FactOpened, Balance: &balance}})
}

// Booked returns the bookings that an entry tells of as made, in their order. Error: as of [Decode].
func Booked(stored []byte) ([]models.BookingID, error) {
	_, facts, err := Decode(stored)
	if err != nil {
		return nil, err
	}
	var made []models.BookingID
	for i := range facts {
		if facts[i].Kind == models.FactBooked {
			made = append(made, facts[i].Booking)
		}
	}
	return made, nil
}
