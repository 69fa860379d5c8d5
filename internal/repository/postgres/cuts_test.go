package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"quantix/internal/models"
	"quantix/internal/repository"
	"quantix/internal/repository/postgres"
	"quantix/internal/sale"
	"quantix/internal/testkit"
)

// cutBundle is a store of one connection, through a proxy that cuts it, with another store beside it.
type cutBundle struct {
	*bundle
	proxy  *testkit.Proxy
	beside *bundle
	// What the transactions are about.
	eventID models.EventID
	user    models.User
	booked  []models.BookingRef // not yet used by a transaction
}

func setupCuts(t *testing.T) *cutBundle {
	t.Helper()
	server := testkit.Postgres(t)
	c := &cutBundle{proxy: testkit.NewPostgresProxy(t, net.JoinHostPort(server.Host(), strconv.Itoa(server.Port())))}
	c.beside = setup(t)
	c.bundle = open(t, c.beside.url, func(config *pgxpool.Config, o *postgres.Options) {
		o.SharedLanes = 1
		host, port, _ := net.SplitHostPort(c.proxy.Addr())
		number, _ := strconv.ParseUint(port, 10, 16)
		config.ConnConfig.Host, config.ConnConfig.Port, config.MaxConns = host, uint16(number), 1
	})
	c.eventID, c.user = c.beside.event(t, 100_000).ID, c.beside.user(t)
	return c
}

// A cuttable is a transaction: run does it and looks reports whether it is in force, past the proxy.
type cuttable struct {
	run   func(context.Context) error
	looks func(context.Context) (bool, error)
}

// transactions are all that change something, each of something new.
var transactions = map[string]func(*testing.T, *cutBundle) cuttable{
	"book": func(_ *testing.T, c *cutBundle) cuttable {
		command := reserve(c.user.ID, 1)
		return c.atDesk(command, c.sees(command.Booking))
	},
	"start charges": func(t *testing.T, c *cutBundle) cuttable {
		ref := c.next(t)
		return cuttable{func(ctx context.Context) error {
			_, err := c.StartCharges(ctx, "simulated", []models.BookingRef{ref}, time.Hour)
			return err
		}, c.charges(ref, 1)}
	},
	"settle": func(t *testing.T, c *cutBundle) cuttable {
		ref := c.nextStarted(t)
		command := &sale.Settle{Charge: models.FirstCharge(ref), Result: models.Result{Outcome: models.OutcomeSucceeded}}
		return c.atDesk(command, func(ctx context.Context) (bool, error) {
			b, err := c.beside.Booking(ctx, models.Everything, ref.Booking)
			return b.Status == models.StatusConfirmed, err
		})
	},
	"publish again": func(t *testing.T, c *cutBundle) cuttable {
		row := models.OutboxRow{ID: models.NewID[models.BatchID](), Event: c.eventID, Bookings: []models.BookingID{c.next(t).Booking}}
		return cuttable{func(ctx context.Context) error {
			return c.Republish(ctx, []models.OutboxRow{row}, models.QueueMark{})
		}, func(ctx context.Context) (is bool, err error) {
			err = c.beside.pool.QueryRow(ctx, "SELECT EXISTS (SELECT FROM outbox WHERE id = $1)", row.ID.String()).Scan(&is)
			return is, err
		}}
	},
	"create an event": func(t *testing.T, c *cutBundle) cuttable {
		draft, err := models.NewEvent(models.EventDraft{Name: "Concert", DateTime: time.Now().AddDate(1, 0, 0), TotalTickets: 1,
			TicketPrice: models.Money{Minor: 7550, Currency: "USD"}})
		if err != nil {
			t.Fatal(err)
		}
		return cuttable{func(ctx context.Context) error {
			_, err := c.CreateEvent(ctx, draft)
			return err
		}, func(ctx context.Context) (bool, error) {
			_, err := c.beside.Event(ctx, models.Everything, draft.ID)
			return found(err, models.ErrEventNotFound)
		}}
	},
	"rename a user": func(t *testing.T, c *cutBundle) cuttable {
		user, name := c.beside.user(t), "Jane Doe"
		return cuttable{func(ctx context.Context) error {
			_, err := c.UpdateUser(ctx, models.Everything, user.ID, models.UserPatch{Name: &name}, nil)
			return err
		}, func(ctx context.Context) (bool, error) {
			now, err := c.beside.User(ctx, models.Everything, user.ID)
			return now.Name == name, err
		}}
	},
	"keep a message": func(_ *testing.T, c *cutBundle) cuttable {
		letter := models.DeadLetter{ID: models.NewID[models.LetterID](), Kind: models.LetterMessage, Attempts: 1, LastError: "x", Payload: "y"}
		return cuttable{func(ctx context.Context) error { return c.AddMessageLetter(ctx, letter) },
			func(ctx context.Context) (bool, error) {
				_, err := c.beside.DeadLetter(ctx, models.Everything, letter.ID)
				return found(err, models.ErrLetterNotFound)
			}}
	},
	"the simulated gateway's ledger": func(_ *testing.T, c *cutBundle) cuttable {
		reference := models.NewID[models.BookingID]().String() + "/1"
		return cuttable{func(ctx context.Context) error {
			_, err := c.ledger(ctx, func() {}, reference)
			return err
		}, func(ctx context.Context) (is bool, err error) {
			err = c.beside.pool.QueryRow(ctx, "SELECT EXISTS (SELECT FROM sim_charges WHERE reference = $1)", reference).Scan(&is)
			return is, err
		}}
	},
}

