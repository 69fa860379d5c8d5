package bench

import (
	"maps"
	"slices"

	"quantix/internal/onsale"
)

// Key names a measured figure: ours, or a baseline.
type Key string

// The baselines, and our figures. Rates are per second, times in milliseconds, memory in megabytes.
const (
	B1       Key = "b1"        // FOR UPDATE, 16 clients, one event
	B1w      Key = "b1w"       // the same, 64 clients
	B1Events Key = "b1_events" // the same, 16 clients over 1,000 events
	B1Idle   Key = "b1_idle"   // p50 of the same, one client
	B4       Key = "b4"        // COPY rows
	B7       Key = "b7"        // the handler that does nothing
	B1WAL    Key = "b1_wal"    // bytes of WAL for one transaction of FOR UPDATE

	OneEvent      Key = "one_event"      // bookings/s, 1,000 connections
	OneEvent64    Key = "one_event_64"   // bookings/s, 64 connections
	EngineRows    Key = "engine_rows"    // rows/s without HTTP
	IdleP50       Key = "idle_p50"       // ms
	Refusals      Key = "refusals"       // sold-out refusals/s
	RefusalReads  Key = "refusal_reads"  // queries/s and event while refusing
	Confirmed     Key = "confirmed"      // bookings/s through the whole pipeline
	BurstLast     Key = "burst_last"     // ms until the last ticket was sold
	BurstErrors   Key = "burst_errors"   // answers of the burst other than 201 and 409
	ManyEvents    Key = "many_events"    // bookings/s over 1,000 events
	Embedded      Key = "embedded"       // bookings/s of the embedded mode
	Memory        Key = "memory"         // MB at 1,000 connections
	Start         Key = "start"          // ms to the first answer
	StatisticsP50 Key = "statistics_p50" // ms, of an event with 1,000,000 bookings

	WAL          Key = "wal"           // bytes of WAL for one booking, as the baseline without its payment
	Syncs        Key = "syncs"         // fsyncs of WAL for one booking at peak, payments included
	RedisTrips   Key = "redis_trips"   // round trips to Redis for one booking at peak
	OverloadPeak Key = "overload_peak" // bookings/s of the server that is then overloaded
	Overload     Key = "overload"      // bookings/s while five times as many arrive
	OverloadP99  Key = "overload_p99"  // ms until a refusal for load
	OverloadEnd  Key = "overload_end"  // seconds after it until a normal load's p99 is as before
	Replicas2    Key = "replicas_2"    // bookings/s of two replicas on one event
	Replicas3    Key = "replicas_3"
	Flat         Key = "flat" // bookings/s beside 2,000,000 bookings

	ColdAlone     Key = "cold_alone"     // ms, p99 of a quiet event on a server with nothing else to do
	Cold          Key = "cold"           // ms, the same beside an event that gets half of its peak
	RebuyRefused  Key = "rebuy_refused"  // sold_outs for a ticket that the same server had just taken back
	RebuyP99      Key = "rebuy_p99"      // ms from a cancellation at one server to the sale at another
	RebuyStale    Key = "rebuy_stale"    // refusals by that other server later than a latch may last
	SnapshotStart Key = "snapshot_start" // bookings/s before a reader takes a snapshot
	Snapshot      Key = "snapshot"       // bookings/s at the end of a long run in which it is still held

	HostileServed Key = "hostile_served" // %, of the buyers beside the hostile client that disturbed most
	HostileP99    Key = "hostile_p99"    // of the same, as a part of what is allowed
	HostileReady  Key = "hostile_ready"  // looks at /readyz, beside all of them, that failed
	HostileMemory Key = "hostile_memory" // MB beside the one that cost most

	// The same four in embedded mode.
	HostileServedEmb Key = "hostile_embedded_served"
	HostileP99Emb    Key = "hostile_embedded_p99"
	HostileReadyEmb  Key = "hostile_embedded_ready"
	HostileMemoryEmb Key = "hostile_embedded_memory"

	Unguarded        Key = "unguarded" // bookings/s of production without keys and limits
	Guarded          Key = "guarded"   // the same with them
	UnguardedRefused Key = "unguarded_refusals"
	GuardedRefused   Key = "guarded_refusals"

	SlowAlone  Key = "slow_alone"  // bookings/s without slow connections
	Slow       Key = "slow"        // the same beside them
	SlowMemory Key = "slow_memory" // MB
	SlowEnd    Key = "slow_end"    // seconds that one of them lasted at most
	SlowLeft   Key = "slow_left"   // of them that the server did not end

	AuditP50      Key = "audit_p50"     // ms, over HTTP, of an event of 1,000 bookings
	AuditCommand  Key = "audit_command" // ms for each such event, of quantix audit
	SearchFew     Key = "search_few"    // ms, p50 of a search among 1,000 events
	SearchMany    Key = "search_many"   // ms, the same among 300,000
	SearchFewEmb  Key = "search_few_embedded"
	SearchManyEmb Key = "search_many_embedded"

	Unwatched      Key = "unwatched"       // bookings/s of an event that nobody watches
	WatchedFeed    Key = "watched_feed"    // the same with twenty readers of its feed
	WatchedLive    Key = "watched_live"    // the same with a thousand readers of its counters
	ThousandServed Key = "thousand_served" // %, of 1,000 buyers a second beside a thousand readers of the feed
	ThousandP99    Key = "thousand_p99"    // ms, of these buyers
	ThousandMemory Key = "thousand_memory" // MB that the readers cost their server
	ThousandWrong  Key = "thousand_wrong"  // entries that a reader missed, saw twice or was still behind
	ThousandLate   Key = "thousand_late"   // ms from an entry to the last of its readers
	ThousandMoved  Key = "thousand_moved"  // ms, the same where their replica stops
)

