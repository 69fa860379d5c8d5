package onsale

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"
)

// Probe is a plain measurement of one path: a no-op handler, a refusal, a read.
type Probe struct {
	// Target is the server's base URL. AllowRemote as in Scenario.
	Target      string
	AllowRemote bool
	// Method is GET (default) or POST. Path begins with a slash and follows the target's base path.
	Method, Path string
	// Body is sent as JSON. A POST without one sends a body as long as a booking's, so that a no-op handler reads as
	// many bytes as the handler that it is compared with.
	Body []byte
	// Connections defaults to 64, Duration to 5 s. Warmup is not counted.
	Connections      int
	Duration, Warmup time.Duration
}

// ProbeResult is what a probe measured. PerSecond counts 2xx answers only.
type ProbeResult struct {
	PerSecond float64          `json:"per_second"`
	Latency   [classes]Latency `json:"-"`
	Answers   []Answer         `json:"answers"`
}

// MarshalJSON writes the latencies under the names of their classes.
func (r ProbeResult) MarshalJSON() ([]byte, error) {
	type plain ProbeResult
	by := map[string]Latency{}
	for c, l := range r.Latency {
		by[Class(c).String()] = l
	}
	return json.Marshal(struct {
		plain
		Latency map[string]Latency `json:"latency"`
	}{plain(r), by})
}

// Ping sends the same request on every connection, one after another, until the time is over.
func Ping(ctx context.Context, p Probe) (ProbeResult, error) {
	p.Method = cmp.Or(p.Method, "GET")
	p.Connections = cmp.Or(p.Connections, 64)
	p.Duration = cmp.Or(p.Duration, 5*time.Second)
	to, err := parseTarget(p.Target, p.AllowRemote)
	if err != nil {
		return ProbeResult{}, err
	}
	if err := p.check(); err != nil {
		return ProbeResult{}, err
	}
	if p.Method == http.MethodPost && p.Body == nil {
		p.Body = sampleBooking(to)
	}
	return ping(ctx, p, to)
}

func (p Probe) check() error {
	return errors.Join(
		within("connections", p.Connections, 1, MaxConnections),
		within("duration", p.Duration, time.Millisecond, MaxDuration),
		within("warm-up", p.Warmup, 0, MaxDuration),
	)
}

// sampleBooking is the body of a booking of users and events that nobody has.
func sampleBooking(to target) []byte {
	r := newBookingRequest(to, Scenario{Quantity: Quantity{1, 1}})
	const nobody = "00000000-0000-7000-8000-000000000000"
	r.fill(nobody, nobody, 1, "", 0)
	return r.bytes[len(r.bytes)-bodyLength(r.bytes):]
}

func ping(ctx context.Context, p Probe, to target) (ProbeResult, error) {
	conns := make([]*conn, p.Connections)
	for i := range conns {
		conns[i] = newConn(to)
		defer conns[i].close()
	}
	if err := dialAll(ctx, conns); err != nil {
		return ProbeResult{}, fmt.Errorf("open %d connections: %w", len(conns), err)
	}
	defer context.AfterFunc(ctx, func() {
		for _, c := range conns {
			c.abort()
		}
	})()
	req := requestBytes(to, p.Method, p.Path, "", p.Body)
	pingFor(ctx, conns, req, p.Warmup)
	sum := pingFor(ctx, conns, req, p.Duration)
	res := ProbeResult{Answers: sum.answers}
	for c, h := range sum.latency {
		res.Latency[c] = summarize(h)
	}
	res.PerSecond = float64(sum.latency[Accepted].TotalCount()) / max(sum.last, p.Duration).Seconds()
	return res, ctx.Err()
}

// pingFor sends req on all connections for that long.
func pingFor(ctx context.Context, conns []*conn, req []byte, length time.Duration) *shard {
	rec, start := newRecorder(0), time.Now()
	var workers sync.WaitGroup
	for i, c := range conns {
		workers.Go(func() { pingOn(ctx, c, req, rec.of(i), start, length) })
	}
	workers.Wait()
	return rec.merge()
}

func pingOn(ctx context.Context, c *conn, req []byte, s *shard, start time.Time, length time.Duration) {
	for now := time.Now(); now.Sub(start) < length && ctx.Err() == nil; {
		res, err := c.roundTrip(ctx, req, now, now.Add(30*time.Second), false)
		if err != nil && ctx.Err() != nil {
			return
		}
		done := time.Now()
		c.lastUse = done
		o := classify(res, err, false, false)
		s.attempt(o, done.Sub(now), 0, done.Sub(start))
		if now = done; o.code == CodeNotConnected && sleep(ctx, unconnectedPause) != nil {
			return
		}
	}
}
