package models

import "unicode/utf8"

// Clip shortens text from outside to so many bytes before it is repeated or kept. It cuts no character in two.
func Clip(text string, most int) string {
	if len(text) <= most {
		return text
	}
	end := most
	for end > 0 && !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end] + "…"
}
