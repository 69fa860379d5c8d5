package handlers

import (
	"net/http"
	"slices"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humagin"

	"quantix/internal/models"
)

// promises are the headers by which a client asks that something must not happen: twice, or to another version. Who
// sends one counts on it, so an operation that changes something either honours it or refuses the request.
var promises = []string{keyHeader, "If-Match", "If-None-Match"}

// refusePromises refuses an operation's request with a header that the operation does not honour.
func refusePromises(a huma.API) func(ctx huma.Context, next func(huma.Context)) {
	return func(ctx huma.Context, next func(huma.Context)) {
		if err := unkept(humagin.Unwrap(ctx).Request, ctx.Operation()); err != nil {
			_ = huma.WriteErr(a, ctx, http.StatusBadRequest, "", err)
			return
		}
		next(ctx)
	}
}

// unkept names the headers of a request that its operation does not honour; nil when there are none, or nothing is
// changed.
func unkept(r *http.Request, o *huma.Operation) error {
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		return nil
	}
	return refuseHeaders(r.Header, func(name string) bool {
		return slices.ContainsFunc(o.Parameters, func(p *huma.Param) bool { return p.In == "header" && p.Name == name })
	})
}

// refuseHeaders names the promises that are asked for and not kept.
func refuseHeaders(sent http.Header, keeps func(name string) bool) error {
	var fields []models.FieldError
	for _, name := range promises {
		if _, is := sent[name]; is && !keeps(name) {
			fields = append(fields, models.FieldError{Field: "header." + name, Message: "is not honoured here"})
		}
	}
	if len(fields) == 0 {
		return nil
	}
	e := *errHeaderNotHonoured
	e.Fields = fields
	return &e
}

// keepsKey is what POST /bookings honours.
func keepsKey(name string) bool { return name == keyHeader }
