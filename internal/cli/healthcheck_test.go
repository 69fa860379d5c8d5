package cli_test

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
)

// The health check asks where the server listens, whichever way HOST says it.
func TestHealthcheck_knows_every_form_of_HOST(t *testing.T) {
	t.Parallel()
	for host, listen := range map[string]string{
		"": "127.0.0.1:0", "0.0.0.0": "127.0.0.1:0", "127.0.0.1": "127.0.0.1:0", "localhost": "127.0.0.1:0", "::": "[::1]:0", "::1": "[::1]:0",
	} {
		t.Run("HOST="+host, func(t *testing.T) {
			t.Parallel()
			listener, err := net.Listen("tcp", listen)
			if err != nil {
				t.Fatal(err)
			}
			web := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, r.URL.Path) }))
			_ = web.Listener.Close()
			web.Listener = listener
			web.Start()
			t.Cleanup(web.Close)
			_, port, err := net.SplitHostPort(listener.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			env := []string{"HOST=" + host, "PORT=" + port}
			if stdout, stderr, status := quantix(t, t.TempDir(), env, "healthcheck"); status != 0 || stdout != "/readyz\n" {
				t.Errorf("%d %s%s", status, stdout, stderr)
			}
		})
	}
}
