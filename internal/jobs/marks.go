package jobs

import (
	"context"
	"sync"

	"quantix/internal/models"
	"quantix/internal/queue"
	"quantix/internal/repository"
)

// MarkStore is what the relay and the reconciler need of a store.
type MarkStore interface {
	repository.Outbox
	UnpaidBookings(ctx context.Context, after *models.Position, limit int) ([]models.Booking, error)
}

// LocalMarks is a store for a queue that lives in this process alone: how far it has got is remembered here and not in the
// database, where other replicas would take each other's queues for one that has lost its messages. The first look
// finds all messages lost, as they are after a start.
type LocalMarks struct {
	MarkStore

	mu   sync.Mutex
	mark models.QueueMark // zero: before the first look
}

// QueueMark gives the mark remembered last; before the first, one that no queue ever shows.
func (l *LocalMarks) QueueMark(context.Context) (models.QueueMark, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.mark == (models.QueueMark{}) {
		return models.QueueMark{Epoch: "before this process"}, nil
	}
	return l.mark, nil
}

// DeleteOutbox removes rows that were published.
func (l *LocalMarks) DeleteOutbox(ctx context.Context, ids []models.BatchID, mark models.QueueMark) error {
	err := l.MarkStore.DeleteOutbox(ctx, ids, models.QueueMark{})
	l.mu.Lock()
	defer l.mu.Unlock()
	if err == nil && (mark.Epoch != l.mark.Epoch || queue.OlderID(l.mark.LastID, mark.LastID)) {
		l.mark = mark
	}
	return err
}

// Republish writes outbox rows for bookings that the queue has lost.
func (l *LocalMarks) Republish(ctx context.Context, rows []models.OutboxRow, mark models.QueueMark) error {
	err := l.MarkStore.Republish(ctx, rows, models.QueueMark{})
	l.mu.Lock()
	defer l.mu.Unlock()
	if err == nil {
		l.mark = mark
	}
	return err
}
