package handlers

import (
	"context"
	"net/http"
	"reflect"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humagin"
	"github.com/gin-gonic/gin"

	"quantix/internal/feed"
	"quantix/internal/models"
)

const eventStream = "text/event-stream"

var (
	streamKind = []string{eventStream}
	unbuffered = []string{"no"}
	// A stream ends with its connection: as chunks each piece would be written three times instead of once.
	unchunked  = []string{"identity"}
	beat       = []byte(":\n\n")
	retryAfter = []byte("retry: 1000\n\n")
)

// streamPiece is how much is written at a time: a reader is cut off that takes none of it for long, so that slow is not
// yet dead.
const streamPiece = 64 << 10

// appendEntryMessage writes an entry as a message of an event's stream.
func appendEntryMessage(b []byte, e *models.Entry) []byte {
	b = append(b, "id: "...)
	b = strconv.AppendInt(b, e.Seq, 10)
	b = append(b, "\nevent: entry\ndata: "...)
	return append(appendEntry(b, e), '\n', '\n')
}

// appendPlacedMessage writes an entry as a message of the stream of all events.
func appendPlacedMessage(b []byte, e *models.Entry) []byte {
	b = append(b, "id: "...)
	b = appendPlace(b, e.Place)
	b = append(b, "\nevent: entry\ndata: "...)
	return append(appendPlaced(b, e), '\n', '\n')
}

// appendLiveMessage writes an event's counters as a message.
func appendLiveMessage(b []byte, e *models.Event) []byte {
	b = append(b, "event: statistics\ndata: "...)
	return append(appendStatistics(b, e), '\n', '\n')
}

// appendStatistics writes what toStatistics makes as JSON; a test holds the two together.
func appendStatistics(b []byte, e *models.Event) []byte {
	s, currency := &e.Stock, e.TicketPrice.Currency
	b = append(b, `{"event_id":"`...)
	b = append(e.ID.Append(b), '"')
	b = appendNumber(b, "total_tickets", s.Total)
	b = appendNumber(b, "total_sold", s.Sold)
	b = appendMoney(b, "estimated_revenue", s.SoldAmount, currency)
	b = appendNumber(b, "available_tickets", s.Available)
	b = appendNumber(b, "total_pending", s.Held)
	b = appendMoney(b, "pending_revenue", s.HeldAmount, currency)
	b = appendText(appendName(b, "currency"), string(currency))
	b = append(b, `,"bookings":{"pending":`...)
	b = strconv.AppendInt(b, s.Pending, 10)
	b = appendNumber(b, "confirmed", s.Confirmed)
	b = appendNumber(b, "cancelled", s.Cancelled)
	return append(b, '}', '}')
}

type liveInput struct {
	ID models.EventID `path:"id" doc:"The event's id."`

	asked asked
}

// Resolve looks how the answer is wanted.
func (in *liveInput) Resolve(ctx huma.Context) []error {
	in.asked = askedOf(humagin.Unwrap(ctx).Request)
	return nil
}

type liveOutput struct{ Body func(huma.Context) }

func describeLive(a *api) huma.Operation {
	op := operation{
		id: "watch-event", method: http.MethodGet, path: eventsPath + "/{id}/live", tag: "feed",
		summary: "Watch an event's sales",
		detail:  "A stream of its statistics as messages `statistics`: as they stand, then whenever they have changed, at most once a second, and a comment every 15 seconds. Of a deleted event, too.",
		errors:  []*models.Error{models.ErrEventNotFound},
	}.describe(a.registry(), false)
	op.Responses["200"] = &huma.Response{
		Description: http.StatusText(http.StatusOK),
		Content: map[string]*huma.MediaType{eventStream: {Schema: &huma.Schema{
			Type: huma.TypeString, Description: "Messages whose data are an EventStatistics each: what /statistics answers.",
		}}},
	}
	a.registry().Schema(reflect.TypeFor[statisticsBody](), true, "")
	return op
}

// live streams an event's counters.
func (h *feeds) live(ctx context.Context, in *liveInput) (*liveOutput, error) {
	if err := h.events.Within(ctx, callerOf(ctx), in.ID); err != nil {
		return nil, err
	}
	if in.asked.head {
		if err := h.feed.Exists(ctx, in.ID); err != nil {
			return nil, err
		}
		return &liveOutput{Body: writeStreamHead}, nil
	}
	out, err := h.answerStream(h.feed.Live(ctx, in.ID))
	if err != nil {
		return nil, err
	}
	return &liveOutput{Body: out.Body}, nil
}

// answerPage answers with a page, or with the head of what it would be.
func answerPage(asked asked, text []byte) *feedOutput {
	if asked.stream {
		return &feedOutput{Body: writeStreamHead}
	}
	return &feedOutput{Body: func(ctx huma.Context) { respond(humagin.Unwrap(ctx), http.StatusOK, jsonKind, text) }}
}

// answerStream answers with a stream, if it could be opened.
func (h *feeds) answerStream(s *feed.Stream, err error) (*feedOutput, error) {
	if err != nil {
		return nil, err
	}
	return &feedOutput{Body: func(ctx huma.Context) {
		defer s.Close()
		c := humagin.Unwrap(ctx)
		writeStreamHead(ctx)
		reading, release := h.hold(c)
		defer release()
		sendAll(reading, c, s)
	}}, nil
}

// hold is for as long as a stream's reader is there, and is who they were: an operation's deadline is not for it.
func (h *feeds) hold(c *gin.Context) (context.Context, context.CancelFunc) {
	reading, bounded := c.Request.Context().Value(wholeKey{}).(context.Context)
	if !bounded {
		reading = c.Request.Context()
	}
	if h.gate == nil {
		return context.WithCancel(reading)
	}
	return h.gate.Hold(reading, c.Request.Header)
}

func writeStreamHead(ctx huma.Context) {
	c := humagin.Unwrap(ctx)
	header := c.Writer.Header()
	header["Content-Type"], header["X-Accel-Buffering"] = streamKind, unbuffered
	header["Transfer-Encoding"] = unchunked
	c.Writer.WriteHeader(http.StatusOK)
	c.Set(streamedKey, time.Now())
}

// sendAll writes what a stream has, as it comes, until the stream or its reader is gone.
func sendAll(reading context.Context, c *gin.Context, s *feed.Stream) {
	w := streamWriter{c.Writer, http.NewResponseController(c.Writer), s.Patience()}
	_ = w.control.SetReadDeadline(time.Time{}) // that of the request's own text, which has been read
	text, err := retryAfter, error(nil)
	for err == nil && w.write(text) == nil {
		if text, err = s.Next(reading); text == nil {
			text = beat
		}
	}
}

// streamWriter writes to a reader that may be slow, or gone.
type streamWriter struct {
	http.ResponseWriter
	control  *http.ResponseController
	patience time.Duration
}

// write sends a text at once. Error: the reader did not take a piece of it in time.
func (w streamWriter) write(text []byte) error {
	for len(text) > 0 {
		piece := text[:min(len(text), streamPiece)]
		text = text[len(piece):]
		// Where there is no connection, as in a test, nothing is cut off.
		_ = w.control.SetWriteDeadline(time.Now().Add(w.patience))
		if _, err := w.Write(piece); err != nil {
			return err
		}
	}
	return w.control.Flush()
}
