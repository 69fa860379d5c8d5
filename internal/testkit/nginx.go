package testkit

import (
	"cmp"
	"os"
	"os/exec"
)

// nginxEnv names the program nginx where it is not in PATH.
const nginxEnv = "QUANTIX_TEST_NGINX_BIN"

// Nginx returns the program nginx, and whether this machine has it: what only shows that it is configured well can do
// with a stand-in elsewhere.
func Nginx() (path string, found bool) {
	for _, name := range []string{cmp.Or(os.Getenv(nginxEnv), "nginx"), "/usr/sbin/nginx"} {
		if path, err := exec.LookPath(name); err == nil {
			return path, true
		}
	}
	return "", false
}
