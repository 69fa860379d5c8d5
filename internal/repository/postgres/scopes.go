package postgres

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
const nobodys = ` AND false`

// eventsIn admits what is an organizer's. organizer and event are the expressions for whose a row is, and of which
// event; params is how many parameters the statement has.
func eventsIn(scope models.Scope, organizer, event string, params int) (condition string, values []any) {
	switch {
	case scope.All:
		return "", nil
	case scope.Organizer.IsZero():
		return nobodys, nil
	case scope.Only == "":
		return fmt.Sprintf(` AND %s = $%d`, organizer, params+1), []any{uuid(scope.Organizer)}
	}
	return fmt.Sprintf(` AND %s = $%d AND %s = ANY ($%d)`, organizer, params+1, event, params+2),
		[]any{uuid(scope.Organizer), uuids(scope.Only.IDs())}
}

// ownEvents admits events e.
func ownEvents(scope models.Scope, params int) (condition string, values []any) {
	return eventsIn(scope, "e.organizer_id", "e.id", params)
}

// owned words a list of those that a scope admits, and gives the values of its parameters.
func owned(scope models.Scope, text func(own string) string, values []any) (sql string, all []any) {
	own, more := ownEvents(scope, len(values))
	return text(own), append(slices.Clip(values), more...)
}

// ownerOf is whose a row is that has an event. It is looked up for each row by itself: as a join, the planner might
// begin with all of an organizer's events.
func ownerOf(event string) string {
	return `(SELECT organizer_id FROM events WHERE id = ` + event + `)`
}

// bookingsIn admits bookings b: an organizer's, or a user's.
func bookingsIn(scope models.Scope, params int) (condition string, values []any) {
	if !scope.All && !scope.User.IsZero() {
		return fmt.Sprintf(` AND b.user_id = $%d`, params+1), []any{uuid(scope.User)}
	}
	return eventsIn(scope, ownerOf("b.event_id"), "b.event_id", params)
}

// listedIn admits what of a list of the bookings b of user $1 is within a scope. Of somebody whose row an organizer has
// not made, it looks at those alone by which usersIn knows them: it would otherwise read past all that are others'.
func listedIn(scope models.Scope, params int) (condition string, values []any) {
	condition, values = bookingsIn(scope, params)
	if scope.All || scope.Organizer.IsZero() {
		return condition, values
	}
	return condition + fmt.Sprintf(` AND b.id >= (SELECT CASE WHEN organizer_id = $%d THEN '00000000-0000-0000-0000-000000000000' ELSE coalesce((
			SELECT id FROM bookings WHERE user_id = $1 ORDER BY id DESC LIMIT 1 OFFSET %d), '00000000-0000-0000-0000-000000000000') END
		FROM users WHERE id = $1)`, params+1, repository.BookingsLookedAt-1), values
}

// usersIn admits users: those of an organizer (see repository.Users), or one. Of the rows that an organizer made, a
// scope of some events has, beside its bookers, those alone who have booked nothing yet: somebody has just come. Of
// somebody else's customer it reads repository.BookingsLookedAt bookings at most.
func usersIn(scope models.Scope, params int) (condition string, values []any) {
	switch {
	case scope.All:
		return "", nil
	case !scope.User.IsZero():
		return fmt.Sprintf(` AND id = $%d`, params+1), []any{uuid(scope.User)}
	}
	own, values := eventsIn(scope, ownerOf("booked.event_id"), "booked.event_id", params)
	if len(values) == 0 {
		return nobodys, nil
	}
	unbooked := ""
	if scope.Only != "" {
		unbooked = ` AND NOT EXISTS (SELECT FROM bookings WHERE user_id = users.id)`
	}
	return fmt.Sprintf(` AND (organizer_id = $%d%s OR EXISTS (SELECT FROM (
			SELECT event_id FROM bookings WHERE user_id = users.id ORDER BY id DESC LIMIT %d) booked WHERE true%s))`,
		params+1, unbooked, repository.BookingsLookedAt, own), values
}

// organizersIn admits organizers by a column that holds their id.
func organizersIn(scope models.Scope, column string, params int) (condition string, values []any) {
	switch {
	case scope.All:
		return "", nil
	case scope.Organizer.IsZero():
		return nobodys, nil
	}
	return fmt.Sprintf(` AND %s = $%d`, column, params+1), []any{uuid(scope.Organizer)}
}
