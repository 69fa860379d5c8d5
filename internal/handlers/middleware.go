package handlers

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"mime"
	"net/http"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humagin"
	"github.com/gin-gonic/gin"

	"quantix/internal/models"
)

const requestIDHeader = "X-Request-Id"

// The headers of every answer. The slices are shared by all of them: header values are replaced, never changed in
// place.
var (
	nosniff        = []string{"nosniff"}
	noStore        = []string{"no-store"}
	noReferrer     = []string{"no-referrer"}
	nothingAllowed = []string{"default-src 'none'; frame-ancestors 'none'"}
	tlsForAYear    = []string{"max-age=31536000"} // of this name alone: what is below it is not ours
)

// middleware is the one middleware of every request: it names the request, sets the headers, turns a panic into a 500,
// and tells the log and the observer. It is one function, not five, because bookings pass it thousands of times a
// second.
func (s *server) middleware(c *gin.Context) {
	start := time.Now()
	id := requestID(c.Request)
	header := c.Writer.Header() // which has room for eight before it grows
	header[requestIDHeader] = []string{id}
	header["X-Content-Type-Options"] = nosniff
	header["Cache-Control"] = noStore
	header["Referrer-Policy"] = noReferrer
	header["Content-Security-Policy"] = nothingAllowed
	if s.secured {
		header["Strict-Transport-Security"] = tlsForAYear
	}
	s.proxies.restore(c.Request)
	s.cors.allow(c.Request, header)
	if s.logger.Enabled(c.Request.Context(), slog.LevelInfo) {
		c.Keys = map[any]any{} // where a refusal leaves its code; without a line to write there is no need to
	}
	defer s.done(c, start, id)
	refusal := s.check(c.Request, c.FullPath())
	if refusal == nil {
		refusal = s.limits.admit(c)
	}
	if refusal != nil {
		writeProblem(c, refusal)
		c.Abort()
		return
	}
	c.Next()
}

// done ends a request: it must be deferred directly, for it recovers.
func (s *server) done(c *gin.Context, start time.Time, id string) {
	if fault := recover(); fault != nil {
		s.recovered(c, fault, id)
	}
	took := time.Since(start)
	route := c.FullPath()
	if route == "" {
		route = "none" // unknown addresses must not become labels without number
	}
	if s.observer != nil {
		s.observer.Request(route, methodName(c.Request.Method), c.Writer.Status(), answeredAfter(c, start, took))
	}
	s.log(c, route, id, took)
}

// streamedKey is where a stream keeps when it began.
const streamedKey = "streamed"

// answeredAfter is how long a client waited for its answer: of a stream, until it began.
func answeredAfter(c *gin.Context, start time.Time, took time.Duration) time.Duration {
	if began := c.GetTime(streamedKey); !began.IsZero() {
		return began.Sub(start)
	}
	return took
}

// methodName is the method, or "other": clients may invent as many as they like, and labels must stay few.
func methodName(method string) string {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete,
		http.MethodOptions, http.MethodConnect, http.MethodTrace:
		return method
	}
	return "other"
}

// log writes the request's line. Nothing that a client wrote goes into it, but for the checked request id and, from a
// trusted proxy, the client's address.
func (s *server) log(c *gin.Context, route, id string, took time.Duration) {
	ctx, level := c.Request.Context(), logLevel(c)
	if !s.logger.Enabled(ctx, level) {
		return
	}
	var room [9]slog.Attr
	attrs := append(room[:0],
		slog.String("method", methodName(c.Request.Method)), slog.String("route", route),
		slog.Int("status", c.Writer.Status()),
		slog.String("client", c.ClientIP()),
		slog.Duration("took", took), slog.Int("bytes", max(c.Writer.Size(), 0)), slog.String("request_id", id))
	if code := c.GetString(codeKey); code != "" {
		attrs = append(attrs, slog.String("code", code))
	}
	if len(c.Errors) > 0 {
		attrs = append(attrs, slog.String("error", c.Errors.Last().Error()))
	}
	if level >= slog.LevelWarn {
		if s.told(c, level, attrs) {
			return
		}
		level = slog.LevelDebug
	}
	s.logger.LogAttrs(ctx, level, "request", attrs...)
}

