package journal

import (
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"flag"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"quantix/internal/models"
)

var update = flag.Bool("update", false, "write the golden file anew")

var (
	first  = models.BookingID{0: 1, 15: 0xf1}
	second = models.BookingID{0: 2, 15: 0xf2}
	dawn   = time.Date(2026, 11, 27, 6, 30, 0, 123456000, time.UTC)
)

// examples has at least one fact of every kind, with every reason, status and field that a kind has.
func examples() map[string]models.Fact {
	terms := func(edits ...func(*models.Terms)) *models.Terms {
		t := models.Terms{
			TotalTickets: 1000, TicketPrice: models.Money{Minor: 2500, Currency: "USD"}, DateTime: dawn,
			SalesEnd: dawn.Add(-time.Hour), TimeZone: "Europe/Berlin", Version: 7,
		}
		for _, edit := range edits {
			edit(&t)
		}
		return &t
	}
	cancelled := func(was models.Status, reason models.CancelReason) models.Fact {
		return models.Fact{
			Kind: models.FactCancelled, Booking: first, Quantity: 2, Amount: 5000, Was: was, Reason: reason,
		}
	}
	refund := func(kind models.FactKind, reason models.RefundReason) models.Fact {
		return models.Fact{Kind: kind, Booking: first, Charge: 1, Part: 2, Amount: 700, Moved: reason}
	}
	return map[string]models.Fact{
		"event.opened": {Kind: models.FactOpened, Balance: &models.Balance{
			Stock: models.Stock{
				Total: 100, Available: 90, Held: 4, Sold: 6, HeldAmount: 400, SoldAmount: 600, Pending: 2, Confirmed: 3, Cancelled: 5,
			},
			Charged: 900, Refunded: 300, Owed: 100, Begun: true,
		}},
		"event.created": {Kind: models.FactCreated, Terms: terms()},
		"event.created without an end, a zone, before 1970": {Kind: models.FactCreated, Terms: terms(func(t *models.Terms) {
			t.SalesEnd, t.TimeZone, t.DateTime = time.Time{}, "", time.Unix(-86400, 0).UTC()
		})},
		"event.edited":                           {Kind: models.FactEdited, Terms: terms(func(t *models.Terms) { t.TicketPrice.Currency = "JPY" })},
		"event.cancelled":                        {Kind: models.FactEventCancelled},
		"event.deleted":                          {Kind: models.FactDeleted},
		"booking.created":                        {Kind: models.FactBooked, Booking: first, Quantity: 2, Amount: 5000},
		"booking.confirmed":                      {Kind: models.FactConfirmed, Booking: first, Quantity: 2, Amount: 5000},
		"booking.cancelled by the user":          cancelled(models.StatusPending, models.ReasonUser),
		"booking.cancelled by the user, paid":    cancelled(models.StatusConfirmed, models.ReasonUser),
		"booking.cancelled for it expired":       cancelled(models.StatusPending, models.ReasonExpired),
		"booking.cancelled for it was declined":  cancelled(models.StatusPending, models.ReasonDeclined),
		"booking.cancelled with its event, paid": cancelled(models.StatusConfirmed, models.ReasonEventCancelled),
		"booking.restored":                       {Kind: models.FactRestored, Booking: first, Quantity: 2, Amount: 5000},
		"booking.revenue, less":                  {Kind: models.FactRevenue, Booking: first, Amount: -700},
		"booking.revenue, more":                  {Kind: models.FactRevenue, Booking: first, Amount: 700},
		"charge.succeeded":                       {Kind: models.FactCharged, Booking: first, Charge: 1, Amount: 5000},
		"refund.owed":                            refund(models.FactRefundOwed, ""),
		"refund.reduced":                         refund(models.FactRefundReduced, ""),
		"refund.succeeded":                       refund(models.FactRefundGiven, ""),
		"refund.moved by hand":                   refund(models.FactRefundMoved, models.RefundMoved),
		"refund.moved by the buyer's bank":       refund(models.FactRefundMoved, models.RefundDisputed),
		"refund.failed":                          refund(models.FactRefundFailed, ""),
	}
}

