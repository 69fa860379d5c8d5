package main

const (
	intoRows = "migrations/postgres/000010_charge_in_booking.up.sql"
	schema   = "./internal/database/"
)

// rows are charges that stand in their bookings' rows, and the wall between bookings and what they refer to.
var rows = []mutant{
	{
		name: "a charge that was started meanwhile is overwritten", file: "internal/repository/postgres/desk_write_bookings.go",
		old: " AND b.charge IS NOT DISTINCT FROM v.old_charge", new: "",
		pkg: postgres, tests: "TestAChangeUnderWay|TestABookingIsWritten",
	}, {
		name: "a charge that was taken up meanwhile has paid", file: "internal/repository/postgres/desk_write_bookings.go",
		old: "AND b.charge = 'started' AND b.status NOT IN", new: "AND b.status NOT IN",
		pkg: postgres, tests: "TestAChangeUnderWay|TestAChargeTakenUp",
	}, {
		name: "a row that moved fails its batch for good", file: "internal/repository/postgres/errors.go",
		old: "	case serializationFailure, deadlockDetected, rowHasMoved:\n", new: "	case serializationFailure, deadlockDetected:\n",
		pkg: postgres, tests: "TestARowThatMoved|TestAChargeStarted",
	}, {
		name: "a row tells of no refund", file: "internal/repository/postgres/desk_write_bookings.go",
		old: " || c.Refunded != 0", new: "",
		pkg: postgres, tests: "TestFitsRow",
	}, {
		name: "a row tells of no second try", file: "internal/repository/postgres/desk_write_bookings.go",
		old: "	if c.Attempts != 1 || ", new: "	if ",
		pkg: postgres, tests: "TestFitsRow",
	}, {
		name: "a charge stays in the row of a booking that was cancelled", file: "internal/repository/postgres/desk_write_bookings.go",
		old: "		return b.Status == models.StatusPending\n", new: "		return true\n",
		pkg: postgres, tests: "TestStore/(Settle|Payments)",
	}, {
		name: "a refund hangs on a charge in the row", file: "internal/repository/postgres/desk_write_bookings.go",
		old: "	for _, r := range w.NewRefunds {\n		moves[r.Booking] = true\n	}\n", new: "",
		pkg: postgres, tests: "TestMovesOf|TestStore/Moved",
	}, {
		name: "a letter hangs on a charge in the row", file: "internal/repository/postgres/desk_write_bookings.go",
		old: "	for _, l := range w.Letters {\n		moves[l.Booking] = true\n	}\n", new: "",
		pkg: postgres, tests: "TestMovesOf",
	}, {
		name: "a second charge stands beside one in the row", file: "internal/repository/postgres/desk_write_bookings.go",
		old: "	for _, c := range w.NewCharges {\n		moves[c.Booking] = true\n	}\n", new: "",
		pkg: postgres, tests: "TestMovesOf",
	}, {
		name: "when a charge was prepared is forgotten", file: "internal/repository/postgres/desk_write_bookings.go",
		old: "			prepared[i] = nullTime(c.UpdatedAt)\n", new: "",
		pkg: postgres, tests: "TestStore/Payments",
	}, {
		name: "a charge is started twice (PostgreSQL)", file: "internal/repository/postgres/payments.go",
		old: "AND b.charge IS NULL AND b.status NOT IN", new: "AND b.status NOT IN",
		pkg: postgres, tests: "TestStore/Payments",
	}, {
		name: "a charge within its lease is taken from its row", file: "internal/repository/postgres/due.go",
		old: "AND charge = 'started' AND next_attempt_at <= coalesce($1::timestamptz, now())\n			FOR", new: "AND charge = 'started'\n			FOR",
		pkg: postgres, tests: "TestLapsedChargesAreLookedAtAgain",
	}, {
		name: "claims wait for a locked booking", file: "internal/repository/postgres/due.go",
		old: "AND charge = 'started' AND next_attempt_at <= coalesce($1::timestamptz, now())\n			FOR NO KEY UPDATE SKIP LOCKED",
		new: "AND charge = 'started' AND next_attempt_at <= coalesce($1::timestamptz, now())\n			FOR NO KEY UPDATE",
		pkg: postgres, tests: "TestClaims_pass_over|TestLapsedChargesAreLookedAtAgain",
	}, {
		name: "the first page of what is PENDING is all that is looked at", file: "internal/repository/postgres/due.go",
		old: "	*from = next\n", new: "",
		pkg: postgres, tests: "TestLapsedChargesAreFound",
	}, {
		name: "what is PENDING is looked through once", file: "internal/repository/postgres/due.go",
		old: "		*from = models.Position{}\n", new: "",
		pkg: postgres, tests: "TestLapsedChargesAreFound|TestStore/Payments",
	}, {
		name: "a shared transaction sells what was sold under a higher number", file: "internal/repository/postgres/desk_read.go",
		old: "v.held = v.held && inOrder\n", new: "_ = inOrder\n",
		pkg: postgres, tests: "TestAnEventsEntries",
	}, {
		name: "an audit does not know a charge in the row beside another one", file: "internal/repository/postgres/audit.go",
		old: " OR kept = 1 AND charge = 'succeeded'", new: "",
		pkg: postgres, tests: "TestTamperingWith",
	}, {
		name: "an audit takes what is apart for paid", file: "internal/repository/postgres/audit.go",
		old: "AND charge IS DISTINCT FROM 'succeeded'", new: "AND charge IS NULL",
		pkg: postgres, tests: "TestTamperingWith",
	}, {
		name: "no CHECK holds a charge in the row against its booking", file: intoRows,
		old: "WHEN 'succeeded' THEN status = 'CONFIRMED' AND", new: "WHEN 'succeeded' THEN",
		pkg: postgres, tests: "TestAChargeInTheRow",
	}, {
		name: "a charge in the row may lack its gateway", file: intoRows,
		old: "(charged_at IS NULL) = (gateway IS NULL) AND ", new: "",
		pkg: postgres, tests: "TestAChargeInTheRow",
	}, {
		name: "a charge with a letter moves into the row", file: intoRows,
		old: " AND l.booking_id IS NULL, false)", new: ", false)",
		pkg: schema, tests: "TestChargesMove",
	}, {
		name: "a charge of another sum moves into the row", file: intoRows,
		old: " AND f.amount = b.total_amount", new: "",
		pkg: schema, tests: "TestChargesMove",
	}, {
		name: "one of two charges moves into the row", file: intoRows,
		old: "AND f.others = 0 ", new: "",
		pkg: schema, tests: "TestChargesMove",
	}, {
		name: "a charge without a first one is lost", file: intoRows,
		old: "WHERE f.n = f.first_n", new: "WHERE f.n = 1",
		pkg: schema, tests: "TestChargesMove",
	}, {
		name: "no wall stands before bookings", file: intoRows,
		old: "CREATE TRIGGER bookings_refer AFTER INSERT ON bookings REFERENCING NEW TABLE AS made\n" +
			"    FOR EACH STATEMENT EXECUTE FUNCTION bookings_refer();\n", new: "",
		pkg: postgres, tests: "TestNoBookingWithout",
	}, {
		name: "the wall looks at the first booking alone", file: intoRows,
		old: "(SELECT user_id FROM made ORDER BY user_id) m", new: "(SELECT user_id FROM made LIMIT 1) m",
		pkg: postgres, tests: "TestNoBookingWithout",
	}, {
		name: "the wall does not lock users", file: intoRows,
		old: "FROM users WHERE id = m.user_id FOR KEY SHARE)", new: "FROM users WHERE id = m.user_id)",
		pkg: postgres, tests: "TestTheWallWaits",
	}, {
		name: "the wall does not lock events", file: intoRows,
		old: "FROM events WHERE id = m.event_id FOR KEY SHARE)", new: "FROM events WHERE id = m.event_id)",
		pkg: postgres, tests: "TestTheWallWaits",
	}, {
		name: "who has bookings may be removed", file: intoRows,
		old: "    IF held THEN\n", new: "    IF false THEN\n",
		pkg: postgres, tests: "TestWhatBookingsReferTo",
	}, {
		name: "a booking may be given to another user", file: intoRows,
		old: "    IF NEW.user_id <> OLD.user_id THEN\n", new: "    IF false THEN\n",
		pkg: postgres, tests: "TestWhatBookingsReferTo|TestCountersCannotBeForced",
	}, {
		name: "a removal in one snapshot sees too little", file: intoRows,
		old: "    IF current_setting('transaction_isolation') <> 'read committed' THEN\n        RAISE feature_not_supported USING MESSAGE = format('rows",
		new: "    IF false THEN\n        RAISE feature_not_supported USING MESSAGE = format('rows",
		pkg: postgres, tests: "TestRemovalInOneSnapshot",
	}, {
		name: "users are emptied in one snapshot", file: intoRows,
		old: "    IF current_setting('transaction_isolation') <> 'read committed' THEN\n        RAISE feature_not_supported USING MESSAGE = format('%s are emptied",
		new: "    IF false THEN\n        RAISE feature_not_supported USING MESSAGE = format('%s are emptied",
		pkg: postgres, tests: "TestRemovalInOneSnapshot",
	}, {
		name: "the wall is led astray by tables of the same names", file: intoRows,
		old: "ALTER FUNCTION bookings_hold() SET search_path = %I, pg_temp", new: "ALTER FUNCTION bookings_hold() SET search_path = pg_temp, %I",
		pkg: postgres, tests: "TestTheWallCannot",
	}, {
		name: "a deleted user is remembered", file: "internal/repository/postgres/presume.go",
		old: "(count(*) FILTER (WHERE alive) = cardinality", new: "(count(*) = cardinality",
		pkg: postgres, tests: "TestPresumed",
	}, {
		name: "keys are not looked up for what is remembered", file: "internal/repository/postgres/presume.go",
		old: "	presumeNoKeys = `SELECT 1 / (count(*) = 0)::integer", new: "	presumeNoKeys = `SELECT 1 / (count(*) >= 0)::integer",
		pkg: postgres, tests: "TestPresumed",
	}, {
		name: "the remembered clock is believed", file: "internal/repository/postgres/presume.go",
		old: "Valid: s.options.Clock == nil}", new: "Valid: false}",
		pkg: postgres, tests: "TestPresumed",
	}, {
		name: "an event is remembered for good", file: "internal/repository/postgres/presume.go",
		old: " || time.Since(known.read) > rememberedFor {", new: " {",
		pkg: postgres, tests: "TestPresumed",
	}, {
		name: "a sale ends by the remembered clock", file: "internal/repository/postgres/presume.go",
		old: "e.SalesClosed(now.Add(nearAnEnd)) != nil", new: "e.SalesClosed(now) != nil",
		pkg: postgres, tests: "TestPresumed",
	}, {
		name: "a booking is what was seen of it", file: "internal/repository/postgres/desk_write_bookings.go",
		old: "AND b.charge = 'started' AND b.status NOT IN ('CONFIRMED', 'CANCELLED')`, \"$3::uuid[]\")", new: "`, \"$3::uuid[]\")",
		pkg: postgres, tests: "TestSeen",
	}, {
		name: "a rule that breaks on what was seen is a fault", file: "internal/boxoffice/batch.go",
		old: "	case broken != nil && len(need.Seen) > 0:", new: "	case false:",
		pkg: boxoffice, tests: "TestSettle_of_what_was_seen",
	},
}