// told writes the line of a fault where it is the first of its kind for a while, and counts it otherwise: or a store
// that fails would fill the disk with the refusals of a busy sale. All of them are there at debug level.
func (s *server) told(c *gin.Context, level slog.Level, attrs []slog.Attr) bool {
	kind := c.FullPath() + " " + c.GetString(codeKey) + " " + strconv.Itoa(c.Writer.Status())
	if level == slog.LevelError && len(c.Errors) > 0 {
		kind += " " + c.Errors.Last().Error() // faults of ours differ, and each is to be found
	}
	return s.faults.Fault(level, kind, "request", slices.Clone(attrs)...)
}

// codeKey is where a request keeps the code of its refusal.
const codeKey = "code"

// logLevel is how much a request's line matters. Under overload clients go away by the thousand: that is their
// business.
func logLevel(c *gin.Context) slog.Level {
	switch {
	case c.Writer.Status() == statusClientGone:
		return slog.LevelDebug
	case len(c.Errors) == 0:
		return slog.LevelInfo
	case c.Writer.Status() == http.StatusInternalServerError:
		return slog.LevelError
	}
	return slog.LevelWarn
}

// recovered answers a panic with a 500, and logs its stack: both sides learn what they need and no more.
func (s *server) recovered(c *gin.Context, fault any, id string) {
	if err, ok := fault.(error); ok && errors.Is(err, http.ErrAbortHandler) {
		panic(fault) // the way to drop a connection on purpose
	}
	s.faults.Fault(slog.LevelError, "panic at "+c.FullPath(), "panic", slog.String("error", fmt.Sprint(fault)),
		slog.String("request_id", id), slog.String("stack", string(debug.Stack())))
	if !c.Writer.Written() {
		writeProblem(c, models.ErrInternal)
	}
	c.Abort()
}

// requestID takes the caller's id, if it is one that may go into a log, or makes one.
func requestID(r *http.Request) string {
	if given := r.Header[requestIDHeader]; len(given) == 1 && isRequestID(given[0]) {
		return given[0]
	}
	return models.NewID[models.BatchID]().String()
}

// requestIDOf is the id that around gave the request.
func requestIDOf(c *gin.Context) string {
	if ids := c.Writer.Header()[requestIDHeader]; len(ids) > 0 {
		return ids[0]
	}
	return ""
}

func isRequestID(id string) bool {
	if id == "" || len(id) > 128 || hasKey(id) {
		return false
	}
	for i := range len(id) {
		c := id[i]
		isLetter := 'a' <= c|0x20 && c|0x20 <= 'z'
		if !isDigit(c) && !isLetter && c != '-' && c != '_' && c != '.' {
			return false
		}
	}
	return true
}

// check refuses what no handler needs to see. There is no login yet that a foreign page could ride on, but a server on
// somebody's own machine is open to every page in their browser: only pages of its own may change anything.
func (s *server) check(r *http.Request, route string) error {
	if !s.hosts.allow(r.Host) && !asksForHealth(route) && route != callbackRoute { // a callback is known by its signature
		return errHost
	}
	if s.origins.Check(r) != nil || comesUnencrypted(r, s.cors) {
		return errCrossOrigin
	}
	if route == "" || route == callbackRoute {
		return nil // nobody reads it; or gateways send what they like, and its reader has bounds of its own
	}
	return checkBody(r)
}

// asksForHealth tells what whoever runs this server asks for by whatever name it has there, and a page learns nothing
// from.
func asksForHealth(route string) bool { return route == "/healthz" || route == "/readyz" }

