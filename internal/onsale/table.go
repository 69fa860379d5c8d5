package onsale

import (
	"bytes"
	"fmt"
	"io"
	"text/tabwriter"
	"time"
)

// Table writes the result for people.
func (r Result) Table(w io.Writer) error {
	var b bytes.Buffer
	r.writeTitle(&b)
	r.writeClasses(&b)
	r.writeAnswers(&b)
	r.writeOutcome(&b)
	_, err := w.Write(b.Bytes())
	return err
}

func (r Result) writeTitle(b *bytes.Buffer) {
	s := r.Scenario
	fmt.Fprintf(b, "%s load on %s: %d connections, %d events of %d tickets (%s), %d users", s.Model, s.Target,
		s.Connections, s.Events, s.TicketsPerEvent, s.Split, s.Users)
	switch {
	case s.Burst > 0:
		fmt.Fprintf(b, ", %d buyers in %s", s.Burst, s.Duration)
	case s.Rate > 0:
		fmt.Fprintf(b, ", %g buyers a second for %s", s.Rate, s.Duration)
	default:
		fmt.Fprintf(b, ", for %s", s.Duration)
	}
	b.WriteString("\n\n")
}

func (r Result) writeClasses(b *bytes.Buffer) {
	t := tabwriter.NewWriter(b, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(t, "\tattempts\tbuyers\tper second\tp50\tp90\tp99\tp99.9\tmax\t\n")
	for c := range classes {
		fmt.Fprintf(t, "%s\t%d\t%d\t%.0f\t%s\t\n", c, r.Attempts[c], r.Buyers[c], r.PerSecond(c), r.Latency[c].row())
	}
	fmt.Fprintf(t, "whole journey\t\t%d\t\t%s\t\n", r.Journey.Count, r.Journey.row())
	if r.Scenario.Model == Open {
		fmt.Fprintf(t, "sent late by\t%d\t\t\t%s\t\n", r.Lateness.Count, r.Lateness.row())
	}
	_ = t.Flush() // into memory: cannot fail
}

func (r Result) writeAnswers(b *bytes.Buffer) {
	b.WriteByte('\n')
	for _, a := range r.Answers {
		status := "no answer"
		if a.Status > 0 {
			status = fmt.Sprintf("status %d", a.Status)
		}
		fmt.Fprintf(b, "%-10s  %s %s: %d\n", a.Class, status, a.Code, a.Count)
	}
}

func (r Result) writeOutcome(b *bytes.Buffer) {
	fmt.Fprintf(b, "\n%d tickets sold, the last after %s", r.TicketsSold, Short(r.LastTicketSold))
	if r.SoldOut {
		b.WriteString(" (sold out)")
	}
	fmt.Fprintf(b, "; %d retries; %s in all\n", r.Retries, Short(r.Elapsed.Round(time.Millisecond)))
	if c := r.Confirmations; c != nil {
		fmt.Fprintf(b, "%d bookings confirmed, %.0f a second (%.0f while booking), %d pending at the end, backlog at most %d\n",
			c.Confirmed, c.PerSecond, c.DuringLoad, c.Pending, c.MaxBacklog)
	}
	r.writeVerdict(b)
}

func (r Result) writeVerdict(b *bytes.Buffer) {
	switch {
	case !r.Valid():
		fmt.Fprintf(b, "VOID: %d violations, so every rate is 0 (%.0f booked/s unproven)\n", len(r.Violations), r.rate(Accepted))
		for _, v := range r.Violations[:min(len(r.Violations), 10)] {
			fmt.Fprintf(b, "  %s\n", v)
		}
	case len(r.Audits) == 0:
		b.WriteString("not audited\n")
	default:
		fmt.Fprintf(b, "audit: all %d events ok\n", len(r.Audits))
	}
}
