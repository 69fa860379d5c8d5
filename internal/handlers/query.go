package handlers

import (
	"net/http"
	"net/url"

	"github.com/danielgtaylor/huma/v2"
)

// strictQuery refuses query parameters that are unknown, sent more than once, or sent with nothing behind them. An
// empty one is what a script sends whose variable is not set: to take it as not sent would answer with everything.
func strictQuery(a huma.API) func(ctx huma.Context, next func(huma.Context)) {
	return func(ctx huma.Context, next func(huma.Context)) {
		address := ctx.URL()
		if address.RawQuery == "" {
			next(ctx)
			return
		}
		if faults := queryFaults(address.RawQuery, ctx.Operation()); len(faults) > 0 {
			_ = huma.WriteErr(a, ctx, http.StatusBadRequest, "", faults...)
			return
		}
		next(ctx)
	}
}

func queryFaults(raw string, o *huma.Operation) []error {
	values, err := url.ParseQuery(raw)
	if err != nil { // or what cannot be read would count as not sent
		return []error{&huma.ErrorDetail{Location: "query", Message: "must be pairs of names and values, such as limit=50&status=PENDING"}}
	}
	var faults []error
	fault := func(name, message string) {
		faults = append(faults, &huma.ErrorDetail{Location: "query." + clip(name), Message: message})
	}
	for name, sent := range values {
		switch {
		case !knowsQuery(o, name):
			fault(name, "unknown query parameter")
		case len(sent) > 1:
			fault(name, "must be sent once")
		case sent[0] == "":
			fault(name, "must not be empty")
		}
	}
	return faults
}

func knowsQuery(o *huma.Operation, name string) bool {
	for _, p := range o.Parameters {
		if p.In == "query" && p.Name == name {
			return true
		}
	}
	return false
}
