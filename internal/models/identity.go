package models

import (
	"slices"
	"time"
)

// Role is what somebody is here: what they may do at all. What of it they reach, a Reach says.
type Role string

// The roles.
const (
	RoleAdmin     Role = "admin"      // the installation
	RoleOrganizer Role = "organizer"  // an organizer's events, and all under them
	RoleBoxOffice Role = "box_office" // sells for an organizer, to anyone
	RoleDoor      Role = "door"       // stands at an organizer's doors
	RoleCustomer  Role = "customer"   // their own user and bookings
	RoleAnonymous Role = "anonymous"  // nobody has said who it is
)

// Reach is how far a role comes on a route.
type Reach string

// The reaches. The zero Reach is none, so that what nobody has thought of is refused.
const (
	ReachNone      Reach = ""
	ReachOwn       Reach = "own"           // of one's own user
	ReachOrganizer Reach = "own organizer" // of one's organizer, or only some of its events
	ReachAll       Reach = "all"
)

// DefaultOrganizer owns the events that name no other one; every installation has it.
var DefaultOrganizer = OrganizerID{6: 0x70, 8: 0x80, 15: 1}

// Principal is somebody who asks, as far as they have shown who they are. It is made once and shared: nobody changes
// it.
type Principal struct {
	Role Role
	// Name is what the access log calls them: "key <id>", "subject <sub> of <issuer>", "anyone". No secret.
	Name      string
	ID        [16]byte    // by which limits count them; zero: nobody in particular
	Key       KeyID       // of the API key that they showed; zero: none
	Organizer OrganizerID // of RoleOrganizer, RoleBoxOffice and RoleDoor
	Only      EventSet    // of these alone, if not empty
	User      UserID      // of RoleCustomer: their own row
	Expires   time.Time   // of an API key: when it ends; zero: never
}

// Operator is who runs a server that asks nobody who they are, and the command line. Nobody is whom a server that asks
// does not know.
var (
	Operator = &Principal{Role: RoleAdmin, Name: "anyone"}
	Nobody   = &Principal{Role: RoleAnonymous, Name: "anonymous"}
)

// Caller is a principal on a route, where they reach so far. The zero Caller reaches nothing.
type Caller struct {
	*Principal
	Reach Reach

	IP        string // for the access log
	RequestID string // likewise
}

// TheOperator reaches everything.
var TheOperator = Caller{Principal: Operator, Reach: ReachAll}

// Scope returns which rows the caller may see and change.
func (c Caller) Scope() Scope {
	switch {
	case c.Principal == nil:
	case c.Reach == ReachAll:
		return Everything
	case c.Reach == ReachOrganizer:
		return Scope{Organizer: c.Organizer, Only: c.Only}
	case c.Reach == ReachOwn:
		return Scope{User: c.User}
	}
	return Scope{}
}

// Scope is which rows somebody may see: all, those of an organizer, or those of a user. The zero Scope has none. It can
// be compared.
type Scope struct {
	All       bool
	Organizer OrganizerID // rows of this organizer's events, and the organizer itself
	Only      EventSet    // of these events alone, if not empty
	User      UserID      // the user itself, and rows that are theirs
}

// Everything is all rows: for the program itself.
var Everything = Scope{All: true}

// HasEvent reports whether an event of an organizer is within the scope. A user's scope has no events.
func (s Scope) HasEvent(organizer OrganizerID, event EventID) bool {
	if s.All {
		return true
	}
	return !s.Organizer.IsZero() && s.Organizer == organizer && s.Only.Admits(event)
}

// EventSet is some events, as a text that can be compared: their ids, one behind the other. The empty one stands for
// no limit.
type EventSet string

// NewEventSet makes a set of events, in the order of their ids.
func NewEventSet(ids []EventID) EventSet {
	ids = slices.Clone(ids)
	slices.SortFunc(ids, EventID.Compare)
	text := make([]byte, 0, len(ids)*len(EventID{}))
	for _, id := range slices.Compact(ids) {
		text = append(text, id[:]...)
	}
	return EventSet(text)
}

// Admits reports whether an event is one of them, or the set is empty.
func (s EventSet) Admits(event EventID) bool {
	const size = len(event)
	for at := 0; at < len(s); at += size {
		if string(event[:]) == string(s[at:at+size]) {
			return true
		}
	}
	return s == ""
}

// IDs returns the events, in the order of their ids; nil for the empty set.
func (s EventSet) IDs() (ids []EventID) {
	const size = len(EventID{})
	for at := 0; at < len(s); at += size {
		ids = append(ids, EventID([]byte(s[at:at+size])))
	}
	return ids
}

// Subject is a person as an issuer of tokens names them.
type Subject struct {
	Issuer  string
	Subject string
}

// Introduction is what an issuer says of a subject who comes for the first time.
type Introduction struct {
	Subject
	Name  string // empty: not told
	Email string // empty unless the issuer says that it is verified
}

// AccessAction is what somebody did with another's personal data.
type AccessAction string

// The actions.
const (
	ReadUser     AccessAction = "read_user"
	FindUser     AccessAction = "find_user" // by e-mail
	ListUsers    AccessAction = "list_users"
	UpdateUser   AccessAction = "update_user"
	EraseUser    AccessAction = "erase_user"
	ExportUser   AccessAction = "export_user"
	ListBookings AccessAction = "list_bookings" // of a user
)

// AccessEntry is a line of the access log: who did what with whose personal data. It never holds the data.
type AccessEntry struct {
	ID        AccessID // new; entries are read in the order of At, then ID
	Actor     string   // the principal's name
	Action    AccessAction
	User      UserID    // zero: of many, or of nobody who is there
	At        time.Time // by the store's clock
	IP        string
	RequestID string
}

// AccessFilter picks entries; zero fields pick all.
type AccessFilter struct{ User UserID }
