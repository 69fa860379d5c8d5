package models

import (
	"errors"
	"testing"
	"time"
)

var tomorrow = time.Now().Add(24 * time.Hour)

func TestNames_refuse_characters_that_deceive(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]bool{
		"Jürgen O'Neill 山": true, "שלום": true, "مرحبا": true, "👩‍🎤 live": true, "no\u00a0break": true,
		"c1 \u0085": false, "c1 \u009b31m": false, "c1 \u0080": false, "del \x7f": false, "esc \x1b": false,
		"\u202egnihtemos": false, "\u2066x": false, "x\u2069": false, "\u200fx": false, "x\u200e": false, "\u061cx": false,
	} {
		_, asUser := NewUser(name, "john@example.com")
		_, asEvent := NewEvent(EventDraft{Name: name, DateTime: tomorrow, TotalTickets: 1, TicketPrice: Money{1, "USD"}})
		for what, err := range map[string]error{"a user": asUser, "an event": asEvent} {
			if (err == nil) != want || err != nil && !errors.Is(err, ErrInvalid) {
				t.Errorf("%s called %+q: %v", what, name, err)
			}
		}
	}
	if _, err := NewUser("John", "\"\u202e\"@example.com"); err == nil {
		t.Error("an e-mail address may turn text round")
	}
}

func TestTimeZones(t *testing.T) {
	t.Parallel()
	for zone, want := range map[string]bool{
		"": true, "UTC": true, "Europe/Berlin": true, "America/Argentina/Buenos_Aires": true, "Etc/GMT+5": true,
		"Local": false, "CEST ": false, "Europe/Atlantis": false, "../etc/passwd": false, "Europe/Berlin\x00": false, "+02:00": false,
		"Ünited/Kingdom": false,
	} {
		_, err := NewEvent(EventDraft{Name: "x", DateTime: tomorrow, TimeZone: zone, TotalTickets: 1, TicketPrice: Money{1, "USD"}})
		if (err == nil) != want {
			t.Errorf("%q: %v", zone, err)
		}
	}
}
