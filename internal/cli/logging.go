package cli

import (
	"io"
	"log/slog"

	"quantix/internal/config"
)

// newLogger writes lines of the form and level that the settings ask for.
func newLogger(w io.Writer, c config.Config) *slog.Logger {
	options := &slog.HandlerOptions{Level: c.LogLevel}
	if c.LogFormat == config.LogJSON {
		return slog.New(slog.NewJSONHandler(w, options))
	}
	return slog.New(slog.NewTextHandler(w, options))
}
