package handlers

import (
	"context"
	"net/http"
	"net/url"
	"reflect"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humagin"

	"quantix/internal/feed"
	"quantix/internal/models"
	"quantix/internal/services"
)

const (
	feedPath          = apiPath + "/feed"
	lastEventIDHeader = "Last-Event-ID"

	readEventFeed = "read-event-feed"
	readFeed      = "read-feed"
)

// feeds answers those who read what happened.
type feeds struct {
	feed   *feed.Feed
	events *services.Events // which know whose an event is
	gate   Gate             // nil: nobody is asked
}

// FeedEncoding is how the streams of a feed write what they tell.
func FeedEncoding() feed.Encoding {
	return feed.Encoding{Entry: appendEntryMessage, Placed: appendPlacedMessage, Live: appendLiveMessage}
}

// The inputs and the output of the operations on feeds.
type (
	eventFeedInput struct {
		ID          models.EventID `path:"id" doc:"The event's id."`
		After       int64          `query:"after" minimum:"0" doc:"Entries after this seq. Without it, from the first entry that is kept, which may be an event.opened: the sum of all before."`
		LastEventID string         `header:"Last-Event-ID" maxLength:"19" pattern:"^[0-9]*$" doc:"As after, which it goes before: the id of the last message that a stream's reader has read."`
		Limit       int            `query:"limit" minimum:"1" maximum:"500" default:"100" doc:"How many entries at most; of a page, not of a stream."`

		from  int64
		asked asked
	}
	feedInput struct {
		After       string `query:"after" maxLength:"128" doc:"Entries after this place: the cursor of the last entry that was read. Without it, from the first that is kept."`
		LastEventID string `header:"Last-Event-ID" maxLength:"128" doc:"As after, which it goes before: the id of the last message that a stream's reader has read."`
		Limit       int    `query:"limit" minimum:"1" maximum:"500" default:"100" doc:"How many entries at most; of a page, not of a stream."`

		asked asked
	}
	feedOutput struct {
		Link string `header:"Link" doc:"The next page, where there may be one (rel=next); of a page only."`
		Body func(huma.Context)
	}
)

// asked is how an answer is wanted.
type asked struct {
	stream bool // text/event-stream
	head   bool // without the answer itself, which for a stream would never end
}

func askedOf(r *http.Request) asked {
	return asked{stream: wantsStream(r), head: r.Method == http.MethodHead}
}

// wantsStream reports whether a request asks for a stream.
func wantsStream(r *http.Request) bool {
	for _, header := range r.Header["Accept"] {
		for kind := range strings.SplitSeq(header, ",") {
			kind, _, _ = strings.Cut(kind, ";")
			if strings.EqualFold(strings.TrimSpace(kind), eventStream) {
				return true
			}
		}
	}
	return false
}

// Resolve finds the place to read on from.
func (in *eventFeedInput) Resolve(ctx huma.Context) []error {
	in.from, in.asked = feed.FromFirst, askedOf(humagin.Unwrap(ctx).Request)
	if ctx.Query("after") != "" {
		in.from = in.After
	}
	if in.LastEventID != "" {
		var err error
		if in.from, err = strconv.ParseInt(in.LastEventID, 10, 64); err != nil {
			return []error{&huma.ErrorDetail{
				Location: "header." + lastEventIDHeader, Message: "must be the id of a message of this stream", Value: in.LastEventID,
			}}
		}
	}
	return nil
}

// Resolve looks how the answer is wanted.
func (in *feedInput) Resolve(ctx huma.Context) []error {
	in.asked = askedOf(humagin.Unwrap(ctx).Request)
	return nil
}

// place finds the place to read on from; nil: the first entry that is kept.
func (in *feedInput) place() (*models.FeedPlace, error) {
	switch {
	case in.LastEventID != "":
		return parsePlace(in.LastEventID)
	case in.After != "":
		return parsePlace(in.After)
	}
	return nil, nil
}

