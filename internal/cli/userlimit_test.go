package cli_test

import (
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"testing"
)

// TestServe_limits_what_a_user_holds has 64 clients book one to three tickets for one user and cancel them, through two
// processes of one database, or the one of an embedded store: never more than MAX_LIVE_PER_USER are held, and just as
// many in the end. The server then starts without the limit, and with it again: what was booked meanwhile counts.
func TestServe_limits_what_a_user_holds(t *testing.T) {
	t.Parallel()
	for name, env := range modes(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			limited := append([]string{"MAX_LIVE_PER_USER=4"}, env...)
			first := serve(t, limited...)
			servers := []*server{first}
			if env != nil {
				servers = append(servers, serve(t, limited...))
			}
			event, user := first.event(t, 1000, "10"), first.user(t)
			stop := first.watch(t, event, 4)
			var clients sync.WaitGroup
			for i := range 64 {
				clients.Go(func() { servers[i%len(servers)].greedy(t, event, user, i) })
			}
			clients.Wait()
			stop()
			if taken := first.taken(t, event); taken != 4 {
				t.Errorf("%d tickets are held in the end", taken)
			}
			first.audited(t, event)

			for _, s := range servers {
				s.Kill()
			}
			free := serveIn(t, first.Dir, env...)
			free.want(t, http.StatusCreated, "POST", "/api/v1/bookings", booking(user, event, 3))
			free.audited(t, event)
			free.Kill()
			again := serveIn(t, first.Dir, limited...)
			a := again.want(t, http.StatusConflict, "POST", "/api/v1/bookings", booking(user, event, 1))
			if a.text("code") != "user_limit_reached" || a.text("live") != "7" || a.text("available") != "0" {
				t.Errorf("with seven: %s", a.body)
			}
			again.want(t, http.StatusCreated, "POST", "/api/v1/bookings", booking(again.user(t), event, 4))
			again.audited(t, event)
		})
	}
}

// greedy books and cancels, some times, and then books what it can get and keeps it.
func (s *server) greedy(t *testing.T, event, user string, client int) {
	book := func(quantity int) (id string) {
		a, err := s.try("POST", "/api/v1/bookings", booking(user, event, quantity))
		if err != nil || a.status != http.StatusCreated && a.text("code") != "user_limit_reached" {
			t.Errorf("client %d: %d %s (%v)", client, a.status, a.body, err)
		}
		return a.text("id")
	}
	for round := range 5 {
		id := book((client+round)%3 + 1)
		if id == "" {
			continue
		}
		if a, err := s.try("PUT", "/api/v1/bookings/"+id+"/cancel", ""); err != nil || a.status != http.StatusOK {
			t.Errorf("client %d cancels: %d %s (%v)", client, a.status, a.body, err)
		}
	}
	for book(1) != "" {
	}
}

// taken is how many tickets of an event are held or sold.
func (s *server) taken(t *testing.T, event string) int {
	t.Helper()
	a := s.want(t, http.StatusOK, "GET", "/api/v1/events/"+event, "")
	total, err := strconv.Atoi(a.text("total_tickets"))
	available, wrong := strconv.Atoi(a.text("available_tickets"))
	if err != nil || wrong != nil {
		t.Fatalf("the event: %s", a.body)
	}
	return total - available
}

// watch looks at what is taken of an event until it is stopped.
func (s *server) watch(t *testing.T, event string, most int) (stop func()) {
	t.Helper()
	stopped := make(chan struct{})
	found := make(chan string, 1)
	go func() {
		defer close(found)
		for {
			select {
			case <-stopped:
				return
			default:
			}
			a, err := s.try("GET", "/api/v1/events/"+event, "")
			available, wrong := strconv.Atoi(a.text("available_tickets"))
			if err != nil || wrong != nil || 1000-available > most {
				found <- fmt.Sprintf("%s (%v)", a.body, err)
				return
			}
		}
	}()
	return func() {
		close(stopped)
		if wrong := <-found; wrong != "" {
			t.Errorf("more than %d are taken: %s", most, wrong)
		}
	}
}
