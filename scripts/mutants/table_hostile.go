package main

const logging = "./internal/logging/"

// hostile is what keeps one client from stopping all the others, and has health tell the truth.
var hostile = []mutant{
	// One client.
	{
		name: "any number of changes of one user may wait", file: "internal/services/turns.go",
		old: "one != nil && one.waiting >= maxOfOneUser", new: "false",
		pkg: services, tests: "TestUsers_changes_are_bounded",
	}, {
		name: "users are changed on the desk's connections", file: "internal/repository/postgres/users.go",
		old: "conn, err := s.acquireFrom(ctx, s.read)", new: "conn, err := s.acquireFrom(ctx, s.desk)",
		pkg: postgres, tests: "TestPools_keep_users",
	}, {
		name: "a booking of a clock that was ahead hides those that come", file: "internal/repository/store.go",
		old: "newest.Compare(looked) > 0", new: "false",
		pkg: sqlite, tests: "TestDeletionLooksAgain",
	}, {
		name: "any number of shared queries are under way", file: "internal/services/shared.go",
		old: "	if len(s.keys) >= s.bounds.waiting {\n", new: "	if false {\n",
		pkg: services, tests: "TestSharedReads_are_bounded",
	}, {
		name: "a search asks the index for another text than it has", file: "internal/repository/postgres/events.go",
		old: "WHERE e.deleted_at IS NULL AND e.name || E'\\n' || e.description ILIKE $8`", new: "WHERE e.deleted_at IS NULL AND e.name || E'\\n' || e.description || '' ILIKE $8`",
		pkg: postgres, tests: "TestSearchPlan",
	}, {
		name: "a search for two characters reads every event (PostgreSQL)", file: "internal/repository/postgres/events.go",
		old: "append(slices.Clone(bounds), pattern, models.SearchShort)", new: "append(slices.Clone(bounds), pattern, 1000*models.SearchShort)",
		pkg: postgres, tests: "TestStore/Events",
	}, {
		name: "a search for two characters reads every event (SQLite)", file: "internal/repository/sqlite/events.go",
		old: "most = models.SearchShort", new: "most = math.MaxInt",
		pkg: sqlite, tests: "TestStore/Events",
	}, {
		name: "a page that ends early is the last", file: "internal/handlers/events.go",
		old: "out.Link == \"\" && found.Next != nil", new: "false",
		pkg: handlers, tests: "TestEvents_a_page|TestEvents_pages",
	}, {
		name: "a page has no bound in bytes", file: "internal/repository/sqlite/events.go",
		old: "text >= models.MaxText", new: "false",
		pkg: handlers, tests: "TestEvents_pages",
	}, {
		name: "any number of lists are in hand", file: "internal/handlers/middleware.go",
		old: "s.lists.Add(1) > maxLists", new: "s.lists.Add(1) > 10*maxLists",
		pkg: handlers, tests: "TestLists_in_hand",
	}, {
		name: "a callback is read before its header is looked at", file: "internal/handlers/callbacks.go",
		old: "	if err := h.callbacks.Expect(c.Param(\"gateway\"), c.Request.Header.Get); err != nil {\n", new: "	if err := error(nil); err != nil {\n",
		pkg: handlers, tests: "TestCallbacks_refuse_unread",
	}, {
		name: "callbacks have no bound together", file: "internal/handlers/callbacks.go",
		old: "b.taken.Add(int64(room)) > most", new: "b.taken.Add(int64(room)) > 100*most",
		pkg: handlers, tests: "TestCallbacks_share",
	}, {
		name: "a callback's body has all of its room at once", file: "internal/handlers/callbacks.go",
		old: "min(max(4<<10, 2*cap(body)), maxCallback+1)", new: "maxCallback + 1",
		pkg: handlers, tests: "TestBodies_are_allocated|TestCallbacks_share",
	}, {
		name: "any number of cancellations wait", file: "internal/boxoffice/desk.go",
		old: "return len(waiting)+more > maxWaiting", new: "return false",
		pkg: boxoffice, tests: "TestDesk_bounds",
	}, {
		name: "any number of audits are under way", file: "internal/services/events.go",
		old: "auditBounds  = readBounds{atOnce: 2,", new: "auditBounds  = readBounds{atOnce: 1000,",
		pkg: services, tests: "TestAudits_of",
	}, {
		name: "an audit reads bookings once more", file: "internal/repository/postgres/audit.go",
		old: "		FROM states`", new: "		FROM states WHERE (SELECT count(*) FROM bookings WHERE event_id = $1) >= 0`",
		pkg: postgres, tests: "TestAuditPlan",
	}, {
		name: "an audit knows no booking that was paid twice", file: "internal/repository/postgres/audit.go",
		old: "WHERE kept > 1", new: "WHERE kept > 2",
		pkg: postgres, tests: "TestStore/Audit",
	}, {
		name: "each fault has a line", file: "internal/logging/spells.go",
		old: "	one := s.kinds[kind]\n", new: "	one := s.kinds[\"-\"]\n",
		pkg: logging, tests: "TestSpells",
	}, {
		name: "each refused request has a line", file: "internal/handlers/middleware.go",
		old: "		level = slog.LevelDebug\n", new: "",
		pkg: handlers, tests: "TestLog_of_faults",
	}, {
		name: "each refused commit has a line", file: "internal/boxoffice/batch.go",
		old: "\"a batch of \"+d.event.String(), \"a batch failed\"", new: "fmt.Sprintf(\"%p\", &attrs), \"a batch failed\"",
		pkg: boxoffice, tests: "TestDesk_tells_of_refused",
	},
	// Health.
	{
		name: "a Redis that is full is one that fails", file: "internal/queue/redis/refusals.go",
		old: "	if !known {\n", new: "	if known = false; !known {\n",
		pkg: redisQueue, tests: "TestRefusals",
	}, {
		name: "addresses are compared by the locale", file: "internal/models/users.go",
		old: "return strings.ToLower(email) }", new: "return email }",
		pkg: postgres, tests: "TestAnAddressIsOne",
	}, {
		name: "the key of an address outlives it", file: "migrations/postgres/000007_health.up.sql",
		old: "WHEN (NEW.email <> OLD.email AND", new: "WHEN (false AND",
		pkg: postgres, tests: "TestAnOlderProgram",
	}, {
		name: "a change of an address's case costs its key", file: "migrations/postgres/000007_health.up.sql",
		old: "WHEN (NEW.email_key IS NULL)", new: "WHEN (false)",
		pkg: postgres, tests: "TestAnAddressIsOne",
	}, {
		name: "a database is made in whatever encoding", file: "internal/database/postgres_create.go",
		old: "\" TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C.UTF-8'\",", new: "\"\",",
		pkg: database, tests: "TestAMissingDatabase",
	},
}
