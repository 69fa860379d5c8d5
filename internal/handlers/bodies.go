package handlers

import (
	"errors"
	"io"
	"net"
	"net/http"
	"sync/atomic"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humagin"

	"quantix/internal/models"
)

// What bodies may take of the memory together. Nearly all are a few hundred bytes, and always welcome: as many as there
// are connections. What is more than smallBody is counted, or clients that send most of a large body, and then wait,
// would fill the memory: each has seconds.
const (
	smallBody       = 4 << 10
	bodyStep        = 16 << 10
	maxBodiesInHand = 16 << 20
)

// bodiesInHand counts what large bodies hold.
type bodiesInHand struct{ taken atomic.Int64 }

// A sentBody is a request's body whose faults are the client's: cut off, or chunks that are none. huma takes them for
// ours.
type sentBody struct {
	io.ReadCloser
	all        *bodiesInHand
	read, held int64
}

// of counts a request's body from now on; release is to be called when nobody needs it any more.
func (all *bodiesInHand) of(r *http.Request) *sentBody {
	b := &sentBody{ReadCloser: r.Body, all: all}
	r.Body = b
	return b
}

func (b *sentBody) release() { b.all.taken.Add(-b.held) }

// Read says malformed_json when the body cannot be read to its end, and unavailable when too many large ones are being
// read. Being late is told apart by what reads.
func (b *sentBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if b.read += int64(n); b.read > smallBody+b.held {
		more := (b.read - smallBody - b.held + bodyStep - 1) / bodyStep * bodyStep // a large buffer reads it all at once
		b.held += more
		if b.all.taken.Add(more) > maxBodiesInHand {
			return n, models.ErrUnavailable.Say("Too many large bodies are being received; send it again shortly.")
		}
	}
	var slow net.Error
	if err == nil || err == io.EOF || errors.As(err, &slow) && slow.Timeout() {
		return n, err
	}
	return n, errBodyCutOff.With(err)
}

// clientBodies has the operation read the body as what a client sent.
func (s *server) clientBodies(ctx huma.Context, next func(huma.Context)) {
	body := s.bodies.of(humagin.Unwrap(ctx).Request)
	defer body.release()
	next(ctx)
}
