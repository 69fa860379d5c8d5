package onsale

import (
	"context"
	"net"
	"net/http"
	"testing"
	"time"
)

// every is how many kinds there are: a line of each.
var every = len(slowKinds(target{}))

// Of each kind a line stays as long as the server lets it, and is counted when that is for ever.
func TestSlow_stays_as_long_as_it_may(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	there := make(chan net.Conn, 100)
	go func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			there <- c
		}
	}()
	ctx, end := context.WithCancel(t.Context())
	defer end()
	ended := make(chan Slowness, 1)
	go func() {
		d, err := Slow{Lines: every, Patience: 10 * time.Millisecond}.Disturb(ctx, "http://"+listener.Addr().String())
		if err != nil {
			t.Error(err)
		}
		ended <- d
	}()
	for range every {
		defer (<-there).Close()
	}
	end()
	d := <-ended
	if d.Left != int64(every) || d.Opened != int64(every) || len(d.Longest) != every {
		t.Errorf("of %d that are never ended: %+v", every, d)
	}
}

// A line notices that it has been ended, whether or not it reads, and comes again.
func TestSlow_comes_again(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{
		Handler:     http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, 100<<10)) }),
		ReadTimeout: 200 * time.Millisecond, WriteTimeout: 200 * time.Millisecond, IdleTimeout: 200 * time.Millisecond,
	}
	defer server.Close()
	go func() { _ = server.Serve(listener) }()
	ctx, end := context.WithCancel(t.Context())
	defer end()
	ended := make(chan Slowness, 1)
	go func() {
		d, err := Slow{Lines: every, Patience: time.Minute}.Disturb(ctx, "http://"+listener.Addr().String())
		if err != nil {
			t.Error(err)
		}
		ended <- d
	}()
	_ = sleep(ctx, 4*slowTick) // for as long as they take, it is not too soon to end
	end()
	d := <-ended
	if d.Left != 0 || d.Opened <= int64(every) || len(d.Longest) != every {
		t.Errorf("of %d that are ended at once: %+v", every, d)
	}
}

func TestSlow_refuses_a_server_elsewhere(t *testing.T) {
	t.Parallel()
	if _, err := (Slow{Lines: 1}).Disturb(t.Context(), "http://tickets.example.com"); err == nil {
		t.Error("it goes for other people's servers")
	}
}