// The bytes must never change by accident: journals are full of them.
func TestFormat_is_as_it_was(t *testing.T) {
	t.Parallel()
	got := map[string]string{}
	seen := map[models.FactKind]bool{}
	for name, f := range examples() {
		seen[f.Kind] = true
		got[name] = hex.EncodeToString(Encode("USD", []models.Fact{f}))
	}
	for _, kind := range kinds[1:] {
		if !seen[kind] {
			t.Errorf("there is no example of %s", kind)
		}
	}
	const file = "testdata/format.golden.json"
	if *update {
		text, _ := json.MarshalIndent(got, "", "\t")
		if err := os.WriteFile(file, append(text, '\n'), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{}
	if err := json.Unmarshal(text, &want); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the format has changed: give it a new version, and keep reading this one (-want +got):\n%s", diff)
	}
	for name, stored := range want { // and what was written by then is read as what it was
		bytes, _ := hex.DecodeString(stored)
		_, facts, err := Decode(bytes)
		if diff := cmp.Diff([]models.Fact{examples()[name]}, facts); err != nil || diff != "" {
			t.Errorf("%s is read otherwise: %v\n%s", name, err, diff)
		}
	}
}

// A reason that models adds needs a number here, or the box office could write no cancellation for it.
func TestNumbers_cover_every_reason(t *testing.T) {
	t.Parallel()
	for _, reason := range models.CancelReasons {
		numberOf(reasons, reason)
	}
}

// randomFact draws a fact of any kind with any values that it may have.
func randomFact(t *rapid.T) models.Fact {
	number := rapid.Int64Range(0, 1<<62)
	f := models.Fact{Kind: rapid.SampledFrom(kinds[1:]).Draw(t, "kind")}
	switch f.Kind {
	case models.FactOpened:
		f.Balance = &models.Balance{Begun: true}
		for _, n := range sums(f.Balance) {
			*n = rapid.Int64().Draw(t, "sum")
		}
		return f
	case models.FactCreated, models.FactEdited:
		f.Terms = randomTerms(t)
		return f
	case models.FactEventCancelled, models.FactDeleted:
		return f
	}
	f.Booking = rapid.SampledFrom([]models.BookingID{first, second}).Draw(t, "booking")
	switch f.Kind {
	case models.FactRevenue:
		f.Amount = rapid.Int64().Draw(t, "change")
		return f
	case models.FactBooked, models.FactConfirmed, models.FactRestored:
		f.Quantity = number.Draw(t, "quantity")
	case models.FactCancelled:
		f.Quantity = number.Draw(t, "quantity")
		f.Was, f.Reason = rapid.SampledFrom(formers[1:]).Draw(t, "was"), rapid.SampledFrom(reasons[1:]).Draw(t, "reason")
	case models.FactCharged:
		f.Charge = int(number.Draw(t, "charge"))
	default:
		f.Charge, f.Part = int(number.Draw(t, "charge")), int(number.Draw(t, "part"))
	}
	if f.Kind == models.FactRefundMoved {
		f.Moved = rapid.SampledFrom(moves[1:]).Draw(t, "moved")
	}
	f.Amount = number.Draw(t, "amount")
	return f
}

func randomTerms(t *rapid.T) *models.Terms {
	instant := rapid.Custom(func(t *rapid.T) time.Time {
		return time.UnixMicro(rapid.Int64Range(-62135596800e6+1, 253402300799e6).Draw(t, "microseconds")).UTC()
	})
	terms := models.Terms{
		TotalTickets: rapid.Int64Range(0, 1<<62).Draw(t, "tickets"),
		TicketPrice: models.Money{
			Minor: rapid.Int64Range(0, 1<<62).Draw(t, "price"), Currency: rapid.SampledFrom([]models.Currency{"USD", "KWD"}).Draw(t, "currency"),
		},
		DateTime: instant.Draw(t, "date_time"), TimeZone: rapid.StringN(0, -1, 64).Draw(t, "zone"),
		Version: rapid.Int64Range(0, 1<<62).Draw(t, "version"),
	}
	if rapid.Bool().Draw(t, "it ends") {
		terms.SalesEnd = instant.Draw(t, "sales_end")
	}
	return &terms
}

func TestEveryFact_is_read_as_it_was_written(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		facts := rapid.SliceOfN(rapid.Custom(randomFact), 1, 20).Draw(t, "facts")
		currency, got, err := Decode(Encode("JPY", facts))
		if diff := cmp.Diff(facts, got); err != nil || currency != "JPY" || diff != "" {
			t.Fatalf("%s, %v:\n%s", currency, err, diff)
		}
	})
}

// An entry that was cut anywhere is either refused, or ends with a whole fact before the cut: never is one made up.
func TestEntry_that_is_cut_gives_whole_facts_or_an_error(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		facts := rapid.SliceOfN(rapid.Custom(randomFact), 1, 5).Draw(t, "facts")
		stored := Encode("USD", facts)
		cut := rapid.IntRange(0, len(stored)-1).Draw(t, "cut")
		_, got, err := Decode(stored[:cut])
		if err == nil && !cmp.Equal(facts[:len(got)], append([]models.Fact{}, got...)) {
			t.Fatalf("%d of %d bytes were read as %+v", cut, len(stored), got)
		}
		if err == nil && len(got) == len(facts) {
			t.Fatal("all facts were read of a part of the bytes")
		}
	})
}

