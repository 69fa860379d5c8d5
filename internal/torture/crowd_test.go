package torture

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

var client = &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 2 * connections}}

// call sends a request to the API; any status from 400 on is an error.
func (in *installation) call(method, path, body string) ([]byte, error) {
	request, err := http.NewRequest(method, "http://"+in.address+path, bytes.NewBufferString(body))
	if err != nil {
		return nil, err
	}
	if body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	response, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode >= http.StatusBadRequest {
		err = fmt.Errorf("%s %s: %d %s", method, path, response.StatusCode, answer)
	}
	return answer, err
}

// id sends a request that creates something and returns its id.
func (in *installation) id(path, body string) (string, error) {
	answer, err := in.call("POST", path, body)
	if err != nil {
		return "", err
	}
	var made struct {
		ID string `json:"id"`
	}
	err = json.Unmarshal(answer, &made)
	return made.ID, err
}

// crowd is the buyers: they book as fast as they are answered, and a few change their mind at once.
type crowd struct {
	in        *installation
	total     int
	events    []string
	user      string
	declining int64 // bookings whose payment will be declined
	letters   int   // dead letters that were retried or discarded

	started   time.Time
	ended     atomic.Pointer[time.Time]
	next      atomic.Int64
	done      atomic.Int64
	cancelled atomic.Int64
	odd       atomic.Int64 // answers that were not what was asked for
}

func startCrowd(in *installation, total int) *crowd {
	in.t.Helper()
	c := &crowd{in: in, total: total, started: time.Now()}
	for range eventCount {
		c.events = append(c.events, c.create("/api/v1/events", fmt.Sprintf(
			`{"name":"Concert","date_time":"2035-12-31T20:00:00Z","total_tickets":%d,"ticket_price":75.50}`, total)))
	}
	c.user = c.create("/api/v1/users", `{"name":"John Doe","email":"john@example.com"}`)
	for i := range total {
		if method(i) == "sim_decline" {
			c.declining++
		}
	}
	var group sync.WaitGroup
	for range connections {
		group.Go(c.buy)
	}
	go func() {
		group.Wait()
		now := time.Now()
		c.ended.Store(&now)
	}()
	return c
}

func (c *crowd) create(path, body string) string {
	c.in.t.Helper()
	id, err := c.in.id(path, body)
	if err != nil {
		c.in.t.Fatal(err)
	}
	return id
}

// method returns the way the i-th booking is paid: 5 of 100 are declined, of 2 the answer is lost.
func method(i int) string {
	switch {
	case i%20 == 7:
		return "sim_decline"
	case i%50 == 11:
		return "sim_lost"
	}
	return "sim_ok"
}

// changesMind reports whether the buyer of the i-th booking cancels it at once; none whose payment is declined, so that
// the numbers can be told beforehand.
func changesMind(i int) bool { return i%50 == 23 && method(i) != "sim_decline" }

// buy books until all bookings are made.
func (c *crowd) buy() {
	for i := int(c.next.Add(1)) - 1; i < c.total && c.in.t.Context().Err() == nil; i = int(c.next.Add(1)) - 1 {
		body := fmt.Sprintf(`{"user_id":%q,"event_id":%q,"quantity":1,"payment_method":%q}`, c.user, c.events[i%eventCount], method(i))
		booking, err := c.in.id("/api/v1/bookings", body)
		if err == nil && changesMind(i) {
			if _, err = c.in.call("PUT", "/api/v1/bookings/"+booking+"/cancel", ""); err == nil {
				c.cancelled.Add(1)
			}
		}
		if err != nil {
			c.odd.Add(1)
			c.in.t.Log(err)
		}
		c.done.Add(1)
	}
}

// finished reports whether all bookings are made.
func (c *crowd) finished() bool { return c.ended.Load() != nil }

// took is how long the booking took.
func (c *crowd) took() time.Duration { return c.ended.Load().Sub(c.started) }

// dealWithLetters does what a person would: retries every dead letter, and discards those whose booking needs no
// payment any more. It returns how many there were.
func (in *installation) dealWithLetters() int {
	in.t.Helper()
	answer, err := in.call("GET", "/api/v1/payments/dead-letters?limit=100", "")
	if err != nil {
		in.t.Fatal(err)
	}
	var letters []struct {
		ID string `json:"id"`
	}
	if err := json.Unmarshal(answer, &letters); err != nil {
		in.t.Fatalf("%s: %v", answer, err)
	}
	for _, letter := range letters {
		path := "/api/v1/payments/dead-letters/" + letter.ID
		if _, err := in.call("POST", path+"/retry", ""); err != nil {
			// Gone meanwhile, or nothing to pay for any more: then it may be discarded, unless its outcome is not known
			// yet.
			_, _ = in.call("DELETE", path, "")
		}
	}
	return len(letters)
}
