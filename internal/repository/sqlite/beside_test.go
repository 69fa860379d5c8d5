package sqlite

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"testing/synctest"

	"quantix/internal/database"
	"quantix/internal/models"
	"quantix/internal/payments/simulator"
	"quantix/internal/sale"
)

// besideDir names, to a child process, the data directory in which to make and revoke keys beside who sells.
const besideDir = "QUANTIX_TEST_BESIDE_DIR"

// besideKeys is how many keys the child makes, each by the hash that is its number; it revokes the even ones.
const besideKeys = 40

func administer(dir string) {
	if err := makeKeysBeside(context.Background(), dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

func makeKeysBeside(ctx context.Context, dir string) error {
	db, err := database.OpenSQLite(database.SQLiteOptions{Dir: dir, Beside: true})
	if err != nil {
		return err
	}
	store, err := New(ctx, db, Options{})
	if err != nil {
		return err
	}
	for n := range besideKeys {
		key, err := models.NewAPIKey(models.KeyDraft{Name: "beside", Role: models.RoleAdmin})
		if err == nil {
			key, err = store.CreateKey(ctx, key, models.KeyHash{byte(n)})
		}
		if err == nil && n%2 == 0 {
			err = store.RevokeKey(ctx, models.Everything, key.ID)
		}
		if err != nil {
			return err
		}
	}
	return errors.Join(store.Close(), db.Close())
}

// Another process makes and revokes keys while this one holds the directory and sells: nothing fails on either side,
// and this one sees at once what was done.
func TestKeysBesideASale(t *testing.T) {
	t.Parallel()
	store, db := newStore(t, Options{})
	event, user := newEvent(t, store, 1_000_000), newUser(t, store)
	before, err := store.IdentityVersion(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), besideDir+"="+filepath.Dir(db.Path()))
	child.Stderr = os.Stderr
	ended := make(chan error, 1)
	go func() { ended <- child.Run() }()
	sold := int64(0)
	for running := true; running; sold++ {
		select {
		case err := <-ended:
			if err != nil {
				t.Fatalf("the process beside: %v", err)
			}
			running = false
		default:
		}
		reserve := &sale.Reserve{
			Booking: models.NewID[models.BookingID](), User: user.ID, Quantity: 1, Method: simulator.OK,
		}
		if err := decideAll(store, event.ID, []sale.Command{reserve}); err != nil {
			t.Fatalf("selling beside it: %v", err)
		}
	}
	if after, err := store.IdentityVersion(t.Context()); err != nil || after != before+besideKeys/2 {
		t.Errorf("the identity version went from %d to %d, %v; %d keys were revoked", before, after, err, besideKeys/2)
	}
	for n := range besideKeys {
		key, now, err := store.KeyByHash(t.Context(), models.KeyHash{byte(n)})
		if err != nil || key.InForce(now) != (n%2 == 1) {
			t.Errorf("key %d is %+v, %v", n, key, err)
		}
	}
	if got, err := store.Event(t.Context(), models.Everything, event.ID); err != nil || got.Stock.Held != sold {
		t.Errorf("%d tickets were sold and %+v, %v", sold, got.Stock, err)
	}
	isSound(t, store)
}

// A change beside a sale that finds it writing looks again, and again, until it is between two of the sale's.
func TestAChangeBesideWaitsForItsTurn(t *testing.T) {
	t.Parallel()
	_, db := newStore(t, Options{})
	beside, err := database.OpenSQLite(database.SQLiteOptions{Dir: filepath.Dir(db.Path()), Beside: true})
	if err != nil {
		t.Fatal(err)
	}
	conns := [2]*conn{}
	for i, files := range []*database.SQLite{db, beside} {
		raw, err := files.Writer(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		conns[i] = newConn(raw)
		defer conns[i].close()
	}
	if _, err := conns[0].exec("BEGIN IMMEDIATE"); err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		begun := make(chan error, 1)
		go func() { begun <- (&writer{conn: conns[1], beside: true}).begin() }()
		synctest.Wait() // it has found the sale writing
		if len(begun) > 0 {
			t.Fatalf("it did not wait: %v", <-begun)
		}
		if _, err := conns[0].exec("COMMIT"); err != nil {
			t.Fatal(err)
		}
		if err := <-begun; err != nil {
			t.Errorf("it began with %v", err)
		}
	})
	if _, err := conns[1].exec("ROLLBACK"); err != nil {
		t.Error(err)
	}
}