// Of returns the key of a part of a figure, such as what a booking costs one of the processes. It has no bar.
func (k Key) Of(part string) Key { return k + "_" + Key(part) }

// Direction says which way a figure is better.
type Direction int

// More, less, or (Alike) as close to the baseline as can be, from either side.
const (
	More Direction = iota
	Less
	Alike
)

// Bar is one line of the design's table. Against is the baseline of the ratio; empty means that the goal is a figure.
type Bar struct {
	Name    string
	Figure  Key
	Against Key
	Better  Direction
	Unit    string
	Goal    float64
	// Moonshot is 0 where the table names none.
	Moonshot float64
}

// table is what the engine must reach, a line for each baseline: against machines, not against memories.
var table = []Bar{
	{"durable bookings on one event, 1,000 connections", OneEvent, B1, More, "/s", 10, 0},
	{"the same against 64 clients of FOR UPDATE", OneEvent, B1w, More, "/s", 20, 0},
	{"the same against a handler that does nothing", OneEvent, B7, More, "/s", 0.40, 0.6},
	{"64 connections against 1,000 (no convoy)", OneEvent64, OneEvent, Alike, "/s", 0.4, 0.8},
	{"engine without HTTP, rows", EngineRows, B4, More, "/s", 0.40, 0.6},
	{"one client, idle: p50", IdleP50, B1Idle, Less, "ms", 1.15, 1.05},
	{"sold-out refusals", Refusals, B7, More, "/s", 0.8, 0.95},
	{"queries while refusing, an event", RefusalReads, "", Less, "/s", 10, 0},
	{"booked, paid, CONFIRMED, sustained", Confirmed, B1, More, "/s", 4, 8},
	{"100,000 buyers in 5 s: last ticket sold after", BurstLast, "", Less, "ms", 10_000, 5_000},
	{"the same: answers other than sold or sold out", BurstErrors, "", Less, "", 0, 0},
	{"1,000 events evenly", ManyEvents, B1Events, More, "/s", 1.5, 4},
	{"embedded mode, one event", Embedded, OneEvent, More, "/s", 0.5, 1},
	{"memory at 1,000 connections", Memory, "", Less, "MB", 150, 80},
	{"start to first answer, embedded", Start, "", Less, "ms", 300, 100},
	{"statistics of an event with 1,000,000 bookings", StatisticsP50, "", Less, "ms", 2, 0},

	{"WAL of a booking against the plain transaction's", WAL, B1WAL, Less, "B", 1, 0},
	{"fsyncs of a booking at peak, its payment included", Syncs, "", Less, "", 0.05, 0},
	{"Redis round trips of a booking at peak", RedisTrips, "", Less, "", 0.1, 0},
	{"overload, 5 × the peak arrive: useful bookings", Overload, OverloadPeak, More, "/s", 0.9, 0},
	{"the same: p99 of a refusal for load", OverloadP99, "", Less, "ms", 50, 0},
	{"the same: back to the latency before after", OverloadEnd, "", Less, "s", 10, 0},
	{"two replicas on one event against one", Replicas2, OneEvent, More, "/s", 0.8, 0},
	{"three replicas on one event against one", Replicas3, OneEvent, More, "/s", 0.8, 0},
	{"flat: beside 2,000,000 bookings", Flat, OneEvent, More, "/s", 0.9, 0},
	{"cold event beside a hot one at half its peak: p99", Cold, ColdAlone, Less, "ms", 1.5, 0},
	{"booked again where it was cancelled: sold out at once", RebuyRefused, "", Less, "", 0, 0},
	{"cancelled at one replica, sold by another: p99", RebuyP99, "", Less, "ms", 250, 0},
	{"the same: refusals sent later than 100 ms", RebuyStale, "", Less, "", 0, 0},
	{"10 minutes beside an old snapshot: last minute", Snapshot, SnapshotStart, More, "/s", 0.7, 0},
	{"beside each hostile client: buyers served", HostileServed, "", More, "%", 98, 0},
	{"the same: p99 against the greater of 3 × undisturbed and 250 ms", HostileP99, "", Less, "", 1, 0},
	{"the same: looks at /readyz that failed", HostileReady, "", Less, "", 0, 0},
	{"the same: memory", HostileMemory, "", Less, "MB", 300, 0},
	{"the same in embedded mode: buyers served", HostileServedEmb, "", More, "%", 98, 0},
	{"the same: p99", HostileP99Emb, "", Less, "", 1, 0},
	{"the same: looks at /readyz that failed", HostileReadyEmb, "", Less, "", 0, 0},
	{"the same: memory", HostileMemoryEmb, "", Less, "MB", 300, 0},
	{"keys and limits on: bookings on one event", Guarded, Unguarded, More, "/s", 0.9, 0},
	{"the same: refusals", GuardedRefused, UnguardedRefused, More, "/s", 0.8, 0},

	{"beside 5,000 slow connections: bookings on one event", Slow, SlowAlone, More, "/s", 0.9, 0},
	{"the same: memory", SlowMemory, "", Less, "MB", 600, 0},
	{"the same: until the last of them is ended", SlowEnd, "", Less, "s", 120, 0},
	{"the same: connections that are never ended", SlowLeft, "", Less, "", 0, 0},
	{"audit of an event over HTTP, warm: p50", AuditP50, "", Less, "ms", 10, 0},
	{"quantix audit, warm, an event", AuditCommand, "", Less, "ms", 10, 0},
	{"20 readers of the feed: bookings on their event", WatchedFeed, Unwatched, More, "/s", 0.9, 0},
	{"1,000 readers of the counters: bookings on their event", WatchedLive, Unwatched, More, "/s", 0.9, 0},
	{"1,000 readers of the feed beside 1,000 buyers/s: served", ThousandServed, "", More, "%", 99.9, 0},
	{"the same: p99 of the buyers", ThousandP99, "", Less, "ms", 100, 0},
	{"the same: more memory", ThousandMemory, "", Less, "MB", 150, 0},
	{"the same: entries missed, seen twice or behind, also when a replica stops", ThousandWrong, "", Less, "", 0, 0},
	{"the same: from an entry to its last reader", ThousandLate, "", Less, "ms", 2000, 0},
	{"the same, when their replica stops and another one takes over", ThousandMoved, "", Less, "ms", 2000, 0},
	{"search over 300,000 events against 1,000", SearchMany, SearchFew, Less, "ms", 1.5, 0},
	{"the same in embedded mode", SearchManyEmb, SearchFewEmb, Less, "ms", 1.5, 0},
}