func (h *feeds) register(a *api) {
	places := []*models.Error{models.ErrFeedGone, models.ErrFeedAhead}
	huma.Register(a.API, describeFeed[entryBody](a, operation{
		id: readEventFeed, method: http.MethodGet, path: eventsPath + "/{id}/feed", tag: "feed",
		summary: "Read what happened at an event",
		detail:  "Its journal, oldest first: each entry once, numbered from 1 without gaps, and never changed. Of a deleted event, too. " + sentAs,
		errors:  append(places, models.ErrEventNotFound),
	}), h.ofEvent)
	huma.Register(a.API, describeFeed[placedEntryBody](a, operation{
		id: readFeed, method: http.MethodGet, path: feedPath, tag: "feed", summary: "Read what happened at all events",
		detail: "All journals in one order, the same for each reader; entries of one event in theirs. An entry is shown once no earlier one can come any more, most often at once. " + sentAs,
		errors: append(places, models.ErrInvalidCursor),
	}), h.ofAll)
	huma.Register(a.API, describeLive(a), h.live)
}

const sentAs = "With Accept: text/event-stream it is a stream that goes on with what happens from now on: messages `entry`, each with its place as id, and a comment every 15 seconds. Otherwise it is a page, which ends early when its entries reach 64 KiB."

// describeFeed is an operation that answers with a page or with a stream of the same.
func describeFeed[B any](a *api, o operation) huma.Operation {
	op := o.describe(a.registry(), false)
	op.Responses["200"] = &huma.Response{
		Description: http.StatusText(http.StatusOK),
		Content: map[string]*huma.MediaType{
			"application/json": {Schema: &huma.Schema{
				Type: huma.TypeArray, Items: a.registry().Schema(reflect.TypeFor[B](), true, ""),
			}},
			eventStream: {Schema: &huma.Schema{
				Type: huma.TypeString, Description: "Messages whose data are entries, each as in a page.",
			}},
		},
	}
	return op
}

// ofEvent answers with a page of an event's journal, or with a stream of it.
func (h *feeds) ofEvent(ctx context.Context, in *eventFeedInput) (*feedOutput, error) {
	if err := h.events.Within(ctx, callerOf(ctx), in.ID); err != nil {
		return nil, err
	}
	if in.asked.stream && !in.asked.head {
		return h.answerStream(h.feed.Entries(ctx, in.ID, in.from))
	}
	page, err := h.feed.Page(ctx, in.ID, in.from, in.Limit)
	if err != nil {
		return nil, err
	}
	out, last := answerPage(in.asked, appendPage(page.Entries, appendEntry)), int64(0)
	if n := len(page.Entries); n > 0 {
		last = page.Entries[n-1].Seq
	}
	if 0 < last && last < page.Last {
		out.Link = feedLink(eventsPath+"/"+in.ID.String()+"/feed", in.Limit, strconv.FormatInt(last, 10))
	}
	return out, nil
}

// ofAll answers with a page of the feed of all events, or with a stream of it.
func (h *feeds) ofAll(ctx context.Context, in *feedInput) (*feedOutput, error) {
	place, err := in.place()
	if err != nil {
		return nil, err
	}
	if in.asked.stream && !in.asked.head {
		return h.answerStream(h.feed.Everything(ctx, place))
	}
	entries, err := h.feed.All(ctx, place, min(in.Limit+1, feed.MaxLimit))
	if err != nil {
		return nil, err
	}
	given := entries[:min(len(entries), in.Limit)]
	text := appendPage(given, appendPlaced)
	out := answerPage(in.asked, text)
	// An entry is stored in fewer bytes than it is written in, so that a page that ended for its bytes is at least as
	// long.
	if len(entries) > in.Limit || len(entries) == feed.MaxLimit || len(text) >= models.MaxEntryBytes {
		out.Link = feedLink(feedPath, in.Limit, string(appendPlace(nil, given[len(given)-1].Place)))
	}
	return out, nil
}

func appendPage(entries []models.Entry, entry func([]byte, *models.Entry) []byte) []byte {
	b := []byte{'['}
	for i := range entries {
		if i > 0 {
			b = append(b, ',')
		}
		b = entry(b, &entries[i])
	}
	return append(b, ']', '\n')
}

func feedLink(path string, limit int, after string) string {
	query := url.Values{"after": {after}, "limit": {strconv.Itoa(limit)}}
	return "<" + path + "?" + query.Encode() + `>; rel="next"`
}
