package postgres

// Statement is a statement whose plan a test looks at, with the indexes that it must use, and no other way.
type Statement struct {
	Name, SQL string
	Indexes   []string
	Short     bool // runs on the desk's pool
}

// HotStatements are all statements that run for each booking, payment or second.
var HotStatements = []Statement{
	{"lockEvent", lockEvent, []string{"events_pkey"}, true},
	{"lockUsers", lockUsers, []string{"users_pkey"}, true},
	{"selectKeys", selectKeys, []string{"bookings_idempotency_key"}, true},
	{"selectStates", selectStates, []string{"bookings_pkey|bookings_event_id_id_key"}, true},
	{"lockCharges", lockCharges, []string{"payments_pkey"}, true},
	{"lockRefunds", lockRefunds, []string{"refunds_pkey"}, true},
	{"updateBookings", updateBookings, []string{"bookings_pkey|bookings_event_id_id_key"}, true},
	{"updateCharges", updateCharges, []string{"payments_pkey"}, true},
	{"updateRefunds", updateRefunds, []string{"refunds_pkey"}, true},
	{"updateCounters", updateCounters, []string{"events_pkey"}, true},
	{"startCharges", startCharges, []string{"bookings_pkey|bookings_event_id_id_key", "payments_pkey"}, true},
	{"claimCharges", claimCharges, []string{"payments_open_idx", "payments_pkey", "bookings_pkey|bookings_event_id_id_key"}, true},
	{"claimRefunds", claimRefunds, []string{"refunds_pending_idx", "refunds_pkey", "bookings_pkey|bookings_event_id_id_key"}, true},
	{"selectEvent", selectEvent, []string{"events_pkey"}, false},
	{"selectEvents", selectEvents, []string{"events_date_time_idx"}, false},
	{"selectUser", selectUser, []string{"users_pkey"}, false},
	{"selectBooking", selectBooking, []string{"bookings_pkey"}, false},
	{"selectBookingByKey", selectBookingByKey, []string{"bookings_idempotency_key"}, false},
	{"selectBookingsOfUser", selectBookingsOfUser, []string{"bookings_user_id_idx"}, false},
	{"selectLiveBookings", selectLiveBookings, []string{"bookings_event_id_id_key"}, false},
	{"selectExpiredBookings", selectExpiredBookings, []string{"bookings_pending_idx"}, false},
	{"selectUnpaidBookings", selectUnpaidBookings, []string{"bookings_pending_idx", "payments_pkey"}, false},
	{"selectCharges", selectCharges, []string{"payments_pkey"}, false},
	{"selectRefunds", selectRefunds, []string{"refunds_pkey"}, false},
	{"auditBookings", auditBookings, []string{"bookings_event_id_id_key"}, false},
}
