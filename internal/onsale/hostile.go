package onsale

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Hostile is a client that wants the whole server for itself: so many lines, each of which does the same over and over.
type Hostile struct {
	Name  string // short, as a part of a key
	Help  string
	lines int
	// act is one go of one line. Errors are nothing: that the server refuses such a client is what it should do.
	act func(a *attack, ctx context.Context, line int)
}

// Hostiles are the clients that each stopped everybody once.
func Hostiles() []Hostile {
	return []Hostile{
		{"deletes", "40 delete a user with old bookings", 40, (*attack).delete},
		{"puts", "300 change one user", 300, (*attack).put},
		{"searches", "400 search, and hang up after 0.3 s", 400, (*attack).search},
		{"pages", "150 ask for long pages, and do not read", 150, (*attack).page},
		{"callbacks", "300 send most of a callback", 300, (*attack).callback},
		{"audits", "60 audit one large event", 60, (*attack).audit},
	}
}

// attack is a hostile client at work.
type attack struct {
	to      target
	subject string
	client  *http.Client
	large   []byte // most of a callback
	goes    atomic.Int64
	answers [6]atomic.Int64 // by the first digit of the status; 0: none
}

// Disturbance is what a hostile client did.
type Disturbance struct {
	Goes    int64    `json:"goes"`
	Answers [6]int64 `json:"answers"` // by the first digit of the status; 0: no answer, or none waited for
}

// hostileHold is how long a line that does not read, or does not end its body, stays if the server lets it.
const hostileHold = 3 * time.Second

// Disturb has a hostile client at the server until ctx ends, on the subject that was made for it.
func (h Hostile) Disturb(ctx context.Context, server, subject string) (Disturbance, error) {
	to, err := parseTarget(server, false)
	if err != nil {
		return Disturbance{}, err
	}
	transport := &http.Transport{MaxIdleConnsPerHost: h.lines}
	a := &attack{to: to, subject: subject, client: &http.Client{Transport: transport}, large: maxOfCallback(to)}
	defer transport.CloseIdleConnections()
	var lines sync.WaitGroup
	for line := range h.lines {
		lines.Go(func() {
			for ctx.Err() == nil {
				a.act(ctx, h, line)
			}
		})
	}
	lines.Wait()
	d := Disturbance{Goes: a.goes.Load()}
	for i := range a.answers {
		d.Answers[i] = a.answers[i].Load()
	}
	return d, nil
}

func (a *attack) act(ctx context.Context, h Hostile, line int) {
	a.goes.Add(1)
	h.act(a, ctx, line)
}

func (a *attack) delete(ctx context.Context, _ int) {
	a.ask(ctx, http.MethodDelete, "/api/v1/users/"+a.subject, "")
}

func (a *attack) put(ctx context.Context, line int) {
	a.ask(ctx, http.MethodPut, "/api/v1/users/"+a.subject, fmt.Sprintf(`{"name":"Name %d of %d"}`, a.goes.Load(), line))
}

func (a *attack) audit(ctx context.Context, _ int) {
	a.ask(ctx, http.MethodGet, "/api/v1/events/"+a.subject+"/audit", "")
}

// search asks for another text each time, so that no two searches are the same: for parts of what every event has.
func (a *attack) search(ctx context.Context, line int) {
	ctx, cancel := context.WithTimeout(ctx, 300*time.Millisecond)
	defer cancel()
	n := a.goes.Load()
	texts := []string{"event+number+%d+%d", "x%d%d", "ordinary+%d+concert+%d", "q"}
	text := texts[n%int64(len(texts))]
	if strings.Contains(text, "%") {
		text = fmt.Sprintf(text, n, line)
	}
	a.ask(ctx, http.MethodGet, "/api/v1/events?q="+text, "")
}

