package app

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"quantix/internal/testkit"
)

// At the bound a further client is turned away, and room is made by one that goes.
func TestConnections_are_bounded(t *testing.T) {
	t.Parallel()
	bound := newConnections(2, testkit.Logger(t))
	web := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "served")
	}))
	web.Config.ConnState = bound.changed
	web.Start()
	defer web.Close()
	ask := func(c net.Conn) error {
		_ = c.SetDeadline(time.Now().Add(time.Minute))
		if _, err := fmt.Fprint(c, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
			return err
		}
		_, err := io.ReadFull(c, make([]byte, len("HTTP/1.1 200 OK")))
		return err
	}
	dial := func() net.Conn {
		t.Helper()
		c, err := net.Dial("tcp", web.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		return c
	}
	first, second := dial(), dial()
	for _, c := range []net.Conn{first, second} {
		if err := ask(c); err != nil {
			t.Fatalf("one within the bound: %v", err)
		}
	}
	for range 3 {
		if err := ask(dial()); err == nil {
			t.Error("one beyond the bound is served")
		}
	}
	_ = first.Close()
	testkit.Eventually(t, time.Minute, func() error { return ask(dial()) })
	if open := bound.open.Load(); open > 3 {
		t.Errorf("%d are counted as open", open)
	}
}

// Who fills the API's connections keeps nobody from the port that tells of it.
func TestConnections_of_metrics_are_counted_apart(t *testing.T) {
	t.Parallel()
	a := &App{logger: testkit.Logger(t), connections: newConnections(0, nil)}
	server, address, err := a.serveBeside(t.Context(), http.NotFoundHandler(), "127.0.0.1:0", "METRICS_PORT")
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	answer, err := http.Get("http://" + address)
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
}
