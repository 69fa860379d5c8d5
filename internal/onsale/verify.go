package onsale

import (
	"context"
	"encoding/json"
	"fmt"
	"time"
)

// auditTimeout is generous: an audit recomputes an event from all its bookings.
const auditTimeout = 5 * time.Minute

// Verdict is the answer of one event's audit.
type Verdict struct {
	EventID     string            `json:"event_id"`
	OK          bool              `json:"ok"`
	Differences []json.RawMessage `json:"differences,omitempty"`
	// Error says why there is no answer.
	Error string `json:"error,omitempty"`
}

// verify asks every event for its audit and compares the server's counts with what the buyers saw. It returns the
// verdicts and a sentence for each violation.
func verify(ctx context.Context, to target, s Scenario, events []string, seen *shard) ([]Verdict, []string) {
	verdicts, violations := make([]Verdict, len(events)), make([][]string, len(events))
	apis := newAPIs(to, min(len(events), 4))
	defer apis.close()
	// The error of parallel can only be that of ctx, which every verdict left over then names.
	err := parallel(ctx, len(events), len(apis), func(i, lane int) error {
		a := apis[lane]
		a.timeout = auditTimeout
		violations[i] = compare(ctx, a, s, events[i], seen.bookings[i], seen.sold[i])
		if !s.SkipAudit {
			verdicts[i] = audit(ctx, a, events[i])
		}
		return ctx.Err()
	})
	return finishVerdicts(s, events, verdicts, violations, err)
}

func finishVerdicts(
	s Scenario, events []string, verdicts []Verdict, byEvent [][]string, err error,
) ([]Verdict, []string) {
	var violations []string
	for i := range verdicts {
		violations = append(violations, byEvent[i]...)
		v := &verdicts[i]
		if v.EventID == "" {
			v.EventID = events[i]
			v.Error = fmt.Sprint(err)
		}
		if !s.SkipAudit && !v.OK {
			violations = append(violations, fmt.Sprintf("event %s: audit: %s %s", v.EventID, v.Error, v.Differences))
		}
	}
	if s.SkipAudit {
		return nil, violations
	}
	return verdicts, violations
}

func audit(ctx context.Context, a *api, event string) Verdict {
	v := Verdict{}
	if err := a.call(ctx, "GET", "/api/v1/events/"+event+"/audit", nil, &v); err != nil {
		return Verdict{EventID: event, Error: err.Error()}
	}
	v.EventID = event
	return v
}

// AuditEvent asks the server for an event's audit; the error says what differs.
func AuditEvent(ctx context.Context, server, event string) error {
	to, err := parseTarget(server, false)
	if err != nil {
		return err
	}
	a := newAPI(to)
	defer a.close()
	a.timeout = auditTimeout
	if v := audit(ctx, a, event); !v.OK {
		return fmt.Errorf("event %s: audit: %s %s", event, v.Error, v.Differences)
	}
	return nil
}

// compare holds the server's counters against the answers that buyers got: whatever a 201 promised must be there.
func compare(ctx context.Context, a *api, s Scenario, event string, bookings, tickets int64) []string {
	var got statistics
	if err := a.call(ctx, "GET", "/api/v1/events/"+event+"/statistics", nil, &got); err != nil {
		return []string{fmt.Sprintf("event %s: statistics: %v", event, err)}
	}
	var violations []string
	wrong := func(format string, args ...any) {
		violations = append(violations, fmt.Sprintf("event %s: ", event)+fmt.Sprintf(format, args...))
	}
	if sum := got.AvailableTickets + got.TotalPending + got.TotalSold; sum != int64(s.TicketsPerEvent) {
		wrong("available + pending + sold is %d of %d tickets", sum, s.TicketsPerEvent)
	}
	if there := got.Bookings.Pending + got.Bookings.Confirmed + got.Bookings.Cancelled; there < bookings {
		wrong("%d bookings were answered with 201 and %d exist", bookings, there)
	}
	// Cancelled tickets may rightly be sold twice.
	if got.Bookings.Cancelled == 0 && tickets > int64(s.TicketsPerEvent) {
		wrong("%d tickets were promised of %d", tickets, s.TicketsPerEvent)
	}
	return violations
}
