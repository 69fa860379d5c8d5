package main

// userLimit is what MAX_LIVE_PER_USER promises: who holds so many tickets gets no more, whoever sold them.
var userLimit = []mutant{
	{
		name: "a user may hold any number", file: "internal/sale/reserve.go",
		old: "limit := s.Rules.MaxLivePerUser; limit > 0", new: "limit := s.Rules.MaxLivePerUser; limit > 1<<40",
		pkg: sqlite, tests: "TestStore/Limits",
	}, {
		name: "the limit is one of each booking", file: "internal/sale/customers.go",
		old: "	if quantity <= limit-live {\n", new: "	if quantity <= limit {\n",
		pkg: rules, tests: "TestReserve_up_to_the_users_limit",
	}, {
		name: "the limit is one too many", file: "internal/sale/customers.go",
		old: "	if quantity <= limit-live {\n", new: "	if quantity <= limit-live+1 {\n",
		pkg: rules, tests: "TestReserve_up_to_the_users_limit",
	}, {
		name: "a user is told of less than nothing", file: "internal/sale/customers.go",
		old: "max(0, limit-live)", new: "limit-live",
		pkg: rules, tests: "TestReserve_up_to_the_users_limit",
	}, {
		name: "what is booked is not counted", file: "internal/sale/journal.go",
		old: "	s.tellOf(models.FactBooked, b)\n	s.count(b.UserID, b.Quantity)\n", new: "	s.tellOf(models.FactBooked, b)\n",
		pkg: sqlite, tests: "TestStore/Limits",
	}, {
		name: "what is paid late is not counted again", file: "internal/sale/journal.go",
		old: "	s.tellOf(models.FactRestored, b)\n	s.count(b.UserID, b.Quantity)\n", new: "	s.tellOf(models.FactRestored, b)\n",
		pkg: "./internal/modeltest/", tests: "TestModel",
	}, {
		name: "what ends is not given back to its user", file: "internal/sale/journal.go",
		old: "	s.count(b.UserID, -b.Quantity)\n", new: "",
		pkg: sqlite, tests: "TestStore/Limits",
	}, {
		name: "nobody is told that an event counts", file: "internal/sale/customers.go",
		old: "		s.Event.CountsUsers = true\n", new: "",
		pkg: sqlite, tests: "TestStore/Limits",
	}, {
		name: "a process without the limit does not count", file: "internal/sale/customers.go",
		old: "	case !s.Event.CountsUsers:\n", new: "	case s.Rules.MaxLivePerUser == 0:\n",
		pkg: sqlite, tests: "TestStore/Limits",
	}, {
		name: "rows that nobody kept are believed again", file: "internal/sale/customers.go",
		old: "		s.writes.Recount = s.writes.Recount || !s.Event.CountsUsers\n", new: "",
		pkg: sqlite, tests: "TestStore/Limits",
	}, {
		name: "a user may hold less than nothing", file: "internal/sale/customers.go",
		old: "	if c.Known && c.Live < 0 {\n", new: "	if false {\n",
		pkg: rules, tests: "TestCustomers_hold_no_less",
	}, {
		name: "the stock is looked at before the user", file: "internal/sale/reserve.go",
		old: "	if limit := s.Rules.MaxLivePerUser; limit > 0 {\n",
		new: "	if out := OutOfStock(c.Quantity, event.Stock.Available); out != nil {\n		return out\n	}\n	if limit := s.Rules.MaxLivePerUser; limit > 0 {\n",
		pkg: rules, tests: "TestReserve_up_to_the_users_limit",
	}, {
		name: "the desk does not ask what users hold", file: "internal/boxoffice/batch.go",
		old: "	need.Customers = d.office.options.Rules.MaxLivePerUser > 0\n", new: "",
		pkg: boxoffice, tests: "TestReserve_up_to_what_a_user_may_hold",
	}, {
		name: "the desk asks what users hold when nobody wants to know", file: "internal/boxoffice/batch.go",
		old: "	need.Customers = d.office.options.Rules.MaxLivePerUser > 0\n", new: "	need.Customers = true\n",
		pkg: boxoffice, tests: "TestReserve_without_a_limit",
	}, {
		name: "rows are read that nobody kept (PostgreSQL)", file: "internal/repository/postgres/customers.go",
		old: "CASE WHEN s.kept THEN c.live END", new: "c.live",
		pkg: postgres, tests: "TestStore/Limits",
	}, {
		name: "bookings that have ended are counted (PostgreSQL)", file: "internal/repository/postgres/customers.go",
		old: " AND b.status IN ('PENDING', 'CONFIRMED')), 0)", new: "), 0)",
		pkg: postgres, tests: "TestStore/Limits",
	}, {
		name: "another event's bookings are counted (PostgreSQL)", file: "internal/repository/postgres/customers.go",
		old: "WHERE b.event_id = k.event_id AND b.status", new: "WHERE b.status",
		pkg: postgres, tests: "TestStore/Limits",
	}, {
		name: "another event's row is read (PostgreSQL)", file: "internal/repository/postgres/customers.go",
		old: "		r.of(event).state.Customers[c.User] = c\n", new: "		for _, v := range r.calls {\n			if v.state.Customers != nil {\n				v.state.Customers[c.User] = c\n			}\n		}\n",
		pkg: postgres, tests: "TestCustomers_in_a_shared_transaction",
	}, {
		name: "rows stay that nobody kept (PostgreSQL)", file: "internal/repository/postgres/customers.go",
		old: "	if len(recounted) > 0 {\n", new: "	if false {\n",
		pkg: postgres, tests: "TestStore/Limits",
	}, {
		name: "what is known of a user is written once (PostgreSQL)", file: "internal/repository/postgres/customers.go",
		old: "DO UPDATE SET live = excluded.live`", new: "DO NOTHING`",
		pkg: postgres, tests: "TestStore/Limits",
	}, {
		name: "what others hold more is forgotten (PostgreSQL)", file: "internal/repository/postgres/customers.go",
		old: "	others.queue(w.batch, changeCustomers)\n", new: "",
		pkg: postgres, tests: "TestStore/Limits",
	}, {
		name: "how far users were counted stands still (PostgreSQL)", file: "internal/repository/postgres/desk_write.go",
		old: "counted_seq = v.counted,", new: "counted_seq = coalesce(s.counted_seq, v.counted),",
		pkg: postgres, tests: "TestStore/Limits",
	}, {
		name: "what is remembered says that nobody counts (PostgreSQL)", file: "internal/repository/postgres/presume.go",
		old: "counted_seq = $14,", new: "counted_seq = nullif($14::bigint, $14::bigint),",
		pkg: postgres, tests: "TestCustomers|TestStore/Limits",
	}, {
		name: "whether an event still counts is not looked at (PostgreSQL)", file: "internal/repository/postgres/presume.go",
		old: "= $15\n", new: "IS NOT NULL AND $15 IS NOT NULL\n",
		pkg: postgres, tests: "TestCustomers_of_an_event",
	}, {
		name: "what users hold is presumed (PostgreSQL)", file: "internal/repository/postgres/presume.go",
		old: "	if n.Customers && len(n.Users) > 0 {\n", new: "	if false {\n",
		pkg: postgres, tests: "TestCustomers_cost_no_round_trip",
	}, {
		name: "the audit does not look at rows (PostgreSQL)", file: "internal/repository/postgres/audit.go",
		old: "kept.live <> coalesce(held.live, 0)", new: "kept.live < 0",
		pkg: postgres, tests: "TestStore/Limits",
	}, {
		name: "the audit believes rows that nobody kept (PostgreSQL)", file: "internal/repository/postgres/audit.go",
		old: "WHERE event_id = $1 AND counted_seq = journal_seq)", new: "WHERE event_id = $1)",
		pkg: postgres, tests: "TestStore/Limits",
	}, {
		name: "the audit keeps wrong rows to itself", file: "internal/sale/audit.go",
		old: "	same(&r, \"customer_stock\", 0, f.WrongCustomers)\n", new: "",
		pkg: sqlite, tests: "TestStore/Limits",
	}, {
		name: "the database lets a user hold less than nothing (PostgreSQL)", file: "migrations/postgres/000012_customer_stock.up.sql",
		old: "CHECK (live >= 0)", new: "CHECK (live >= -1)",
		pkg: postgres, tests: "TestStore/Limits",
	}, {
		name: "the database lets a user hold less than nothing (SQLite)", file: "migrations/sqlite/000012_customer_stock.up.sql",
		old: "CHECK (live >= 0)", new: "CHECK (live >= -1)",
		pkg: sqlite, tests: "TestStore/Limits",
	}, {
		name: "rows are read that nobody kept (SQLite)", file: "internal/repository/sqlite/customers.go",
		old: "WHERE ?3 AND event_id", new: "WHERE ?3 IS NOT NULL AND event_id",
		pkg: sqlite, tests: "TestStore/Limits",
	}, {
		name: "bookings that have ended are counted (SQLite)", file: "internal/repository/sqlite/customers.go",
		old: " AND status IN ('PENDING', 'CONFIRMED')), 0)", new: "), 0)",
		pkg: sqlite, tests: "TestStore/Limits",
	}, {
		name: "another event's bookings are counted (SQLite)", file: "internal/repository/sqlite/customers.go",
		old: "AND +event_id = ?2 AND status", new: "AND status",
		pkg: sqlite, tests: "TestStore/Limits",
	}, {
		name: "rows stay that nobody kept (SQLite)", file: "internal/repository/sqlite/customers.go",
		old: "	if changes.Recount {\n", new: "	if false {\n",
		pkg: sqlite, tests: "TestStore/Limits",
	}, {
		name: "what others hold more is not added (SQLite)", file: "internal/repository/sqlite/customers.go",
		old: "SET live = live + ?3 WHERE", new: "SET live = live + 0*?3 WHERE",
		pkg: sqlite, tests: "TestStore/Limits",
	}, {
		name: "how far users were counted is forgotten (SQLite)", file: "internal/repository/sqlite/customers.go",
		old: "	if !e.CountsUsers {\n", new: "	if !e.CountsUsers || e.Seq > 3 {\n",
		pkg: sqlite, tests: "TestStore/Limits",
	}, {
		name: "the audit does not look at rows (SQLite)", file: "internal/repository/sqlite/audit.go",
		old: "WHERE kept.live <> coalesce(held.live, 0)`", new: "WHERE kept.live < 0`",
		pkg: sqlite, tests: "TestStore/Limits",
	},
}
