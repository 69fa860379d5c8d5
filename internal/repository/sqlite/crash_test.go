package sqlite

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"quantix/internal/payments/simulator"

	"quantix/internal/database"
	"quantix/internal/models"
	"quantix/internal/repository"
	"quantix/internal/sale"
)

// crashDir names, to a child process of the crash test, the data directory to book in.
const crashDir = "QUANTIX_TEST_CRASH_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(crashDir); dir != "" {
		bookUntilKilled(dir)
	}
	if dir := os.Getenv(besideDir); dir != "" {
		administer(dir)
	}
	os.Exit(m.Run())
}

// bookUntilKilled books at several desks and writes the id of every booking that was answered, after its answer.
func bookUntilKilled(dir string) {
	db, err := database.OpenSQLite(database.SQLiteOptions{Dir: dir})
	if err == nil {
		var store *Store
		if store, err = New(context.Background(), db, Options{}); err == nil {
			err = bookAtAllDesks(store)
		}
	}
	fmt.Fprintln(os.Stderr, "the child ended by itself:", err)
	os.Exit(1)
}

func bookAtAllDesks(store *Store) error {
	ctx := context.Background()
	events, err := store.EventIDs(ctx, models.EventID{}, 100)
	if err != nil {
		return err
	}
	users, err := store.Users(ctx, models.Page{Limit: 1})
	if err != nil {
		return err
	}
	var group sync.WaitGroup
	failed := make(chan error, len(events))
	for _, event := range events {
		group.Go(func() {
			for {
				if err := bookPayAndTell(store, event, users[0].ID); err != nil {
					failed <- err
					return
				}
			}
		})
	}
	return <-failed
}

// bookPayAndTell makes ten bookings in a batch, starts and settles a charge of each, and says so after each answer.
func bookPayAndTell(store *Store, event models.EventID, user models.UserID) error {
	var reserves, settles []sale.Command
	var refs []models.BookingRef
	for range 10 {
		r := &sale.Reserve{Booking: models.NewID[models.BookingID](), User: user, Quantity: 1, Method: simulator.OK}
		ref := models.BookingRef{Event: event, Booking: r.Booking}
		reserves, refs = append(reserves, r), append(refs, ref)
		settles = append(settles, &sale.Settle{Charge: models.FirstCharge(ref), Result: models.Result{Outcome: models.OutcomeSucceeded}})
	}
	if err := decideAll(store, event, reserves); err != nil {
		return err
	}
	tell(models.StatusPending, refs)
	if _, err := store.StartCharges(context.Background(), "sim", refs, 30e9); err != nil {
		return err
	}
	if err := decideAll(store, event, settles); err != nil {
		return err
	}
	tell(models.StatusConfirmed, refs)
	return nil
}

func decideAll(store *Store, event models.EventID, commands []sale.Command) error {
	var refused error
	err := store.AtDesk(context.Background(), event, models.NewID[models.BatchID](), sale.ReadsOf(commands, false, false), func(s *sale.State) {
		s.Rules.PaymentDeadline = 900e9
		for _, c := range commands {
			if v := s.Decide(c); v.Err != nil {
				refused = v.Err
			}
		}
	})
	return errors.Join(err, refused)
}

func tell(status models.Status, refs []models.BookingRef) {
	var lines []byte
	for _, ref := range refs {
		lines = fmt.Appendf(lines, "%s %s\n", status, ref.Booking)
	}
	_, _ = os.Stdout.Write(lines)
}

// Whatever was answered is there after kill -9, and what is there holds the promises.
func TestKilledWhileBooking(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	copyTemplate(t, dir)
	prepareForCrash(t, dir)
	for round := range 3 {
		answered := runAndKill(t, dir, 300*(round+1))
		t.Run(fmt.Sprintf("after kill %d", round+1), func(t *testing.T) {
			store, _ := openStore(t, dir, Options{})
			for id, status := range answered {
				b, err := store.Booking(t.Context(), models.Everything, id)
				if err != nil {
					t.Fatalf("booking %s was answered and is not there: %v", id, err)
				}
				if status == models.StatusConfirmed && b.Status != models.StatusConfirmed {
					t.Errorf("booking %s was answered as CONFIRMED and is %s", id, b.Status)
				}
			}
			isSound(t, store)
			events, err := store.EventIDs(t.Context(), models.EventID{}, 100)
			if err != nil {
				t.Fatalf("listing events: %v", err)
			}
			for _, event := range events {
				audit(t, store, event)
			}
		})
	}
}

func prepareForCrash(t *testing.T, dir string) {
	t.Helper()
	db, err := database.OpenSQLite(database.SQLiteOptions{Dir: dir})
	if err != nil {
		t.Fatalf("opening the database: %v", err)
	}
	store, err := New(t.Context(), db, Options{})
	if err != nil {
		t.Fatalf("opening the store: %v", err)
	}
	for range 4 {
		newEvent(t, store, 1_000_000)
	}
	newUser(t, store)
	if err := errors.Join(store.Close(), db.Close()); err != nil {
		t.Fatalf("closing: %v", err)
	}
}

// runAndKill lets a child book, kills it after so many answers, and returns the answers.
func runAndKill(t *testing.T, dir string, lines int) map[models.BookingID]models.Status {
	t.Helper()
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), crashDir+"="+dir)
	child.Stderr = os.Stderr
	output, err := child.StdoutPipe()
	if err == nil {
		err = child.Start()
	}
	if err != nil {
		t.Fatalf("starting the child: %v", err)
	}
	answered := readAnswers(t, output, lines, func() { _ = child.Process.Kill() })
	_ = child.Wait()
	return answered
}

func readAnswers(t *testing.T, output io.Reader, lines int, kill func()) map[models.BookingID]models.Status {
	t.Helper()
	answered := make(map[models.BookingID]models.Status)
	scanner := bufio.NewScanner(output)
	for n := 1; scanner.Scan(); n++ {
		if n == lines {
			kill() // what it wrote until then still comes
		}
		var status models.Status
		var text string
		if _, err := fmt.Sscan(scanner.Text(), &status, &text); err != nil {
			continue // torn by the kill
		}
		if id, err := models.ParseID[models.BookingID](text); err == nil {
			answered[id] = status
		}
	}
	if len(answered) == 0 {
		t.Fatal("the child answered nothing")
	}
	return answered
}

// What a process holds, others may read beside it but not write.
func TestReadingBesideTheWriter(t *testing.T) {
	t.Parallel()
	store, db := newStore(t, Options{})
	event := newEvent(t, store, 10)
	beside, err := database.OpenSQLite(database.SQLiteOptions{Dir: filepath.Dir(db.Path()), ReadOnly: true})
	if err != nil {
		t.Fatalf("opening for reading: %v", err)
	}
	reading, err := New(t.Context(), beside, Options{})
	if err != nil {
		t.Fatalf("opening the store for reading: %v", err)
	}
	if _, err := reading.Event(t.Context(), models.Everything, event.ID); err != nil {
		t.Errorf("reading beside the writer gave %v", err)
	}
	if _, err := reading.CreateUser(t.Context(), models.User{}); !errors.Is(err, repository.ErrUnavailable) {
		t.Errorf("writing beside the writer gave %v; want ErrUnavailable", err)
	}
	if version, dirty, err := reading.SchemaVersion(t.Context()); version == 0 || dirty || err != nil {
		t.Errorf("the schema's version is %d, %v, %v", version, dirty, err)
	}
	if err := errors.Join(reading.Close(), beside.Close()); err != nil {
		t.Errorf("closing: %v", err)
	}
}
