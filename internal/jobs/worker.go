package jobs

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"quantix/internal/models"
	"quantix/internal/queue"
	"quantix/internal/repository"
	"quantix/internal/retry"
	"quantix/internal/services"
)

// LetterStore keeps messages that nobody can read.
type LetterStore interface {
	AddMessageLetter(ctx context.Context, letter models.DeadLetter) error
}

// Worker reads payment messages and has their bookings charged. A message is acknowledged as soon as its booking's
// charge is on disk: the gateway is asked in the background, up to the payments' own bound, so that one slow answer
// holds up nobody's message. What is not acknowledged is delivered again.
type Worker struct {
	Settings
	Queue    queue.Queue
	Payments *services.Payments
	Letters  LetterStore
	Consumer string        // unique among all processes; default a new UUID
	Batch    int           // messages read at once; default 256
	Most     int           // the same while no buyers are in need; default Batch
	Wait     time.Duration // how long one read waits for messages; default 500 ms
	GiveWay  GiveWay       // before each read, so that payments go on in few large batches; optional
}

// Name is "worker".
func (w *Worker) Name() string { return "worker" }

// Run works until the context ends; then it waits until the charges in hand are settled, or the grace is over. What is
// not settled by then is left, under its lease, to a retrier.
func (w *Worker) Run(ctx context.Context) error {
	w.Consumer = cmp.Or(w.Consumer, newConsumer(w.Name()))
	w.Batch = cmp.Or(w.Batch, 256)
	w.Most = max(w.Most, w.Batch)
	w.Wait = cmp.Or(w.Wait, 500*time.Millisecond)
	w.Settings = w.withDefaults(time.Second)
	p := poller{Settings: w.Settings, name: w.Name(), finish: w.Payments.Drain}
	in := intake{queue: w.Queue, payments: w.Payments, letters: w.Letters, logger: p.Logger}
	return p.run(ctx, func(work context.Context) (int, bool, error) {
		most := w.Most // fewer transactions; but smaller ones do not keep buyers waiting
		if w.GiveWay.pause(ctx) {
			most = w.Batch
		}
		room := w.Payments.Room(most)
		if room == 0 {
			free, err := w.Payments.ConfirmFree(work)
			return free, false, err // what would only wait here is better left in the queue
		}
		messages, err := w.Queue.Receive(work, w.Consumer, room, w.Wait)
		if err != nil {
			return 0, false, err
		}
		taken, err := in.take(work, messages)
		return taken, true, err
	})
}

func newConsumer(job string) string { return job + "-" + models.NewID[models.BatchID]().String() }

// An intake deals with messages, whether new or another consumer's.
type intake struct {
	queue    queue.Queue
	payments *services.Payments
	letters  LetterStore
	logger   *slog.Logger
}

// take has the messages' bookings charged, sets aside what nobody can read, and acknowledges both. It returns how many
// messages are done with; the others are delivered again.
func (in *intake) take(ctx context.Context, messages []queue.Message) (int, error) {
	if len(messages) == 0 {
		return 0, nil
	}
	var good, done []queue.Message
	var errs []error
	for _, m := range messages {
		if m.Err == nil {
			good = append(good, m)
		} else if err := in.setAside(ctx, m, m.Err); err != nil {
			errs = append(errs, err)
		} else {
			done = append(done, m)
		}
	}
	charged, err := in.charge(ctx, good)
	done = append(done, charged...)
	return len(done), errors.Join(append(errs, err, in.queue.Ack(ctx, done))...)
}

// charge has bookings charged, and returns the messages that are done with. When the database refuses one of them, each
// is tried alone, so that only the culprit waits. Its message is a sale all the same: it is left for another try,
// whatever kind of error it was, until its booking has been charged or has ended.
func (in *intake) charge(ctx context.Context, messages []queue.Message) (done []queue.Message, err error) {
	refs := make([]models.BookingRef, len(messages))
	for i, m := range messages {
		refs[i] = m.Booking
	}
	err = in.payments.Charge(ctx, refs)
	switch {
	case err == nil:
		return messages, nil
	case !errors.Is(err, repository.ErrRejected):
		return nil, err
	case len(messages) == 1:
		return nil, fmt.Errorf("message %s of booking %s is left for later: %w", messages[0].ID, messages[0].Booking.Booking, err)
	}
	var errs []error
	for i := range messages {
		one, err := in.charge(ctx, messages[i:i+1])
		done, errs = append(done, one...), append(errs, err)
	}
	return done, errors.Join(errs...)
}

// setAside puts a message into the dead letters. The letter's id follows from the message, so that a redelivery makes
// no second one.
func (in *intake) setAside(ctx context.Context, m queue.Message, reason error) error {
	if m.Raw == "" {
		m.Raw = fmt.Sprintf("booking %s of event %s", m.Booking.Booking, m.Booking.Event)
	}
	in.logger.Error("a message makes no sense; it is in the dead letters", "message_id", m.ID, "error", reason)
	letter := models.DeadLetter{
		ID: models.MessageLetterID(m.ID, m.Raw), Kind: models.LetterMessage, Attempts: 1,
		LastError: models.Clip(reason.Error(), 500), Payload: models.Clip(m.Raw, 4000),
	}
	err := retry.Do(ctx, repository.IsConflict, func() error { return in.letters.AddMessageLetter(ctx, letter) })
	if err != nil {
		return fmt.Errorf("keep a message that makes no sense: %w", err)
	}
	return nil
}
