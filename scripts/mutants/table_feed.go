package main

const feedPackage = "./internal/feed/"

// read is what those who read the journal are promised: each entry once and in order, and none of them at a buyer's
// cost.
var read = []mutant{
	{
		name: "a reader of pages is not told what is gone", file: "internal/feed/feed.go",
		old: "	case page.Gone(after):\n", new: "	case false:\n",
		pkg: handlers, tests: "TestFeed_says_where_it_begins",
	}, {
		name: "a place beyond the newest entry is taken", file: "internal/feed/feed.go",
		old: "	case after > page.Last:\n", new: "	case false:\n",
		pkg: handlers, tests: "TestFeed_refuses_places",
	}, {
		name: "a stream waits for ever beyond the newest entry", file: "internal/feed/watcher.go",
		old: "looks >= first+2", new: "false",
		pkg: handlers, tests: "TestFeed_streams_refuse_as_pages_do",
	}, {
		name: "chunks are not shared", file: "internal/feed/chunks.go",
		old: "	one := c.known[key]\n	if one == nil {", new: "	one := c.known[key]\n	if true {",
		pkg: feedPackage, tests: "TestStreams_of_an_event_share",
	}, {
		name: "chunks are kept for ever", file: "internal/feed/chunks.go",
		old: "c.bytes > c.limit && len(c.kept) > 1", new: "false",
		pkg: feedPackage, tests: "TestChunks",
	}, {
		name: "any number of chunks are read at once", file: "internal/feed/feed.go",
		old: "reads: make(chan struct{}, maxReads)", new: "reads: make(chan struct{}, 1000)",
		pkg: feedPackage, tests: "TestStreams_of_an_event_share",
	}, {
		name: "a reader of all events reads again what is newer than the tail", file: "internal/feed/follower.go",
		old: "		if s.short = c.short; c.piece != nil {", new: "		if c.piece != nil {",
		pkg: feedPackage, tests: "TestStreams_of_all_events",
	}, {
		name: "a reader of all events passes over the rest of a piece", file: "internal/feed/follower.go",
		old: "	case m.end < len(m.piece.text):\n", new: "	case m.end < len(m.piece.text) && m.piece.next == nil:\n",
		pkg: feedPackage, tests: "TestStreams_of_all_events",
	}, {
		name: "counters are shown although nothing has changed", file: "internal/feed/watcher.go",
		old: "live && t.figures != e.Stock", new: "live",
		pkg: feedPackage, tests: "TestLive",
	}, {
		name: "counters are shown at every look", file: "internal/feed/watcher.go",
		old: "max(w.feed.options.LiveLook, 4*took)", new: "max(w.feed.options.Look, 4*took)",
		pkg: feedPackage, tests: "TestLive",
	}, {
		name: "any number of streams are open", file: "internal/feed/stream.go",
		old: "f.open >= f.options.MaxStreams", new: "false",
		pkg: feedPackage, tests: "TestStreams_are_bounded",
	}, {
		name: "a stream is counted for ever", file: "internal/feed/stream.go",
		old: "	s.feed.open--\n", new: "",
		pkg: feedPackage, tests: "TestStreams_of_an_event_share",
	}, {
		name: "a stream that could not read ends", file: "internal/feed/stream.go",
		old: "err == nil || !passes(err)", new: "true",
		pkg: feedPackage, tests: "TestStreams_end_where_entries_are_gone",
	}, {
		name: "a crowd of readers is written to at once", file: "internal/feed/stream.go",
		old: "time.Duration(s.turn * 0.8 * float64(look))", new: "time.Duration(0)",
		pkg: feedPackage, tests: "TestStreams_of_a_crowd",
	}, {
		name: "a crowd's reader waits for its turn before each piece", file: "internal/feed/stream.go",
		old: "time.Since(s.gone) < look", new: "false",
		pkg: feedPackage, tests: "TestStreams_of_a_crowd_never",
	}, {
		name: "a stream ends with an operation's deadline", file: "internal/handlers/middleware.go",
		old: "context.WithValue(ctx.Context(), wholeKey{}, ctx.Context())", new: "ctx.Context()",
		pkg: handlers, tests: "TestFeed_streams_beat",
	}, {
		name: "a stream's whole life counts as a wait", file: "internal/handlers/middleware.go",
		old: "	if began := c.GetTime(streamedKey); !began.IsZero() {", new: "	if began := c.GetTime(streamedKey); false {",
		pkg: handlers, tests: "TestFeed_streams_count",
	}, {
		name: "readers do not hold back for buyers", file: "internal/feed/stream.go",
		old: "s.feed.options.Buyers() < needy", new: "true",
		pkg: feedPackage, tests: "TestStreams_of_a_crowd",
	}, {
		name: "who does not read keeps a stream for ever", file: "internal/handlers/feed_stream.go",
		old: "time.Now().Add(w.patience)", new: "time.Now().Add(time.Hour)",
		pkg: handlers, tests: "TestFeed_cuts_off",
	}, {
		name: "a page goes before a stream's last message", file: "internal/handlers/feed.go",
		old: "	if in.LastEventID != \"\" {\n		var err error", new: "	if in.LastEventID != \"\" && in.from < 0 {\n		var err error",
		pkg: handlers, tests: "TestFeed_of_an_event_is_read",
	}, {
		name: "HEAD opens a stream", file: "internal/handlers/feed.go",
		old: "	if in.asked.stream && !in.asked.head {\n		return h.answerStream(h.feed.Entries", new: "	if in.asked.stream {\n		return h.answerStream(h.feed.Entries",
		pkg: handlers, tests: "TestFeed_streams_are_not_opened",
	}, {
		name: "the last page of an event's feed has a next one", file: "internal/handlers/feed.go",
		old: "0 < last && last < page.Last", new: "0 < last",
		pkg: handlers, tests: "TestFeed_of_an_event_is_read",
	},
}
