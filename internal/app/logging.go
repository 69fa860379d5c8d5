package app

import (
	"io"
	"log/slog"

	"quantix/internal/config"
)

// NewLogger writes lines of the form and level that the settings ask for.
func NewLogger(w io.Writer, c config.Config) *slog.Logger {
	options := &slog.HandlerOptions{Level: c.LogLevel}
	if c.LogFormat == config.LogJSON {
		return slog.New(slog.NewJSONHandler(w, options))
	}
	return slog.New(slog.NewTextHandler(w, options))
}