func TestFormat_is_compact(t *testing.T) {
	t.Parallel()
	booked := models.Fact{Kind: models.FactBooked, Booking: first, Quantity: 2, Amount: 5000}
	charged := models.Fact{Kind: models.FactCharged, Booking: first, Charge: 1, Amount: 5000}
	sold := models.Fact{Kind: models.FactConfirmed, Booking: first, Quantity: 2, Amount: 5000}
	other := models.Fact{Kind: models.FactBooked, Booking: second, Quantity: 2, Amount: 5000}
	dear := models.Fact{Kind: models.FactBooked, Booking: first, Quantity: 100, Amount: 16384}
	for name, test := range map[string]struct {
		facts []models.Fact
		bytes int
	}{
		"a booking":                             {[]models.Fact{booked}, 20},
		"a booking of 163.84 or more":           {[]models.Fact{dear}, 21},
		"a booking and its charge":              {[]models.Fact{booked, charged}, 20 + 4},
		"a booking that is paid and sold":       {[]models.Fact{booked, charged, sold}, 20 + 4 + 4},
		"two bookings":                          {[]models.Fact{booked, other}, 20 + 20},
		"two bookings, told of by turns":        {[]models.Fact{booked, other, charged}, 20 + 20 + 20},
		"an event's fact breaks no row of them": {[]models.Fact{booked, {Kind: models.FactEventCancelled}, charged}, 20 + 1 + 4},
	} {
		if got := len(Encode("USD", test.facts)) - 4; got != test.bytes {
			t.Errorf("%s takes %d bytes; want %d", name, got, test.bytes)
		}
	}
}

func TestDecode_refuses_what_it_does_not_know(t *testing.T) {
	t.Parallel()
	good := Encode("USD", []models.Fact{{Kind: models.FactBooked, Booking: first, Quantity: 2, Amount: 5000}})
	with := func(at int, value byte) []byte {
		bytes := slices.Clone(good)
		bytes[at] = value
		return bytes
	}
	huge := binary.AppendUvarint(slices.Clone(good[:21]), 1<<63)
	for name, stored := range map[string][]byte{
		"nothing":                      nil,
		"three bytes":                  good[:3],
		"a later format":               with(0, version+1),
		"format 0":                     with(0, 0),
		"kind 0":                       with(4, 0),
		"a kind that is not there yet": with(4, 17),
		"the same booking as none":     append(slices.Clone(good[:4]), 6|sameBooking, 2, 5),
		"an event's fact with the booking before": append(slices.Clone(good), 4|sameBooking),
		"a booking that is none":                  append(append(slices.Clone(good[:5]), make([]byte, 16)...), 2, 5),
		"a number beyond 63 bits":                 huge,
		"a number without an end":                 append(slices.Clone(good[:21]), 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff),
		"a reason that is none":                   append(append([]byte("\x01USD\x08"), first[:]...), 2, 0x19, 5),
		"a status that is none":                   append(append([]byte("\x01USD\x08"), first[:]...), 2, 0x31, 5),
		"a text that is longer than all":          append([]byte("\x01USD\x02\x05\x05USD\x00\x00"), 0xff, 0xff, 0xff, 0xff, 0x7f, 'a'),
	} {
		if currency, facts, err := Decode(stored); err == nil || currency != "" || facts != nil {
			t.Errorf("%s was read as %s %+v, %v", name, currency, facts, err)
		}
	}
}

