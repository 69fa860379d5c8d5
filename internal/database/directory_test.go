package database

import (
	"path/filepath"
	"slices"
	"testing"
)

// Not parallel: it looks on while directories are flushed.
func TestANewDataDirectoryIsOnDiskWithItsName(t *testing.T) { //nolint:paralleltest
	root := t.TempDir()
	var flushed []string
	real := syncDir
	defer func() { syncDir = real }()
	syncDir = func(dir string) error {
		flushed = append(flushed, dir)
		return real(dir)
	}
	dir := filepath.Join(root, "a", "b")
	db, err := OpenSQLite(SQLiteOptions{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{root, filepath.Join(root, "a"), dir} {
		if !slices.Contains(flushed, want) {
			t.Errorf("%s was not flushed, only %v", want, flushed)
		}
	}
}
