package main

// scoped is what stands between organizers, and between people: who sees and changes what, and when it ends.
var scoped = []mutant{
	{
		name: "an organizer sees the events of all (PostgreSQL)", file: "internal/repository/postgres/scopes.go",
		old: "` AND %s = $%d`, organizer, params+1)", new: "` AND (%s = $%d OR true)`, organizer, params+1)",
		pkg: postgres, tests: "TestStore/Scopes",
	}, {
		name: "a key of some events sees all of its organizer's (PostgreSQL)", file: "internal/repository/postgres/scopes.go",
		old: "case scope.Only == \"\":", new: "case true:",
		pkg: postgres, tests: "TestStore/Scopes",
	}, {
		name: "a key of some events sees others', whoever owns them (PostgreSQL)", file: "internal/repository/postgres/scopes.go",
		old: "` AND %s = $%d AND %s ", new: "` AND (%s = $%d OR true) AND %s ",
		pkg: postgres, tests: "TestStore/Scopes",
	}, {
		name: "the scope of nothing has everything (PostgreSQL)", file: "internal/repository/postgres/scopes.go",
		old: "const nobodys = ` AND false`", new: "const nobodys = ` AND true`",
		pkg: postgres, tests: "TestStore/Scopes",
	}, {
		name: "an organizer sees everybody's users (PostgreSQL)", file: "internal/repository/postgres/scopes.go",
		old: " AND (organizer_id = $%d%s OR EXISTS", new: " AND (organizer_id = $%d OR true%s OR EXISTS",
		pkg: postgres, tests: "TestStore/Scopes",
	}, {
		name: "an organizer sees nobody who has not booked with it (PostgreSQL)", file: "internal/repository/postgres/scopes.go",
		old: " AND (organizer_id = $%d%s OR EXISTS", new: " AND (organizer_id = $%d AND false%s OR EXISTS",
		pkg: postgres, tests: "TestStore/Scopes",
	}, {
		name: "a key of some events sees all whose row its organizer made (PostgreSQL)", file: "internal/repository/postgres/scopes.go",
		old: "	if scope.Only != \"\" {\n		unbooked", new: "	if false {\n		unbooked",
		pkg: postgres, tests: "TestStore/Scopes",
	}, {
		name: "a customer sees everybody's bookings (PostgreSQL)", file: "internal/repository/postgres/scopes.go",
		old: "` AND b.user_id = $%d`", new: "` AND (b.user_id = $%d OR true)`",
		pkg: postgres, tests: "TestStore/Scopes",
	}, {
		name: "a customer is everybody (PostgreSQL)", file: "internal/repository/postgres/scopes.go",
		old: "` AND id = $%d`", new: "` AND (id = $%d OR true)`",
		pkg: postgres, tests: "TestStore/Scopes",
	}, {
		name: "all bookings of somebody else's customer are looked at for one's own (PostgreSQL)", file: "internal/repository/postgres/scopes.go",
		old: "DESC LIMIT %d) booked", new: "DESC LIMIT %d + 100000) booked",
		pkg: postgres, tests: "TestStore/Scopes",
	}, {
		name: "a list reads past all bookings that are others' (PostgreSQL)", file: "internal/repository/postgres/scopes.go",
		old: "LIMIT 1 OFFSET %d)", new: "LIMIT 1 OFFSET %d + 100000)",
		pkg: postgres, tests: "TestStore/Scopes",
	}, {
		name: "a scope reaches all organizers and their keys (PostgreSQL)", file: "internal/repository/postgres/scopes.go",
		old: "` AND %s = $%d`, column", new: "` AND (%s = $%d OR true)`, column",
		pkg: postgres, tests: "TestStore/(Organizers|Keys)",
	}, {
		name: "strays of an organizer's events are its own (PostgreSQL)", file: "internal/repository/postgres/letters.go",
		old: "condition += ` AND l.kind <> 'stray'`", new: "condition += ``",
		pkg: postgres, tests: "TestStore/Scopes",
	}, {
		name: "an organizer changes a user that is not its own (PostgreSQL)", file: "internal/repository/postgres/users.go",
		old: "u.Organizer != scope.Organizer", new: "false",
		pkg: postgres, tests: "TestStore/Scopes",
	}, {
		name: "an organizer changes a user whom a subject has (PostgreSQL)", file: "internal/repository/postgres/users.go",
		old: "err == nil && bound {", new: "false {",
		pkg: postgres, tests: "TestStore/(Scopes|Subjects)",
	}, {
		name: "an erased user's subject is remembered (PostgreSQL)", file: "internal/repository/postgres/organizers.go",
		old: "err == nil && tag.RowsAffected() > 0", new: "err == nil && tag.RowsAffected() < 0",
		pkg: postgres, tests: "TestStore/(Organizers|Subjects)",
	}, {
		name: "an organizer with events is dropped (PostgreSQL)", file: "internal/repository/postgres/organizers.go",
		old: "if has {", new: "if has && false {",
		pkg: postgres, tests: "TestStore/Organizers",
	}, {
		name: "a key is of events that are another organizer's (PostgreSQL)", file: "internal/repository/postgres/keys.go",
		old: "found < len(only)", new: "found < 0",
		pkg: postgres, tests: "TestStore/Keys",
	}, {
		name: "a key's use goes back (PostgreSQL)", file: "internal/repository/postgres/keys.go",
		old: "k.last_used_at < used.at", new: "true",
		pkg: postgres, tests: "TestStore/Keys",
	}, {
		name: "a subject takes over whom another has (PostgreSQL)", file: "internal/repository/postgres/subjects.go",
		old: "if err != nil || bound {", new: "if err != nil || bound && false {",
		pkg: postgres, tests: "TestStore/Subjects",
	}, {
		name: "the log loses all old entries at once (PostgreSQL)", file: "internal/repository/postgres/accesslog.go",
		old: "ORDER BY at, id LIMIT $3", new: "ORDER BY at, id LIMIT $3 + 100",
		pkg: postgres, tests: "TestStore/AccessLog",
	}, {
		name: "an organizer sees the events of all (SQLite)", file: "internal/repository/sqlite/scopes.go",
		old: "` AND %s = ?%d`, organizer, params+1)", new: "` AND (%s = ?%d OR 1)`, organizer, params+1)",
		pkg: sqlite, tests: "TestStore/Scopes",
	}, {
		name: "a key of some events sees all of its organizer's (SQLite)", file: "internal/repository/sqlite/scopes.go",
		old: "case scope.Only == \"\":", new: "case true:",
		pkg: sqlite, tests: "TestStore/Scopes",
	}, {
		name: "a key of some events sees others', whoever owns them (SQLite)", file: "internal/repository/sqlite/scopes.go",
		old: "` AND %s = ?%d AND %s ", new: "` AND (%s = ?%d OR 1) AND %s ",
		pkg: sqlite, tests: "TestStore/Scopes",
	}, {
		name: "the scope of nothing has everything (SQLite)", file: "internal/repository/sqlite/scopes.go",
		old: "const nobodys = ` AND 0`", new: "const nobodys = ` AND 1`",
		pkg: sqlite, tests: "TestStore/Scopes",
	}, {
		name: "an organizer sees everybody's users (SQLite)", file: "internal/repository/sqlite/scopes.go",
		old: " AND (organizer_id = ?%d%s OR EXISTS", new: " AND (organizer_id = ?%d OR 1%s OR EXISTS",
		pkg: sqlite, tests: "TestStore/Scopes",
	}, {
		name: "an organizer sees nobody who has not booked with it (SQLite)", file: "internal/repository/sqlite/scopes.go",
		old: " AND (organizer_id = ?%d%s OR EXISTS", new: " AND (organizer_id = ?%d AND 0%s OR EXISTS",
		pkg: sqlite, tests: "TestStore/Scopes",
	}, {
		name: "a key of some events sees all whose row its organizer made (SQLite)", file: "internal/repository/sqlite/scopes.go",
		old: "	if scope.Only != \"\" {\n		unbooked", new: "	if false {\n		unbooked",
		pkg: sqlite, tests: "TestStore/Scopes",
	}, {
		name: "a customer sees everybody's bookings (SQLite)", file: "internal/repository/sqlite/scopes.go",
		old: "` AND b.user_id = ?%d`", new: "` AND (b.user_id = ?%d OR 1)`",
		pkg: sqlite, tests: "TestStore/Scopes",
	}, {
		name: "a customer is everybody (SQLite)", file: "internal/repository/sqlite/scopes.go",
		old: "` AND id = ?%d`", new: "` AND (id = ?%d OR 1)`",
		pkg: sqlite, tests: "TestStore/Scopes",
	}, {
		name: "all bookings of somebody else's customer are looked at for one's own (SQLite)", file: "internal/repository/sqlite/scopes.go",
		old: "DESC LIMIT %d) booked", new: "DESC LIMIT %d + 100000) booked",
		pkg: sqlite, tests: "TestStore/Scopes",
	}, {
		name: "a list reads past all bookings that are others' (SQLite)", file: "internal/repository/sqlite/scopes.go",
		old: "LIMIT 1 OFFSET %d)", new: "LIMIT 1 OFFSET %d + 100000)",
		pkg: sqlite, tests: "TestStore/Scopes",
	}, {
		name: "a scope reaches all organizers and their keys (SQLite)", file: "internal/repository/sqlite/scopes.go",
		old: "` AND %s = ?%d`, column", new: "` AND (%s = ?%d OR 1)`, column",
		pkg: sqlite, tests: "TestStore/(Organizers|Keys)",
	}, {
		name: "strays of an organizer's events are its own (SQLite)", file: "internal/repository/sqlite/letters.go",
		old: "condition += ` AND l.kind <> 'stray'`", new: "condition += ``",
		pkg: sqlite, tests: "TestStore/Scopes",
	}, {
		name: "an organizer changes a user that is not its own (SQLite)", file: "internal/repository/sqlite/users.go",
		old: "u.Organizer != scope.Organizer", new: "false",
		pkg: sqlite, tests: "TestStore/Scopes",
	}, {
		name: "an organizer changes a user whom a subject has (SQLite)", file: "internal/repository/sqlite/users.go",
		old: "err == nil && bound > 0 {", new: "err == nil && bound < 0 {",
		pkg: sqlite, tests: "TestStore/(Scopes|Subjects)",
	}, {
		name: "an erased user's subject is remembered (SQLite)", file: "internal/repository/sqlite/organizers.go",
		old: "err == nil && dropped > 0", new: "err == nil && dropped < 0",
		pkg: sqlite, tests: "TestStore/(Organizers|Subjects)",
	}, {
		name: "an organizer with events is dropped (SQLite)", file: "internal/repository/sqlite/organizers.go",
		old: "if has > 0 {", new: "if has < 0 {",
		pkg: sqlite, tests: "TestStore/Organizers",
	}, {
		name: "a key is of events that are another organizer's (SQLite)", file: "internal/repository/sqlite/keys.go",
		old: "found < int64(len(only))", new: "found < 0",
		pkg: sqlite, tests: "TestStore/Keys",
	}, {
		name: "a key's use goes back (SQLite)", file: "internal/repository/sqlite/keys.go",
		old: "last_used_at < ?1", new: "1",
		pkg: sqlite, tests: "TestStore/Keys",
	}, {
		name: "a subject takes over whom another has (SQLite)", file: "internal/repository/sqlite/subjects.go",
		old: "if err != nil || bound > 0 {", new: "if err != nil || bound < 0 {",
		pkg: sqlite, tests: "TestStore/Subjects",
	}, {
		name: "the log loses all old entries at once (SQLite)", file: "internal/repository/sqlite/accesslog.go",
		old: "ORDER BY at, id LIMIT ?2", new: "ORDER BY at, id LIMIT ?2 + 100",
		pkg: sqlite, tests: "TestStore/AccessLog",
	}, {
		name: "a revoked key is remembered (PostgreSQL)", file: "internal/repository/postgres/keys.go",
		old: "`+growIdentity+` WHERE", new: "UPDATE installation SET identity_version = identity_version WHERE",
		pkg: postgres, tests: "TestStore/Keys",
	}, {
		name: "a revoked key is remembered (SQLite)", file: "internal/repository/sqlite/keys.go",
		old: "return c.one(growIdentity)", new: "return nil",
		pkg: sqlite, tests: "TestStore/Keys|TestKeysBeside",
	}, {
		name: "of two who bind a subject at once both make a user", file: "internal/repository/postgres/subjects.go",
		old: "err == nil && tag.RowsAffected() == 0", new: "err == nil && tag.RowsAffected() < 0",
		pkg: postgres, tests: "TestStore/Subjects",
	}, {
		name: "a subject is bound while an organizer edits its user", file: "internal/repository/postgres/subjects.go",
		old: "selectUserByEmail + lockToEdit", new: "selectUserByEmail",
		pkg: postgres, tests: "TestBindingWaits",
	}, {
		name: "an event is made for nobody (SQLite)", file: "internal/repository/sqlite/events.go",
		old: "if err := organizerIsThere(c, event.Organizer); err != nil {", new: "if err := error(nil); err != nil {",
		pkg: sqlite, tests: "TestStore/Organizers",
	}, {
		name: "a change beside a busy sale looks once for its turn", file: "internal/repository/sqlite/writer.go",
		old: "!w.beside ||", new: "true ||",
		pkg: sqlite, tests: "TestAChangeBesideWaits",
	},
}