// checkBody refuses a body that is too large or not JSON before anybody reads it.
func checkBody(r *http.Request) error {
	if r.Method != http.MethodPost && r.Method != http.MethodPut || r.ContentLength == 0 {
		return nil
	}
	if r.ContentLength > maxBody {
		return errBodyTooLarge
	}
	if kind := r.Header["Content-Type"]; len(kind) > 0 && kind[0] != "application/json" && !isJSON(kind[0]) {
		return errMediaType
	}
	return nil
}

// isJSON reports whether a Content-Type is JSON in UTF-8; none at all is taken as JSON, for there is nothing else.
func isJSON(contentType string) bool {
	kind, params, err := mime.ParseMediaType(contentType)
	if err != nil || kind != "application/json" {
		return false
	}
	charset, given := params["charset"]
	return !given || strings.EqualFold(charset, "utf-8")
}

// wholeKey is where a bounded context keeps the one that ends with its client alone: huma replaces the request's own.
type wholeKey struct{}

// deadline bounds every operation, so that nothing hangs whatever the store does.
func (s *server) deadline(ctx huma.Context, next func(huma.Context)) {
	most := s.timeout
	if long, _ := ctx.Operation().Metadata[longKey].(time.Duration); long > 0 {
		most = long
		c := humagin.Unwrap(ctx)
		// Or net/http would cut the answer off. Where there is no connection, as in a test, nothing cuts it off.
		_ = http.NewResponseController(c.Writer).SetWriteDeadline(time.Now().Add(long + DefaultTimeout))
		c.Writer = &lateAnswer{ResponseWriter: c.Writer}
	}
	whole := context.WithValue(ctx.Context(), wholeKey{}, ctx.Context())
	bounded, cancel := context.WithTimeout(whole, most)
	defer cancel()
	next(huma.WithContext(ctx, bounded))
}

// A lateAnswer has been long in the making. Once it begins, its reader has as long as any other: or one that does not
// read would keep it for minutes.
type lateAnswer struct {
	gin.ResponseWriter
	begun bool
}

// Unwrap gives http.ResponseController the writer below.
func (w *lateAnswer) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *lateAnswer) Write(text []byte) (int, error) {
	if !w.begun {
		w.begun = true
		_ = http.NewResponseController(w.ResponseWriter).SetWriteDeadline(time.Now().Add(2 * DefaultTimeout))
	}
	return w.ResponseWriter.Write(text)
}

// maxLists bounds the pages that are in hand: each holds its memory until its client has read it, or WriteTimeout ends
// it.
const maxLists = 400

// boundLists refuses lists while too many are in hand.
func (s *server) boundLists(ctx huma.Context, next func(huma.Context)) {
	if !isList(ctx) {
		next(ctx)
		return
	}
	defer s.lists.Add(-1)
	if s.lists.Add(1) > maxLists {
		writeProblem(humagin.Unwrap(ctx), models.ErrUnavailable.Say("Too many lists are being read; ask again shortly."))
		return
	}
	next(ctx)
}

// isList reports whether a request is for a page. A stream holds nothing of its own, and has a bound of its own.
func isList(ctx huma.Context) bool {
	switch id := ctx.Operation().OperationID; id {
	case readEventFeed, readFeed:
		return !wantsStream(humagin.Unwrap(ctx).Request)
	default:
		return strings.HasPrefix(id, "list-")
	}
}

// noRoute answers an address that is none.
func noRoute(c *gin.Context) { writeProblem(c, errRouteNotFound) }

// noMethod answers a method that an address does not know; Gin has set Allow. OPTIONS asks for just that.
func (s *server) noMethod(c *gin.Context) {
	if c.Request.Method == http.MethodOptions {
		header := c.Writer.Header()
		header.Set("Allow", header.Get("Allow")+", OPTIONS")
		s.cors.permit(c.Request, header)
		c.Status(http.StatusNoContent)
		c.Writer.WriteHeaderNow()
		return
	}
	writeProblem(c, errMethodNotAllowed)
}
