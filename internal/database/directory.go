package database

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
)

// syncDir has what a directory holds, the names of its files, survive a power cut. A variable for its test alone.
var syncDir = func(dir string) error {
	if runtime.GOOS == "windows" {
		return nil // which has no such thing
	}
	file, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(file.Sync(), file.Close())
}

// makeDir makes a directory and those above it that are missing, each on disk with its name in the one above: a
// database in a directory that a power cut forgets is lost, however well it was flushed itself.
func makeDir(dir string) error {
	missing := []string{}
	for at := filepath.Clean(dir); ; at = filepath.Dir(at) {
		if _, err := os.Stat(at); err == nil || filepath.Dir(at) == at {
			break
		}
		missing = append(missing, at)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	for _, made := range missing {
		if err := syncDir(filepath.Dir(made)); err != nil {
			return err
		}
	}
	return nil
}
