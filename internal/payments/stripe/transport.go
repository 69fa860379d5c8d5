package stripe

import (
	"context"
	"net/http"
	"net/http/httptrace"
	"sync/atomic"
	"time"
)

// The bounds of an answer, in bytes. Stripe's are a few thousand.
const (
	maxAnswer  = 1 << 20
	maxHeaders = 64 << 10
)

// transport carries requests to Stripe and tells what surely has not left from what may have arrived.
//
// net/http sends a request again by itself if a connection that it kept turns out to be closed before an answer began.
// That is welcome: it does so with the same Idempotency-Key, and only because there is one.
type transport struct{ base *http.Transport }

func newTransport() *transport {
	base := &http.Transport{
		Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true, TLSHandshakeTimeout: 10 * time.Second,
	}
	if usual, is := http.DefaultTransport.(*http.Transport); is {
		base = usual.Clone()
	}
	base.MaxIdleConns, base.MaxIdleConnsPerHost = 256, 256
	base.IdleConnTimeout = 30 * time.Second
	base.MaxResponseHeaderBytes = maxHeaders
	return &transport{base: base}
}

// notSentError says that a request failed before there was a connection to send it on.
type notSentError struct{ cause error }

func (e *notSentError) Error() string { return "not sent: " + e.cause.Error() }
func (e *notSentError) Unwrap() error { return e.cause }

// RoundTrip sends a request and bounds its answer.
func (t *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	var connected atomic.Bool
	ctx := httptrace.WithClientTrace(r.Context(), &httptrace.ClientTrace{
		GotConn: func(httptrace.GotConnInfo) { connected.Store(true) },
	})
	answer, err := t.base.RoundTrip(anonymous(ctx, r))
	if err != nil {
		if !connected.Load() {
			err = &notSentError{cause: err}
		}
		return nil, err
	}
	answer.Body = http.MaxBytesReader(nil, answer.Body, maxAnswer)
	return answer, nil
}

// anonymous takes out what the library tells of this machine.
func anonymous(ctx context.Context, r *http.Request) *http.Request {
	r = r.Clone(ctx)
	r.Header.Del("X-Stripe-Client-User-Agent")
	r.Header.Set("User-Agent", "Quantix (stripe-go)")
	return r
}
