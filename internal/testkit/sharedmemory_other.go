//go:build !linux

package testkit

// removeSharedMemory does nothing here: the segment of a killed PostgreSQL is
// small, and goes with the next boot.
func removeSharedMemory(string) {}
