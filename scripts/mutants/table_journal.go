package main

// told is what a journal promises: every fact once, in order, without a gap.
var told = []mutant{
	{
		name: "a booking is made without its fact", file: "internal/sale/journal.go",
		old: "	s.Event.Stock.Hold(b.Quantity, b.TotalAmount.Minor)\n	s.tellOf(models.FactBooked, b)\n",
		new: "	s.Event.Stock.Hold(b.Quantity, b.TotalAmount.Minor)\n",
		pkg: rules, tests: "TestReserve",
	}, {
		name: "a booking is confirmed without its fact", file: "internal/sale/journal.go",
		old: "	s.tellOf(models.FactConfirmed, b)\n", new: "",
		pkg: sqlite, tests: "TestStore/Journal",
	}, {
		name: "a booking is restored without its fact", file: "internal/sale/journal.go",
		old: "	s.tellOf(models.FactRestored, b)\n", new: "",
		pkg: sqlite, tests: "TestStore/Journal",
	}, {
		name: "a booking ends without its fact", file: "internal/sale/journal.go",
		old: "	s.tell(models.Fact{\n		Kind: models.FactCancelled,", new: "	_ = (models.Fact{\n		Kind: models.FactCancelled,",
		pkg: sqlite, tests: "TestStore/Journal",
	}, {
		name: "revenue changes without its fact", file: "internal/sale/journal.go",
		old: "	s.tell(models.Fact{Kind: models.FactRevenue, Booking: b.ID, Amount: change})\n", new: "",
		pkg: sqlite, tests: "TestStore/Journal",
	}, {
		name: "an organiser's change is told as another", file: "internal/sale/journal.go",
		old: "f := models.Fact{Kind: kind}\n	if kind == models.FactEdited {", new: "f := models.Fact{Kind: models.FactEventCancelled}\n	if false {",
		pkg: sqlite, tests: "TestStore/Journal",
	}, {
		name: "an event is deleted without its fact", file: "internal/sale/organise.go",
		old: "	s.edited(models.FactDeleted)\n", new: "	s.writes.EventEdited, s.writes.Event = true, s.Event\n",
		pkg: sqlite, tests: "TestStore/Journal",
	}, {
		name: "an event is called off without its fact", file: "internal/sale/organise.go",
		old: "	s.edited(models.FactEventCancelled)\n", new: "	s.writes.EventEdited, s.writes.Event = true, s.Event\n",
		pkg: sqlite, tests: "TestStore/Journal",
	}, {
		name: "a charge succeeds without its fact", file: "internal/sale/money.go",
		old: "	s.touchCharge(charge)\n	s.tellOfCharge(charge)\n", new: "	s.touchCharge(charge)\n",
		pkg: sqlite, tests: "TestStore/Journal",
	}, {
		name: "a second charge succeeds without its fact", file: "internal/sale/second.go",
		old: "	s.tellOfCharge(second)\n", new: "",
		pkg: sqlite, tests: "TestStore/Migration",
	}, {
		name: "a refund is owed without its fact", file: "internal/sale/money.go",
		old: "		s.tellOfRefund(models.FactRefundOwed, r, minor)\n", new: "",
		pkg: sqlite, tests: "TestStore/Journal",
	}, {
		name: "money moves without its fact", file: "internal/sale/money.go",
		old: "		s.tellOfRefund(models.FactRefundMoved, r, minor)\n", new: "",
		pkg: sqlite, tests: "TestStore/Journal",
	}, {
		name: "a refund is given without its fact", file: "internal/sale/money.go",
		old: "	s.tellOfRefund(models.FactRefundGiven, r, r.Amount.Minor)\n", new: "",
		pkg: sqlite, tests: "TestStore/Journal",
	}, {
		name: "a refund is reduced without its fact", file: "internal/sale/moved.go",
		old: "		s.tellOfRefund(models.FactRefundReduced, owed, m.Amount.Minor)\n", new: "",
		pkg: sqlite, tests: "TestStore/Journal",
	}, {
		name: "a refund comes back without its fact", file: "internal/sale/moved.go",
		old: "		s.tellOfRefund(models.FactRefundFailed, r, r.Amount.Minor)\n", new: "",
		pkg: sqlite, tests: "TestStore/Journal",
	}, {
		name: "every fact is told twice", file: "internal/sale/journal.go",
		old: "s.writes.Facts = append(s.writes.Facts, f)", new: "s.writes.Facts = append(s.writes.Facts, f, f)",
		pkg: rules, tests: "TestReserve",
	}, {
		name: "money is told of twice", file: "internal/sale/money.go",
		old: "	s.tellOfCharge(charge)\n}", new: "	s.tellOfCharge(charge)\n	s.tellOfCharge(charge)\n}",
		pkg: "./internal/modeltest/", tests: "TestModel",
	}, {
		name: "a refund is told of twice", file: "internal/sale/money.go",
		old: "	s.tellOfRefund(models.FactRefundGiven, r, r.Amount.Minor)\n",
		new: "	s.tellOfRefund(models.FactRefundGiven, r, r.Amount.Minor)\n	s.tellOfRefund(models.FactRefundGiven, r, r.Amount.Minor)\n",
		pkg: sqlite, tests: "TestStore/Audit|TestStore/Migration",
	}, {
		name: "an entry takes no number of its own", file: "internal/sale/journal.go",
		old: "		s.Event.Seq++\n", new: "",
		pkg: sqlite, tests: "TestStore/Journal",
	}, {
		name: "a batch takes a number for each fact", file: "internal/sale/journal.go",
		old: "	if len(s.writes.Facts) == 0 {\n		s.Event.Seq++\n	}\n", new: "	s.Event.Seq++\n",
		pkg: sqlite, tests: "TestStore/Journal",
	}, {
		name: "an entry's number is not kept under the lock (PostgreSQL)", file: "internal/repository/postgres/desk_write.go",
		old: ", journal_seq = v.seq\n", new: "\n",
		pkg: postgres, tests: "TestStore/Journal",
	}, {
		name: "the sequence is taken outside the lock (PostgreSQL)", file: "internal/repository/postgres/desk_read.go",
		old: "	if r.waits {\n		batch.Queue(lockEvent, events[0]).Query(r.readEvents)\n		batch.Queue(selectStock, events).Query(r.readStock)\n	} else {\n		batch.Queue(lockFreeEvents, events).Query(r.readEvents)\n		batch.Queue(selectFreeStock, events).Query(r.readStock)\n	}\n",
		new: `	early := map[models.EventID]int64{}
	batch.Queue("SELECT event_id, journal_seq FROM event_stock WHERE event_id = ANY($1)", events).Query(func(rows pgx.Rows) error {
		var id models.EventID
		var seq int64
		_, err := pgx.ForEachRow(rows, []any{(*[16]byte)(&id), &seq}, func() error { early[id] = seq; return nil })
		return err
	})
	read := func(rows pgx.Rows) error {
		err := r.readStock(rows)
		for _, v := range r.calls {
			if v.state.Event != nil {
				v.state.Event.Seq = early[v.event]
			}
		}
		return err
	}
	if r.waits {
		batch.Queue(lockEvent, events[0]).Query(r.readEvents)
		batch.Queue(selectStock, events).Query(read)
	} else {
		batch.Queue(lockFreeEvents, events).Query(r.readEvents)
		batch.Queue(selectFreeStock, events).Query(read)
	}
`,
		pkg: postgres, tests: "TestStore/(Desk|Feed|Prune)",
	}, {
		name: "an entry's number is passed over now and then (PostgreSQL)", file: "internal/repository/postgres/desk_read.go",
		old: "	selectStock = `SELECT s.event_id, s.ctid, ` + stockColumns + ` FROM",
		new: "	selectStock = `SELECT s.event_id, s.ctid, ` + stockColumns + `+ (random() > 0.5)::integer FROM",
		pkg: postgres, tests: "TestStore/(Journal|Feed)",
	}, {
		name: "pruning leaves no opening (PostgreSQL)", file: "internal/repository/postgres/journal_prune.go",
		old: "	batch.Queue(replaceEntry, uuid(event), old.sum.Last, journal.Opening(old.currency, old.sum.Balance))\n", new: "",
		pkg: postgres, tests: "TestStore/Prune",
	}, {
		name: "pruning leaves no opening (SQLite)", file: "internal/repository/sqlite/journal.go",
		old: "		if err := c.one(replaceEntry, journal.Opening(currency, sum.Balance), event[:], sum.Last); err != nil {\n			return err\n		}\n", new: "		_ = currency\n",
		pkg: sqlite, tests: "TestStore/Prune",
	}, {
		name: "what the outbox points to is pruned (PostgreSQL)", file: "internal/repository/postgres/journal_prune.go",
		old: "			AND seq < coalesce((SELECT min(o.seq) FROM outbox o WHERE o.event_id = $1 AND o.seq > 0), 9223372036854775807)\n", new: "",
		pkg: postgres, tests: "TestStore/Prune",
	}, {
		name: "what the outbox points to is pruned (SQLite)", file: "internal/repository/sqlite/journal.go",
		old: "			AND seq < coalesce((SELECT min(seq) FROM outbox WHERE event_id = ?1 AND seq > 0), 9223372036854775807)\n", new: "",
		pkg: sqlite, tests: "TestStore/Prune",
	}, {
		name: "two who prune do not wait for each other (PostgreSQL)", file: "internal/repository/postgres/journal_prune.go",
		old: "ORDER BY seq LIMIT $4 FOR NO KEY UPDATE`", new: "ORDER BY seq LIMIT $4`",
		pkg: postgres, tests: "TestPruneJournal_waits",
	}, {
		name: "a reader of the feed passes over what is committed late (PostgreSQL)", file: "internal/repository/postgres/journal.go",
		old: "					AND tx < pg_snapshot_xmin(pg_current_snapshot())\n", new: "",
		pkg: postgres, tests: "TestFeed_passes",
	}, {
		name: "a reader of the feed does not learn that entries are gone", file: "internal/repository/sqlite/journal.go",
		old: "		case after != nil && from.Tx < pruned && !from.Anew():", new: "		case false:",
		pkg: sqlite, tests: "TestStore/Feed",
	}, {
		name: "who begins the feed anew is told that his place is gone (PostgreSQL)", file: "internal/repository/postgres/journal.go",
		old: "			e.Place = e.Place.AsAnew()\n", new: "",
		pkg: postgres, tests: "TestStore/Feed",
	}, {
		name: "who begins the feed anew is told that his place is gone (SQLite)", file: "internal/repository/sqlite/journal.go",
		old: "				e.Place = e.Place.AsAnew()\n", new: "",
		pkg: sqlite, tests: "TestStore/Feed",
	}, {
		name: "a mended feed has an event's entries in any order", file: "internal/repository/postgres/journal_prune.go",
		old: "max(tx::text::bigint) OVER (PARTITION BY event_id ORDER BY seq) AS tx", new: "tx::text::bigint AS tx",
		pkg: postgres, tests: "TestFeed_of_a_restored",
	}, {
		name: "a copy's feed goes on in its original's epoch", file: "internal/repository/sqlite/owner.go",
		old: "		if err := c.one(renewEpoch); err != nil {\n			return err\n		}\n", new: "",
		pkg: sqlite, tests: "TestStore/Feed",
	}, {
		name: "a page of a journal has no bound (SQLite)", file: "internal/repository/sqlite/journal.go",
		old: "		if bytes += len(stored); bytes >= models.MaxEntryBytes {", new: "		if bytes += len(stored); false {",
		pkg: sqlite, tests: "TestStore/Journal",
	}, {
		name: "the pruner does not mend the feed", file: "internal/jobs/pruner.go",
		old: "		if err := p.mend(ctx); err != nil {\n			return 0, false, err\n		}\n", new: "",
		pkg: jobs, tests: "TestPruner",
	}, {
		name: "the pruner stops at an event that it cannot prune", file: "internal/jobs/pruner.go",
		old: "		p.after = id\n		n, err := p.prune(ctx, id)\n", new: "		n, err := p.prune(ctx, id)\n		if err == nil {\n			p.after = id\n		}\n",
		pkg: jobs, tests: "TestPruner",
	}, {
		name: "the pruner does not rest", file: "internal/jobs/pruner.go",
		old: "		p.rest(ctx, time.Since(begun))\n", new: "		_ = begun\n",
		pkg: jobs, tests: "TestPruner_gives_way",
	}, {
		name: "a fact's kind gets another number", file: "internal/journal/encode.go",
		old: "6: models.FactBooked, 7: models.FactConfirmed,", new: "7: models.FactBooked, 6: models.FactConfirmed,",
		pkg: "./internal/journal/", tests: "TestFormat",
	}, {
		name: "a fact without its booking is read as one of booking zero", file: "internal/journal/decode.go",
		old: "	if d.last == (models.BookingID{}) {", new: "	if false {",
		pkg: "./internal/journal/", tests: "TestDecode",
	},
}
