package boxoffice

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"quantix/internal/models"
	"quantix/internal/repository"
)

// A batch that lost its commit's answer is looked for this often, with a growing pause, before its callers are told
// that the outcome is unknown: in all about six seconds.
const recheckTries = 6

// serve answers every order of a batch.
func (d *desk) serve(orders []*order) { d.settle(orders, false) }

// settle runs the orders as one transaction and answers them. With recheck they were sent before and may be in force:
// then the rules find what is there by ids that were made beforehand, and nothing but what they decide is an answer. That
// a look was refused says nothing of what it was to look for.
func (d *desk) settle(orders []*order, recheck bool) {
	var verdicts []models.Verdict
	var err error
	for try := 1; try <= recheckTries; try++ {
		err = repository.Retry(context.Background(), func() error {
			verdicts, err = d.transact(orders, recheck)
			return err
		})
		unknown := errors.Is(err, repository.ErrCommitUnknown)
		if err == nil || !unknown && (!recheck || errors.Is(err, repository.ErrRejected)) {
			break
		}
		recheck = true
		repository.Pause(context.Background(), repository.Backoff(100*time.Millisecond, try, 2*time.Second))
	}
	switch {
	case err == nil:
		answerAll(orders, verdicts, nil)
	case errors.Is(err, repository.ErrRejected) && len(orders) > 1:
		d.split(orders, recheck)
	case recheck:
		answerAll(orders, nil, models.ErrOutcomeUnknown.With(err))
	default:
		answerAll(orders, nil, repository.Explain(err))
	}
	if err != nil {
		d.latch.Store(nil) // or those who wait would be sent to look one by one, each for as long as a store takes to fail
	}
	if err != nil && !errors.Is(err, repository.ErrUnavailable) {
		d.office.options.Logger.Error("a batch failed", "event_id", d.event, "commands", len(orders), "error", err)
	}
}

// split halves a batch that the database refused, until the culprit is alone and only it fails.
func (d *desk) split(orders []*order, recheck bool) {
	half := len(orders) / 2
	d.settle(orders[:half], recheck)
	d.settle(orders[half:], recheck)
}

// transact decides the orders' commands in one transaction. The verdicts hold only when it gives no error.
func (d *desk) transact(orders []*order, recheck bool) ([]models.Verdict, error) {
	ctx, cancel := context.WithTimeout(context.Background(), d.office.options.Timeout)
	defer cancel()
	commands := make([]models.Command, len(orders))
	for i, o := range orders {
		commands[i] = o.command
	}
	verdicts := make([]models.Verdict, len(orders))
	var event *models.Event
	var seen time.Time
	published := false
	decide := func(s *models.EventState) {
		seen = d.office.options.Now()
		s.Rules, s.Recheck = d.office.options.Rules, recheck
		for i, c := range commands {
			if orders[i].admit(recheck) {
				verdicts[i] = s.Decide(c)
			}
		}
		event, published = s.Event, len(s.Changes().Publish) > 0
	}
	begun := d.office.options.Now()
	err := d.attempt(func() error {
		return d.office.store.AtDesk(ctx, d.event, models.NewID[models.BatchID](), models.Needs(commands, recheck), decide)
	})
	d.office.options.Observer.Batch(len(orders), d.office.options.Now().Sub(begun), err)
	if err == nil {
		d.setLatch(event, begun, seen)
	}
	if err == nil && published {
		d.office.options.Published()
	}
	return verdicts, err
}

// attempt turns a panic of a rule into a refusal of the batch, whose transaction the store has undone: the culprit is then
// found like any other poison, and the process lives on.
func (d *desk) attempt(transact func() error) (err error) {
	defer func() {
		if fault := recover(); fault != nil {
			d.office.options.Logger.Error("a rule panicked", "event_id", d.event, "panic", fault, "stack", string(debug.Stack()))
			err = fmt.Errorf("%w: a rule panicked: %v", repository.ErrRejected, fault)
		}
	}()
	return transact()
}

func answerAll(orders []*order, verdicts []models.Verdict, err error) {
	for i, o := range orders {
		if err != nil {
			o.answer(models.Verdict{}, err)
		} else {
			o.answer(verdicts[i], nil)
		}
	}
}
