package testkit

import (
	"errors"
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
	"testing"
)

// Ports are chosen below the ranges from which systems give outgoing
// connections theirs: a server that is down for a moment keeps its port.
const (
	firstPort = 15_000
	lastPort  = 32_000
)

var portsGiven struct {
	sync.Mutex
	seen map[int]bool
}

// FreePort returns a TCP port of 127.0.0.1 on which nobody listens. It returns
// none twice in a test process.
func FreePort(tb testing.TB) int {
	tb.Helper()
	port, err := freePort()
	if err != nil {
		tb.Fatal(err)
	}
	return port
}

func freePort() (int, error) {
	portsGiven.Lock()
	defer portsGiven.Unlock()
	if portsGiven.seen == nil {
		portsGiven.seen = make(map[int]bool)
	}
	for range 1000 {
		port := firstPort + rand.IntN(lastPort-firstPort)
		if !portsGiven.seen[port] && portIsFree(port) {
			portsGiven.seen[port] = true
			return port, nil
		}
	}
	return 0, errors.New("find a free port: a thousand tries found none")
}

func portIsFree(port int) bool {
	l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		return false
	}
	return l.Close() == nil
}
