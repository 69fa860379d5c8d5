// Package logging keeps faults that come by the thousand from filling a log.
package logging

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

const (
	// every is how often a fault that lasts is told again, and how long none may come before it is over.
	every = time.Minute
	// maxSpells bounds the kinds of faults that are told apart at one time; those beyond share one.
	maxSpells = 100
)

// Spells tell of faults of some kinds by few lines: one when a spell of them begins, one a minute with how many there
// were while it lasts, one when it is over. The zero value is of no use: NewSpells.
type Spells struct {
	logger *slog.Logger

	mu    sync.Mutex
	kinds map[string]*spell
}

// spell is a run of faults of one kind.
type spell struct {
	kind    string
	level   slog.Level
	message string
	attrs   []slog.Attr // of the last fault
	begun   time.Time
	since   int // faults since the last line
	total   int
	next    *time.Timer
}

// NewSpells writes to a logger; nil: to nobody.
func NewSpells(logger *slog.Logger) *Spells {
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	return &Spells{logger: logger, kinds: map[string]*spell{}}
}

// Fault notes a fault and reports whether a line was written for it: the first of a spell is, as it stands. A spell is
// over when no fault of its kind came for a minute, or when Over says so. kind is for telling spells apart, and not
// written.
func (s *Spells) Fault(level slog.Level, kind, message string, attrs ...slog.Attr) (written bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	one := s.kinds[kind]
	if one == nil && len(s.kinds) >= maxSpells {
		kind = ""
		one = s.kinds[kind]
	}
	if one != nil {
		one.attrs, one.since, one.total = attrs, one.since+1, one.total+1
		return false
	}
	one = &spell{kind: kind, level: level, message: message, attrs: attrs, begun: time.Now(), total: 1}
	one.next = time.AfterFunc(every, func() { s.look(one) })
	s.kinds[kind] = one
	s.logger.LogAttrs(context.Background(), level, message, attrs...)
	return true
}

// Over ends a spell of faults at once, where it is known that they are over; without one it does nothing.
func (s *Spells) Over(kind string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if one := s.kinds[kind]; one != nil {
		one.next.Stop()
		s.end(one)
	}
}

// look tells once a minute how a spell goes on.
func (s *Spells) look(one *spell) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.kinds[one.kind] != one:
	case one.since == 0:
		s.end(one)
	default:
		one.tell(s.logger, one.level, "goes on", one.since)
		one.since = 0
		one.next.Reset(every)
	}
}

// end forgets a spell. Of a fault that came once, nothing more is to be said.
func (s *Spells) end(one *spell) {
	delete(s.kinds, one.kind)
	if one.total > 1 {
		one.tell(s.logger, slog.LevelInfo, "over", one.total)
	}
}

func (one *spell) tell(logger *slog.Logger, level slog.Level, how string, times int) {
	attrs := append([]slog.Attr{slog.String("spell", how), slog.Int("times", times),
		slog.Duration("lasting", time.Since(one.begun).Round(time.Second))}, one.attrs...)
	logger.LogAttrs(context.Background(), level, one.message, attrs...)
}
