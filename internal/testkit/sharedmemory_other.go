//go:build !linux || !(amd64 || arm64)

package testkit

// removeSharedMemory does nothing here: the segment of a killed PostgreSQL is
// small, and goes with the next boot.
func removeSharedMemory(string) {}
