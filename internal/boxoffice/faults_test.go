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
	"quantix/internal/sale"
)

// An event whose every commit is refused, at a thousand commands a second: its log must not become what fills the disk.
func TestDesk_tells_of_refused_commits_in_few_lines(t *testing.T) {
	t.Parallel()
	for name, before := range map[string]func(int, sale.Reads) error{
		"refused": func(int, sale.Reads) error { return fmt.Errorf("value out of range: %w", repository.ErrRejected) },
		"panic":   nil,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				store := newScripted(10)
				store.before, store.breaksKeyed = before, before == nil
				text := new(bytes.Buffer)
				office := New(store, Options{Logger: slog.New(slog.NewTextHandler(text, nil))})
				keyed := buy(1)
				keyed.Key = "k"
				for range 1000 {
					if _, err := office.Tell(t.Context(), store.id, keyed); !models.ErrInternal.Is(err) {
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
