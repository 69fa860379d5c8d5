package bench

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"quantix/internal/onsale"
)

func lineOf(t *testing.T, s *Sheet, figure, against Key) Line {
	t.Helper()
	for i, b := range table {
		if b.Figure == figure && b.Against == against {
			return s.Lines()[i]
		}
	}
	t.Fatalf("no bar for %s against %s", figure, against)
	return Line{}
}

// proven is a result that an audit vouches for.
var proven = onsale.Result{Audits: []onsale.Verdict{{OK: true}}}

func TestVerdicts(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name            string
		figure, against Key
		ours, theirs    float64
		verdict         string
		ratio           float64
	}{
		{"more, goal", OneEvent, B1, 12_000, 1_000, VerdictGoal, 12},
		{"more, missed", OneEvent, B1w, 12_000, 1_000, VerdictMissed, 12},
		{"more, moonshot", OneEvent, B7, 12_000, 20_000, VerdictMoonshot, 0.6},
		{"alike, below", OneEvent64, OneEvent, 5_000, 10_000, VerdictGoal, 0.5},
		{"alike, above", OneEvent64, OneEvent, 40_000, 10_000, VerdictMissed, 0.25},
		{"less, goal", IdleP50, B1Idle, 1.1, 1, VerdictGoal, 1.1},
		{"less, moonshot", IdleP50, B1Idle, 0.9, 1, VerdictMoonshot, 0.9},
		{"figure, goal", BurstLast, "", 7_000, 0, VerdictGoal, 0},
		{"figure, none allowed", BurstErrors, "", 0, 0, VerdictGoal, 0},
		{"figure, one too many", BurstErrors, "", 1, 0, VerdictMissed, 0},
		{"no baseline", Confirmed, B1, 100, 0, VerdictMissed, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := NewSheet()
			s.Add(tt.figure, tt.ours)
			if tt.against != "" {
				s.Add(tt.against, tt.theirs)
			}
			if l := lineOf(t, s, tt.figure, tt.against); l.Verdict != tt.verdict || l.Ratio != tt.ratio {
				t.Errorf("%s at %v, want %s at %v", l.Verdict, l.Ratio, tt.verdict, tt.ratio)
			}
		})
	}
}

func TestMedianOfRuns(t *testing.T) {
	t.Parallel()
	s := NewSheet()
	if _, ok := s.Median(B4); ok {
		t.Error("a median of nothing")
	}
	for i, want := range []float64{30, 20, 10, 15} {
		s.Add(B4, []float64{30, 10, 1, 20}[i])
		if got, _ := s.Median(B4); got != want {
			t.Errorf("median of %d runs is %v, want %v", i+1, got, want)
		}
	}
}

// A low figure must not pass a bar that wants less, when it is low because it is void.
func TestAVoidFigurePassesNoBar(t *testing.T) {
	t.Parallel()
	s := NewSheet()
	s.Add(BurstLast, 4_000)
	s.AddResult(BurstLast, onsale.Result{Violations: []string{"oversold"}}, 3_000)
	if l := lineOf(t, s, BurstLast, ""); l.Verdict != VerdictVoid || l.Figure != 0 {
		t.Errorf("line %+v", l)
	}
	s.AddResult(Start, onsale.Result{}, 1)
	if l := lineOf(t, s, Start, ""); l.Verdict != VerdictVoid {
		t.Errorf("a figure that nothing proved counts: %+v", l)
	}
	s.AddBaselines(baselineFigures{ForUpdate16: pgbenchResult{TPS: 100}})
	s.AddResult(OneEvent, proven, 5_000)
	if l := lineOf(t, s, OneEvent, B1); l.Verdict != VerdictVoid {
		t.Errorf("a baseline without fsync counts: %+v", l)
	}
}

func TestRenderings(t *testing.T) {
	t.Parallel()
	s := NewSheet()
	s.AddBaselines(baselineFigures{
		Durable: true, ForUpdate16: pgbenchResult{TPS: 1_000}, ForUpdate64: pgbenchResult{TPS: 500},
		ForUpdate1: pgbenchResult{P50: 400 * time.Microsecond}, CopyPerSecond: 60_000,
	})
	s.AddResult(OneEvent, proven, 12_345)
	s.AddResult(Memory, onsale.Result{Violations: []string{"oversold"}}, 1)
	var text, markdown bytes.Buffer
	if err := s.Text(&text); err != nil {
		t.Fatal(err)
	}
	if err := s.Markdown(&markdown); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"12,345 /s", "b1 1,000", "12.3 ×", "≥ 10 × b1", "not measured", "memory: oversold"} {
		if !strings.Contains(text.String(), want) || !strings.Contains(markdown.String(), want) {
			t.Errorf("%q is missing in\n%s\n%s", want, text.String(), markdown.String())
		}
	}
	if rows := strings.Count(markdown.String(), "\n|"); rows != len(table)+1 {
		t.Errorf("%d rows for %d bars", rows-1, len(table))
	}
	checkSheetJSON(t, s)
}

func checkSheetJSON(t *testing.T, s *Sheet) {
	t.Helper()
	data, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Bars    []Line
		Figures map[Key][]float64
		Void    map[Key]string
	}
	if err := json.Unmarshal(data, &got); err != nil {
		t.Fatal(err)
	}
	if len(got.Bars) != len(table) || got.Bars[0].Verdict != VerdictGoal || got.Figures[B4][0] != 60_000 || got.Void[Memory] == "" {
		t.Errorf("JSON %s", data)
	}
}