func TestEncode_panics_for_what_it_cannot_say(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		currency models.Currency
		fact     models.Fact
	}{
		"no currency":                     {"", models.Fact{Kind: models.FactDeleted}},
		"a long currency":                 {"DOLLARS", models.Fact{Kind: models.FactDeleted}},
		"no kind":                         {"USD", models.Fact{}},
		"a foreign kind":                  {"USD", models.Fact{Kind: "ticket.scanned"}},
		"a booking's fact without it":     {"USD", models.Fact{Kind: models.FactBooked, Quantity: 1}},
		"an event's fact with a booking":  {"USD", models.Fact{Kind: models.FactDeleted, Booking: first}},
		"a quantity below 0":              {"USD", models.Fact{Kind: models.FactBooked, Booking: first, Quantity: -1}},
		"an amount below 0":               {"USD", models.Fact{Kind: models.FactCharged, Booking: first, Charge: 1, Amount: -1}},
		"a cancellation without a reason": {"USD", models.Fact{Kind: models.FactCancelled, Booking: first, Was: models.StatusPending}},
		"a cancellation of nothing": {"USD", models.Fact{
			Kind: models.FactCancelled, Booking: first, Reason: models.ReasonUser,
		}},
		"a cancellation of what is cancelled": {"USD", models.Fact{
			Kind: models.FactCancelled, Booking: first, Reason: models.ReasonUser, Was: models.StatusCancelled,
		}},
		"money that moved as what is owed": {"USD", models.Fact{Kind: models.FactRefundMoved, Booking: first, Charge: 1, Part: 1, Amount: 1}},
		"a zone that could not be read back": {"USD", models.Fact{Kind: models.FactCreated, Terms: &models.Terms{
			TicketPrice: models.Money{Currency: "USD"}, TimeZone: strings.Repeat("x", 1025),
		}}},
		"terms without a currency": {"USD", models.Fact{Kind: models.FactCreated, Terms: &models.Terms{}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			Encode(test.currency, []models.Fact{test.fact})
		})
	}
}

// FuzzDecode: whatever the bytes, there is an answer, and what was read can be written and read again.
func FuzzDecode(f *testing.F) {
	for _, fact := range examples() {
		f.Add(Encode("USD", []models.Fact{fact}))
	}
	f.Add(Encode("KWD", []models.Fact{
		{Kind: models.FactBooked, Booking: first, Quantity: 2, Amount: 5000}, {Kind: models.FactCharged, Booking: first, Charge: 1},
		{Kind: models.FactBooked, Booking: second, Quantity: 1},
	}))
	f.Add([]byte{})
	f.Add([]byte{version, 'U', 'S', 'D', 6 | sameBooking})
	f.Fuzz(func(t *testing.T, stored []byte) {
		currency, facts, err := Decode(stored)
		if err != nil {
			if facts != nil {
				t.Errorf("an error with facts: %+v", facts)
			}
			return
		}
		again := Encode(currency, facts)
		if _, same, err := Decode(again); err != nil || !reflect.DeepEqual(facts, same) {
			t.Errorf("%+v was read again as %+v, %v", facts, same, err)
		}
	})
}

func TestFold_adds_entries_and_counts_gaps(t *testing.T) {
	t.Parallel()
	event := models.Event{
		ID: models.NewID[models.EventID](), Stock: models.Stock{Total: 10, Available: 10},
		TicketPrice: models.Money{Minor: 2500, Currency: "USD"}, DateTime: dawn, Version: 1,
	}
	booked := Encode("USD", []models.Fact{{Kind: models.FactBooked, Booking: first, Quantity: 2, Amount: 5000}})
	var sum models.JournalSum
	for _, entry := range []struct {
		seq    int64
		stored []byte
	}{{1, Created(&event)}, {2, booked}, {5, booked}} {
		if err := Fold(&sum, entry.seq, entry.stored); err != nil {
			t.Fatal(err)
		}
	}
	want := models.JournalSum{First: 1, Last: 5, Gaps: 2, Balance: models.Balance{Begun: true, Stock: models.Stock{
		Total: 10, Available: 6, Held: 4, HeldAmount: 10000, Pending: 2,
	}}}
	if sum != want {
		t.Errorf("the sum is %+v; want %+v", sum, want)
	}
	var after models.JournalSum // an opening stands for all that was before it
	if err := Fold(&after, 5, Opening("USD", sum.Balance)); err != nil || after.Balance != sum.Balance || after.First != 5 {
		t.Errorf("the opening comes to %+v, %v", after, err)
	}
	if err := Fold(&after, 6, []byte("no entry")); err == nil {
		t.Error("foreign bytes were added")
	}
}

func TestBooked_gives_the_bookings_that_were_made_in_their_order(t *testing.T) {
	t.Parallel()
	got, err := Booked(Encode("USD", []models.Fact{
		{Kind: models.FactBooked, Booking: second, Quantity: 1, Amount: 1}, {Kind: models.FactConfirmed, Booking: first, Quantity: 1},
		{Kind: models.FactBooked, Booking: first, Quantity: 1, Amount: 1}, {Kind: models.FactDeleted},
	}))
	if err != nil || !slices.Equal(got, []models.BookingID{second, first}) {
		t.Errorf("%v, %v", got, err)
	}
	if _, err := Booked([]byte{9}); err == nil {
		t.Error("foreign bytes tell of bookings")
	}
}
