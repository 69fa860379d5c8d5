package models

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
)

func TestNewID_gives_UUIDs_of_version_7_in_the_order_of_their_making(t *testing.T) {
	t.Parallel()
	before := time.Now().UnixMilli()
	var last BookingID
	for range 10_000 {
		id := NewID[BookingID]()
		if last.Compare(id) >= 0 {
			t.Fatalf("%s does not sort after %s", id, last)
		}
		last = id
	}
	id := uuid.UUID(last)
	if id.Version() != 7 || id.Variant() != uuid.RFC4122 {
		t.Errorf("%s: version %d, variant %d", id, id.Version(), id.Variant())
	}
	if seconds, nanos := id.Time().UnixTime(); seconds*1000+nanos/1e6 < before || time.Unix(seconds, 0).After(time.Now().Add(time.Minute)) {
		t.Errorf("%s says that it was made at %d", id, seconds)
	}
}

func TestNewID_gives_each_id_once(t *testing.T) {
	t.Parallel()
	const each = 5_000
	var group sync.WaitGroup
	made := make([][each]EventID, 8)
	for i := range made {
		group.Go(func() {
			for j := range made[i] {
				made[i][j] = NewID[EventID]()
			}
		})
	}
	group.Wait()
	seen := make(map[EventID]bool)
	random := make(map[[8]byte]bool) // other processes make ids at the same time
	for i := range made {
		for _, id := range made[i] {
			seen[id], random[[8]byte(id[8:])] = true, true
		}
	}
	if len(seen) != len(made)*each || len(random) != len(made)*each {
		t.Errorf("%d ids, %d random parts, of %d", len(seen), len(random), len(made)*each)
	}
}

func TestParseID_reads_the_canonical_form_alone(t *testing.T) {
	t.Parallel()
	id := NewID[UserID]()
	text := id.String()
	if string(id.Append([]byte("x"))) != "x"+text || text != uuid.UUID(id).String() {
		t.Errorf("%s is written as %s", text, id.Append(nil))
	}
	for _, good := range []string{text, strings.ToUpper(text)} {
		fromText, err := ParseID[UserID](good)
		fromBytes, err2 := ParseID[UserID]([]byte(good))
		if err != nil || err2 != nil || fromText != id || fromBytes != id {
			t.Errorf("%s: %s, %v; %s, %v", good, fromText, err, fromBytes, err2)
		}
	}
	for i := range text {
		if bad := text[:i] + "g" + text[i+1:]; !refused(bad) {
			t.Errorf("%s was accepted", bad)
		}
		if bad := text[:i] + text[i+1:]; !refused(bad) {
			t.Errorf("%s was accepted", bad)
		}
	}
	for _, bad := range []string{"", "{" + text + "}", "urn:uuid:" + text, strings.ReplaceAll(text, "-", ""), strings.Repeat("-", 36)} {
		if !refused(bad) {
			t.Errorf("%q was accepted", bad)
		}
	}
}

func refused(text string) bool {
	id, err := ParseID[UserID](text)
	return err != nil && id.IsZero()
}
