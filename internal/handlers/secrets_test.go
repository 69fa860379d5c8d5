package handlers

import (
	"strings"
	"testing"

	"quantix/internal/models"
)

func TestHideKeys(t *testing.T) {
	t.Parallel()
	key := "qx_" + strings.Repeat("a7", 29)
	token := "eyJhbGciOiJub25lIn0." + strings.Repeat("Ab_-", 9) + ".c2ln"
	reference := models.FirstCharge(models.BookingRef{Event: models.NewID[models.EventID](), Booking: models.NewID[models.BookingID]()}).Reference()
	for text, want := range map[string]string{
		"":                        "",
		"nothing of the sort, qx": "nothing of the sort, qx",
		key:                       "********",
		"a " + key + "," + token + ", " + key[:40] + "…": "a ********,********, ********…",
		reference:                           reference,
		"qx_" + reference:                   "qx_" + reference,
		"qx_qx_" + key:                      "qx_qx_********",
		"qx_short eyJshort.a.b":             "qx_short eyJshort.a.b",
		strings.Replace(token, ".", "_", 2): strings.Replace(token, ".", "_", 2), // one part, which is no token
	} {
		if got := string(hideKeys([]byte("before "+text), len("before "))); got != "before "+want {
			t.Errorf("%q becomes %q, want %q", text, got, want)
		}
		if hasKey(text) != (text != want) {
			t.Errorf("%q has a key: %t", text, hasKey(text))
		}
	}
}
