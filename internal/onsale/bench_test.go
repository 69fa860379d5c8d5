package onsale

import (
	"bytes"
	"net"
	"runtime"
	"strconv"
	"syscall"
	"testing"
	"time"
)

// rawServer answers every request with the same 201 and does nothing else: the least that a server can cost.
func rawServer(tb testing.TB) string {
	tb.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go answerAll(conn)
		}
	}()
	return "http://" + listener.Addr().String()
}

func answerAll(conn net.Conn) {
	defer conn.Close()
	body := bytes.Repeat([]byte("x"), 400)
	answer := []byte("HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nContent-Length: " + strconv.Itoa(len(body)) + "\r\n\r\n")
	answer = append(answer, body...)
	for buf := make([]byte, 4096); ; {
		if n, err := conn.Read(buf); err != nil || n == 0 {
			return
		}
		if _, err := conn.Write(answer); err != nil {
			return
		}
	}
}

// BenchmarkGenerator measures whole round trips, the trivial server's half included: what is left for a real server is
// at least that much.
func BenchmarkGenerator(b *testing.B) {
	for _, connections := range []int{1, 64, 1000} {
		b.Run(strconv.Itoa(connections), func(b *testing.B) { benchmarkClosed(b, connections) })
	}
}

func benchmarkClosed(b *testing.B, connections int) {
	s, err := Scenario{Target: rawServer(b), Connections: connections, Duration: 2 * time.Second}.Complete()
	if err != nil {
		b.Fatal(err)
	}
	to, err := parseTarget(s.Target, false)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		benchmarkLoad(b, s, to)
	}
}

func benchmarkLoad(b *testing.B, s Scenario, to target) {
	conns := make([]*conn, s.Connections)
	for i := range conns {
		conns[i] = newConn(to)
		defer conns[i].close()
	}
	if err := dialAll(b.Context(), conns); err != nil {
		b.Fatal(err)
	}
	id := "01890a5d-ac96-774b-bcce-b302099a8057"
	l := newLoad(s, to, "0123456789abcdef", []string{id}, []string{id}, conns)
	before := usage()
	mallocs := mallocCount()
	l.run(b.Context())
	sum := l.rec.merge()
	n := float64(sum.latency[Accepted].TotalCount())
	b.ReportMetric(n/sum.last.Seconds(), "requests/s")
	b.ReportMetric(float64((usage()-before).Nanoseconds())/n, "cpu-ns/request")
	b.ReportMetric(float64(mallocCount()-mallocs)/n, "allocs/request")
}

// usage is the processor time of this process, user and system.
func usage() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u) // cannot fail with these arguments
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func mallocCount() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.Mallocs
}
