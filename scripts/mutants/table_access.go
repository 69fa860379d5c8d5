package main

// admitted is what keeps those out who may not.
var admitted = []mutant{
	{
		name: "a role reaches what the table does not give it", file: "internal/handlers/access.go",
		old: "	case caller.Reach != none:\n", new: "	case caller.Reach != none || who.Role != models.RoleAnonymous:\n",
		pkg: handlers, tests: "TestAccess$/sqlite/(audit-event|list-access-log)",
	}, {
		name: "nobody in particular is let in", file: "internal/handlers/access.go",
		old: "	case caller.Reach != none:\n", new: "	case caller.Reach != none || who.Role == models.RoleAnonymous:\n",
		pkg: handlers, tests: "TestUnauthorized",
	}, {
		name: "a box office reaches all", file: "internal/handlers/access.go",
		old: `"get-booking":           {all, orga, orga,`, new: `"get-booking":           {all, orga, all,`,
		pkg: handlers, tests: "TestAccess_is_documented",
	}, {
		name: "the document does not say who may", file: "internal/handlers/access.go",
		old: "			who[string(role)] = string(reach)", new: "			who[string(role)] = string(all)",
		pkg: handlers, tests: "TestAccess_is_in_the_document",
	}, {
		name: "the document asks nobody for anything", file: "internal/handlers/openapi.go",
		old: "		described.Security = granted.security()", new: "		described.Security = nil",
		pkg: handlers, tests: "TestAccess_is_in_the_document",
	}, {
		name: "an organizer sees all", file: "internal/models/identity.go",
		old: "		return Scope{Organizer: c.Organizer, Only: c.Only}", new: "		return Everything",
		pkg: handlers, tests: "TestAccess$/sqlite/get-booking",
	}, {
		name: "a key of some events reaches all", file: "internal/models/identity.go",
		old: "s.Organizer == organizer && s.Only.Admits(event)", new: "s.Organizer == organizer",
		pkg: handlers, tests: "TestKeys_do_no_more",
	}, {
		name: "an event is not asked whose it is", file: "internal/services/owners.go",
		old: "if err == nil && !scope.HasEvent(owner, event) {", new: "if err != nil && !scope.HasEvent(owner, event) {",
		pkg: handlers, tests: "TestAccess$/sqlite/(update-event|watch-event)",
	}, {
		name: "a customer books for others", file: "internal/services/bookings.go",
		old: "	if r.User != who.User {\n		return models.ErrUserNotFound", new: "	if r.User == who.User && r.User.IsZero() {\n		return models.ErrUserNotFound",
		pkg: handlers, tests: "TestAccess$/sqlite/create-booking",
	}, {
		name: "an organizer makes events for another", file: "internal/services/owners.go",
		old: "	case !named.IsZero() && named != scope.Organizer:\n		return named, models.ErrOrganizerNotFound\n", new: "",
		pkg: handlers, tests: "TestAccess_to_other_organizers",
	}, {
		name: "an organizer makes an admin's key", file: "internal/services/keys.go",
		old: "	if key.Role == models.RoleAdmin || scope.Organizer.IsZero() {", new: "	if scope.Organizer.IsZero() {",
		pkg: handlers, tests: "TestKeys_do_no_more",
	}, {
		name: "a key outlives its maker's", file: "internal/services/keys.go",
		old: "if !end.IsZero() && (key.ExpiresAt.IsZero() || key.ExpiresAt.After(end)) {", new: "if !end.IsZero() && key.ExpiresAt.After(end) {",
		pkg: handlers, tests: "TestKeys_do_no_more",
	}, {
		name: "a taken address names its user to anybody", file: "internal/services/users.go",
		old: "other, lookErr := u.store.UserByEmail(ctx, who.Scope(), email)", new: "other, lookErr := u.store.UserByEmail(ctx, models.Everything, email)",
		pkg: handlers, tests: "TestAccess_to_who_has_an_address",
	}, {
		name: "nobody notes who looks at whom", file: "internal/services/accesslog.go",
		old: "	if who.Principal == models.Operator ||", new: "	if who.Principal != nil ||",
		pkg: handlers, tests: "TestAccessLog",
	}, {
		name: "one's own looks are noted", file: "internal/services/accesslog.go",
		old: " || who.User == user && !user.IsZero()", new: "",
		pkg: handlers, tests: "TestAccessLog",
	}, {
		name: "metrics are for everybody", file: "internal/handlers/server.go",
		old: "		if _, err := s.admit(c, granted); err != nil {", new: "		if _, err := s.admit(c, granted); err != nil && granted == nil {",
		pkg: handlers, tests: "TestAccess_to_metrics",
	}, {
		name: "what is wrong with a key is told apart", file: "internal/identity/gate.go",
		old: "return models.ErrUnauthorized.With(errors.New(why))", new: "return models.ErrUnauthorized.Say(\"%s\", why)",
		pkg: handlers, tests: "TestUnauthorized",
	},
}
