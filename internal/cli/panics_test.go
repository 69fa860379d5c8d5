package cli

import (
	"bytes"
	"flag"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"quantix/internal/app"
	"quantix/internal/handlers"
	"quantix/internal/logging"
)

// A fault may have a secret in its words, for they are others'. The log, which has all of them and the stack, does not
// show it, nor does the answer.
func TestSecrets_in_a_panic_are_not_logged(t *testing.T) {
	t.Parallel()
	const secret = "c4nary p@ss\"word"
	for _, format := range []string{"text", "json"} {
		var log bytes.Buffer
		p := Program{LookupEnv: func(name string) (string, bool) {
			value, ok := map[string]string{"DB_PASSWORD": secret, "LOG_LEVEL": "debug", "LOG_FORMAT": format}[name]
			return value, ok
		}, secrets: &logging.Secrets{}}
		p.Stderr = p.secrets.Hide(&log)
		c, err := p.load(flag.NewFlagSet("serve", flag.ContinueOnError), nil)
		if err != nil {
			t.Fatal(err)
		}
		server, err := handlers.NewMetrics(handlers.Deps{
			Logger:  app.NewLogger(p.Stderr, c),
			Metrics: http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("connect to " + c.PostgresURL() + " by " + secret) }),
		})
		if err != nil {
			t.Fatal(err)
		}
		answer := httptest.NewRecorder()
		server.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/metrics", http.NoBody))
		if said := log.String(); strings.Contains(said, "c4nary") || !strings.Contains(said, "********") || !strings.Contains(said, "panics_test.go") {
			t.Errorf("%s: the log says %s", format, said)
		}
		if answer.Code != http.StatusInternalServerError || strings.Contains(answer.Body.String(), "c4nary") {
			t.Errorf("%s: %d %s", format, answer.Code, answer.Body)
		}
	}
}
