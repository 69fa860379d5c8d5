package bench

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"quantix/internal/payments/simulator"

	"quantix/internal/app"
	"quantix/internal/boxoffice"
	"quantix/internal/database"
	"quantix/internal/models"
	"quantix/internal/repository"
	"quantix/internal/sale"
)

// baselines measures what PostgreSQL does without us, on the schema that we have.
func (b *Bars) baselines(ctx context.Context) error {
	return b.onScratch(ctx, func(s scratch) error {
		if err := database.MigratePostgres(ctx, s.config.PostgresURL(), slog.New(slog.DiscardHandler)); err != nil {
			return err
		}
		figures, err := baselines{
			URL: s.config.PostgresURL(), Duration: b.Load, CopyRows: 100_000 / b.small, Events: max(1000/b.small, 2),
		}.Run(ctx, b.Progress)
		if err == nil {
			b.Sheet.AddBaselines(figures)
		}
		return err
	})
}

// engine measures the box office on its store in this process: what the engine could do if HTTP cost nothing.
func (b *Bars) engine(ctx context.Context) error {
	return b.onScratch(ctx, func(s scratch) error {
		s.config.LogLevel = slog.LevelWarn
		store, err := app.OpenStore(ctx, s.config, app.NewLogger(b.Progress, s.config), app.Writing)
		if err != nil {
			return err
		}
		defer store.Close()
		run := engineRun{store: store, office: boxoffice.New(store, boxoffice.Options{MaxInbox: crowd})}
		if err := run.prepare(ctx); err != nil {
			return err
		}
		if err := run.drive(ctx, b.warmup); err != nil {
			return err
		}
		before, err := b.count(ctx, s)
		if err != nil {
			return err
		}
		run.booked.Store(0)
		begun := time.Now()
		if err := run.drive(ctx, b.Load); err != nil {
			return err
		}
		took := time.Since(begun)
		after, err := b.count(ctx, s)
		if err != nil {
			return err
		}
		b.add(EngineRows, float64(run.booked.Load())/took.Seconds())
		written := after.postgres.Minus(before.postgres)
		b.add(WAL, float64(written.WALBytes)/float64(max(written.Bookings, 1)))
		if err := errors.Join(run.office.Close(ctx), run.audit(ctx)); err != nil {
			b.Sheet.Void(EngineRows, err.Error())
			b.Sheet.Void(WAL, err.Error())
		}
		return nil
	})
}

// engineRun is one event with buyers who need no HTTP.
type engineRun struct {
	store  repository.Store
	office *boxoffice.Office
	event  models.EventID
	users  []models.UserID
	booked atomic.Int64
}

func (r *engineRun) prepare(ctx context.Context) error {
	price, err := models.ParseMoney("25.00", "USD")
	if err != nil {
		return err
	}
	r.event = models.NewID[models.EventID]()
	for range crowd {
		user := models.User{ID: models.NewID[models.UserID](), Name: "Buyer", Version: 1}
		user.Email = user.ID.String() + "@example.test"
		if _, err := r.store.CreateUser(ctx, user); err != nil {
			return fmt.Errorf("make the buyers: %w", err)
		}
		r.users = append(r.users, user.ID)
	}
	_, err = r.store.CreateEvent(ctx, models.Event{
		ID: r.event, Organizer: models.DefaultOrganizer, Name: "Engine",
		DateTime: time.Now().UTC().Add(30 * 24 * time.Hour), TicketPrice: price,
		Stock: models.Stock{Total: 1e9, Available: 1e9}, Version: 1,
	})
	return err
}

// drive has every buyer book, one booking after another.
func (r *engineRun) drive(ctx context.Context, length time.Duration) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	end := time.Now().Add(length)
	var buyers sync.WaitGroup
	for _, user := range r.users {
		buyers.Go(func() {
			for time.Now().Before(end) && ctx.Err() == nil {
				_, err := r.office.Reserve(ctx, r.event, &sale.Reserve{
					Booking: models.NewID[models.BookingID](), User: user, Quantity: 1, Method: simulator.OK,
				})
				if err != nil {
					cancel(err)
					return
				}
				r.booked.Add(1)
			}
		})
	}
	buyers.Wait()
	return context.Cause(ctx)
}

func (r *engineRun) audit(ctx context.Context) error {
	facts, err := r.store.AuditFacts(ctx, r.event)
	if err != nil {
		return err
	}
	if report := sale.Audit(facts); !report.OK {
		return fmt.Errorf("the audit found differences: %v", report.Differences)
	}
	return nil
}
