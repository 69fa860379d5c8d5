package health

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"quantix/internal/models"
	"quantix/internal/repository"
	"quantix/internal/retry"
)

// Options are what a monitor looks at. Process, Store, Schema and Queue are required.
type Options struct {
	Process models.Process
	Store   repository.Health
	Schema  func(context.Context) error // says why the database cannot serve this program
	Queue   func(context.Context) error // a publish that nobody sees
	Loops   []string                    // those of this process, by the names that Note knows them by
	Logger  *slog.Logger
	Every   time.Duration // how often it looks by itself; default 5 s
}

// Monitor watches over the work of a process and of those around it.
type Monitor struct {
	options Options
	deeds   *Deeds
	begun   time.Time
	turn    chan struct{} // held by who examines

	mu   sync.Mutex // guards the others
	last Report
	at   time.Time // when last was made
	told map[string]time.Time
}

// TrialRoom is how much room on the disk a trial asks for: more than a batch of bookings does.
const TrialRoom = 64 << 10

const (
	// fresh is for how long a report is good: a flood of those who ask must not become one of those who look.
	fresh = 500 * time.Millisecond
	// How long it waits for what it looks at: those who ask for our health wait three seconds themselves.
	databasePatience = 2 * time.Second
	queuePatience    = 500 * time.Millisecond
	beatPatience     = 4 * time.Second
	// repeatAfter is how often a fault that lasts is told again.
	repeatAfter = time.Minute
)

// New makes a monitor that only remembers what it is told, until Start.
func New() *Monitor {
	return &Monitor{deeds: NewDeeds(), turn: make(chan struct{}, 1), told: map[string]time.Time{}}
}

// Start says what to look at, before anybody asks.
func (m *Monitor) Start(o Options) {
	if o.Every == 0 {
		o.Every = 5 * time.Second
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	m.options, m.begun = o, time.Now()
}

// Note is told how each round of a loop ended, found it anything or not.
func (m *Monitor) Note(loop string, err error) { m.deeds.Note(loop, err) }

// Committed is told how each write of bookings ended. What was refused for its own sake says nothing about the
// database, and neither does what lost against another.
func (m *Monitor) Committed(err error) {
	if err == nil || errors.Is(err, repository.ErrUnavailable) || errors.Is(err, repository.ErrCommitUnknown) {
		m.deeds.Note(Database, err)
	}
}

// Run tells the others that this process is there, and looks, until the context ends; so that the log says when a fault
// begins and ends even if nobody asks. Then it takes leave.
func (m *Monitor) Run(ctx context.Context) {
	for ctx.Err() == nil {
		_ = within(context.WithoutCancel(ctx), beatPatience, func(ctx context.Context) error {
			err := m.options.Store.Beat(ctx, m.options.Process, 0)
			m.Committed(err)
			return err
		})
		m.Examine(ctx)
		retry.Pause(ctx, m.options.Every)
	}
	_ = within(context.WithoutCancel(ctx), queuePatience, func(ctx context.Context) error {
		return m.options.Store.Leave(ctx, m.options.Process.ID)
	})
}

// Examine returns how all parts do. Whoever asks while another looks gets what that one sees.
func (m *Monitor) Examine(ctx context.Context) Report {
	select {
	case m.turn <- struct{}{}:
		defer func() { <-m.turn }()
	case <-ctx.Done():
		return m.known()
	}
	if report, is := m.fresh(); is {
		return report
	}
	report := m.look(context.WithoutCancel(ctx))
	m.mu.Lock()
	defer m.mu.Unlock()
	m.settle(report)
	return m.last
}

func (m *Monitor) known() Report {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.last
}

func (m *Monitor) fresh() (Report, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.last, m.last != nil && time.Since(m.at) < fresh
}

// look asks everybody at once.
func (m *Monitor) look(ctx context.Context) Report {
	var database, queue State
	var rest Report
	var asking sync.WaitGroup
	asking.Go(func() { database = m.lookAtDatabase(ctx) })
	asking.Go(func() { queue = m.lookAtQueue(ctx) })
	asking.Go(func() { rest = m.lookAround(ctx) })
	asking.Wait()
	failing, blamesQueue := judgeLoops(time.Now(), m.begun, m.options.Loops, m.deeds)
	if blamesQueue != nil && queue.Status == OK {
		queue = *blamesQueue
	}
	report := append(Report{database, queue}, rest...)
	for i := range report {
		if failing != nil && report[i].Part == failing.Part && report[i].Status == OK {
			report[i] = *failing
		}
	}
	return report
}

// lookAtDatabase reports whether bookings can be taken: the schema is good, and the last write succeeded. Once one has
// failed and none succeeded since, it tries a write itself, for nobody sends bookings to a server that says it is down.
func (m *Monitor) lookAtDatabase(ctx context.Context) State {
	err := within(ctx, databasePatience, func(ctx context.Context) error {
		if err := m.options.Schema(ctx); err != nil {
			return err
		}
		if m.deeds.Last(Database).Err == nil {
			return nil
		}
		err := m.options.Store.Beat(ctx, m.options.Process, TrialRoom)
		m.Committed(err)
		if m.deeds.Last(Database).Err == nil { // a booking succeeded meanwhile, perhaps
			return nil
		}
		return err
	})
	if err == nil {
		return State{Part: Database, Status: OK}
	}
	detail, remedy := OfDatabase(err)
	return State{Part: Database, Status: Down, Detail: detail, Remedy: remedy, cause: err}
}

func (m *Monitor) lookAtQueue(ctx context.Context) State {
	err := within(ctx, queuePatience, m.options.Queue)
	if err == nil {
		return State{Part: Queue, Status: OK}
	}
	detail, remedy := OfQueue(err)
	return State{Part: Queue, Status: Degraded, Detail: detail, Remedy: remedy, cause: err}
}

// lookAround judges by what the database knows of all processes; nothing is judged while it says nothing.
func (m *Monitor) lookAround(ctx context.Context) Report {
	seen := Installation{Self: m.options.Process}
	err := within(ctx, databasePatience, func(ctx context.Context) (err error) {
		var found Installation // a late answer must not be written to while it is read
		if found.Processes, err = m.options.Store.Processes(ctx, HeardOf); err != nil {
			return err
		}
		if found.Backlog, err = m.options.Store.Backlog(ctx); err != nil {
			return err
		}
		found.Self = m.options.Process
		m.mu.Lock()
		defer m.mu.Unlock()
		seen = found
		return nil
	})
	if err != nil {
		return nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return Report{seen.JudgeWorkers(), seen.JudgeExpiry(), seen.JudgePayments()}
}

// within asks with a bound, and does not wait for one who pays no heed to it.
func within(ctx context.Context, patience time.Duration, ask func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	answer := make(chan error, 1)
	go func() {
		defer cancel()
		answer <- ask(ctx)
	}()
	select {
	case err := <-answer:
		return err
	case <-ctx.Done():
	}
	select {
	case err := <-answer: // both came at once, for an answer ends the context too
		return err
	default:
		return ctx.Err()
	}
}
