package boxoffice

import (
	"context"
	"sync"

	"quantix/internal/models"
	"quantix/internal/repository"
	"quantix/internal/sale"
)

// desksAtOnce bounds for how many events commands are told at once.
const desksAtOnce = 16

// TellMany puts the system's commands before the desks of their events, of several at a time, and waits for all. each
// gets every outcome, one after another. Error: the context ended, and the commands of some events were not told.
func (o *Office) TellMany(ctx context.Context, byEvent map[models.EventID][]sale.Command, each func(Outcome)) error {
	var mu sync.Mutex // guards that each is called one at a time
	var desks sync.WaitGroup
	defer desks.Wait()
	free := make(chan struct{}, desksAtOnce)
	for event, commands := range byEvent {
		select {
		case free <- struct{}{}:
		case <-ctx.Done():
			return repository.ToDomain(ctx.Err())
		}
		desks.Go(func() {
			defer func() { <-free }()
			outcomes := o.TellAll(ctx, event, commands)
			mu.Lock()
			defer mu.Unlock()
			for _, outcome := range outcomes {
				each(outcome)
			}
		})
	}
	return nil
}