func found(err error, absent *models.Error) (bool, error) {
	if absent.Is(err) {
		return false, nil
	}
	return err == nil, err
}

func (c *cutBundle) atDesk(command sale.Command, looks func(context.Context) (bool, error)) cuttable {
	return cuttable{func(ctx context.Context) error {
		verdicts, err := c.decide(ctx, c.eventID, command)
		if err == nil && verdicts[0].Err != nil {
			return verdicts[0].Err
		}
		return err
	}, looks}
}

func (c *cutBundle) sees(id models.BookingID) func(context.Context) (bool, error) {
	return func(ctx context.Context) (bool, error) {
		_, err := c.beside.Booking(ctx, models.Everything, id)
		return found(err, models.ErrBookingNotFound)
	}
}

func (c *cutBundle) charges(ref models.BookingRef, want int) func(context.Context) (bool, error) {
	return func(ctx context.Context) (bool, error) {
		charges, _, err := c.beside.PaymentsOf(ctx, ref)
		return len(charges) == want, err
	}
}

// next returns a booking; they are made many at a time.
func (c *cutBundle) next(t *testing.T) (ref models.BookingRef) {
	t.Helper()
	if len(c.booked) == 0 {
		var commands []sale.Command
		for range 200 {
			command := reserve(c.user.ID, 1)
			commands = append(commands, command)
			c.booked = append(c.booked, models.BookingRef{Event: c.eventID, Booking: command.Booking})
		}
		c.beside.must(t, c.eventID, commands...)
	}
	ref, c.booked = c.booked[0], c.booked[1:]
	return ref
}

// nextStarted returns a booking whose charge has been started.
func (c *cutBundle) nextStarted(t *testing.T) models.BookingRef {
	t.Helper()
	made := len(c.booked) == 0
	ref := c.next(t)
	if made {
		refs := append(slices.Clone(c.booked), ref)
		if _, err := c.beside.StartCharges(t.Context(), "simulated", refs, time.Hour); err != nil {
			t.Fatal(err)
		}
	}
	return ref
}

// TestCuts cuts the line before each message of each transaction, from either side, on a fresh connection, which
// prepares its statements, and on a used one. What the store says must be so: done is on disk, unavailable is not, and
// all else but "unknown" is no answer.
func TestCuts(t *testing.T) {
	t.Parallel()
	for name, begin := range transactions {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := setupCuts(t)
			for _, fresh := range []bool{true, false} {
				for side, messages := range c.measure(t, begin, fresh) {
					for n := range messages {
						c.ready(t, begin, fresh)
						c.cut(t, fmt.Sprintf("fresh %t, side %d, message %d of %d", fresh, side, n, messages), begin(t, c), func() {
							c.proxy.CutAt(testkit.Side(side), n)
						})
					}
				}
			}
			c.beside.audit(t, c.eventID)
		})
	}
}

