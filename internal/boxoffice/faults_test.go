package boxoffice

import (
	"bytes"
	"fmt"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"quantix/internal/models"
	"quantix/internal/repository"
)

// An event whose every commit is refused, at a thousand commands a second: its log must not become what fills the disk.
func TestDesk_tells_of_refused_commits_in_few_lines(t *testing.T) {
	t.Parallel()
	for name, before := range map[string]func(int, models.Need) error{
		"refused": func(int, models.Need) error { return fmt.Errorf("value out of range: %w", repository.ErrRejected) },
		"panic":   func(int, models.Need) error { panic("a fault in a rule") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				store := newScripted(10)
				store.before = before
				text := new(bytes.Buffer)
				office := New(store, Options{Logger: slog.New(slog.NewTextHandler(text, nil))})
				for range 1000 {
					if _, err := office.Tell(t.Context(), store.id, buy(1)); !models.ErrInternal.Is(err) {
						t.Fatal(err)
					}
				}
				time.Sleep(3 * time.Minute)
				synctest.Wait()
				if lines := bytes.Count(text.Bytes(), []byte("\n")); lines < 3 || lines > 2*3 {
					t.Errorf("%d lines", lines)
				}
				if !bytes.Contains(text.Bytes(), []byte("times=999")) {
					t.Errorf("how often is not told: %s", text)
				}
			})
		})
	}
}
