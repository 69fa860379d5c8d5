package simulator

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"quantix/internal/models"
	"quantix/internal/payments"
	"quantix/internal/retry"
)

// Bounds of the sender.
const (
	sendersAtOnce = 8
	maxWaiting    = 10_000 // callbacks, to be sent now or later; beyond that none are taken
	sendTries     = 4
	sendBackoff   = 250 * time.Millisecond
	sendTimeout   = 5 * time.Second
)

// A sender posts a signed callback for every charge that is decided, at once or, for one that is pending, when its time
// has come. It sends at its best effort, perhaps twice, and forgets what waits when the process ends: whoever waits for
// a charge asks for it too.
type sender struct {
	gateway *Gateway
	url     string
	secret  string
	logger  *slog.Logger
	client  *http.Client

	ctx     context.Context // ends with close
	cancel  context.CancelFunc
	room    chan struct{} // one token for each callback that waits
	due     chan string   // references of what is to be told now
	more    chan notice   // what else is
	workers sync.WaitGroup
}

func newSender(g *Gateway, o Options) *sender {
	s := &sender{
		gateway: g, url: o.CallbackURL, secret: o.Secret, logger: o.Logger,
		client: &http.Client{
			Timeout:   sendTimeout,
			Transport: &http.Transport{MaxIdleConnsPerHost: sendersAtOnce, IdleConnTimeout: time.Minute},
			CheckRedirect: func(*http.Request, []*http.Request) error {
				return errors.New("a receiver of callbacks does not redirect")
			},
		},
		room: make(chan struct{}, maxWaiting), due: make(chan string, maxWaiting), more: make(chan notice, maxWaiting),
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	for range sendersAtOnce {
		s.workers.Go(s.work)
	}
	return s
}

func (s *sender) close() {
	s.cancel()
	s.workers.Wait()
	s.client.CloseIdleConnections()
}

// charged plans the callback of a charge that was just called for.
func (s *sender) charged(now time.Time, c Record) {
	if c.Status == failed {
		return // it is called for again
	}
	select {
	case s.room <- struct{}{}:
	default:
		s.logger.Warn("too many callbacks wait; one is left out", "reference", c.Reference)
		return
	}
	defer s.after(&c)
	if c.Method == Action {
		<-s.room // it is never decided
		return
	}
	if c.Status == pending {
		time.AfterFunc(max(0, c.SettlesAt.Sub(now)), func() { s.due <- c.Reference }) // there is room
		return
	}
	s.due <- c.Reference
}

func (s *sender) work() {
	for {
		select {
		case reference := <-s.due:
			s.tell(reference, func() (bool, error) { return s.try(reference) })
			<-s.room
		case n := <-s.more:
			s.tell(n.Reference, func() (bool, error) { return s.send(n) })
			<-s.room
		case <-s.ctx.Done():
			return
		}
	}
}

// after plans what a charge's method gives to report besides its outcome.
func (s *sender) after(c *Record) {
	if c.Status != charged {
		return
	}
	for wait, n := range later(c) {
		s.plan(wait, n)
	}
}

// refunded plans the report of a refund that comes back.
func (s *sender) refunded(_ time.Time, c Record) {
	if cameBack(&c) {
		s.plan(time.Second, notice{Reference: c.Reference, Outcome: models.OutcomeMoved})
	}
}

func (s *sender) plan(wait time.Duration, n notice) {
	select {
	case s.room <- struct{}{}:
		time.AfterFunc(wait, func() { s.more <- n }) // there is room
	default:
		s.logger.Warn("too many callbacks wait; one is left out", "reference", n.Reference)
	}
}

// tell posts a callback, a few times if need be.
func (s *sender) tell(reference string, post func() (again bool, err error)) {
	var err error
	for try := 1; try <= sendTries; try++ {
		var again bool
		if again, err = post(); err == nil {
			return
		}
		if !again || !retry.Pause(s.ctx, retry.Backoff(sendBackoff, try, sendTimeout)) {
			break
		}
	}
	if s.ctx.Err() == nil {
		s.logger.Warn("a callback was not taken", "reference", reference, "error", err)
	}
}

// try posts once; again reports whether another try may help.
func (s *sender) try(reference string) (again bool, err error) {
	result := s.look(reference)
	switch result.Outcome {
	case models.OutcomeSucceeded, models.OutcomeDeclined, models.OutcomeVoided, models.OutcomePending:
	default:
		return true, fmt.Errorf("the charge is %s: %s", result.Outcome, result.Reason)
	}
	n := notice{
		Reference: reference, Outcome: result.Outcome, ProviderReference: result.ProviderReference, Reason: result.Reason,
	}
	if result.Amount.Currency != "" {
		n.Amount, n.Currency = result.Amount.String(), string(result.Amount.Currency)
	}
	return s.send(n)
}

func (s *sender) send(n notice) (again bool, err error) {
	body, err := json.Marshal(n)
	if err != nil {
		return false, err
	}
	return s.post(body)
}

// look asks the ledger as Find does, but without the latency and the faults that are set.
func (s *sender) look(reference string) models.Result {
	e := newEntry(reference, func(now time.Time, r records) models.Result {
		return r.find(now, payments.ChargeRequest{Reference: reference})
	})
	s.gateway.entries.Do(e)
	<-e.done // the ledger's own timeout bounds it
	if e.err != nil {
		return models.Result{Outcome: models.OutcomeUnknown, Reason: "the gateway's ledger did not answer"}
	}
	return e.result
}

func (s *sender) post(body []byte) (again bool, err error) {
	request, err := http.NewRequestWithContext(s.ctx, http.MethodPost, s.url, bytes.NewReader(body))
	if err != nil {
		return false, err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set(SignatureHeader, Sign(s.secret, time.Now(), body))
	response, err := s.client.Do(request)
	if err != nil {
		return true, err
	}
	defer response.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(response.Body, 64<<10)) // so that the connection can be used again
	switch status := response.StatusCode; {
	case status < 300:
		return false, nil
	case status >= 500, status == http.StatusTooManyRequests, status == http.StatusRequestTimeout:
		return true, fmt.Errorf("the receiver answered %d", status)
	default:
		return false, fmt.Errorf("the receiver answered %d", status)
	}
}