// TestCuts_twice cuts a used connection at each message, and the next one soon after its beginning, too: what looks
// whether the first transaction took place may fall on another cut.
func TestCuts_twice(t *testing.T) {
	t.Parallel()
	c := setupCuts(t)
	begin := transactions["book"]
	messages := c.measure(t, begin, false)[testkit.Client]
	for n := range messages {
		c.ready(t, begin, false)
		left := []int{n, n % 17}
		c.cut(t, fmt.Sprintf("message %d of %d, then %d", n, messages, n%17), begin(t, c), func() {
			c.proxy.CutWhere(func(side testkit.Side) bool {
				if side != testkit.Client || len(left) == 0 {
					return false
				}
				if left[0]--; left[0] >= 0 {
					return false
				}
				left = left[1:]
				return true
			})
		})
	}
	c.beside.audit(t, c.eventID)
}

// TestACutLineIsolatesNobody cuts the line of a transaction of two events while its statements are prepared: neither
// has anything to do with it, so neither is kept apart, and each is told that nothing was done.
func TestACutLineIsolatesNobody(t *testing.T) {
	t.Parallel()
	c := setupCuts(t)
	p := &sharedBundle{bundle: c.bundle, user: c.user}
	one, other := c.beside.event(t, 10), c.beside.event(t, 10)
	for n := range c.measure(t, transactions["book"], true)[testkit.Client] {
		c.pool.Reset()
		calls := []*deskCall{p.buys(one.ID), p.buys(other.ID)}
		p.ready = func() { c.proxy.CutAt(testkit.Client, n) }
		p.together(t, calls...)
		c.proxy.Settle()
		for _, v := range calls {
			if v.err != nil && !errors.Is(v.err, repository.ErrUnavailable) && !errors.Is(v.err, repository.ErrCommitUnknown) {
				t.Errorf("message %d: %v, want ErrUnavailable or ErrCommitUnknown", n, v.err)
			}
			if postgres.Isolates(c.Store, v.event) {
				t.Fatalf("message %d: an event is kept apart because a line was cut: %v", n, v.err)
			}
		}
	}
}

// ready leaves the pool with no connection, or with one that has done such a transaction before.
func (c *cutBundle) ready(t *testing.T, begin func(*testing.T, *cutBundle) cuttable, fresh bool) {
	t.Helper()
	if fresh {
		c.pool.Reset()
		return
	}
	testkit.Eventually(t, 20*time.Second, func() error { return begin(t, c).run(t.Context()) }) // the pool may hold a dead connection
}

// measure counts each side's messages in a transaction.
func (c *cutBundle) measure(t *testing.T, begin func(*testing.T, *cutBundle) cuttable, fresh bool) [2]int {
	t.Helper()
	c.ready(t, begin, fresh)
	one, stop := begin(t, c), c.proxy.Count()
	if err := one.run(t.Context()); err != nil {
		t.Fatal(err)
	}
	return stop()
}

// cut runs a transaction, whose line is cut, and holds what was said of it to what is on disk.
func (c *cutBundle) cut(t *testing.T, where string, one cuttable, arm func()) {
	t.Helper()
	arm()
	err := one.run(t.Context())
	c.proxy.Settle()
	stored, lookErr := one.looks(t.Context())
	if lookErr != nil {
		t.Fatal(lookErr)
	}
	switch {
	case errors.Is(err, repository.ErrCommitUnknown):
	case err == nil && !stored:
		t.Errorf("%s: said to be done, and is not on disk", where)
	case err != nil && stored:
		t.Errorf("%s: on disk, and said to be unchanged: %v", where, err)
	case err != nil && !errors.Is(err, repository.ErrUnavailable):
		t.Errorf("%s: %v, want ErrUnavailable", where, err)
	}
}