// Verdict of a bar.
const (
	VerdictMissing  = "not measured"
	VerdictVoid     = "void"
	VerdictMissed   = "missed"
	VerdictGoal     = "goal"
	VerdictMoonshot = "moonshot"
)

// Line is one bar with what was measured. Figure and Baseline are medians; Ratio is theirs.
type Line struct {
	Name     string  `json:"name"`
	Unit     string  `json:"unit,omitempty"`
	Figure   float64 `json:"figure"`
	Against  Key     `json:"against,omitempty"`
	Baseline float64 `json:"baseline,omitempty"`
	Ratio    float64 `json:"ratio,omitempty"`
	Goal     string  `json:"goal"`
	Moonshot string  `json:"moonshot,omitempty"`
	Verdict  string  `json:"verdict"`
	Runs     int     `json:"runs"`
}

// Sheet collects the figures of one or more runs. It is not for use by several goroutines.
type Sheet struct {
	figures map[Key][]float64
	void    map[Key]string
}

// NewSheet returns an empty sheet.
func NewSheet() *Sheet { return &Sheet{figures: map[Key][]float64{}, void: map[Key]string{}} }

// Add notes a figure of one run.
func (s *Sheet) Add(k Key, figure float64) { s.figures[k] = append(s.figures[k], figure) }

