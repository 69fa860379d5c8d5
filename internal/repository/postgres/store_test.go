package postgres_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"quantix/internal/payments/simulator"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"quantix/internal/database"
	"quantix/internal/models"
	"quantix/internal/repository/postgres"
	"quantix/internal/sale"
	"quantix/internal/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }

func migrate(url string) error {
	return database.MigratePostgres(context.Background(), url, slog.New(slog.DiscardHandler))
}

// bundle is a store on a database of its own, with a connection beside it for what a store would never do.
type bundle struct {
	*postgres.Store
	url   string
	pool  *pgxpool.Pool // the desk's
	limit int64         // of the tickets that a user may hold; 0: none
}

// patience is how long a wait may last that is no test's subject: for a lock, a statement, a connection, a free place
// in the pool. It shows only in how long a failure takes. A shorter one would fail tests on a busy machine, where
// whoever has a lock may not run for some hundreds of milliseconds.
const patience = 2 * time.Minute

// impatient is for tests of a lock that does not come free: nothing else in them may have to wait for one.
func impatient(c *pgxpool.Config, _ *postgres.Options) {
	c.ConnConfig.RuntimeParams["lock_timeout"] = "300"
}

func setup(tb testing.TB, change ...func(*pgxpool.Config, *postgres.Options)) *bundle {
	tb.Helper()
	return open(tb, testkit.Database(tb, migrate), change...)
}

// open makes a store as cli does, but for what a test changes.
func open(tb testing.TB, url string, change ...func(*pgxpool.Config, *postgres.Options)) *bundle {
	tb.Helper()
	plain, err := database.OpenPostgres(tb.Context(), database.PostgresOptions{
		URL: url, MaxConns: 4, ShortStatements: true, LockTimeout: patience, StatementTimeout: patience,
		IdleInTransactionTimeout: patience, ConnectTimeout: patience,
	})
	if err != nil {
		tb.Fatal(err)
	}
	config, options := plain.Config(), postgres.Options{AcquireTimeout: patience, CommitTimeout: patience}
	plain.Close()
	for _, f := range change {
		f(config, &options)
	}
	pool, err := pgxpool.NewWithConfig(tb.Context(), config)
	if err != nil {
		tb.Fatal(err)
	}
	store := postgres.New(postgres.Pools{Desk: pool}, options)
	tb.Cleanup(func() { _ = store.Close() })
	return &bundle{Store: store, url: url, pool: pool}
}

// connect returns a session beside the store's.
func (b *bundle) connect(tb testing.TB) *pgx.Conn {
	tb.Helper()
	conn, err := pgx.Connect(tb.Context(), b.url)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

func (b *bundle) exec(tb testing.TB, sql string, args ...any) {
	tb.Helper()
	if _, err := b.connect(tb).Exec(tb.Context(), sql, args...); err != nil {
		tb.Fatal(err)
	}
}

func (b *bundle) event(tb testing.TB, tickets int64) models.Event {
	tb.Helper()
	draft, err := models.NewEvent(models.EventDraft{
		Name: "Concert", Description: "Loud", DateTime: time.Now().AddDate(1, 0, 0), TotalTickets: tickets,
		TicketPrice: models.Money{Minor: 7550, Currency: "USD"},
	})
	if err != nil {
		tb.Fatal(err)
	}
	event, err := b.CreateEvent(tb.Context(), draft)
	if err != nil {
		tb.Fatal(err)
	}
	return event
}

func (b *bundle) user(tb testing.TB) models.User {
	tb.Helper()
	draft, err := models.NewUser("John Doe", models.NewID[models.UserID]().String()+"@example.com")
	if err != nil {
		tb.Fatal(err)
	}
	user, err := b.CreateUser(tb.Context(), draft)
	if err != nil {
		tb.Fatal(err)
	}
	return user
}

var rules = sale.Rules{PaymentDeadline: 15 * time.Minute, RetryLease: 30 * time.Second}

// decide runs a batch of commands, as the box office does.
func (b *bundle) decide(ctx context.Context, event models.EventID, commands ...sale.Command) ([]sale.Verdict, error) {
	var verdicts []sale.Verdict
	need := sale.ReadsOf(commands, false, false)
	need.Customers = b.limit > 0
	err := b.AtDesk(ctx, event, models.NewID[models.BatchID](), need, func(s *sale.State) {
		verdicts, s.Rules = nil, rules
		s.Rules.MaxLivePerUser = b.limit
		for _, c := range commands {
			verdicts = append(verdicts, s.Decide(c))
		}
	})
	return verdicts, err
}

// must runs commands that are all to be accepted.
func (b *bundle) must(tb testing.TB, event models.EventID, commands ...sale.Command) []sale.Verdict {
	tb.Helper()
	verdicts, err := b.decide(tb.Context(), event, commands...)
	if err != nil {
		tb.Fatal(err)
	}
	for i, v := range verdicts {
		if v.Err != nil {
			tb.Fatalf("command %d (%T): %v", i, commands[i], v.Err)
		}
	}
	return verdicts
}

func reserve(user models.UserID, quantity int64) *sale.Reserve {
	return &sale.Reserve{Booking: models.NewID[models.BookingID](), User: user, Quantity: quantity, Method: simulator.OK}
}

// audit fails the test unless every promise holds for the event.
func (b *bundle) audit(tb testing.TB, event models.EventID) {
	tb.Helper()
	facts, err := b.AuditFacts(tb.Context(), event)
	if err != nil {
		tb.Fatal(err)
	}
	if report := sale.Audit(facts); !report.OK {
		tb.Errorf("the audit found differences: %+v", report.Differences)
	}
}