// ask sends a request and reads the answer.
func (a *attack) ask(ctx context.Context, method, path, body string) {
	request, err := http.NewRequestWithContext(ctx, method, "http://"+a.to.addr+a.to.base+path, strings.NewReader(body))
	if err != nil {
		return
	}
	if body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	response, err := a.client.Do(request)
	if err != nil {
		a.answers[0].Add(1)
		return
	}
	_, _ = io.Copy(io.Discard, response.Body)
	_ = response.Body.Close()
	a.answers[min(response.StatusCode/100, 5)].Add(1)
}

// page asks, has room for little, and reads nothing.
func (a *attack) page(ctx context.Context, line int) {
	path := fmt.Sprintf("/api/v1/events?limit=500&from=2000-01-01T00:00:%02dZ", line%60)
	a.hold(ctx, requestBytes(a.to, http.MethodGet, path, "", nil), func(c *net.TCPConn) {
		_ = c.SetReadBuffer(4096)
	}, false)
}

// maxOfCallback is what announces 1 MiB, and is shorter.
func maxOfCallback(to target) []byte {
	const length = 1 << 20
	whole := requestBytes(to, http.MethodPost, "/api/v1/payments/callbacks/nobody", "", bytes.Repeat([]byte{' '}, length))
	return whole[:len(whole)-length/10]
}

// callback sends most of what it has announced, and stays.
func (a *attack) callback(ctx context.Context, _ int) {
	a.hold(ctx, a.large, func(*net.TCPConn) {}, true)
}

// hold sends bytes on a new connection and stays on it for a while, or until the other end has closed it.
func (a *attack) hold(ctx context.Context, send []byte, set func(*net.TCPConn), read bool) {
	dialed, err := new(net.Dialer).DialContext(ctx, "tcp", a.to.addr)
	if err != nil {
		a.answers[0].Add(1)
		_ = sleep(ctx, unconnectedPause)
		return
	}
	c, _ := dialed.(*net.TCPConn) // what "tcp" gives
	defer c.Close()
	defer context.AfterFunc(ctx, func() { _ = c.Close() })()
	set(c)
	_ = c.SetDeadline(time.Now().Add(hostileHold))
	_, _ = c.Write(send) // a server that has refused reads no further
	if !read {
		_ = sleep(ctx, hostileHold)
		a.answers[0].Add(1)
		return
	}
	head := make([]byte, len("HTTP/1.1 200"))
	if _, err := io.ReadFull(c, head); err != nil || head[9] < '1' || head[9] > '5' {
		a.answers[0].Add(1)
		return
	}
	a.answers[head[9]-'0'].Add(1)
	_, _ = io.Copy(io.Discard, c) // until it is closed, or the time is over
}

// How often /readyz is asked, and how long an answer may take: what a proxy or an orchestrator does, but ten times as
// often.
const (
	readyEvery = 100 * time.Millisecond
	readyIn    = time.Second
)

// WatchReady asks whether the server is ready, on a new connection each time, until ctx ends, and returns what was
// wrong with each look that failed.
func WatchReady(ctx context.Context, server string) (looks int, unready []string, err error) {
	to, err := parseTarget(server, false)
	if err != nil {
		return 0, nil, err
	}
	client := &http.Client{Timeout: readyIn, Transport: &http.Transport{DisableKeepAlives: true}}
	for sleep(ctx, readyEvery) == nil {
		looks++
		begun := time.Now()
		fault := lookReady(ctx, client, to)
		if fault != "" && ctx.Err() == nil {
			unready = append(unready, fmt.Sprintf("after %s: %s", time.Since(begun).Round(time.Millisecond), fault))
		}
	}
	return looks, unready, nil
}

func lookReady(ctx context.Context, client *http.Client, to target) (fault string) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+to.addr+to.base+"/readyz", nil)
	if err != nil {
		return err.Error()
	}
	response, err := client.Do(request)
	if err != nil {
		return err.Error()
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, 1<<12))
	if err != nil {
		return err.Error()
	}
	if response.StatusCode != http.StatusOK {
		return response.Status + " " + string(body)
	}
	return ""
}
