package modeltest

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"quantix/internal/handlers"
	"quantix/internal/models"
	"quantix/internal/testkit"
)

// rebuilt is what testdata/rebuild.py says of an event.
type rebuilt struct {
	Event     models.EventID  `json:"event_id"`
	Currency  models.Currency `json:"currency"`
	First     int64           `json:"first_seq"`
	Last      int64           `json:"last_seq"`
	Total     int64           `json:"total_tickets"`
	Available int64           `json:"available"`
	Held      int64           `json:"held"`
	Sold      int64           `json:"sold"`
	Pending   int64           `json:"pending"`
	Confirmed int64           `json:"confirmed"`
	Cancelled int64           `json:"cancelled"`

	HeldAmount string `json:"held_amount"`
	SoldAmount string `json:"sold_amount"`
	Charged    string `json:"charged"`
	Refunded   string `json:"refunded"`
	Owed       string `json:"owed"`
}

// audited is the same as the audit has it: the counters that are kept, and the money of charges and refunds.
func audited(f models.AuditFacts) rebuilt {
	e, s := f.Event, f.Event.Stock
	money := func(minor int64) string {
		text := models.Money{Minor: minor, Currency: e.TicketPrice.Currency}.String()
		if strings.Contains(text, ".") {
			text = strings.TrimRight(strings.TrimRight(text, "0"), ".")
		}
		return text
	}
	return rebuilt{
		Event: e.ID, Currency: e.TicketPrice.Currency, First: 1, Last: e.Seq, Total: s.Total, Available: s.Available, Held: s.Held,
		Sold: s.Sold, Pending: s.Pending, Confirmed: s.Confirmed, Cancelled: s.Cancelled, HeldAmount: money(s.HeldAmount),
		SoldAmount: money(s.SoldAmount), Charged: money(f.Charged), Refunded: money(f.Refunded), Owed: money(f.Owed),
	}
}

// A witness has events rebuilt from their feeds by a script that shares no code with the program, many at a time.
type witness struct {
	feed   []byte // entries as the API gives them, one a line
	want   map[models.EventID]rebuilt
	encode func([]byte, *models.Entry) []byte
}

// manyBytes is when a witness speaks.
const manyBytes = 64 << 20

func newWitness() *witness {
	return &witness{want: map[models.EventID]rebuilt{}, encode: handlers.FeedEncoding().Entry}
}

// tells hands an event's feed, and what it must come to, to the witness.
func (l *life) tells() {
	l.t.Helper()
	w := l.witness
	for after := int64(0); ; {
		page, err := l.shop.Store.Journal(context.Background(), l.event, after, models.MaxLimit)
		l.must(err)
		if len(page.Entries) == 0 {
			break
		}
		for i := range page.Entries {
			message := w.encode(nil, &page.Entries[i])
			_, data, _ := bytes.Cut(message, []byte("\ndata: "))
			w.feed = append(append(w.feed, bytes.TrimSpace(data)...), '\n')
		}
		after = page.Entries[len(page.Entries)-1].Seq
	}
	facts, err := l.store.AuditFacts(context.Background(), l.event)
	l.must(err)
	w.want[l.event] = audited(facts)
	if len(w.feed) > manyBytes {
		w.speaks(l.t)
	}
}

// speaks compares what the script makes of the feeds with the audit.
func (w *witness) speaks(t *testing.T) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "feed.jsonl")
	if err := os.WriteFile(file, w.feed, 0o600); err != nil {
		t.Fatal(err)
	}
	lines, faults := testkit.Rebuild(t, file)
	if faults != "" {
		t.Errorf("the feeds cannot be right: %s", faults)
	}
	got := map[models.EventID]rebuilt{}
	for _, line := range lines {
		var r rebuilt
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatal(err)
		}
		got[r.Event] = r
	}
	if diff := cmp.Diff(w.want, got); diff != "" {
		t.Errorf("the audit and the feed differ (-audit +feed):\n%s", diff)
	}
	w.feed, w.want = w.feed[:0], map[models.EventID]rebuilt{}
}

// What the script makes of a feed that was written by hand is what a person makes of it.
func TestRebuild_adds_up_a_feed(t *testing.T) {
	t.Parallel()
	got, faults := testkit.Rebuild(t, "testdata/feed.jsonl")
	want := []string{
		`{"event_id": "a", "currency": "USD", "first_seq": 1, "last_seq": 8, "total_tickets": 12, "available": 6, "held": 2, "sold": 4, ` +
			`"pending": 1, "confirmed": 1, "cancelled": 1, "held_amount": "50", "sold_amount": "89.5", "charged": "150", ` +
			`"refunded": "60.5", "owed": "50"}`,
		`{"event_id": "b", "currency": "JPY", "first_seq": 7, "last_seq": 9, "total_tickets": 100, "available": 95, "held": 2, "sold": 3, ` +
			`"pending": 1, "confirmed": 2, "cancelled": 4, "held_amount": "2000", "sold_amount": "2700", "charged": "7000", ` +
			`"refunded": "1300", "owed": "0"}`,
	}
	if diff := cmp.Diff(want, got); faults != "" || diff != "" {
		t.Errorf("%s (-want +got):\n%s", faults, diff)
	}
}

// A witness who finds nothing wrong with anything would be none.
func TestRebuild_finds_what_cannot_be(t *testing.T) {
	t.Parallel()
	feed, err := os.ReadFile("testdata/feed.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(feed)), "\n")
	for name, test := range map[string]struct {
		edit func([]string) []string
		says string
	}{
		"an entry is missing":     {func(l []string) []string { return append(l[:2:2], l[3:]...) }, "4 comes after 2"},
		"an entry is there twice": {func(l []string) []string { return append(l[:3:3], l[2:]...) }, "3 comes after 3"},
		"two entries are swapped": {func(l []string) []string { l[2], l[3] = l[3], l[2]; return l }, "4 comes after 2"},
		"it begins in its midst":  {func(l []string) []string { return l[1:] }, "it begins with booking.created"},
		"a booking is confirmed that never was": {
			func(l []string) []string { l[2] = strings.Replace(l[2], `"b2"`, `"b9"`, 1); return l }, "booking b9 was never made",
		},
		"a fact is told twice": {func(l []string) []string {
			const moved = `{"type":"refund.moved","booking_id":"b2","payment_id":"m1","reason":"moved","amount":1}`
			l[3] = strings.Replace(l[3], `"facts":[`, `"facts":[`+moved+",", 1)
			return l
		}, "one refund twice"},
		"another amount":     {func(l []string) []string { l[2] = strings.Replace(l[2], "100.00", "99.00", 2); return l }, "99.00 in place of 100.00"},
		"too many tickets":   {func(l []string) []string { l[1] = strings.ReplaceAll(l[1], `"quantity":4`, `"quantity":9`); return l }, "below zero"},
		"a refund of nobody": {func(l []string) []string { l[7] = strings.Replace(l[7], "r2", "r9", 1); return l }, "a refund that nobody knows of"},
		"a foreign fact":     {func(l []string) []string { l[3] = strings.Replace(l[3], "refund.moved", "ticket.scanned", 1); return l }, "unknown fact ticket.scanned"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "feed.jsonl")
			text := strings.Join(test.edit(append([]string{}, lines...)), "\n") + "\n"
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			got, faults := testkit.Rebuild(t, file)
			if !strings.Contains(faults, test.says) || len(got) != 1 {
				t.Errorf("it says %q of %v; want %q", faults, got, test.says)
			}
		})
	}
}
