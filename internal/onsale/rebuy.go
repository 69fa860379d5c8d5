package onsale

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"
)

// Rebuying is two servers on one database, and one ticket that is booked and cancelled over and over. It measures how
// long a server goes on refusing what is there again.
type Rebuying struct {
	A, B   string // base URLs
	Rounds int
}

// Rebought is what came of it.
type Rebought struct {
	Event string
	// FalseSoldOut counts refusals by A of a ticket that A had just taken back.
	FalseSoldOut int
	// Seen is from A's answer to a cancellation until B has sold the ticket. B was asked without a pause meanwhile.
	Seen Latency
	// Stale counts B's refusals of requests that were sent later than maxLatch after that answer.
	Stale int
}

const (
	// maxLatch is how long a server may believe the stock that it saw last.
	maxLatch = 100 * time.Millisecond
	// rebuyPatience ends what would not end: a ticket that a server never sells again.
	rebuyPatience = 5 * time.Second
)

// Rebuy plays the rounds, one after another.
func Rebuy(ctx context.Context, r Rebuying) (Rebought, error) {
	p, err := newRebuyPlay(ctx, r)
	if err != nil {
		return Rebought{}, fmt.Errorf("prepare: %w", err)
	}
	defer p.a.close()
	defer p.b.close()
	seen := newHistogram()
	for range r.Rounds {
		if err := p.again(ctx); err != nil {
			return p.result, fmt.Errorf("book again at the same server: %w", err)
		}
		took, err := p.elsewhere(ctx)
		if err != nil {
			return p.result, fmt.Errorf("book again at the other server: %w", err)
		}
		observe(seen, took)
	}
	p.result.Seen = summarize(seen)
	return p.result, nil
}

// rebuyPlay is one play of the rounds.
type rebuyPlay struct {
	a, b   rebuyServer
	result Rebought
}

func newRebuyPlay(ctx context.Context, r Rebuying) (*rebuyPlay, error) {
	s, err := Scenario{Target: r.A, Replicas: []string{r.B}, TicketsPerEvent: 1, Users: 1}.Complete()
	if err != nil {
		return nil, err
	}
	a, err := parseTarget(r.A, false)
	if err != nil {
		return nil, err
	}
	b, err := parseTarget(r.B, false)
	if err != nil {
		return nil, err
	}
	run := newRunID()
	users, err := createUsers(ctx, a, run, 1)
	if err != nil {
		return nil, err
	}
	events, err := createEvents(ctx, a, s, "Rebuy "+run, 1, 1)
	if err != nil {
		return nil, err
	}
	p := &rebuyPlay{a: newRebuyServer(a, s, users[0], events[0]), b: newRebuyServer(b, s, users[0], events[0])}
	p.result.Event = events[0]
	return p, nil
}

// again books and cancels at A, and books there once more, at once: A knows best that the ticket is back.
func (p *rebuyPlay) again(ctx context.Context) error {
	// B had the ticket in the round before, and A may not have heard yet that it is back.
	booking, err := p.a.mustBookSoon(ctx)
	if err != nil {
		return err
	}
	if err := p.a.cancel(ctx, booking); err != nil {
		return err
	}
	again, err := p.a.book(ctx)
	if err == nil && again == "" {
		p.result.FalseSoldOut++
		again, err = p.a.mustBookSoon(ctx)
	}
	p.a.booking = again
	return err
}

// elsewhere lets B see that all is sold, has A take the ticket back, and returns the time until B has sold it.
func (p *rebuyPlay) elsewhere(ctx context.Context) (time.Duration, error) {
	switch booking, err := p.b.book(ctx); {
	case err != nil:
		return 0, err
	case booking != "":
		return 0, fmt.Errorf("the one ticket was sold twice: bookings %s and %s", p.a.booking, booking)
	}
	if err := p.a.cancel(ctx, p.a.booking); err != nil {
		return 0, err
	}
	back := time.Now()
	booking, err := p.b.bookSoon(ctx, func(sent time.Time) {
		if sent.Sub(back) > maxLatch {
			p.result.Stale++
		}
	})
	took := time.Since(back)
	if err == nil && booking != "" {
		err = p.b.cancel(ctx, booking)
	}
	return took, err
}

// rebuyServer is one server with the request of the one buyer.
type rebuyServer struct {
	*api
	request []byte
	booking string
}

func newRebuyServer(to target, s Scenario, user, event string) rebuyServer {
	r := newBookingRequest(to, s)
	r.fill(user, event, 1, "", 0)
	return rebuyServer{api: newAPI(to), request: r.bytes}
}

// book returns the booking's id, or none when the answer is that all is sold.
func (s *rebuyServer) book(ctx context.Context) (string, error) {
	res, err := s.send(ctx, s.request)
	switch {
	case err != nil:
		return "", err
	case res.status == http.StatusConflict && problemCode(res.body) == "sold_out":
		return "", nil
	case res.status != http.StatusCreated:
		return "", fmt.Errorf("a booking was answered with status %d: %.200s", res.status, res.body)
	}
	var made created
	err = json.Unmarshal(res.body, &made)
	return made.ID, err
}

// mustBookSoon asks until the ticket is sold, for a round that cannot go on without it.
func (s *rebuyServer) mustBookSoon(ctx context.Context) (string, error) {
	booking, err := s.bookSoon(ctx, func(time.Time) {})
	if err == nil && booking == "" {
		err = fmt.Errorf("a ticket that was free was not sold within %s", rebuyPatience)
	}
	return booking, err
}

// bookSoon asks until the ticket is sold, or gives no booking when patience ends. It tells when each request that was
// refused was sent.
func (s *rebuyServer) bookSoon(ctx context.Context, refused func(sent time.Time)) (string, error) {
	for begun := time.Now(); time.Since(begun) < rebuyPatience; {
		sent := time.Now()
		booking, err := s.book(ctx)
		if err != nil || booking != "" {
			return booking, err
		}
		refused(sent)
	}
	return "", nil
}

func (s *rebuyServer) cancel(ctx context.Context, booking string) error {
	return s.call(ctx, "PUT", "/api/v1/bookings/"+booking+"/cancel", nil, nil)
}
