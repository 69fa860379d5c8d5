package handlers

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gin-gonic/gin"

	"quantix/internal/models"
	"quantix/internal/services"
)

const (
	callbacksPath = apiPath + "/payments/callbacks"
	callbackRoute = callbacksPath + "/:gateway"
	maxCallback   = 1 << 20 // bytes
)

// callbacks is where gateways report what became of charges. It is no huma operation, for the body is the gateway's
// own, and signed as it was sent.
type callbacks struct {
	callbacks *services.Callbacks
	timeout   time.Duration
	bodies    callbackBodies
}

func (h *callbacks) register(a *api) {
	a.router.POST(callbackRoute, h.receive)
	a.OpenAPI().AddOperation(describeCallback(a.registry()))
}

// describeCallback is the route's place in the document.
func describeCallback(registry huma.Registry) *huma.Operation {
	op := operation{
		id: "receive-payment-callback", method: http.MethodPost, path: callbacksPath + "/{gateway}", tag: "payments",
		summary: "Report what became of a charge",
		detail:  "For payment gateways alone. 204 means that the report is on disk, or tells nothing about a charge of this server; sent again, or out of order, it does no harm. After 503 it is to be sent again.",
		status:  http.StatusNoContent, desk: true, anyBody: true,
		errors: []*models.Error{
			models.ErrGatewayNotFound, models.ErrCallbackForged, models.ErrCallbackStale, models.ErrCallbackUnreadable,
			errBodyTooLarge, errRequestTimeout,
		},
	}.describe(registry, false)
	text := &huma.Schema{Type: huma.TypeString}
	op.Parameters = []*huma.Param{
		{Name: "gateway", In: "path", Required: true, Schema: text, Description: "The gateway's name in the settings.", Example: "stripe"},
		{Name: "Quantix-Signature", In: "header", Schema: text, Description: "Of the simulated gateway: t=<unix seconds>,v1=<hex HMAC-SHA256 of \"<t>.<body>\">; at most 5 minutes old."},
		{Name: "Stripe-Signature", In: "header", Schema: text, Description: "Of Stripe."},
	}
	op.RequestBody = &huma.RequestBody{
		Description: "As the gateway words it, at most 1 MiB. The simulated gateway: {\"reference\", \"outcome\", \"provider_reference\", \"reason\"} with the outcome succeeded, declined, pending or voided.",
		Content:     map[string]*huma.MediaType{"*/*": {Schema: &huma.Schema{}}},
	}
	op.Responses["204"] = &huma.Response{Description: http.StatusText(http.StatusNoContent)}
	return &op
}

func (h *callbacks) receive(c *gin.Context) {
	ctx, cancel := context.WithTimeout(c.Request.Context(), h.timeout)
	defer cancel()
	if err := h.callbacks.Expect(c.Param("gateway"), c.Request.Header.Get); err != nil {
		refuseUnread(c, err)
		return
	}
	body, err := h.bodies.read(c.Request.Body)
	defer h.bodies.release(cap(body))
	if err != nil {
		refuseUnread(c, err)
		return
	}
	if err := h.callbacks.Receive(ctx, c.Param("gateway"), c.Request.Header.Get, body); err != nil {
		writeProblem(c, err)
		return
	}
	c.Status(http.StatusNoContent)
	c.Writer.WriteHeaderNow()
}

// refuseUnread answers without waiting for the rest of a body, and ends the connection that it would come by.
func refuseUnread(c *gin.Context, err error) {
	c.Writer.Header().Set("Connection", "close")
	writeProblem(c, err)
}

// What callbacks may take of the memory together. A gateway's are a few KiB: those stay welcome when large ones, which
// anybody can begin to send, have taken their share.
const (
	maxInHand    = 16 << 20
	largeInHand  = 12 << 20
	largeAtLeast = 64 << 10
)

// callbackBodies bound the bodies of all callbacks that are in hand.
type callbackBodies struct{ taken atomic.Int64 }

// read reads a whole body as it is, into memory that grows with what arrives. What it has taken is to be released. The
// server's ReadTimeout bounds how long it may take to arrive.
func (b *callbackBodies) read(from io.Reader) (body []byte, err error) {
	for {
		if len(body) == cap(body) {
			if body, err = b.grow(body); err != nil {
				return body, err
			}
		}
		n, err := from.Read(body[len(body):cap(body)])
		body = body[:len(body)+n]
		var slow net.Error
		switch {
		case len(body) > maxCallback:
			return body, errBodyTooLarge.Say("The body is larger than 1 MiB; no gateway's callback is.")
		case errors.Is(err, io.EOF):
			return body, nil
		case errors.As(err, &slow) && slow.Timeout():
			return body, errRequestTimeout
		case err != nil:
			return body, models.ErrCallbackUnreadable.With(err)
		}
	}
}

// grow gives a body room for as much again. Error: models.ErrBusy when that would be too much for all together.
func (b *callbackBodies) grow(body []byte) ([]byte, error) {
	room := min(max(4<<10, 2*cap(body)), maxCallback+1)
	most := int64(maxInHand)
	if room > largeAtLeast {
		most = largeInHand
	}
	if b.taken.Add(int64(room)) > most {
		b.release(room)
		return body, models.ErrBusy.Say("Too many callbacks are being received; send it again shortly.")
	}
	grown := make([]byte, len(body), room)
	copy(grown, body)
	b.release(cap(body))
	return grown, nil
}

func (b *callbackBodies) release(n int) { b.taken.Add(-int64(n)) }
