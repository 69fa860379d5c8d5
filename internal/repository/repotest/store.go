package repotest

import (
	"testing"
)

// storeRules are the promises of the store as a whole.
var storeRules = rules{
	"answers_while_it_is_open": func(t *testing.T, s *shop) {
		s.ok("the ping", s.Ping(s.ctx()))
	},

	"knows_the_newest_migration_in_force": func(t *testing.T, s *shop) {
		version, dirty, err := s.SchemaVersion(s.ctx())
		if err != nil || version < 1 || dirty {
			t.Errorf("the schema's version is %d, dirty %v, %v", version, dirty, err)
		}
	},

	"once_closed_it_says_so": func(t *testing.T, s *shop) {
		other := s.open(t, s.clock.Now)
		s.ok("closing", other.Close())
		if err := other.Ping(s.ctx()); !isUnavailable(err) {
			t.Errorf("a closed store's ping gave %v; want ErrUnavailable", err)
		}
	},
}
