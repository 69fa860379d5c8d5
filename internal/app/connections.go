package app

import (
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"

	"quantix/internal/logging"
)

// connections bounds how many clients are connected at once. Each costs memory and a file, whatever it does, and the
// database's connections need files, too. At the bound a further one is closed unread: those that wait and send
// nothing are ended by their timeouts, and make room.
type connections struct {
	most   int64
	open   atomic.Int64
	spells *logging.Spells
}

func newConnections(most int, logger *slog.Logger) *connections {
	return &connections{most: int64(most), spells: logging.NewSpells(logger)}
}

// changed is what net/http tells of a connection: each is new once, and closed once.
func (c *connections) changed(conn net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		if c.open.Add(1) > c.most {
			c.spells.Fault(slog.LevelWarn, "full", "as many clients are connected as MAX_CONNECTIONS allows: further ones are turned away",
				slog.Int64("connections", c.most))
			_ = conn.Close()
		}
	case http.StateClosed, http.StateHijacked:
		c.open.Add(-1)
	case http.StateActive, http.StateIdle:
	}
}
