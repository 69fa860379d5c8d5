package postgres_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"quantix/internal/journal"
	"quantix/internal/models"
	"quantix/internal/repository"
	"quantix/internal/retry"
	"quantix/internal/sale"
	"quantix/internal/testkit"
)

// feed reads all there is from a place on, in pages of three.
func (b *bundle) feed(tb testing.TB, after *models.FeedPlace) (all []models.Entry) {
	tb.Helper()
	for {
		entries, err := b.Feed(tb.Context(), after, 3)
		if err != nil {
			tb.Fatalf("reading the feed: %v", err)
		}
		if len(entries) == 0 {
			return all
		}
		all = append(all, entries...)
		after = &all[len(all)-1].Place
	}
}

// feedOf reads until there are so many entries: tests beside this one have transactions on the same server.
func (b *bundle) feedOf(tb testing.TB, want int) []models.Entry {
	tb.Helper()
	for begun := time.Now(); ; retry.Pause(tb.Context(), 5*time.Millisecond) {
		if all := b.feed(tb, nil); len(all) >= want {
			return all
		} else if time.Since(begun) > patience {
			tb.Fatalf("the feed has %d entries; want %d", len(all), want)
		}
	}
}

func seqs(entries []models.Entry, event models.EventID) (list []int64) {
	for _, e := range entries {
		if e.Event == event {
			list = append(list, e.Seq)
		}
	}
	return list
}

// A transaction takes its number early and may commit late: what is numbered behind it must wait, or a reader that has
// come past it would never see it.
func TestFeed_passes_over_nothing_that_is_committed_late(t *testing.T) {
	t.Parallel()
	b := setup(t)
	slow, quick, user := b.event(t, 100), b.event(t, 100), b.user(t)
	seen := b.feedOf(t, 2)
	place := &seen[len(seen)-1].Place
	late := b.connect(t)
	tx, err := late.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	const insert = `INSERT INTO journal (event_id, seq, at, facts) SELECT event_id, 2, now(), facts FROM journal WHERE event_id = $1`
	if _, err := tx.Exec(t.Context(), insert, slow.ID.String()); err != nil {
		t.Fatal(err)
	}
	for range 5 {
		b.must(t, quick.ID, reserve(user.ID, 1))
	}
	if got := b.feed(t, place); len(got) != 0 {
		t.Fatalf("while an older transaction is open the feed gives %+v", got)
	}
	if page, err := b.Journal(t.Context(), quick.ID, 0, 100); err != nil || page.Last != 6 || len(page.Entries) != 6 {
		t.Errorf("the event's own journal waits as well: %+v, %v", page, err)
	}
	if err := tx.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	all := b.feedOf(t, len(seen)+6)
	if got := all[len(seen)]; got.Event != slow.ID || got.Seq != 2 {
		t.Errorf("what was committed late is not the next: %+v", got)
	}
	if got := seqs(all, quick.ID); !slices.Equal(got, []int64{1, 2, 3, 4, 5, 6}) {
		t.Errorf("the other event's seqs are %v", got)
	}
}

// A transaction that only reads, such as a backup, has no number and holds up nobody.
func TestFeed_waits_for_nobody_who_only_reads(t *testing.T) {
	t.Parallel()
	b := setup(t)
	tx, err := b.connect(t).BeginTx(t.Context(), pgx.TxOptions{IsoLevel: pgx.RepeatableRead})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), "SELECT FROM journal"); err != nil {
		t.Fatal(err)
	}
	event := b.event(t, 10)
	b.must(t, event.ID, reserve(b.user(t).ID, 1))
	if got := seqs(b.feedOf(t, 2), event.ID); !slices.Equal(got, []int64{1, 2}) {
		t.Errorf("beside a reader the feed gives %v", got)
	}
}

