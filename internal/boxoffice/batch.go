package boxoffice

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"slices"
	"time"

	"quantix/internal/models"
	"quantix/internal/repository"
	"quantix/internal/retry"
	"quantix/internal/sale"
)

// A batch that lost its commit's answer is looked for this often, with a growing pause, before its callers are told
// that the outcome is unknown: in all about six seconds.
const recheckTries = 6

// serve answers every request of a batch.
func (d *desk) serve(requests []*request) { d.commitBatch(requests, false) }

// commitBatch runs the requests as one transaction and answers them. With recheck they were sent before and may be in
// force: then the rules find what is there by ids that were made beforehand, and nothing but what they decide is an
// answer. A refusal during a recheck does not prove that the first commit failed.
func (d *desk) commitBatch(requests []*request, recheck bool) {
	var verdicts []sale.Verdict
	var err error
	for try := 1; try <= recheckTries; try++ {
		again := try > 1
		err = retry.Do(context.Background(), repository.IsConflict, func() error {
			verdicts, err = d.transact(requests, recheck, again)
			again = true
			return err
		})
		unknown := errors.Is(err, repository.ErrCommitUnknown)
		if err == nil || !unknown && (!recheck || errors.Is(err, repository.ErrRejected)) {
			break
		}
		recheck = true
		retry.Pause(context.Background(), retry.Backoff(100*time.Millisecond, try, 2*time.Second))
	}
	if err != nil {
		// Forget the latch: otherwise each waiting request would probe the failing store, one after another.
		d.latch.Store(nil)
	}
	broken, panicked := errors.AsType[*brokenRule](err)
	switch {
	case err == nil:
		answerAll(requests, verdicts, nil)
	case panicked && len(requests) > 1:
		others := slices.Delete(slices.Clone(requests), broken.request, broken.request+1)
		d.fail(requests[broken.request:broken.request+1], recheck, err)
		d.commitBatch(others, recheck)
	case errors.Is(err, repository.ErrRejected) && len(requests) > 1:
		d.tell(len(requests), err)
		d.split(requests, recheck)
	default:
		d.fail(requests, recheck, err)
	}
}

// fail answers requests whose transaction came to nothing, as far as that is known.
func (d *desk) fail(requests []*request, recheck bool, err error) {
	d.tell(len(requests), err)
	if recheck {
		answerAll(requests, nil, models.ErrOutcomeUnknown.With(err))
		return
	}
	answerAll(requests, nil, repository.ToDomain(err))
}

// tell logs why a batch failed, unless the store is just away, which is told elsewhere.
func (d *desk) tell(commands int, err error) {
	if errors.Is(err, repository.ErrUnavailable) {
		return
	}
	attrs := []slog.Attr{slog.Any("event_id", d.event), slog.Int("commands", commands), slog.Any("error", err)}
	if broken, is := errors.AsType[*brokenRule](err); is {
		attrs = append(attrs, slog.String("stack", broken.stack))
	}
	d.office.faults.Fault(slog.LevelError, "a batch of "+d.event.String(), "a batch failed", attrs...)
}

// split halves a batch that the database refused, until the culprit is alone and only it fails.
func (d *desk) split(requests []*request, recheck bool) {
	half := len(requests) / 2
	d.commitBatch(requests[:half], recheck)
	d.commitBatch(requests[half:], recheck)
}

// transact decides the requests' commands in one transaction. The verdicts hold only when it returns no error.
func (d *desk) transact(requests []*request, recheck, again bool) ([]sale.Verdict, error) {
	ctx, cancel := context.WithTimeout(context.Background(), d.office.options.Timeout)
	defer cancel()
	commands := make([]sale.Command, len(requests))
	for i, r := range requests {
		commands[i] = r.command
	}
	verdicts := make([]sale.Verdict, len(requests))
	var event *models.Event
	var broken *brokenRule
	var seen time.Time
	published := false
	decide := func(s *sale.State) {
		seen = d.office.options.Now()
		s.Rules, s.Recheck = d.office.options.Rules, recheck
		if broken = decideAll(s, requests, verdicts, recheck); broken == nil {
			event, published = s.Event, s.Writes().Publishes()
		}
	}
	begun := d.office.options.Now()
	need := sale.ReadsOf(commands, recheck, again)
	need.Customers = d.office.options.Rules.MaxLivePerUser > 0
	err := d.office.store.AtDesk(ctx, d.event, models.NewID[models.BatchID](), need, decide)
	switch {
	case broken != nil && len(need.Seen) > 0: // a booking that is not as it was seen may break any rule
		err = fmt.Errorf("%w: decided on what was seen before: %s", repository.ErrConflict, broken.Error())
	case broken != nil:
		err = broken
	}
	d.office.options.Observer.Batch(len(requests), d.office.options.Now().Sub(begun), err)
	if err == nil {
		d.setLatch(event, begun, seen)
	}
	if err == nil && published {
		d.office.options.Published()
	}
	return verdicts, err
}

// brokenRule says which request's command made a rule panic. Nothing of its batch was written.
type brokenRule struct {
	request int
	fault   any
	stack   string
}

// Unwrap says that the fault is the batch's, and not the store's: its callers try what they sent one by one.
func (b *brokenRule) Unwrap() error { return repository.ErrRejected }

func (b *brokenRule) Error() string { return fmt.Sprintf("a rule panicked: %v", b.fault) }

// decideAll decides the requests that are still wanted, and stops at one that makes a rule panic: this is the one place
// where that is caught.
func decideAll(s *sale.State, requests []*request, verdicts []sale.Verdict, recheck bool) (broken *brokenRule) {
	at := 0
	defer func() {
		if fault := recover(); fault != nil {
			s.Abort()
			broken = &brokenRule{request: at, fault: fault, stack: string(debug.Stack())}
		}
	}()
	for ; at < len(requests); at++ {
		if requests[at].admit(recheck) {
			verdicts[at] = s.Decide(requests[at].command)
		}
	}
	return nil
}

func answerAll(requests []*request, verdicts []sale.Verdict, err error) {
	for i, r := range requests {
		if err != nil {
			r.answer(sale.Verdict{}, err)
		} else {
			r.answer(verdicts[i], nil)
		}
	}
}
