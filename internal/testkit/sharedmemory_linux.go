//go:build linux && (amd64 || arm64)

package testkit

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// removeSharedMemory frees the small System V segment that a killed PostgreSQL
// leaves behind (a server that ends in order has removed it, and its file,
// itself). The kernel has room for a few thousand of them, and a chaos test
// kills many servers.
func removeSharedMemory(data string) {
	const removeID = 0 // IPC_RMID
	text, err := os.ReadFile(filepath.Join(data, "postmaster.pid"))
	if err != nil {
		return
	}
	lines := strings.Split(string(text), "\n")
	if len(lines) < 7 {
		return
	}
	keyAndID := strings.Fields(lines[6])
	if len(keyAndID) != 2 {
		return
	}
	if id, err := strconv.Atoi(keyAndID[1]); err == nil {
		_, _, _ = syscall.Syscall(syscall.SYS_SHMCTL, uintptr(id), removeID, 0)
	}
}
