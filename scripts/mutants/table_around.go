package main

const (
	inprocessQueue = "./internal/queue/inprocess/"
	redisQueue     = "./internal/queue/redis/"
	handlers       = "./internal/handlers/"
	strictjson     = "./internal/strictjson/"
	retries        = "./internal/retry/"
	stripe         = "./internal/payments/stripe/"
	simulator      = "./internal/payments/simulator/"
	config         = "./internal/config/"
	database       = "./internal/database/"
)

// around is what stands round the core: payments, queues, loops, gateways, the wire and the settings.
var around = []mutant{
	// Payments.
	{
		name: "letters are retried all at once", file: "internal/services/letters_retry.go",
		old: "	retryPiece = 128\n", new: "	retryPiece = 5000\n",
		pkg: services, tests: "TestRetryAll",
	}, {
		name: "a place of the gateway's list is kept before all before it is settled", file: "internal/services/chronicle.go",
		old: "				return looked, err\n", new: "				continue\n",
		pkg: stripe, tests: "TestChronicle",
	}, {
		name: "every refund of our own is looked at again", file: "internal/payments/stripe/chronicle.go",
		old: "	if ours && (", new: "	if ours && false && (",
		pkg: stripe, tests: "TestChronicle",
	}, {
		name: "a gateway's list is read by all at once (PostgreSQL)", file: "internal/repository/postgres/chronicles.go",
		old: "		WHERE g.due_at <= coalesce($1::timestamptz, now())\n", new: "",
		pkg: postgres, tests: "TestStore/Ends",
	}, {
		name: "a gateway's list is read by all at once (SQLite)", file: "internal/repository/sqlite/chronicles.go",
		old: " WHERE gateway_events.due_at <= ?3", new: "",
		pkg: sqlite, tests: "TestStore/Ends",
	}, {
		name: "letters are retried by any number of calls at a time", file: "internal/services/letters_retry.go",
		old: "	if !l.retrying.TryLock() {\n		return done, errRetrying\n	}\n	defer l.retrying.Unlock()\n", new: "",
		pkg: services, tests: "TestRetryAll",
	}, {
		name: "this gateway is asked about another one's stray", file: "internal/services/strays.go",
		old: "	if s.Gateway != p.gateway.Name() {\n", new: "	if false {\n",
		pkg: services, tests: "TestStray_message",
	}, {
		name: "what is undecided for a booking that is not here is asked about for ever", file: "internal/services/strays.go",
		old: "	case models.OutcomeUnknown, models.OutcomeUnavailable:\n", new: "	case models.OutcomeUnknown, models.OutcomeUnavailable, models.OutcomePending:\n",
		pkg: services, tests: "TestStray_message",
	}, {
		name: "a gateway without an answer is asked about a stray for ever", file: "internal/services/strays.go",
		old: "		if d.Age < models.StrayMax {\n", new: "		if true {\n",
		pkg: services, tests: "TestStray_message",
	}, {
		name: "another gateway's charge takes a place of this one's", file: "internal/services/payments.go",
		old: "		if gateway(&due[i]) != p.gateway.Name() {\n", new: "		if gateway(&due[i]) == \"\" {\n",
		pkg: services, tests: "TestRetry_of_another",
	}, {
		name: "a charge that has ended is still in hand", file: "internal/services/charging.go",
		old: "return c.Status.Open() && c.ProviderReference", new: "return c.ProviderReference",
		pkg: services, tests: "TestPrepare_of_a_charge",
	}, {
		name: "a refund with a part still pending counts as given back", file: "internal/payments/stripe/refunds.go",
		old: "result.Outcome, result.Reason = models.OutcomePending,", new: "result.Outcome, result.Reason = models.OutcomeSucceeded,",
		pkg: stripe, tests: "TestRefund",
	}, {
		name: "the outbox poll allows for no lateness", file: "internal/repository/postgres/outbox.go",
		old: "uuid(before(first[0], outboxLateness))", new: "uuid(before(first[0], 0*outboxLateness))",
		pkg: postgres, tests: "TestStore/Outbox",
	}, {
		name: "the charges' poll allows for no lateness", file: "internal/repository/postgres/due.go",
		old: " - interval '2 seconds'`", new: "`",
		pkg: postgres, tests: "TestStore/Payments",
	}, {
		name: "an unavailable Find counts as surely not taken", file: "internal/services/charging.go",
		old: "	return unsure(found), true\n", new: "	return found, true\n",
		pkg: services, tests: "TestRetry",
	}, {
		name: "a lease is shorter than all of a try's calls together", file: "internal/services/payments.go",
		old: "callsOfATry*(maxTurn+o.Timeout)+settleTimeout", new: "o.Timeout+settleTimeout",
		pkg: services, tests: "TestRetry",
	}, {
		name: "another gateway's charge is asked about at this one", file: "internal/services/charging.go",
		old: "	if d.Charge.Gateway != p.gateway.Name() {\n", new: "	if false {\n",
		pkg: services, tests: "TestRetry",
	}, {
		name: "another gateway's refund is asked for at this one", file: "internal/services/refunding.go",
		old: "	if r.Gateway == p.gateway.Name() {\n", new: "	if true {\n",
		pkg: services, tests: "TestRefund",
	}, {
		name: "a slot that no charge needs is not given back", file: "internal/services/charging.go",
		old: "	p.inHand.release(unused)\n", new: "	p.inHand.release(unused / 2)\n",
		pkg: services, tests: "TestCharge",
	}, {
		name: "an event that was slow to expire once is passed over for ever", file: "internal/services/upkeep.go",
		old: "	u.setBusy(event, false)\n", new: "",
		pkg: services, tests: "TestExpire|TestUpkeep",
	}, {
		name: "who asks while a query is under way gets its answer", file: "internal/services/shared.go",
		old: "	s.keys[key] = &shareable[V]{}\n", new: "	s.keys[key] = &shareable[V]{next: one}\n",
		pkg: services, tests: "TestSharedReads",
	}, {
		name: "a letter is retried after its booking's deadline", file: "internal/sale/letters.go",
		old: "(b.Status != models.StatusPending || !s.Now.Before(b.PaymentDeadline))", new: "b.Status != models.StatusPending",
		pkg: rules, tests: "TestTransitions|TestLetters|TestSettle",
	}, {
		name: "a signature does not cover its time", file: "internal/payments/signature.go",
		old: `	h.Write([]byte(at + "."))` + "\n", new: "",
		pkg: stripe, tests: "TestReadCallback",
	}, {
		name: "while a secret is changed only the last signature counts", file: "internal/payments/signature.go",
		old: "given = append(given, sum)", new: "given = [][]byte{sum}",
		pkg: stripe, tests: "TestReadCallback",
	}, {
		name: "a pending charge cannot be voided", file: "internal/payments/simulator/rules.go",
		old: "c.Status == failed || c.Status == pending:", new: "c.Status == failed:",
		pkg: simulator, tests: "TestQuestions|TestConformance|TestGateway|TestSlow",
	}, {
		name: "a voided charge is made after all", file: "internal/payments/simulator/rules.go",
		old: "	if c.Status == failed {\n", new: "	if c.Status == failed || c.Status == voided {\n",
		pkg: simulator, tests: "TestQuestions|TestConformance|TestGateway|TestSlow|TestCharge",
	}, {
		name: "a charge of a past deadline is still taken up for charging (SQLite)", file: "internal/repository/sqlite/payments.go",
		old: "d.Chargeable && d.Booking.Payable(now)", new: "d.Chargeable && d.Booking.Status == models.StatusPending",
		pkg: sqlite, tests: "TestStore/Payments",
	}, {
		name: "a charge of a past deadline is still taken up for charging (PostgreSQL)", file: "internal/repository/postgres/due.go",
		old: "d.Booking.Payable(d.Charge.UpdatedAt)", new: "d.Booking.Status == models.StatusPending",
		pkg: postgres, tests: "TestStore/Payments",
	},
	// Queues.
	{
		name: "an acknowledged message stays with its consumer (Redis)", file: "internal/queue/redis/receive.go",
		old: "		p.XAck(ctx, streamKey(q.options.Stream), groupName, ids...)\n", new: "",
		pkg: redisQueue, tests: "TestAck",
	}, {
		name: "a consumer that holds messages is forgotten (Redis)", file: "internal/queue/redis/scripts.go",
		old: "consumer['pending'] == 0 and ", new: "",
		pkg: redisQueue, tests: "TestReclaim",
	}, {
		name: "a group that was lost begins at the end (Redis)", file: "internal/queue/redis/scripts.go",
		old: "if not found then redis.call('XGROUP', 'CREATE', KEYS[1], ARGV[1], '0') end", new: "if not found then redis.call('XGROUP', 'CREATE', KEYS[1], ARGV[1], '$') end",
		pkg: redisQueue, tests: "TestReceive",
	}, {
		name: "a stream that was lost goes on with its epoch (Redis)", file: "internal/queue/redis/scripts.go",
		old: "if lost or not epoch then", new: "if not epoch then",
		pkg: redisQueue, tests: "TestQueue_shows",
	}, {
		name: "a message that was taken over is taken over again at once (in process)", file: "internal/queue/inprocess/inprocess.go",
		old: "	for _, sequence := range idle[:min(limit, len(idle))] {\n		got = append(got, q.deliver(sequence))\n",
		new: "	for _, sequence := range idle[:min(limit, len(idle))] {\n		got = append(got, queue.Message{ID: id(sequence), Booking: q.messages[sequence].booking})\n",
		pkg: inprocessQueue, tests: "TestReclaim",
	}, {
		name: "messages that were delivered do not count in the bound (in process)", file: "internal/queue/inprocess/inprocess.go",
		old: "len(q.messages)+len(bookings) > q.options.MaxLength", new: "len(q.waiting)+len(bookings) > q.options.MaxLength",
		pkg: inprocessQueue, tests: "TestQueue",
	},
	// Loops.
	{
		name: "a relay's mark hides that the queue has lost messages", file: "internal/jobs/relay.go",
		old: "	if !queue.Lost(r.remembered, mark) {\n", new: "	if true {\n",
		pkg: jobs, tests: "TestRelay_keeps",
	}, {
		name: "the first page of a republishing hides the loss", file: "internal/jobs/reconciler.go",
		old: "mark, last := remembered, len(page) < r.Page", new: "mark, last := now, len(page) < r.Page",
		pkg: jobs, tests: "TestReconciler_that",
	}, {
		name: "a reconciler goes on where another one was faster", file: "internal/jobs/reconciler.go",
		old: "err != nil || kept != remembered {", new: "err != nil || kept == (models.QueueMark{}) {",
		pkg: jobs, tests: "TestReconciler_stops",
	}, {
		name: "a round of the audit that missed an event counts", file: "internal/jobs/auditor.go",
		old: "			a.missed = true\n", new: "",
		pkg: jobs, tests: "TestAuditor",
	}, {
		name: "an old mark takes a newer one's place (this process's)", file: "internal/jobs/marks.go",
		old: "l.mark.OlderThan(mark)", new: "(models.QueueMark{}).OlderThan(mark)",
		pkg: jobs, tests: "TestLocalMarks",
	}, {
		name: "a loop's round ends with its context, whatever it has in hand", file: "internal/jobs/jobs.go",
		old: "	work, cancel := context.WithCancel(context.WithoutCancel(ctx))\n", new: "	work, cancel := context.WithCancel(ctx)\n",
		pkg: jobs, tests: "TestPolling",
	},
	// The engine.
	{
		name: "buyers are decided before the system gives tickets back", file: "internal/boxoffice/desk.go",
		old: "	system lane = iota\n	organisers\n	cancellations\n	buyers\n",
		new: "	buyers lane = iota\n	organisers\n	cancellations\n	system\n",
		pkg: boxoffice, tests: "TestDesk_decides",
	}, {
		name: "the inbox takes whoever comes together, however many", file: "internal/boxoffice/desk.go",
		old: "len(waiting)+more > d.office.options.MaxInbox", new: "len(waiting) > d.office.options.MaxInbox",
		pkg: boxoffice, tests: "TestDesk",
	}, {
		name: "a cancelled event is called sold out", file: "internal/boxoffice/desk.go",
		old: " || !event.CancelledAt.IsZero() {", new: " {",
		pkg: boxoffice, tests: "TestLatch_is_none",
	}, {
		name: "a request is done though its caller has gone", file: "internal/boxoffice/desk.go",
		old: "			if !r.take() {\n", new: "			if !r.take() && false {\n",
		pkg: boxoffice, tests: "TestReserve_of_a_caller",
	},
	// The stores.
	//
	// That a claim looks again at the lease, the time or the status of a row that it has waited for is not broken here:
	// no test can tell. Whoever was at the row has moved it, so that its place (ctid) no longer is the one that was
	// looked for.
	{
		name: "deleting a user does not wait for bookings that are being made", file: "internal/repository/postgres/users.go",
		old: "lockToDelete = ` FOR UPDATE`", new: "lockToDelete = ` FOR NO KEY UPDATE`",
		pkg: postgres, tests: "TestDeletionWaits",
	}, {
		name: "a user's tickets count for nothing while the event still sells (PostgreSQL)", file: "internal/repository/postgres/users.go",
		old: "(e.date_time > $3 OR e.sales_end > $3\n", new: "(e.date_time > $3\n",
		pkg: postgres, tests: "TestStore/Users",
	}, {
		name: "a key is looked up at another event that used it, too (SQLite)", file: "internal/repository/sqlite/desk.go",
		old: "ORDER BY b.event_id = ?2, b.id`", new: "ORDER BY b.id`",
		pkg: sqlite, tests: "TestStore/Reserve",
	}, {
		name: "a leased row is claimed again (SQLite)", file: "internal/repository/sqlite/outbox.go",
		old: "WHERE leased_until IS NULL OR leased_until <= ? ORDER BY", new: "WHERE leased_until IS NULL OR ? > 0 ORDER BY",
		pkg: sqlite, tests: "TestStore/Outbox",
	},
	// The wire.
	{
		name: "a method that an address does not know is asked for another media type", file: "internal/handlers/middleware.go",
		old: `if route == "" || route == callbackRoute {`, new: `if route == callbackRoute {`,
		pkg: handlers, tests: "TestAddresses",
	}, {
		name: "the document lets a user's e-mail address be looked for by nothing", file: "internal/handlers/users.go",
		old: `query:"email" minLength:"1" maxLength`, new: `query:"email" maxLength`,
		pkg: handlers, tests: "TestDocument_tells_what_texts_in_queries_may_not_be",
	}, {
		name: "the document lets a user's e-mail address be looked for by control characters", file: "internal/handlers/document.go",
		old: `	"email":    oneLine,`, new: "",
		pkg: handlers, tests: "TestDocument_tells_what_texts_in_queries_may_not_be",
	}, {
		name: "a weak tag matches like a strong one", file: "internal/handlers/etag.go",
		old: "err == nil && !weak && etag(version)", new: "err == nil && (weak || !weak) && etag(version)",
		pkg: handlers, tests: "TestEvents_if_match",
	}, {
		name: "a cursor fits a list with other filters", file: "internal/handlers/cursor.go",
		old: `l.path+"?"+l.filters.Encode()+"#"`, new: `l.path+"#"`,
		pkg: handlers, tests: "TestCursor",
	}, {
		name: "of many names one may come twice", file: "internal/strictjson/strictjson.go",
		old: "	n.known[string(name)] = struct{}{}\n", new: "",
		pkg: strictjson, tests: "TestReadObject",
	}, {
		name: "arrays may lie inside one another without end", file: "internal/strictjson/strictjson.go",
		old: "		return s.array(depth + 1)\n", new: "		return s.array(depth)\n",
		pkg: strictjson, tests: "TestReadObject",
	}, {
		name: "what can never succeed is tried again", file: "internal/retry/retry.go",
		old: "try == tries || !again(err) ||", new: "try == tries ||",
		pkg: retries, tests: "TestDo",
	}, {
		name: "a wait between tries does not grow", file: "internal/retry/retry.go",
		old: "base << min(max(failures-1, 0), 20)", new: "base",
		pkg: retries, tests: "TestBackoff",
	}, {
		name: "a text that is cut ends in half a character", file: "internal/models/clip.go",
		old: "!utf8.RuneStart(text[end])", new: "!utf8.RuneStart(text[end]) && false",
		pkg: models, tests: "TestClip",
	}, {
		name: "of two keys the first counts", file: "internal/handlers/bookings_create.go",
		old: "	if len(keys) > 1 {\n", new: "	if len(keys) > 2 {\n",
		pkg: handlers, tests: "TestBookings",
	},
	// Settings and the schema.
	{
		name: "the redacted settings show an address's query", file: "internal/config/render.go",
		old: "Host: u.Host, Path: u.Path}", new: "Host: u.Host, Path: u.Path, RawQuery: u.RawQuery}",
		pkg: config, tests: "TestRedacted",
	}, {
		name: "a wrong secret is shown", file: "internal/config/render.go",
		old: "		case settings[i].wrong:\n", new: "		case false:\n",
		pkg: config, tests: "TestRedacted",
	}, {
		name: "two processes may write the same data directory", file: "internal/database/sqlite_lock_unix.go",
		old: "syscall.LOCK_EX|syscall.LOCK_NB", new: "syscall.LOCK_SH|syscall.LOCK_NB",
		pkg: database, tests: "TestADataDirectory",
	}, {
		name: "a half-done schema is migrated further", file: "internal/database/migrate.go",
		old: "	case dirty:\n		return dirtyError(version)\n	case version == required:\n", new: "	case dirty && false:\n		return dirtyError(version)\n	case version == required:\n",
		pkg: database, tests: "TestADirty",
	}, {
		name: "a sale is stopped after all who wait have bought", file: "internal/boxoffice/desk.go",
		old: "	organisers\n	cancellations\n	buyers\n", new: "	buyers\n	organisers\n	cancellations\n",
		pkg: boxoffice, tests: "TestDesk_takes_organisers",
	}, {
		name: "whose turn has not come waits on", file: "internal/boxoffice/request.go",
		old: "	if r.state.CompareAndSwap(waiting, abandoned) {\n		return sale.Verdict{}, errNoTurn\n	}\n", new: "",
		pkg: boxoffice, tests: "TestReserve_with_a_key|TestDesk_turns_away",
	}, {
		name: "a query outlives all who asked for it", file: "internal/services/shared.go",
		old: "one.askers == 0 && one.cancel != nil", new: "false",
		pkg: services, tests: "TestSharedReads_end",
	}, {
		name: "a user's bookings since the first look do not count (PostgreSQL)", file: "internal/repository/postgres/users.go",
		old: "		if live {\n			return false, models.ErrUserHasBookings\n		}\n", new: "",
		pkg: postgres, tests: "TestStore/Users|TestDeletionWaits",
	},
}
