package jobs

import (
	"context"
	"sync"
	"time"

	"quantix/internal/models"
	"quantix/internal/repository"
)

// MarkStore is what the relay and the reconciler need of a store.
type MarkStore interface {
	repository.Outbox
	UnpaidBookings(ctx context.Context, after *models.Position, limit int) ([]models.Booking, error)
	LostBookings(ctx context.Context, held *models.BookingRef, slack time.Duration, limit int) ([]models.BookingRef, error)
	PublishLost(ctx context.Context, bookings []models.BookingRef) (int, error)
	NoteQueue(ctx context.Context, member models.BatchID, oldest *models.BookingRef) error
}

// LocalQueueMarks is a store for a queue that lives in this process alone: how far it has got is remembered here and
// not in the database, where other replicas would take each other's queues for one that has lost its messages. The
// first look finds all messages lost, as they are after a start.
type LocalQueueMarks struct {
	MarkStore

	mu     sync.Mutex
	member models.BatchID   // names this process's queue
	mark   models.QueueMark // zero: before the first look
}

// LostBookings first notes what this process's queue holds, for the others, whose queues' it is not.
func (l *LocalQueueMarks) LostBookings(
	ctx context.Context, held *models.BookingRef, slack time.Duration, limit int,
) ([]models.BookingRef, error) {
	l.mu.Lock()
	if l.member == (models.BatchID{}) {
		l.member = models.NewID[models.BatchID]()
	}
	member := l.member
	l.mu.Unlock()
	if err := l.NoteQueue(ctx, member, held); err != nil {
		return nil, err
	}
	return l.MarkStore.LostBookings(ctx, held, slack, limit)
}

// QueueMark returns the mark remembered last; before the first, one that no queue ever shows.
func (l *LocalQueueMarks) QueueMark(context.Context) (models.QueueMark, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.mark == (models.QueueMark{}) {
		return models.QueueMark{Epoch: "before this process"}, nil
	}
	return l.mark, nil
}

// DeleteOutbox removes rows that were published.
func (l *LocalQueueMarks) DeleteOutbox(ctx context.Context, ids []models.BatchID, mark models.QueueMark) error {
	err := l.MarkStore.DeleteOutbox(ctx, ids, models.QueueMark{})
	l.mu.Lock()
	defer l.mu.Unlock()
	if err == nil && (mark.Epoch != l.mark.Epoch || l.mark.OlderThan(mark)) {
		l.mark = mark
	}
	return err
}

// Republish writes outbox rows for bookings that the queue has lost.
func (l *LocalQueueMarks) Republish(ctx context.Context, rows []models.OutboxRow, mark models.QueueMark) error {
	err := l.MarkStore.Republish(ctx, rows, models.QueueMark{})
	l.mu.Lock()
	defer l.mu.Unlock()
	if err == nil {
		l.mark = mark
	}
	return err
}
