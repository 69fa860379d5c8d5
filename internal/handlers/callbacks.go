package handlers

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
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

// callbacks is where gateways report what became of charges. It is no huma operation, for the body is the gateway's own,
// and signed as it was sent.
type callbacks struct {
	callbacks *services.Callbacks
	timeout   time.Duration
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
	body, err := readCallback(c.Request)
	if err == nil {
		err = h.callbacks.Receive(ctx, c.Param("gateway"), c.Request.Header.Get, body)
	}
	if err != nil {
		writeProblem(c, err)
		return
	}
	c.Status(http.StatusNoContent)
	c.Writer.WriteHeaderNow()
}

// readCallback reads the whole body as it is; the server's ReadTimeout bounds how long it may take to arrive.
func readCallback(r *http.Request) ([]byte, error) {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxCallback+1))
	var slow net.Error
	switch {
	case len(body) > maxCallback:
		return nil, errBodyTooLarge.Say("The body is larger than 1 MiB; no gateway's callback is.")
	case errors.As(err, &slow) && slow.Timeout():
		return nil, errRequestTimeout
	case err != nil:
		return nil, models.ErrCallbackUnreadable.With(err)
	}
	return body, nil
}
