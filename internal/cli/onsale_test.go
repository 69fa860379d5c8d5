package cli_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"quantix/internal/testkit"
)

// tally counts the answers of an on-sale.
type tally struct {
	taken, accepted, refused, other atomic.Int64
	oddest                          atomic.Value
}

// buy asks for tickets until even one is refused, as a client that believes the "available" it is told.
func (n *tally) buy(s *server, user, event string, source *rand.Rand) {
	for {
		quantity := source.IntN(7) + 1
		for quantity > 0 {
			a, err := s.try("POST", "/api/v1/bookings", booking(user, event, quantity))
			switch {
			case err != nil:
				n.odd(err.Error())
				return
			case a.status == http.StatusCreated:
				n.accepted.Add(1)
				n.taken.Add(int64(quantity))
			case a.status == http.StatusConflict && a.text("available") != "":
				n.refused.Add(1)
				quantity, _ = strconv.Atoi(a.text("available"))
				if quantity == 0 {
					return
				}
				continue
			default:
				n.odd(a.body)
				return
			}
			break
		}
	}
}

func (n *tally) odd(what string) {
	n.other.Add(1)
	n.oddest.Store(what)
}

// watch reads an event's statistics until told to stop, and complains about any snapshot that sells too much.
func watch(t *testing.T, s *server, event string, total int, stop <-chan struct{}) {
	for {
		select {
		case <-stop:
			return
		default:
		}
		a, err := s.try("GET", "/api/v1/events/"+event+"/statistics", "")
		if err != nil {
			continue
		}
		sold, _ := strconv.Atoi(a.text("total_sold"))
		pending, _ := strconv.Atoi(a.text("total_pending"))
		available, _ := strconv.Atoi(a.text("available_tickets"))
		if sold+pending+available != total || sold < 0 || pending < 0 || available < 0 {
			t.Errorf("a snapshot: %s", a.body)
		}
	}
}

// patient has buyers wait for as long as a busy machine makes them: that is no matter here.
const patient = "MAX_WAIT=1m"

// TestOnsale is the promise itself: an event of 1,000 tickets, 64 buyers of 1 to 7 tickets, and exactly 1,000 are
// taken.
func TestOnsale(t *testing.T) {
	t.Parallel()
	const total, buyers = 1000, 64
	settings := append(onServers(t), patient)
	replicas := []*server{serve(t, settings...), serve(t, settings...)}
	for name, servers := range map[string][]*server{"embedded": {serve(t, patient)}, "two_replicas": replicas} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			event, stop := servers[0].event(t, total, "19.99"), make(chan struct{})
			var watchers, group sync.WaitGroup
			watchers.Go(func() { watch(t, servers[0], event, total, stop) })
			var n tally
			for i := range buyers {
				user, s := servers[0].user(t), servers[i%len(servers)]
				group.Go(func() { n.buy(s, user, event, rand.New(rand.NewPCG(1, uint64(i)))) })
			}
			group.Wait()
			close(stop)
			watchers.Wait()
			if n.taken.Load() != total || n.other.Load() != 0 {
				t.Errorf("%d taken by %d bookings, %d refusals, %d others such as %v",
					n.taken.Load(), n.accepted.Load(), n.refused.Load(), n.other.Load(), n.oddest.Load())
			}
			awaitSold(t, servers[len(servers)-1], event, total)
			servers[0].audited(t, event)
		})
	}
}

// awaitSold waits until every ticket is paid for.
func awaitSold(t *testing.T, s *server, event string, total int) {
	t.Helper()
	testkit.Eventually(t, 60*time.Second, func() error {
		a, err := s.try("GET", "/api/v1/events/"+event+"/statistics", "")
		if err == nil && a.text("total_sold") != strconv.Itoa(total) {
			err = fmt.Errorf("not all were confirmed: %s", a.body)
		}
		return err
	})
}

// TestOnsale_last_ticket is the stampede: 500 want the only ticket, one gets it.
func TestOnsale_last_ticket(t *testing.T) {
	t.Parallel()
	for name, env := range modes(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, append(env, patient)...)
			event, user := s.event(t, 1, "19.99"), s.user(t)
			var made, refused atomic.Int64
			var group sync.WaitGroup
			start := make(chan struct{})
			for range 500 {
				group.Go(func() {
					<-start
					a, err := s.try("POST", "/api/v1/bookings", booking(user, event, 1))
					switch {
					case err == nil && a.status == http.StatusCreated:
						made.Add(1)
					case err == nil && a.status == http.StatusConflict && strings.Contains(a.body, "sold_out"):
						refused.Add(1)
					default:
						t.Errorf("%v %s", err, a.body)
					}
				})
			}
			close(start)
			group.Wait()
			if made.Load() != 1 || refused.Load() != 499 {
				t.Errorf("%d made, %d refused", made.Load(), refused.Load())
			}
			s.audited(t, event)
		})
	}
}

// TestIdempotency_key: one effect and one answer for the same key, in sequence, at once, on both replicas.
func TestIdempotency_key(t *testing.T) {
	t.Parallel()
	settings := append(onServers(t), patient)
	replicas := []*server{serve(t, settings...), serve(t, settings...)}
	for name, servers := range map[string][]*server{"embedded": {serve(t, patient)}, "two_replicas": replicas} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := servers[0]
			event, other, user := s.event(t, 2, "5"), s.event(t, 2, "5"), s.user(t)
			var group sync.WaitGroup
			bodies := make(chan string, 50)
			for i := range 50 {
				group.Go(func() {
					a, err := servers[i%len(servers)].try("POST", "/api/v1/bookings", booking(user, event, 2), "Idempotency-Key", "k1")
					if err != nil || a.status != http.StatusCreated {
						t.Errorf("%d %s %v", a.status, a.body, err)
					}
					bodies <- a.body
				})
			}
			group.Wait()
			close(bodies)
			first := <-bodies
			for body := range bodies {
				if body != first {
					t.Errorf("answers differ:\n%s\n%s", first, body)
				}
			}
			for _, bad := range []string{booking(user, event, 1), booking(user, other, 2)} {
				if a, err := s.try("POST", "/api/v1/bookings", bad, "Idempotency-Key", "k1"); err != nil || a.status != http.StatusUnprocessableEntity {
					t.Errorf("another request with the key: %d %s %v", a.status, a.body, err)
				}
			}
			if a, err := s.try("POST", "/api/v1/bookings", booking(s.user(t), other, 1), "Idempotency-Key", "k1"); err != nil || a.status != http.StatusCreated {
				t.Errorf("another user's key: %d %s %v", a.status, a.body, err)
			}
			s.audited(t, event)
			if a := s.want(t, http.StatusOK, "GET", fmt.Sprintf("/api/v1/bookings/user/%s", user), ""); strings.Count(a.body, `"id"`) != 1 {
				t.Errorf("bookings: %s", a.body)
			}
		})
	}
}
