package jobs

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"quantix/internal/models"
	"quantix/internal/repository"
	"quantix/internal/retry"
)

// PrunerStore is what the pruner works on.
type PrunerStore interface {
	EventIDs(ctx context.Context, after models.EventID, limit int) ([]models.EventID, error)
	PruneJournal(ctx context.Context, event models.EventID, age time.Duration, limit int) (int, error)
	MendFeed(ctx context.Context) (bool, error)
}

// Pruner takes what is older than an age out of the events' journals, some entries at a time, round after round. Each
// round begins with a look whether the feed of all events is in order, which it is not after a dump was restored to
// another server.
type Pruner struct {
	Settings // Interval: default 1 h
	Store    PrunerStore
	Age      time.Duration // 0: everything is kept
	Piece    int           // entries of one transaction; default 256
	Events   int           // events of one step; default 100
	// Share is how many times as long as the work took the pruner rests after it; default 4.
	Share   int
	GiveWay GiveWay // before each piece; optional

	after models.EventID // the last event of this round so far
	gone  int            // entries that this round has taken out so far
	busy  time.Duration  // work that was not rested after yet
}

const (
	maxPrunePause = time.Second
	// minPruneWork is what the pruner does without a rest: most events have nothing to take out, and are passed over
	// quickly.
	minPruneWork = 5 * time.Millisecond
)

// Name is "pruner".
func (p *Pruner) Name() string { return "pruner" }

// Run prunes until the context ends.
func (p *Pruner) Run(ctx context.Context) error {
	p.Piece = max(cmp.Or(p.Piece, 256), 2) // one alone is never replaced
	p.Events = cmp.Or(p.Events, 100)
	p.Share = cmp.Or(p.Share, 4)
	p.Settings = p.withDefaults(time.Hour)
	polling := poller{Settings: p.Settings, name: p.Name()}
	return polling.run(ctx, func(context.Context) (int, bool, error) {
		// There is nothing to finish: the loop's own context ends a piece at once.
		gone, more, err := p.step(ctx)
		if ctx.Err() != nil {
			err = nil
		}
		return gone, more, err
	})
}

// step prunes the next events. When one cannot be, the next step goes on behind it, so that it does not keep the
// others.
func (p *Pruner) step(ctx context.Context) (gone int, more bool, err error) {
	if p.after == (models.EventID{}) {
		if err := p.mend(ctx); err != nil {
			return 0, false, err
		}
	}
	if p.Age == 0 {
		return 0, false, nil
	}
	ids, err := p.Store.EventIDs(ctx, p.after, p.Events)
	if err != nil {
		return 0, false, fmt.Errorf("list events: %w", err)
	}
	for _, id := range ids {
		p.after = id
		n, err := p.prune(ctx, id)
		gone += n
		if err != nil {
			return gone, true, fmt.Errorf("prune the journal of event %s: %w", id, err)
		}
	}
	if len(ids) == p.Events {
		return gone, true, nil
	}
	if p.gone > 0 {
		p.Logger.Info("old entries were taken out of the journals", "entries", p.gone)
	}
	p.after, p.gone = models.EventID{}, 0
	return gone, false, nil
}

// mend puts the feed in order. It may take as long as it needs: until it is done the feed cannot be read at all.
func (p *Pruner) mend(ctx context.Context) error {
	mended := false
	err := retry.Do(ctx, repository.IsConflict, func() (err error) {
		mended, err = p.Store.MendFeed(ctx)
		return err
	})
	if err != nil {
		return fmt.Errorf("put the feed in order: %w", err)
	}
	if mended {
		p.Logger.Warn("the database was restored to another server: the feed begins a new epoch, and its readers begin again")
	}
	return nil
}

// prune takes out what is old of one event, piece by piece.
func (p *Pruner) prune(ctx context.Context, event models.EventID) (gone int, err error) {
	for ctx.Err() == nil {
		p.GiveWay.pause(ctx)
		begun := time.Now()
		n, err := p.piece(ctx, event)
		p.rest(ctx, time.Since(begun))
		gone, p.gone = gone+n, p.gone+n
		if n == 0 || err != nil {
			return gone, err
		}
	}
	return gone, ctx.Err()
}

func (p *Pruner) piece(ctx context.Context, event models.EventID) (gone int, err error) {
	ctx, cancel := context.WithTimeout(ctx, p.Timeout)
	defer cancel()
	err = retry.Do(ctx, repository.IsConflict, func() error {
		gone, err = p.Store.PruneJournal(ctx, event, p.Age, p.Piece)
		return err
	})
	return gone, err
}

// rest pauses in proportion to the work.
func (p *Pruner) rest(ctx context.Context, worked time.Duration) {
	if p.busy += worked; p.busy >= minPruneWork {
		retry.Pause(ctx, min(p.busy*time.Duration(p.Share), maxPrunePause))
		p.busy = 0
	}
}
