package jobs

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"quantix/internal/models"
	"quantix/internal/payments/simulator"
	"quantix/internal/repository"
	"quantix/internal/sale"
)

// archive is a store for the pruner: each event has so many entries that are old.
type archive struct {
	ids       []models.EventID
	old       map[models.EventID]int
	broken    models.EventID
	conflicts int // that come first
	takes     time.Duration
	mends     int
	restored  bool
	ages      []time.Duration
	pieces    []int
	at        []time.Time
}

func newArchive(old ...int) *archive {
	a := &archive{old: map[models.EventID]int{}}
	for _, n := range old {
		id := models.NewID[models.EventID]()
		a.ids, a.old[id] = append(a.ids, id), n
	}
	slices.SortFunc(a.ids, models.EventID.Compare)
	return a
}

func (a *archive) EventIDs(_ context.Context, after models.EventID, limit int) (ids []models.EventID, err error) {
	for _, id := range a.ids {
		if id.Compare(after) > 0 && len(ids) < limit {
			ids = append(ids, id)
		}
	}
	return ids, nil
}

func (a *archive) PruneJournal(_ context.Context, event models.EventID, age time.Duration, limit int) (int, error) {
	time.Sleep(a.takes)
	if a.conflicts > 0 {
		a.conflicts--
		return 0, repository.ErrConflict
	}
	if event == a.broken {
		return 0, errors.New("it cannot be read")
	}
	gone := min(limit, a.old[event]) - 1
	if gone <= 0 {
		return 0, nil
	}
	a.old[event] -= gone
	a.ages, a.pieces, a.at = append(a.ages, age), append(a.pieces, gone), append(a.at, time.Now())
	return gone, nil
}

func (a *archive) MendFeed(context.Context) (bool, error) {
	a.mends++
	mended := a.restored
	a.restored = false
	return mended, nil
}

func (a *archive) left() (sum int) {
	for _, n := range a.old {
		sum += n
	}
	return sum
}

// prunes lets a pruner work for a time, on a clock that stands still while anybody works, and returns its log.
func prunes(t *testing.T, p *Pruner, d time.Duration) string {
	t.Helper()
	var log bytes.Buffer
	p.Logger = slog.New(slog.NewTextHandler(&log, nil))
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	if err := p.Run(ctx); err != nil {
		t.Error(err)
	}
	return log.String()
}

func TestPruner_prunes_every_event_in_pieces_until_nothing_is_left(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newArchive(1000, 0, 1, 2, 7, 300)
		store.conflicts = 2
		log := prunes(t, &Pruner{Store: store, Age: 48 * time.Hour, Piece: 100, Events: 2}, time.Minute)
		if got := store.left(); got != 1+0+1+1+1+1 {
			t.Errorf("%d entries are left", got)
		}
		if slices.Max(store.pieces) != 99 || store.ages[0] != 48*time.Hour || store.mends != 1 {
			t.Errorf("pieces %v, ages %v, mended %d times", store.pieces, store.ages[0], store.mends)
		}
		if !strings.Contains(log, "entries=1305") {
			t.Errorf("the log: %s", log)
		}
	})
}

func TestPruner_comes_again_every_hour(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newArchive(0)
		if log := prunes(t, &Pruner{Store: store, Age: time.Hour}, 5*time.Hour); log != "" || store.mends < 5 || store.mends > 11 {
			t.Errorf("in five hours it came %d times; the log: %s", store.mends, log)
		}
	})
}

func TestPruner_keeps_everything_when_told_so(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newArchive(1000)
		store.restored = true
		log := prunes(t, &Pruner{Store: store}, time.Minute)
		if store.left() != 1000 || store.mends != 1 || !strings.Contains(log, "new epoch") {
			t.Errorf("%d are left, mended %d times; the log: %s", store.left(), store.mends, log)
		}
	})
}

func TestPruner_passes_over_an_event_that_cannot_be_pruned(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newArchive(10, 10, 10)
		store.broken = store.ids[1]
		log := prunes(t, &Pruner{Store: store, Age: time.Hour}, time.Minute)
		if store.left() != 1+10+1 || !strings.Contains(log, store.broken.String()) {
			t.Errorf("%d are left; the log: %s", store.left(), log)
		}
	})
}

// The pruner works for a fifth of the time at most, and waits for buyers before each piece.
func TestPruner_gives_way(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newArchive(11, 11)
		store.takes = 100 * time.Millisecond
		waits := 0
		giveWay := func() time.Duration { waits++; return 300 * time.Millisecond }
		begun := time.Now()
		prunes(t, &Pruner{Store: store, Age: time.Hour, Piece: 6, GiveWay: giveWay}, time.Minute)
		var at []time.Duration
		for _, t := range store.at {
			at = append(at, t.Sub(begun))
		}
		ms := time.Millisecond
		if want := []time.Duration{400 * ms, 1200 * ms, 2800 * ms, 3600 * ms}; !slices.Equal(at, want) || waits != 6 {
			t.Errorf("pieces at %v, after %d waits; want %v", at, waits, want)
		}
	})
}

// Beside a sale, the pruner leaves every sum as it was.
func TestPruner_beside_a_sale(t *testing.T) {
	t.Parallel()
	h := newHouse(t, embedded(), simulator.Options{})
	h.start(append(h.loops(), &Pruner{Settings: h.settings(), Store: h.Store, Age: time.Nanosecond, Piece: 5}))
	event := h.Event(1000).ID
	refs := h.BookMany(event, 200, simulator.OK)
	h.wait("CONFIRMED", refs...)
	h.until("nothing was pruned", func() bool {
		page, err := h.Store.Journal(t.Context(), event, 0, 1)
		return err == nil && page.First > 1 && page.First >= page.Last-1
	})
	facts, err := h.Store.AuditFacts(t.Context(), event)
	if report := sale.Audit(facts); err != nil || !report.OK {
		t.Errorf("the audit finds %+v, %v", report.Differences, err)
	}
}
