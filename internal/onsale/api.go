package onsale

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"quantix/internal/retry"
)

// api calls Quantix's API where speed does not matter: to prepare a run, to watch it and to prove it.
type api struct {
	conn    *conn
	timeout time.Duration
}

func newAPI(to target) *api {
	return &api{conn: newConn(to), timeout: 30 * time.Second}
}

// call sends in as JSON (nil: no body) and reads a 2xx answer into out. Answers that say "later" are repeated a few
// times: setting a run up may be faster than the server likes.
func (a *api) call(ctx context.Context, method, path string, in, out any) error {
	body, err := encode(in)
	if err != nil {
		return err
	}
	req := requestBytes(a.conn.to, method, path, "", body)
	for try := 1; ; try++ {
		res, err := a.send(ctx, req)
		if err != nil {
			return fmt.Errorf("%s %s: %w", method, path, err)
		}
		switch {
		case res.status >= 200 && res.status < 300:
			return decode(res.body, out)
		case (res.status == 503 || res.status == 429) && try < 5:
			if err := sleep(ctx, max(res.retryAfter, 100*time.Millisecond)); err != nil {
				return err
			}
		default:
			return fmt.Errorf("%s %s: status %d: %.200s", method, path, res.status, res.body)
		}
	}
}

// send does one round trip that ends early when ctx does.
func (a *api) send(ctx context.Context, req []byte) (response, error) {
	defer context.AfterFunc(ctx, a.conn.abort)()
	now := time.Now()
	res, err := a.conn.roundTrip(ctx, req, now, now.Add(a.timeout), true)
	a.conn.lastUse = time.Now()
	if ctx.Err() != nil {
		return res, ctx.Err()
	}
	return res, err
}

func (a *api) close() { a.conn.close() }

func encode(in any) ([]byte, error) {
	if in == nil {
		return nil, nil
	}
	return json.Marshal(in)
}

func decode(body []byte, out any) error {
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(body, out); err != nil {
		return fmt.Errorf("read answer: %w", err)
	}
	return nil
}

// sleep waits for d, or returns ctx's error.
func sleep(ctx context.Context, d time.Duration) error {
	if !retry.Pause(ctx, d) {
		return ctx.Err()
	}
	return nil
}
