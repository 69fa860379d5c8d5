package limits

import (
	"errors"
	"math"
	"strconv"
	"strings"
	"time"
)

// Rate is how many requests may come in a period, and how many of them at once. The zero value is no limit at all.
type Rate struct {
	Count  int64
	Period time.Duration // whole seconds, for so it is told to clients
	Burst  int64
}

// Bounds on a rate: what is beyond them is a slip of the pen, and all within can be reckoned with exactly.
const (
	maxCount     = 1_000_000
	maxPerSecond = 100_000
	maxPeriod    = 30 * 24 * time.Hour
	maxSpan      = 30 * 24 * time.Hour // until a whole burst has been earned
)

// burstShare is what part of a rate may come at once unless it is told.
const burstShare = 20

var errRate = errors.New("not a rate: give N/period, N/period/burst or off, such as 50/s, 600/min/50 or 100/10s")

// ParseRate reads a rate: "50/s", "100/10s", "600/min/50", or "off". Periods are s, min, h, d, or Go's notation of
// whole seconds. The burst is a twentieth of N, rounded up, unless it is given. Error: none of these, or out of bounds.
func ParseRate(text string) (Rate, error) {
	if text == "off" {
		return Rate{}, nil
	}
	parts := strings.Split(text, "/")
	if len(parts) < 2 || len(parts) > 3 {
		return Rate{}, errRate
	}
	var r Rate
	var err error
	if r.Count, err = parseCount(parts[0]); err != nil {
		return Rate{}, err
	}
	if r.Period, err = parsePeriod(parts[1]); err != nil {
		return Rate{}, err
	}
	r.Burst = (r.Count + burstShare - 1) / burstShare
	if len(parts) == 3 {
		if r.Burst, err = parseCount(parts[2]); err != nil {
			return Rate{}, err
		}
	}
	if r.tooFast() || r.Burst > int64(maxSpan/r.Interval()) {
		return Rate{}, errRate
	}
	return r, nil
}

// parseCount takes plain digits.
func parseCount(text string) (int64, error) {
	if text == "" || strings.Trim(text, "0123456789") != "" {
		return 0, errRate
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 1 || n > maxCount {
		return 0, errRate
	}
	return n, nil
}

func parsePeriod(text string) (time.Duration, error) {
	switch text {
	case "s":
		return time.Second, nil
	case "min":
		return time.Minute, nil
	case "h":
		return time.Hour, nil
	case "d":
		return 24 * time.Hour, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < time.Second || d > maxPeriod || d%time.Second != 0 {
		return 0, errRate
	}
	return d, nil
}

func (r Rate) tooFast() bool { return float64(r.Count)/r.Period.Seconds() > maxPerSecond }

// Off reports whether there is no limit.
func (r Rate) Off() bool { return r.Count == 0 }

// String writes a rate as ParseRate reads it, with its burst.
func (r Rate) String() string {
	if r.Off() {
		return "off"
	}
	period := r.Period.String()
	switch r.Period {
	case time.Second:
		period = "s"
	case time.Minute:
		period = "min"
	case time.Hour:
		period = "h"
	case 24 * time.Hour:
		period = "d"
	}
	return strconv.FormatInt(r.Count, 10) + "/" + period + "/" + strconv.FormatInt(r.Burst, 10)
}

// Interval is the time that earns one request: whole microseconds, rounded down, so that both adapters reckon with the
// same whole numbers. What that gives away is a part in a thousand at 1,000 a second.
func (r Rate) Interval() time.Duration {
	return (r.Period / time.Duration(r.Count)).Truncate(time.Microsecond)
}

// Span is the most that a key may have still to earn: a whole burst, and half an interval, because nobody's requests
// arrive quite evenly. Without it one that comes a moment early is refused, and whoever keeps to the rate does not get
// it. At one moment no more than the burst pass all the same, and in the long run no more than the rate.
func (r Rate) Span() time.Duration {
	interval := r.Interval()
	return time.Duration(r.Burst)*interval + (interval / 2).Truncate(time.Microsecond)
}

// Passes reports whether one more request fits on a backlog: the time that its key has still to earn.
func (r Rate) Passes(backlog time.Duration) bool { return backlog+r.Interval() <= r.Span() }

// standing is how a key stands with a backlog.
func (r Rate) standing(backlog time.Duration) Standing {
	interval := r.Interval()
	s := Standing{Remaining: int64(max(r.Span()-backlog, 0) / interval)}
	if s.Remaining < r.Burst {
		s.ResetAfter = backlog - (r.Span() - time.Duration(s.Remaining+1)*interval)
	}
	if s.Remaining == 0 {
		s.RetryAfter = s.ResetAfter
	}
	return s
}

// Seconds rounds a time up to whole seconds, which is all that HTTP tells.
func Seconds(d time.Duration) int64 { return int64(math.Ceil(d.Seconds())) }
