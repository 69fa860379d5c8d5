package handlers

import (
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"

	"quantix/internal/models"
)

// A store that fails is told once, not once for each request of a busy sale; with LOG_LEVEL=debug, each is.
func TestLog_of_faults_is_short(t *testing.T) {
	t.Parallel()
	for level, want := range map[slog.Level]int{slog.LevelInfo: 2 + 1, slog.LevelDebug: 200 + 1} {
		log := &lines{}
		s := newTestServer(t, Deps{Logger: slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: level}))})
		s.router.GET("/full", func(c *gin.Context) { writeProblem(c, models.ErrUnavailable) })
		s.router.GET("/fails", func(c *gin.Context) { panic("always") })
		for range 100 {
			send(t, s, "GET", "/full", "").refused(http.StatusServiceUnavailable, "unavailable")
			send(t, s, "GET", "/fails", "").refused(http.StatusInternalServerError, "internal")
		}
		if got := strings.Count(log.String(), "\n"); got != want {
			t.Errorf("%s: %d lines instead of %d", level, got, want)
		}
	}
}

// A body of thousands of unknown names is not answered with an answer seven times its size.
func TestProblems_are_no_larger_than_what_they_answer(t *testing.T) {
	t.Parallel()
	b := setup(t)
	text := []byte(`{"name":`)
	for i := range 5500 {
		text = fmt.Appendf(text, `1,"u%05d":`, i)
	}
	text = append(text, `1}`...)
	for _, at := range []string{eventsPath, bookingsPath} {
		answer := b.do("POST", at, string(text))
		answer.refused(http.StatusBadRequest, "invalid_request")
		if len(answer.body) > 4<<10 || !strings.Contains(string(answer.body), `"more_errors":`) {
			t.Errorf("%s: %d bytes answer %d", at, len(answer.body), len(text))
		}
	}
}
