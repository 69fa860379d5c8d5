package models

import "testing"

func TestClip_cuts_no_character_in_two(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		text string
		most int
		want string
	}{
		{"", 0, ""},
		{"abc", 3, "abc"},
		{"abcd", 3, "abc…"},
		{"aé", 3, "aé"},
		{"aéb", 3, "aé…"},
		{"abé", 3, "ab…"}, // the é has two bytes
		{"a😀", 4, "a…"},
		{"é", 1, "…"},
	} {
		if got := Clip(test.text, test.most); got != test.want {
			t.Errorf("Clip(%q, %d) is %q, want %q", test.text, test.most, got, test.want)
		}
	}
}
