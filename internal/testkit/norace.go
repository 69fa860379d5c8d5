//go:build !race

package testkit

// raceEnabled reports whether the tests run under the race detector; the
// program that they start is then built with it, too.
const raceEnabled = false
