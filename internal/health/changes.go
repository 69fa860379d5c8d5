package health

import (
	"log/slog"
	"time"
)

// settle makes a report the last one: what has not changed keeps its time, what was not judged stays as it was, and the
// log is told of changes. The lock is held.
func (m *Monitor) settle(report Report) {
	now := time.Now()
	for _, old := range m.last {
		if report.Find(old.Part).Part == "" {
			report = append(report, old)
		}
	}
	for i := range report {
		old := m.last.Find(report[i].Part)
		report[i].Since = now
		if old.Status == report[i].Status {
			report[i].Since = old.Since
		}
		m.tell(old, report[i], now)
	}
	m.last, m.at = report, now
}

// tell says once that a fault began, once a minute that it lasts, and once that it is over.
func (m *Monitor) tell(old, is State, now time.Time) {
	began := is.Status != OK && (old.Status != is.Status || old.Detail != is.Detail)
	switch {
	case is.Status == OK && old.Status != OK && old.Part != "":
		delete(m.told, is.Part)
		m.options.Logger.Info("well again", "part", is.Part, "after", now.Sub(old.Since).Round(time.Second))
	case is.Status == OK:
	case old.Status != is.Status, began && now.Sub(m.told[is.Part]) >= repeatAfter/6,
		now.Sub(m.told[is.Part]) >= repeatAfter:
		m.told[is.Part] = now
		attrs := []any{"part", is.Part, "status", is.Status, "detail", is.Detail, "remedy", is.Remedy}
		if lasting := now.Sub(is.Since); lasting >= time.Second {
			attrs = append(attrs, slog.Duration("lasting", lasting.Round(time.Second)))
		}
		if is.cause != nil {
			attrs = append(attrs, "error", is.cause)
		}
		m.options.Logger.Warn("not well", attrs...)
	}
}
