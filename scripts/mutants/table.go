package main

const (
	models    = "./internal/models/"
	rules     = "./internal/sale/"
	boxoffice = "./internal/boxoffice/"
	postgres  = "./internal/repository/postgres/"
	sqlite    = "./internal/repository/sqlite/"
	services  = "./internal/services/"
	jobs      = "./internal/jobs/"
	queues    = "./internal/queue/"
)

// core are the rules of the domain, of the engine and of the stores.
var core = []mutant{
	{
		name: "reserve does not look at what is available", file: "internal/sale/reserve.go",
		old: "case quantity <= available:", new: "case true:",
		pkg: rules, tests: "TestReserve",
	}, {
		name: "nothing asserts that the stock balances", file: "internal/models/stock.go",
		old: "	if s.Available+s.Held+s.Sold != s.Total ||\n", new: "	if false && s.Available+s.Held+s.Sold != s.Total ||\n",
		pkg: models, tests: "TestStock",
	}, {
		name: "a refused command may have changed something", file: "internal/sale/state.go",
		old: "	if v.Err != nil && (", new: "	if false && (",
		pkg: rules, tests: "TestDecide",
	}, {
		name: "a rule's panic is taken for a fault of the store", file: "internal/boxoffice/batch.go",
		old: "func (b *brokenRule) Unwrap() error { return repository.ErrRejected }", new: "func (b *brokenRule) Unwrap() error { return nil }",
		pkg: boxoffice, tests: "TestDesk_lets",
	}, {
		name: "money taken in another currency is asked for again", file: "internal/sale/letters.go",
		old: "charge.Status == models.ChargeFailed && wasTakenAbroad(charge, b)", new: "false",
		pkg: rules, tests: "TestRetryLetter",
	}, {
		name: "one letter that fails keeps all behind it", file: "internal/services/letters_retry.go",
		old: "	case errors.Is(err, models.ErrShuttingDown):\n", new: "	case !errors.Is(err, models.ErrLetterNotFound):\n",
		pkg: services, tests: "TestRetryAll",
	}, {
		name: "what a rule that panicked has decided is written", file: "internal/boxoffice/batch.go",
		old: "			s.Abort()\n", new: "",
		pkg: boxoffice, tests: "TestDesk_lets",
	}, {
		name: "a gateway that is away counts as a try", file: "internal/sale/stalls.go",
		old: "		c.Attempts = max(c.Attempts-1, 0)\n", new: "",
		pkg: services, tests: "TestCharge_waits_for_a_gateway",
	}, {
		name: "what costs something stands before a free booking (PostgreSQL)", file: "internal/repository/postgres/bookings.go",
		old: " AND b.total_amount = 0", new: "",
		pkg: postgres, tests: "TestStore/Bookings",
	}, {
		name: "what costs something stands before a free booking (SQLite)", file: "internal/repository/sqlite/bookings.go",
		old: " AND b.total_amount = 0", new: "",
		pkg: sqlite, tests: "TestStore/Bookings",
	}, {
		name: "money in another currency is counted as the charge's", file: "internal/sale/moved.go",
		old: "	case r == nil && abroad(charge, m):\n", new: "	case r == nil && abroad(charge, m) && false:\n",
		pkg: rules, tests: "TestMoved",
	}, {
		name: "money in another currency gives what is owed", file: "internal/sale/moved.go",
		old: "r.Status == models.RefundPending && !abroad(charge, m):", new: "r.Status == models.RefundPending:",
		pkg: rules, tests: "TestMoved",
	}, {
		name: "money taken in another currency is told again and again", file: "internal/sale/settle.go",
		old: "	case charge.Status == models.ChargeSucceeded, wasTakenAbroad(charge, b):\n", new: "	case charge.Status == models.ChargeSucceeded:\n",
		pkg: rules, tests: "TestSuccess_in_another|TestSettle_of_something",
	}, {
		name: "the audit adds up money of all currencies", file: "internal/repository/sqlite/audit.go",
		old: "status <> 'failed' AND currency = (SELECT currency FROM events WHERE id = ?1)", new: "status <> 'failed'",
		pkg: sqlite, tests: "TestStore/Moved",
	}, {
		name: "a bank that takes what was given back before is not told of", file: "internal/sale/moved.go",
		old: "case b.Status == models.StatusConfirmed || kind == models.LetterDispute:", new: "case b.Status == models.StatusConfirmed:",
		pkg: services, tests: "TestMoved",
	}, {
		name: "a refund of our own is made beside an unfinished one by hand", file: "internal/services/refunding.go",
		old: "		case owed != nil && open:\n", new: "		case owed != nil && open && false:\n",
		pkg: services, tests: "TestMoved",
	}, {
		name: "what was given back by hand is given back again", file: "internal/sale/money.go",
		old: "	if rest := c.Amount.Minor - s.back(c); rest > 0 {\n", new: "	if rest := c.Amount.Minor; s.owedRefund(c) == nil && rest > 0 {\n",
		pkg: "./internal/modeltest/", tests: "TestModel",
	}, {
		name: "money that was given back by hand is still revenue", file: "internal/sale/moved.go",
		old: "		s.earn(b, change)\n", new: "",
		pkg: "./internal/modeltest/", tests: "TestModel",
	}, {
		name: "claims wait for a locked charge", file: "internal/repository/postgres/due.go",
		old: "AND status NOT IN ` + ended + ` AND next_attempt_at <= coalesce($1::timestamptz, now())\n			FOR NO KEY UPDATE SKIP LOCKED",
		new: "AND status NOT IN ` + ended + ` AND next_attempt_at <= coalesce($1::timestamptz, now())\n			FOR NO KEY UPDATE",
		pkg: postgres, tests: "TestClaims_pass_over",
	}, {
		name: "a copy joins its original by a token that was there before", file: "internal/queue/registration.go",
		old: "owner.Token == w.last.Token && owner.Token != w.found", new: "owner.Token == w.last.Token",
		pkg: queues, tests: "TestGuard_tells_copies",
	}, {
		name: "who was at work first gives way", file: "internal/queue/registration.go",
		old: "!w.last.Since.Before(w.mine.Since))", new: "w.last.Since.Equal(w.mine.Since))",
		pkg: queues, tests: "TestGuard_tells_copies",
	}, {
		name: "what waits in another process's queue is lost", file: "internal/repository/sqlite/lost.go",
		old: "	if err == nil && noted != nil && !noted.IsZero() && noted.Before(oldest) {", new: "	if false {",
		pkg: sqlite, tests: "TestStore/Lost",
	}, {
		name: "a batch decides every command on the state before it", file: "internal/sale/reserve.go",
		old: "	s.hold(b)\n", new: "",
		pkg: rules, tests: "TestReserve",
	}, {
		name: "a cancelled booking is cancelled again", file: "internal/sale/cancel.go",
		old: "case b.Status == models.StatusCancelled:\n", new: "case false:\n",
		pkg: rules, tests: "TestTransitions",
	}, {
		name: "a booking expires before its deadline", file: "internal/sale/cancel.go",
		old: "b.Status == models.StatusPending && !s.Now.Before(b.PaymentDeadline)", new: "b.Status == models.StatusPending",
		pkg: rules, tests: "TestTransitions",
	}, {
		name: "expiry does not look at the status", file: "internal/sale/cancel.go",
		old: "b.Status == models.StatusPending && !s.Now.Before(b.PaymentDeadline)", new: "!s.Now.Before(b.PaymentDeadline)",
		pkg: rules, tests: "TestTransitions",
	}, {
		name: "a late payment confirms whatever became of the booking", file: "internal/sale/settle.go",
		old: "b.Status != models.StatusCancelled || b.CancelReason != models.ReasonExpired || s.hasRefund(b)", new: "false",
		pkg: rules, tests: "TestTransitions|TestSettle",
	}, {
		name: "a late payment takes tickets that are not there", file: "internal/sale/settle.go",
		old: " && event.Stock.Available >= b.Quantity", new: "",
		pkg: rules, tests: "TestTransitions",
	}, {
		name: "a payment that earned no ticket is not refunded", file: "internal/sale/settle.go",
		old: "		s.owe(charge)\n", new: "",
		pkg: rules, tests: "TestTransitions|TestSettle",
	}, {
		name: "a cancelled paid booking is not refunded", file: "internal/sale/cancel.go",
		old: "		s.refundPaid(b)\n", new: "",
		pkg: rules, tests: "TestTransitions",
	}, {
		name: "all of a charge is given back after a part was", file: "internal/sale/money.go",
		old: "rest := c.Amount.Minor - s.back(c); rest > 0", new: "rest := c.Amount.Minor; s.owedRefund(c) == nil",
		pkg: rules, tests: "TestMoved",
	}, {
		name: "a success of another amount confirms", file: "internal/sale/second.go",
		old: `return r.Amount.Currency == "" || r.Amount == c.Amount`, new: "return true",
		pkg: rules, tests: "TestSettle_of_something_else",
	}, {
		name: "money given back by hand stays revenue", file: "internal/sale/moved.go",
		old: "		s.earn(b, change)\n", new: "",
		pkg: rules, tests: "TestMoved",
	}, {
		name: "a refund that came back is not owed any more", file: "internal/sale/moved.go",
		old: "if r.Reason == models.RefundOwed {\n		s.addRefund", new: "if false {\n		s.addRefund",
		pkg: rules, tests: "TestMoved",
	}, {
		name: "a second success is forgotten", file: "internal/sale/second.go",
		old: "	s.owe(second)\n", new: "",
		pkg: rules, tests: "TestSettle_of_something_else",
	}, {
		name: "a success after a decline is forgotten", file: "internal/sale/settle.go",
		old: "if c.Result.Outcome == models.OutcomeSucceeded {\n		s.chargeSucceeded", new: "if c.Result.Outcome == models.OutcomeSucceeded && charge.Status.Open() {\n		s.chargeSucceeded",
		pkg: rules, tests: "TestSettle",
	}, {
		name: "capacity may be lowered below what is taken", file: "internal/models/events.go",
		old: "if *total < e.Stock.Taken() {", new: "if false {",
		pkg: rules, tests: "TestEditEvent",
	}, {
		name: "an idempotency key does not look at the request", file: "internal/sale/reserve.go",
		old: "if earlier.RequestHash != hash {", new: "if false {",
		pkg: rules, tests: "TestReserve",
	}, {
		name: "an unknown commit is sent again blindly", file: "internal/sale/reserve.go",
		old: "s.Recheck && made != nil", new: "false",
		pkg: boxoffice, tests: "TestDesk_finds_out",
	}, {
		name: "an unknown commit is answered as done", file: "internal/boxoffice/batch.go",
		old: "		recheck = true\n", new: "		err = nil\n		break\n",
		pkg: boxoffice, tests: "TestDesk_finds_out",
	}, {
		name: "all commands of a batch get the first one's verdict", file: "internal/boxoffice/batch.go",
		old: "r.answer(verdicts[i], nil)", new: "r.answer(verdicts[0*i], nil)",
		pkg: boxoffice, tests: "TestReserve|TestDesk",
	}, {
		name: "a poisoned command takes its batch along", file: "internal/boxoffice/batch.go",
		old: "errors.Is(err, repository.ErrRejected) && len(requests) > 1", new: "false",
		pkg: boxoffice, tests: "TestDesk_lets",
	}, {
		name: "the latch outlives a release at its desk", file: "internal/boxoffice/desk.go",
		old: "	d.latch.Store(&latch{", new: "	d.latch.CompareAndSwap(nil, &latch{",
		pkg: boxoffice, tests: "TestLatch",
	}, {
		name: "all who come after the latch look at once", file: "internal/boxoffice/desk.go",
		old: "known.beyond(r) && !fresh && len(batch) > 0", new: "false",
		pkg: boxoffice, tests: "TestLatch",
	}, {
		name: "what was seen counts from the end of the commit", file: "internal/boxoffice/desk.go",
		old: "until: seen.Add(", new: "until: d.office.options.Now().Add(",
		pkg: boxoffice, tests: "TestLatch",
	}, {
		name: "a buyer's patience has no end", file: "internal/boxoffice/timeout.go",
		old: "close(over)", new: "_ = over",
		pkg: boxoffice, tests: "TestReserve",
	}, {
		name: "the latch stands before an answered key", file: "internal/boxoffice/lookups.go",
		old: "if c.Key != \"\" {", new: "if false {",
		pkg: boxoffice, tests: "TestLatch",
	}, {
		name: "a word on another reference is taken for the charge's", file: "internal/sale/settle.go",
		old: " && !isForOtherReference(charge, c.Result)", new: "",
		pkg: services, tests: "TestSettle_drops",
	}, {
		name: "two processes charge under a reference each", file: "internal/services/charging.go",
		old: "err != nil || !stillMine(verdict.Charge, prepared)", new: "err != nil",
		pkg: services, tests: "TestPrepare_twice",
	}, {
		name: "a booking that ended while prepared is charged", file: "internal/services/charging.go",
		old: "verdict.Booking.Status != models.StatusPending", new: "false",
		pkg: services, tests: "TestPrepare_of_a_booking",
	}, {
		name: "a callback's age does not count", file: "internal/payments/signature.go",
		old: "age > SignatureTolerance || age < -SignatureTolerance", new: "age > 1000*SignatureTolerance",
		pkg: services, tests: "TestCallback_refusals",
	},
	// The walls in the stores.
	{
		name: "the event's row is not locked", file: "internal/repository/postgres/desk_read.go",
		old: "FROM events e WHERE e.id = $1 FOR NO KEY UPDATE`", new: "FROM events e WHERE e.id = $1`",
		pkg: postgres, tests: "TestStore/Reserve|TestLockWait",
	}, {
		name: "events that share a transaction are not locked", file: "internal/repository/postgres/desk_read.go",
		old: "WHERE id = k.id FOR NO KEY UPDATE SKIP LOCKED) e`", new: "WHERE id = k.id) e`",
		pkg: postgres, tests: "TestALockedEvent",
	}, {
		name: "a shared transaction waits for a charge that is locked elsewhere", file: "internal/repository/postgres/desk_read.go",
		old: "	charges, refunds := lockFreeCharges, lockFreeRefunds\n", new: "	charges, refunds := lockCharges, lockRefunds\n",
		pkg: postgres, tests: "TestParty_waits_for_no_locked_charge",
	}, {
		name: "a shared transaction waits for an event that is locked elsewhere", file: "internal/repository/postgres/sharing.go",
		old: "			go s.runSolo(w)\n", new: "			s.runSolo(w)\n",
		pkg: postgres, tests: "TestALockedEventLeavesItsLane",
	}, {
		name: "a change that found its row gone is taken for made", file: "internal/repository/postgres/desk_write.go",
		old: "SELECT 1 / (count(*) = cardinality(", new: "SELECT 1 / (count(*) <= cardinality(",
		pkg: postgres, tests: "TestARowThatMoved",
	}, {
		name: "a booking does not lock its user", file: "internal/repository/postgres/desk_read.go",
		old: "WHERE u.id = k.id FOR KEY SHARE) u`", new: "WHERE u.id = k.id) u`",
		pkg: postgres, tests: "TestUserDeleted|TestBookingWaits",
	}, {
		name: "no CHECK stands behind the counters (PostgreSQL)", file: "migrations/postgres/000002_event_stock.up.sql",
		old: "CHECK (available::bigint + held + sold = total_tickets)", new: "CHECK (true)",
		pkg: postgres, tests: "TestCountersCannotBeForced",
	}, {
		name: "no CHECK stands behind the counters (SQLite)", file: "migrations/sqlite/000001_initial_schema.up.sql",
		old: "CHECK (available + held + sold = total_tickets)", new: "CHECK (true)",
		pkg: sqlite, tests: "TestStore",
	}, {
		name: "a charge is started after the deadline (SQLite)", file: "internal/repository/sqlite/payments.go",
		old: "AND (b.total_amount = 0 OR b.payment_deadline > ?3)", new: "AND ?3 > 0",
		pkg: sqlite, tests: "TestStore",
	}, {
		name: "a charge is started after the deadline (PostgreSQL)", file: "internal/repository/postgres/payments.go",
		old: "AND b.total_amount > 0 AND b.payment_deadline > now AND", new: "AND b.total_amount > 0 AND",
		pkg: postgres, tests: "TestStore/Payments",
	}, {
		name: "who lost the making of a simulated charge believes to have won (PostgreSQL)",
		file: "internal/repository/postgres/simledger.go",
		old:  ") SELECT ` + simValues\n", new: ") SELECT ` + simValues + ` ON CONFLICT DO NOTHING`\n",
		pkg: postgres, tests: "TestSimCharges|TestStore/SimLedger",
	}, {
		name: "a poll never looks back at what came late (PostgreSQL)", file: "internal/repository/postgres/lowwater.go",
		old: "w.looks < maxLooks && !w.full.IsZero() && time.Since(w.full) < fullLook", new: "!w.full.IsZero() && fullLook+maxLooks > 0",
		pkg: postgres, tests: "TestStore/(Outbox|Payments)",
	}, {
		name: "a batch is answered before it is committed (SQLite)", file: "internal/repository/sqlite/writer.go",
		old: "COMMIT", new: "ROLLBACK",
		pkg: sqlite, tests: "TestStore/Desk",
	}, {
		name: "an empty query parameter counts as not sent", file: "internal/handlers/query.go",
		old: "case sent[0] == \"\":", new: "case false:",
		pkg: handlers, tests: "TestQueries",
	}, {
		name: "an amount may have more digits than a double holds", file: "internal/models/money.go",
		old: "const MaxAmount int64 = 999_999_999_999_999\n", new: "const MaxAmount int64 = 999_999_999_999_999_999\n",
		pkg: models, tests: "TestMoney_survives",
	}, {
		name: "commands that a stopping server refuses are not documented", file: "internal/handlers/openapi.go",
		old: "	if o.desk {\n", new: "	if false {\n",
		pkg: handlers, tests: "TestDocument_tells",
	}, {
		name: "what is over cannot be cancelled", file: "internal/sale/organise.go",
		old: "case !s.Now.Before(event.RefundableUntil(s.Rules.RefundWindow)):", new: "case event.Over(s.Now):",
		pkg: rules, tests: "TestCancelEvent",
	}, {
		name: "a date jumps into the past", file: "internal/sale/organise.go",
		old: "return intoThePast || beyondRefunds", new: "return intoThePast && false || beyondRefunds",
		pkg: rules, tests: "TestEditEvent",
	}, {
		name: "an edit ends the refund window", file: "internal/sale/organise.go",
		old: "return intoThePast || beyondRefunds", new: "return intoThePast || beyondRefunds && false",
		pkg: rules, tests: "TestEditEvent",
	}, {
		name: "an event with refundable tickets is deleted", file: "internal/models/over.go",
		old: "return e.Stock.SoldAmount > 0 && now", new: "return e.Stock.SoldAmount > 1<<60 && now",
		pkg: rules, tests: "TestDeleteEvent",
	}, {
		name: "who hung up while the row was locked is booked", file: "internal/boxoffice/request.go",
		old: "return state == decided || recheck && state == left", new: "return state >= 0",
		pkg: boxoffice, tests: "TestReserve_of_a_caller",
	}, {
		name: "who was answered busy is booked by a second look", file: "internal/boxoffice/request.go",
		old: "return state == decided || recheck && state == left", new: "return state == decided || recheck",
		pkg: boxoffice, tests: "TestReserve_of_a_caller",
	}, {
		name: "a cancelled event's bookings are charged first, on PostgreSQL", file: "internal/repository/postgres/payments.go",
		old: " AND b.event_id <> ALL (` + calledOff + `)", new: "",
		pkg: postgres, tests: "TestStore/Ends",
	}, {
		name: "a cancelled event's bookings are charged first, on SQLite", file: "internal/repository/sqlite/payments.go",
		old: "\n\t\t\tAND (SELECT e.cancelled_at FROM events e WHERE e.id = b.event_id) IS NULL`", new: "`",
		pkg: sqlite, tests: "TestStore/Ends",
	}, {
		name: "money for an unknown booking leaves no trace", file: "internal/services/callbacks.go",
		old: "notice.Result.Outcome != models.OutcomeSucceeded", new: "true",
		pkg: services, tests: "TestStray",
	},
}