// A dump that is restored to a server that has not come so far carries numbers from the future.
func TestFeed_of_a_restored_dump_is_mended(t *testing.T) {
	t.Parallel()
	for name, restored := range map[string]string{
		"all are beyond":      `UPDATE journal SET tx = (999999000 + seq)::text::xid8`,
		"the later are":       `UPDATE journal SET tx = (CASE WHEN seq > 3 THEN 999999000 + seq ELSE seq + 3 END)::text::xid8`,
		"the newest are not":  `UPDATE journal SET tx = (CASE WHEN seq < 4 THEN 999999000 + seq ELSE seq + 3 END)::text::xid8`,
		"all are of one time": `UPDATE journal SET tx = '999999999'`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			user := b.user(t)
			events := []models.Event{b.event(t, 100), b.event(t, 100)}
			for i := range 10 {
				b.must(t, events[i%2].ID, reserve(user.ID, 1))
			}
			place := b.feedOf(t, 12)[5].Place
			b.exec(t, restored)
			if _, err := b.Feed(t.Context(), nil, 10); !errors.Is(err, repository.ErrUnavailable) {
				t.Fatalf("before it is mended the feed gives %v", err)
			}
			if mended, err := b.MendFeed(t.Context()); err != nil || !mended {
				t.Fatalf("mended is %t, %v", mended, err)
			}
			b.must(t, events[0].ID, reserve(user.ID, 1))
			all := b.feedOf(t, 13)
			for i, want := range [][]int64{{1, 2, 3, 4, 5, 6, 7}, {1, 2, 3, 4, 5, 6}} {
				if diff := cmp.Diff(want, seqs(all, events[i].ID)); diff != "" {
					t.Errorf("event %d (-want +got):\n%s", i, diff)
				}
			}
			if _, err := b.Feed(t.Context(), &place, 10); !errors.Is(err, models.ErrFeedAhead) {
				t.Errorf("a place of before gives %v", err)
			}
			if mended, err := b.MendFeed(t.Context()); err != nil || mended {
				t.Errorf("mended once more: %t, %v", mended, err)
			}
			places := map[int64]bool{}
			for _, e := range all {
				places[e.Place.Tx] = true
			}
			if len(places) < 13 {
				t.Errorf("%d entries have %d numbers: each page would sort many", len(all), len(places))
			}
		})
	}
}

// What a sale writes while a feed is mended comes after all that was there.
func TestFeed_is_mended_beside_a_sale(t *testing.T) {
	t.Parallel()
	b := setup(t)
	user, event := b.user(t), b.event(t, 1000)
	for range 5 {
		b.must(t, event.ID, reserve(user.ID, 1))
	}
	b.exec(t, `UPDATE journal SET tx = '999999999'`)
	done := make(chan error, 1)
	go func() {
		for range 40 {
			if _, err := b.decide(t.Context(), event.ID, reserve(user.ID, 1)); err != nil {
				done <- fmt.Errorf("booking: %w", err)
				return
			}
		}
		done <- nil
	}()
	mended := false
	err := retry.Do(t.Context(), repository.IsConflict, func() (err error) {
		mended, err = b.MendFeed(t.Context())
		return err
	})
	if err != nil || !mended {
		t.Errorf("mended is %t, %v", mended, err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	want := make([]int64, 46)
	for i := range want {
		want[i] = int64(i + 1)
	}
	if diff := cmp.Diff(want, seqs(b.feedOf(t, 46), event.ID)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	facts, err := b.AuditFacts(t.Context(), event.ID)
	if report := sale.Audit(facts); err != nil || !report.OK {
		t.Errorf("the audit finds %+v, %v", report.Differences, err)
	}
}

// Whoever prunes an event while another does goes on from what that one leaves.
func TestPruneJournal_waits_for_another_who_prunes(t *testing.T) {
	t.Parallel()
	b := setup(t)
	event, user := b.event(t, 100), b.user(t)
	for range 9 {
		b.must(t, event.ID, reserve(user.ID, 1))
	}
	b.exec(t, `DELETE FROM outbox`)
	b.exec(t, `UPDATE journal SET at = now() - interval '1 hour'`)
	other, err := b.connect(t).Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var sum models.JournalSum
	rows, _ := other.Query(t.Context(), `SELECT seq, facts FROM journal WHERE seq <= 4 ORDER BY seq`)
	var seq int64
	var facts []byte
	_, err = pgx.ForEachRow(rows, []any{&seq, &facts}, func() error { return journal.Fold(&sum, seq, facts) })
	if err == nil {
		_, err = other.Exec(t.Context(), `DELETE FROM journal WHERE seq < 4`)
	}
	if err == nil {
		_, err = other.Exec(t.Context(), `UPDATE journal SET facts = $1 WHERE seq = 4`, journal.Opening("USD", sum.Balance))
	}
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() {
		n, err := b.PruneJournal(t.Context(), event.ID, time.Minute, 3)
		if n != 2 && err == nil {
			err = fmt.Errorf("%d are gone", n)
		}
		done <- err
	}()
	watch := b.connect(t)
	testkit.Eventually(t, patience, func() error {
		var waits int
		err := watch.QueryRow(t.Context(), `SELECT count(*) FROM pg_stat_activity
			WHERE datname = current_database() AND wait_event_type = 'Lock'`).Scan(&waits)
		if err == nil && waits == 0 {
			err = errors.New("nobody waits")
		}
		return err
	})
	if err := errors.Join(other.Commit(t.Context()), <-done); err != nil {
		t.Fatal(err)
	}
	page, err := b.Journal(t.Context(), event.ID, 0, 100)
	if err != nil || page.First != 6 || len(page.Entries) != 5 {
		t.Errorf("after two have pruned the journal is %+v, %v", page, err)
	}
	audit, err := b.AuditFacts(t.Context(), event.ID)
	if report := sale.Audit(audit); err != nil || !report.OK {
		t.Errorf("the audit finds %+v, %v", report.Differences, err)
	}
}
