package handlers

import (
	"cmp"
	"context"
	"net/http"
	"reflect"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"
)

// Readiness is what the server can do now.
type Readiness struct {
	Ready  bool    // requests may be sent here
	Checks []Check // of what it depends on
}

// Check is how one part does.
type Check struct {
	Name   string // such as "database"
	Status string // "ok", "degraded" (bookings go on without it) or "down"
	Since  time.Time
	Detail string // for people; no secrets
	Remedy string // likewise: what to do about it
}

// readinessBody is Readiness as it is answered.
type readinessBody struct {
	Status string           `json:"status" enum:"ready,degraded,unready" doc:"degraded: bookings are taken, but not all else works; see checks"`
	Checks []readinessCheck `json:"checks" nullable:"false"`
}

// readinessCheck is a Check as it is answered.
type readinessCheck struct {
	Name   string    `json:"name" example:"database" doc:"database, queue, workers, expiry, payments; there may be more"`
	Status string    `json:"status" enum:"ok,degraded,down"`
	Since  time.Time `json:"since" doc:"when this status began, as far as this process knows"`
	Detail string    `json:"detail" doc:"what is wrong; empty when nothing is"`
	Remedy string    `json:"remedy" doc:"what to do about it; empty when nothing is wrong"`
}

// healthBody says that the process answers, and which version it is.
type healthBody struct {
	Status  string `json:"status" enum:"ok"`
	Version string `json:"version"`
}

type (
	noInput      struct{}
	healthOutput struct{ Body healthBody }
	readyOutput  struct {
		Status int
		Body   readinessBody
	}
)

type health struct {
	ready   func(ctx context.Context) Readiness
	version string
}

func newHealth(d Deps) *health { return &health{ready: d.Ready, version: cmp.Or(d.Version, "dev")} }

func (h *health) register(a *api) {
	register(a, operation{
		id: "healthz", method: http.MethodGet, path: "/healthz", tag: "service", summary: "Is the process alive",
		detail: "Asks nothing of what it depends on.",
	}, h.alive)
	register(a, operation{
		id: "readyz", method: http.MethodGet, path: "/readyz", tag: "service", summary: "May requests be sent here",
		detail: "200 as long as bookings can be taken: the database's schema is new enough, and the last write succeeded. What else " +
			"does not work makes it degraded and is told in checks, with what to do about it: payments that wait are no reason to " +
			"send nobody here.",
	}, h.isReady)
	a.documentUnready()
}

// documentUnready adds that an unready server says why, in the same form.
func (a *api) documentUnready() {
	unready := a.OpenAPI().Paths["/readyz"].Get.Responses["503"]
	unready.Content["application/json"] = &huma.MediaType{
		Schema: a.registry().Schema(reflect.TypeFor[readinessBody](), true, ""),
	}
}

func (h *health) alive(context.Context, *noInput) (*healthOutput, error) {
	return &healthOutput{Body: healthBody{Status: "ok", Version: h.version}}, nil
}

func (h *health) isReady(ctx context.Context, _ *noInput) (*readyOutput, error) {
	state := Readiness{Ready: true}
	if h.ready != nil {
		state = h.ready(ctx)
	}
	out := &readyOutput{Status: http.StatusOK, Body: readinessBody{Status: "ready", Checks: []readinessCheck{}}}
	switch {
	case !state.Ready:
		out.Status, out.Body.Status = http.StatusServiceUnavailable, "unready"
	case slices.ContainsFunc(state.Checks, func(c Check) bool { return c.Status != "ok" }):
		out.Body.Status = "degraded"
	}
	for _, c := range state.Checks {
		out.Body.Checks = append(out.Body.Checks, c.body())
	}
	return out, nil
}

func (c Check) body() readinessCheck {
	body := readinessCheck(c)
	body.Since = c.Since.UTC().Truncate(time.Millisecond)
	return body
}
