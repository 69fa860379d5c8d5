package journal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"quantix/internal/models"
)

var (
	// errCut is said of bytes that end within a fact, or of a number that none could be.
	errCut = errors.New("the entry ends within a fact")
	// errNoBooking is said of a fact whose booking is not told, or that cannot have one.
	errNoBooking = errors.New("the entry has a fact whose booking is unknown")
)

// Decode reads what Encode wrote. Error: the bytes are not of this format, or are of a later one.
func Decode(stored []byte) (models.Currency, []models.Fact, error) {
	if len(stored) < 4 || stored[0] != version {
		return "", nil, fmt.Errorf("a journal's entry of %d bytes is not of format %d", len(stored), version)
	}
	d := decoder{rest: stored[4:]}
	facts := make([]models.Fact, 0, len(stored)/16+1)
	for len(d.rest) > 0 && d.err == nil {
		facts = append(facts, d.fact())
	}
	if d.err != nil {
		return "", nil, d.err
	}
	return models.Currency(stored[1:4]), facts, nil
}

// decoder takes values from the front of what is left. The first that cannot be read is kept as the error; all after it
// are zero.
type decoder struct {
	rest []byte
	last models.BookingID
	err  error
}

func (d *decoder) fact() (f models.Fact) {
	first := d.byte()
	f.Kind = wordOf(d, kinds, first&^sameBooking)
	ofEvent := true
	switch f.Kind {
	case models.FactOpened:
		f.Balance = &models.Balance{Begun: true}
		for _, n := range sums(f.Balance) {
			*n = int64(binary.BigEndian.Uint64(d.bytes(8)))
		}
	case models.FactCreated, models.FactEdited:
		f.Terms = d.terms()
	case models.FactEventCancelled, models.FactDeleted:
	default:
		ofEvent = false
	}
	if ofEvent {
		if first&sameBooking != 0 {
			d.fail(errNoBooking)
		}
		return f
	}
	if first&sameBooking == 0 {
		d.last = models.BookingID(d.bytes(16))
	}
	if d.last == (models.BookingID{}) {
		d.fail(errNoBooking)
	}
	f.Booking = d.last
	d.ofBooking(&f)
	return f
}

func (d *decoder) ofBooking(f *models.Fact) {
	switch f.Kind {
	case models.FactBooked, models.FactConfirmed, models.FactRestored:
		f.Quantity = d.number()
	case models.FactCancelled:
		f.Quantity = d.number()
		both := d.byte()
		f.Was, f.Reason = wordOf(d, formers, both>>4), wordOf(d, reasons, both&0xf)
	case models.FactRevenue:
		f.Amount = d.signed()
		return
	case models.FactCharged:
		f.Charge = int(d.number())
	default:
		f.Charge, f.Part = int(d.number()), int(d.number())
	}
	if f.Kind == models.FactRefundMoved {
		f.Moved = wordOf(d, moves, d.byte())
	}
	f.Amount = d.number()
}

func (d *decoder) terms() *models.Terms {
	t := models.Terms{TotalTickets: d.number()}
	t.TicketPrice = models.Money{Minor: d.number(), Currency: models.Currency(d.bytes(3))}
	t.DateTime, t.SalesEnd = d.time(), d.time()
	length := d.number()
	if length > maxZone {
		d.fail(errCut)
		length = 0
	}
	t.TimeZone = string(d.bytes(int(length)))
	t.Version = d.number()
	return &t
}

// bytes takes n of them; zeros when there are not so many.
func (d *decoder) bytes(n int) []byte {
	if len(d.rest) < n {
		d.fail(errCut)
		return make([]byte, n)
	}
	taken := d.rest[:n]
	d.rest = d.rest[n:]
	return taken
}

func (d *decoder) byte() byte { return d.bytes(1)[0] }

func (d *decoder) number() int64 {
	n, size := binary.Uvarint(d.rest)
	if size <= 0 || int64(n) < 0 {
		d.fail(errCut)
		return 0
	}
	d.rest = d.rest[size:]
	return int64(n)
}

func (d *decoder) signed() int64 {
	n, size := binary.Varint(d.rest)
	if size <= 0 {
		d.fail(errCut)
		return 0
	}
	d.rest = d.rest[size:]
	return n
}

func (d *decoder) time() time.Time {
	if d.byte() == 0 {
		return time.Time{}
	}
	return time.UnixMicro(d.signed()).UTC()
}

func (d *decoder) fail(err error) {
	if d.err == nil {
		d.err, d.rest = err, nil
	}
}

func wordOf[T ~string](d *decoder, list []T, n byte) T {
	if n == 0 || int(n) >= len(list) {
		d.fail(fmt.Errorf("a journal's entry has the unknown number %d", n))
		return ""
	}
	return list[n]
}
