package postgres

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgtype/zeronull"

	"quantix/internal/models"
)

// This file is the border between the types of models and those that pgx sends. Ids are sent as UUIDs, times as
// TIMESTAMPTZ with NULL for zero. Amounts are sent as minor units together with the factor that makes a NUMERIC of
// them, and come back as text: exact either way, and cheaper than NUMERIC's own binary form.

// A column is a list that pgx sends as an array. It hands the elements over by their addresses: pgx would otherwise
// copy each one into an interface, which is most of what sending a batch allocates. Its elements are pgtype's own
// types, or zeronull's where zero means NULL, whose addresses pgx takes as they are.
type column[T any] []T

// Dimensions, Index and IndexType are what pgtype.ArrayGetter asks for.
func (c column[T]) Dimensions() []pgtype.ArrayDimension {
	return []pgtype.ArrayDimension{{Length: int32(len(c)), LowerBound: 1}}
}

// Index returns the address of an element.
func (c column[T]) Index(i int) any { return &c[i] }

// IndexType returns the type of what Index gives.
func (c column[T]) IndexType() any { return new(T) }

// columnOf makes a column of a list.
func columnOf[E, T any](list []E, element func(E) T) column[T] {
	c := make(column[T], len(list))
	for i, e := range list {
		c[i] = element(e)
	}
	return c
}

func number(n int64) pgtype.Int8 { return pgtype.Int8{Int64: n, Valid: true} }

func word(s string) pgtype.Text { return pgtype.Text{String: s, Valid: true} }

func moment(t time.Time) pgtype.Timestamptz { return pgtype.Timestamptz{Time: t, Valid: true} }

// uuid returns an id as pgx sends it.
func uuid[I ~[16]byte](id I) pgtype.UUID { return pgtype.UUID{Bytes: id, Valid: true} }

// uuids returns ids as the UUID[] that pgx sends.
func uuids[I ~[16]byte](ids []I) column[pgtype.UUID] { return columnOf(ids, uuid) }

// lastUUID comes after every id.
var lastUUID = [16]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}

// clean makes text from outside fit a TEXT column, which takes neither NUL nor broken UTF-8.
func clean(text string) string {
	return strings.ToValidUTF8(strings.ReplaceAll(text, "\x00", "\uFFFD"), "\uFFFD")
}

// instant is a time as the database keeps it.
func instant(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }

// nullTime returns a time, NULL for zero.
func nullTime(t time.Time) zeronull.Timestamptz { return zeronull.Timestamptz(t) }

// intoTime scans a time, zero for NULL. utc puts what was scanned right.
func intoTime(t *time.Time) *zeronull.Timestamptz { return (*zeronull.Timestamptz)(t) }

// utc turns times that were scanned, which pgx gives in the process's zone.
func utc(times ...*time.Time) {
	for _, t := range times {
		if !t.IsZero() {
			*t = t.UTC()
		}
	}
}

// timeOr returns a bound for a range: the time, or when it is zero the infinity on that side.
func timeOr(t time.Time, infinity pgtype.InfinityModifier) pgtype.Timestamptz {
	if t.IsZero() {
		return pgtype.Timestamptz{InfinityModifier: infinity, Valid: true}
	}
	return pgtype.Timestamptz{Time: t, Valid: true}
}

// factor is what a currency's minor units are multiplied by to give a NUMERIC.
func factor(c models.Currency) string {
	switch c.Decimals() {
	case 0:
		return "1"
	case 3:
		return "0.001"
	}
	return "0.01"
}

// amount is a NUMERIC as text, which has three decimals or none.
type amount string

// minor returns the amount in a currency's minor units.
func (a amount) minor(c models.Currency) (int64, error) {
	whole, fraction, _ := strings.Cut(string(a), ".")
	decimals := c.Decimals()
	fraction = (fraction + "000")[:max(3, len(fraction))]
	minor, err := strconv.ParseInt(whole+fraction[:decimals], 10, 64)
	if err != nil || strings.Trim(fraction[decimals:], "0") != "" {
		return 0, fmt.Errorf("the stored amount %s %s is not a whole number of minor units", a, c)
	}
	return minor, nil
}

// minors reads several amounts of one currency; the first that cannot be read is the error.
func minors(c models.Currency, pairs ...minorPair) error {
	for _, p := range pairs {
		value, err := p.from.minor(c)
		if err != nil {
			return err
		}
		*p.to = value
	}
	return nil
}

type minorPair struct {
	to   *int64
	from amount
}

// money reads one amount.
func money(m *models.Money, from amount, currency string) (err error) {
	m.Currency = models.Currency(currency)
	m.Minor, err = from.minor(m.Currency)
	return err
}

// collect reads all rows with a scanner of one.
func collect[T any](rows pgx.Rows, err error, scan func(pgx.Row, *T) error) ([]T, error) {
	return collectUntil(rows, err, scan, func(*T) bool { return false })
}

// collectUntil reads rows up to the one that is enough, and passes over the rest.
func collectUntil[T any](rows pgx.Rows, err error, scan func(pgx.Row, *T) error, enough func(*T) bool) ([]T, error) {
	list := []T{}
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var item T
		if err := scan(rows, &item); err != nil {
			return nil, err
		}
		list = append(list, item)
		if enough(&item) {
			break
		}
	}
	rows.Close()
	return list, rows.Err()
}

// scanID reads a row that is one id.
func scanID[K any](row pgx.Row, id *models.ID[K]) error { return row.Scan((*[16]byte)(id)) }

// distinct drops repeats, and keeps the order.
func distinct[I comparable](items []I) []I {
	seen := make(map[I]bool, len(items))
	list := make([]I, 0, len(items))
	for _, item := range items {
		if !seen[item] {
			seen[item] = true
			list = append(list, item)
		}
	}
	return list
}

// orderedRefs returns references in the order in which their rows are to be locked, each once.
func orderedRefs(refs []models.BookingRef) []models.BookingRef {
	list := slices.Clone(refs)
	slices.SortFunc(list, func(a, b models.BookingRef) int {
		return cmp.Or(a.Event.Compare(b.Event), a.Booking.Compare(b.Booking))
	})
	return slices.Compact(list)
}

// refColumns splits references into the two columns that unnest takes.
func refColumns(refs []models.BookingRef) (events, bookings []pgtype.UUID) {
	for _, r := range refs {
		events, bookings = append(events, uuid(r.Event)), append(bookings, uuid(r.Booking))
	}
	return events, bookings
}
