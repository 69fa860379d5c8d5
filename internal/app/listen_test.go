package app

import (
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
)

func TestListen_names_the_setting_to_change(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = taken.Close() })
	for address, says := range map[string]string{
		taken.Addr().String(): "set PORT to a free one",
		"192.0.2.1:0":         "set HOST to an address of this machine", // an address for documentation: no machine has it
	} {
		listener, err := listen(t.Context(), address, "PORT")
		if err == nil {
			t.Fatalf("listens on %s", listener.Addr())
		}
		if text := err.Error(); !strings.Contains(text, says) || strings.Count(text, address) != 1 {
			t.Errorf("%s: %s", address, text)
		}
	}
	// Whoever runs the tests may be allowed to listen on any port.
	if says := listenAdvice(os.NewSyscallError("bind", syscall.EACCES), "PORT"); !strings.Contains(says, "PORT to one above 1023") {
		t.Errorf("a privileged port: %s", says)
	}
}
