package handlers

import (
	"cmp"
	"context"
	"net/http"
	"reflect"

	"github.com/danielgtaylor/huma/v2"
)

// Readiness is what the server can do now.
type Readiness struct {
	Ready  bool    // requests may be sent here
	Checks []Check // of what it depends on
}

// Check is the state of one dependency.
type Check struct {
	Name   string // such as "database"
	Status string // "ok", "degraded" (works without it) or "down"
	Detail string // for people; no secrets
}

// readinessBody is Readiness as it is answered.
type readinessBody struct {
	Status string           `json:"status" enum:"ready,unready"`
	Checks []readinessCheck `json:"checks" nullable:"false"`
}

// readinessCheck is a Check as it is answered.
type readinessCheck struct {
	Name   string `json:"name" example:"database"`
	Status string `json:"status" enum:"ok,degraded,down"`
	Detail string `json:"detail"`
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
		detail: "Ready when the database answers and its schema is new enough. Redis is only reported: bookings do not need it.",
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
	if !state.Ready {
		out.Status, out.Body.Status = http.StatusServiceUnavailable, "unready"
	}
	for _, c := range state.Checks {
		out.Body.Checks = append(out.Body.Checks, readinessCheck(c))
	}
	return out, nil
}
