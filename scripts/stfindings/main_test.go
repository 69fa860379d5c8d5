package main

import (
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// line is a report's line that tells of one check of one exchange.
func line(check, result, method, path string, status int, answer string) string {
	return fmt.Sprintf(`{"ScenarioFinished":{"recorder":{"cases":{"a":{"value":{"method":%q,"path":%q}}},`+
		`"checks":{"a":[{"name":%q,"status":%q}]},"interactions":{"a":{"request":{"uri":"http://x/"},`+
		`"response":{"status_code":%d,"content":{"$base64":%q}}}}}}}`+"\n",
		method, path, check, result, status, base64.StdEncoding.EncodeToString([]byte(answer)))
}

func at(places ...string) string {
	return `{"code":"invalid_request","errors":[{"location":"` + strings.Join(places, `"},{"location":"`) + `"}]}`
}

func TestCompare(t *testing.T) {
	baseline := `[{"check":"accept","operation":"POST /bookings","place":"body.quantity","reason":"a setting"},
		{"check":"accept","place":"header.If-Match","reason":"theirs"}, {"check":"accept","place":"invalid_cursor","reason":"signed"},
		{"check":"method","operation":"DELETE /retry","reason":"a letter"}]`
	known := line("accept", "failure", "POST", "/bookings", 400, at("body.quantity")) +
		line("accept", "failure", "POST", "/bookings", 400, at("header.If-Match", "body.quantity")) +
		line("accept", "failure", "GET", "/events", 400, `{"code":"invalid_cursor"}`) +
		line("method", "failure", "DELETE", "/retry", 204, "") + line("reject", "success", "GET", "/events", 200, "[]") +
		`{"EngineFinished":{}}` + "\n"
	for name, c := range map[string]struct {
		report string
		left   int
	}{
		"what is known":                 {known, 0},
		"another operation":             {known + line("accept", "failure", "PUT", "/bookings", 400, at("body.quantity")), 1},
		"another check":                 {known + line("reject", "failure", "POST", "/bookings", 400, at("body.quantity")), 1},
		"another place":                 {known + line("accept", "failure", "POST", "/bookings", 400, at("body.user_id")), 1},
		"another place beside a known":  {known + line("accept", "failure", "POST", "/bookings", 400, at("body.quantity", "body.x")), 1},
		"another code":                  {known + line("accept", "failure", "GET", "/events", 400, `{"code":"x"}`), 1},
		"no problem where one is known": {known + line("accept", "failure", "POST", "/bookings", 500, "oops"), 1},
		"one thing twice":               {strings.Repeat(line("crash", "failure", "GET", "/events", 500, ""), 2), 1},
	} {
		if left, err := compared(t, baseline, c.report); left != c.left || err != nil {
			t.Errorf("%s: %d left, %v; want %d", name, left, err, c.left)
		}
	}
}

// What cannot be read must not pass for a run without findings.
func TestCompare_refuses(t *testing.T) {
	one := line("accept", "success", "GET", "/events", 200, "[]")
	for name, c := range map[string]struct{ baseline, report string }{
		"a report without checks":     {`[]`, `{"EngineStarted":{}}` + "\n"},
		"an empty report":             {`[]`, ""},
		"half a line":                 {`[]`, one + one[:40]},
		"an error of the tool":        {`[]`, one + `{"NonFatalError":{}}` + "\n"},
		"a run that was broken off":   {`[]`, one + `{"Interrupted":{}}` + "\n"},
		"an entry without a reason":   {`[{"check":"accept","place":"body.x"}]`, one},
		"an entry without a check":    {`[{"place":"body.x","reason":"y"}]`, one},
		"an entry for everything":     {`[{"check":"accept","reason":"y"}]`, one},
		"a baseline that is no list":  {`{}`, one},
		"a baseline that is not JSON": {``, one},
	} {
		if left, err := compared(t, c.baseline, c.report); err == nil {
			t.Errorf("%s: taken, %d left", name, left)
		}
	}
}

// The baseline that is used must be one.
func TestBaseline(t *testing.T) {
	text, err := os.ReadFile("testdata/schemathesis-baseline.json")
	if err != nil {
		t.Fatal(err)
	}
	if known, err := readBaseline(text); err != nil || len(known) == 0 {
		t.Errorf("%d entries, %v", len(known), err)
	}
}

func compared(t *testing.T, baseline, report string) (int, error) {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{"baseline": baseline, "report": report} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var out strings.Builder
	return compare(filepath.Join(dir, "baseline"), filepath.Join(dir, "report"), &out)
}
