package sqlite

import (
	"fmt"
	"slices"

	"quantix/internal/models"
	"quantix/internal/repository"
)

// What a scope admits is a condition behind a statement's own ones, with parameters behind its own ones. Everything
// adds none, so that its statements are what they would be if there were no scopes. Every other kind makes a text of
// its own: a plan is for all values of its parameters, and one for "this organizer's, or anybody's" could use no index.

// nobodys admits nothing.
const nobodys = ` AND 0`

// eventsIn admits what is an organizer's. organizer and event are the expressions for whose a row is, and of which
// event; params is how many parameters the statement has.
func eventsIn(scope models.Scope, organizer, event string, params int) (condition string, values args) {
	switch {
	case scope.All:
		return "", nil
	case scope.Organizer.IsZero():
		return nobodys, nil
	case scope.Only == "":
		return fmt.Sprintf(` AND %s = ?%d`, organizer, params+1), args{scope.Organizer[:]}
	}
	return fmt.Sprintf(` AND %s = ?%d AND %s IN (SELECT unhex(k.value) FROM json_each(?%d) k)`, organizer, params+1, event,
		params+2), args{scope.Organizer[:], idSet(scope.Only.IDs())}
}

// ownEvents admits events.
func ownEvents(scope models.Scope, params int) (condition string, values args) {
	return eventsIn(scope, "events.organizer_id", "events.id", params)
}

// ownerOf is whose a row is that has an event.
func ownerOf(event string) string {
	return `(SELECT organizer_id FROM events WHERE id = ` + event + `)`
}

// bookingsIn admits bookings b: an organizer's, or a user's.
func bookingsIn(scope models.Scope, params int) (condition string, values args) {
	if !scope.All && !scope.User.IsZero() {
		return fmt.Sprintf(` AND b.user_id = ?%d`, params+1), args{scope.User[:]}
	}
	return eventsIn(scope, ownerOf("b.event_id"), "b.event_id", params)
}

// listedIn admits what of a list of the bookings b of user ?1 is within a scope. Of somebody whose row an organizer has
// not made, it looks at those alone by which usersIn knows them: it would otherwise read past all that are others'.
func listedIn(scope models.Scope, params int) (condition string, values args) {
	condition, values = bookingsIn(scope, params)
	if scope.All || scope.Organizer.IsZero() {
		return condition, values
	}
	return condition + fmt.Sprintf(` AND b.id >= (SELECT CASE WHEN organizer_id = ?%d THEN x'' ELSE coalesce((
			SELECT id FROM bookings WHERE user_id = ?1 ORDER BY id DESC LIMIT 1 OFFSET %d), x'') END
		FROM users WHERE id = ?1)`, params+1, repository.BookingsLookedAt-1), values
}

// usersIn admits users: those of an organizer (see repository.Users), or one. Of the rows that an organizer made, a
// scope of some events has, beside its bookers, those alone who have booked nothing yet: somebody has just come. Of
// somebody else's customer it reads repository.BookingsLookedAt bookings at most.
func usersIn(scope models.Scope, params int) (condition string, values args) {
	switch {
	case scope.All:
		return "", nil
	case !scope.User.IsZero():
		return fmt.Sprintf(` AND id = ?%d`, params+1), args{scope.User[:]}
	}
	own, values := eventsIn(scope, ownerOf("booked.event_id"), "booked.event_id", params)
	if len(values) == 0 {
		return nobodys, nil
	}
	unbooked := ""
	if scope.Only != "" {
		unbooked = ` AND NOT EXISTS (SELECT 1 FROM bookings WHERE user_id = users.id)`
	}
	return fmt.Sprintf(` AND (organizer_id = ?%d%s OR EXISTS (SELECT 1 FROM (
			SELECT event_id FROM bookings WHERE user_id = users.id ORDER BY id DESC LIMIT %d) booked WHERE 1%s))`,
		params+1, unbooked, repository.BookingsLookedAt, own), values
}

// organizersIn admits organizers by a column that holds their id.
func organizersIn(scope models.Scope, column string, params int) (condition string, values args) {
	switch {
	case scope.All:
		return "", nil
	case scope.Organizer.IsZero():
		return nobodys, nil
	}
	return fmt.Sprintf(` AND %s = ?%d`, column, params+1), args{scope.Organizer[:]}
}

// with puts a condition's values behind a statement's own ones.
func with(own, more args) args { return append(slices.Clip(own), more...) }