// Void makes the figure count as zero, whatever other runs said: a promise was broken while it was measured.
func (s *Sheet) Void(k Key, reason string) { s.void[k] = reason }

// AddResult notes figure, taken from r, or voids it if r broke a promise or was not audited.
func (s *Sheet) AddResult(k Key, r onsale.Result, figure float64) {
	switch {
	case !r.Valid():
		s.Void(k, r.Violations[0])
	case len(r.Audits) == 0:
		s.Void(k, "not audited")
	default:
		s.Add(k, figure)
	}
}

// AddBaselines notes all baselines of one run that PostgreSQL gave.
func (s *Sheet) AddBaselines(f baselineFigures) {
	s.Add(B1, f.ForUpdate16.TPS)
	s.Add(B1w, f.ForUpdate64.TPS)
	s.Add(B1Events, f.ForUpdateEvents.TPS)
	s.Add(B1Idle, milliseconds(f.ForUpdate1.P50))
	s.Add(B4, f.CopyPerSecond)
	s.Add(B1WAL, f.ForUpdate16.WALBytes)
	if !f.Durable {
		for _, k := range []Key{B1, B1w, B1Events, B1Idle, B4, B1WAL} {
			s.Void(k, "PostgreSQL ran without fsync, full_page_writes or synchronous_commit")
		}
	}
}

// Median returns the median of a figure's runs, 0 for a void one, and whether there is any.
func (s *Sheet) Median(k Key) (float64, bool) {
	if _, void := s.void[k]; void {
		return 0, true
	}
	return onsale.Median(s.figures[k]), len(s.figures[k]) > 0
}

// Lines holds every bar against what was measured.
func (s *Sheet) Lines() []Line {
	lines := make([]Line, 0, len(table))
	for _, b := range table {
		lines = append(lines, s.line(b))
	}
	return lines
}

func (s *Sheet) line(b Bar) Line {
	l := Line{
		Name: b.Name, Unit: b.Unit, Against: b.Against, Goal: b.goal(b.Goal), Verdict: VerdictMissing,
		Runs: len(s.figures[b.Figure]),
	}
	if b.Moonshot > 0 {
		l.Moonshot = b.goal(b.Moonshot)
	}
	var measured, compared bool
	l.Figure, measured = s.Median(b.Figure)
	l.Baseline, compared = s.Median(b.Against)
	switch {
	case s.isVoid(b.Figure) || s.isVoid(b.Against):
		l.Verdict = VerdictVoid
	case measured && b.Against == "":
		l.Verdict = b.judge(l.Figure)
	case measured && compared && l.Baseline > 0 && l.Figure > 0:
		l.Ratio = b.ratio(l.Figure, l.Baseline)
		l.Verdict = b.judge(l.Ratio)
	case measured && compared:
		l.Verdict = VerdictMissed
	}
	return l
}

func (s *Sheet) isVoid(k Key) bool { _, void := s.void[k]; return void }

// Voids lists why figures are void, in the order of their keys.
func (s *Sheet) Voids() []string {
	var list []string
	for _, k := range slices.Sorted(maps.Keys(s.void)) {
		list = append(list, string(k)+": "+s.void[k])
	}
	return list
}

// ratio compares; a bar that wants both alike takes the worse way round.
func (b Bar) ratio(figure, baseline float64) float64 {
	if b.Better == Alike {
		return min(figure/baseline, baseline/figure)
	}
	return figure / baseline
}

func (b Bar) judge(got float64) string {
	reached := func(bound float64) bool {
		if b.Better == Less {
			return got <= bound
		}
		return got >= bound
	}
	switch {
	case b.Moonshot > 0 && reached(b.Moonshot):
		return VerdictMoonshot
	case reached(b.Goal):
		return VerdictGoal
	}
	return VerdictMissed
}
