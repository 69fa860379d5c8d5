package bench

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"

	"quantix/internal/onsale"
)

// columns are the headings of the table of bars.
var columns = []string{"Bar", "Figure", "Baseline", "Ratio", "Goal", "Moonshot", "Verdict"}

// Text writes the table for a terminal.
func (s *Sheet) Text(w io.Writer) error {
	var b bytes.Buffer
	t := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, strings.Join(columns, "\t"))
	for _, l := range s.Lines() {
		fmt.Fprintln(t, strings.Join(l.cells(), "\t"))
	}
	_ = t.Flush() // into memory: cannot fail
	for _, v := range s.Voids() {
		fmt.Fprintln(&b, "void:", v)
	}
	_, err := w.Write(b.Bytes())
	return err
}

// Markdown writes the table for a document.
func (s *Sheet) Markdown(w io.Writer) error {
	var b bytes.Buffer
	fmt.Fprintf(&b, "| %s |\n|%s\n", strings.Join(columns, " | "), strings.Repeat(" --- |", len(columns)))
	for _, l := range s.Lines() {
		fmt.Fprintf(&b, "| %s |\n", strings.Join(l.cells(), " | "))
	}
	for _, v := range s.Voids() {
		fmt.Fprintf(&b, "\nVoid: %s\n", v)
	}
	_, err := w.Write(b.Bytes())
	return err
}

// MarshalJSON writes the lines, every run's figures, and why figures are void.
func (s *Sheet) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Lines   []Line            `json:"bars"`
		Figures map[Key][]float64 `json:"figures"`
		Void    map[Key]string    `json:"void,omitempty"`
	}{s.Lines(), s.figures, s.void})
}

// Save writes the sheet as JSON to path, whole or not at all.
func (s *Sheet) Save(path string) error { return onsale.SaveJSON(path, s) }

func (l Line) cells() []string {
	figure, baseline, ratio := "", "", ""
	if l.Verdict != VerdictMissing {
		figure = strings.TrimSpace(number(l.Figure) + " " + l.Unit)
	}
	if l.Against != "" && l.Baseline > 0 {
		baseline = string(l.Against) + " " + number(l.Baseline)
	}
	if l.Ratio > 0 {
		ratio = number(l.Ratio) + " ×"
	}
	return []string{l.Name, figure, baseline, ratio, l.Goal, l.Moonshot, l.Verdict}
}

// goal writes a bound the way the design does.
func (b Bar) goal(bound float64) string {
	sign := "≥ "
	if b.Better == Less {
		sign = "≤ "
	}
	if b.Against != "" {
		return sign + number(bound) + " × " + string(b.Against)
	}
	return strings.TrimSpace(sign + number(bound) + " " + b.Unit)
}

// number writes three figures of small numbers, and large ones whole with commas.
func number(v float64) string {
	if v < 1000 {
		return strconv.FormatFloat(v, 'g', 3, 64)
	}
	digits := strconv.FormatFloat(v, 'f', 0, 64)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}
