// Command stfindings reads what schemathesis found (its report in NDJSON) and prints what is not in a baseline. It ends
// with 1 if anything is left, or if the report does not tell of any checks.
//
//	go run ./scripts/stfindings scripts/stfindings/testdata/schemathesis-baseline.json report.ndjson
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
)

// An entry of the baseline is a finding that is no fault of ours. It holds for any operation or place that it does not
// name.
type entry struct {
	Check     string `json:"check"`
	Operation string `json:"operation,omitempty"` // such as "POST /api/v1/bookings"
	// as the problem names it: errors[].location, or its code where there are none
	Place  string `json:"place,omitempty"`
	Reason string `json:"reason"`
}

// A finding is a check that failed on one exchange.
type finding struct {
	check, operation string
	status           int
	places           []string
	address          string
}

// scenario is the part of a report's line that matters.
type scenario struct {
	Recorder struct {
		Cases map[string]struct {
			Value struct{ Method, Path string }
		}
		Checks map[string][]struct{ Name, Status string }
		// Requests that were answered, by the case.
		Interactions map[string]struct {
			Request  struct{ URI string }
			Response struct {
				Status  int `json:"status_code"`
				Content struct {
					Base64 []byte `json:"$base64"`
				}
			}
		}
	}
}

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "stfindings BASELINE REPORT")
		os.Exit(2)
	}
	left, err := compare(os.Args[1], os.Args[2], os.Stdout)
	if err != nil {
		fmt.Fprintln(os.Stderr, "stfindings:", err)
	}
	if err != nil || left > 0 {
		os.Exit(1)
	}
}

// compare prints the findings of a report that a baseline does not have, each once, and returns how many they are.
func compare(baseline, report string, out io.Writer) (int, error) {
	text, err := os.ReadFile(baseline)
	if err != nil {
		return 0, err
	}
	known, err := readBaseline(text)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", baseline, err)
	}
	file, err := os.Open(report)
	if err != nil {
		return 0, err
	}
	defer func() { _ = file.Close() }()
	found, checks, err := readReport(file)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", report, err)
	}
	left := map[string]string{}
	for _, f := range found {
		if !f.isKnown(known) {
			left[f.String()] = f.address
		}
	}
	for _, line := range slices.Sorted(maps.Keys(left)) {
		fmt.Fprintf(out, "%s: %s\n", line, left[line])
	}
	fmt.Fprintf(out, "%d checks, %d failed; not in the baseline: %d\n", checks, len(found), len(left))
	return len(left), nil
}

func readBaseline(text []byte) ([]entry, error) {
	var known []entry
	if err := json.Unmarshal(text, &known); err != nil {
		return nil, err
	}
	for _, e := range known {
		if e.Check == "" || e.Reason == "" || e.Operation+e.Place == "" {
			return nil, fmt.Errorf("an entry needs a check, an operation or a place, and a reason: %+v", e)
		}
	}
	return known, nil
}

// readReport returns the failed checks, and how many there were at all.
func readReport(in io.Reader) ([]finding, int, error) {
	var found []finding
	checks := 0
	lines := json.NewDecoder(bufio.NewReader(in))
	for {
		var line map[string]json.RawMessage
		if err := lines.Decode(&line); err == io.EOF {
			break
		} else if err != nil {
			return nil, 0, err
		}
		for event, text := range line {
			if strings.Contains(event, "Error") || event == "Interrupted" {
				return nil, 0, fmt.Errorf("the run broke off or erred: %s %.500s", event, text)
			}
			if event != "ScenarioFinished" {
				continue
			}
			var s scenario
			if err := json.Unmarshal(text, &s); err != nil {
				return nil, 0, err
			}
			more, n := s.findings()
			found, checks = append(found, more...), checks+n
		}
	}
	if checks == 0 {
		return nil, 0, errors.New("it tells of no check")
	}
	return found, checks, nil
}

func (s scenario) findings() ([]finding, int) {
	var found []finding
	n := 0
	for id, checks := range s.Recorder.Checks {
		request, exchange := s.Recorder.Cases[id].Value, s.Recorder.Interactions[id]
		n += len(checks)
		for _, c := range checks {
			if c.Status == "success" {
				continue
			}
			found = append(found, finding{
				check: c.Name, operation: request.Method + " " + request.Path, status: exchange.Response.Status,
				places: placesOf(exchange.Response.Content.Base64), address: exchange.Request.URI,
			})
		}
	}
	return found, n
}

// placesOf returns where the problem is by its own words: its locations, or else its code.
func placesOf(answer []byte) []string {
	var p struct {
		Code   string
		Errors []struct{ Location string }
	}
	if json.Unmarshal(answer, &p) != nil {
		return nil // no problem, but what was asked for
	}
	var places []string
	for _, e := range p.Errors {
		places = append(places, e.Location)
	}
	if len(places) == 0 && p.Code != "" {
		places = append(places, p.Code)
	}
	slices.Sort(places)
	return slices.Compact(places)
}

// isKnown reports whether the baseline has the finding, at each of its places.
func (f finding) isKnown(known []entry) bool {
	has := func(place string) bool {
		return slices.ContainsFunc(known, func(e entry) bool {
			return e.Check == f.check && (e.Operation == "" || e.Operation == f.operation) && (e.Place == "" || e.Place == place)
		})
	}
	if len(f.places) == 0 {
		return has("")
	}
	return !slices.ContainsFunc(f.places, func(place string) bool { return !has(place) })
}

func (f finding) String() string {
	return strings.TrimSpace(fmt.Sprintf("%s %s %d %s", f.check, f.operation, f.status, strings.Join(f.places, " ")))
}
