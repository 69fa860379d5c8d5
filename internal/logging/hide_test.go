package logging

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"testing"
)

func TestHide_leaves_no_form_of_a_secret(t *testing.T) {
	t.Parallel()
	const secret = `c4nary"\ /@é#`
	for name, handler := range map[string]func(*bytes.Buffer, *Secrets) slog.Handler{
		"json": func(b *bytes.Buffer, s *Secrets) slog.Handler { return slog.NewJSONHandler(s.Hide(b), nil) },
		"text": func(b *bytes.Buffer, s *Secrets) slog.Handler { return slog.NewTextHandler(s.Hide(b), nil) },
	} {
		var written bytes.Buffer
		var secrets Secrets
		secrets.Add("short", "not there at all")
		secrets.Add(secret)
		logger := slog.New(handler(&written, &secrets))
		logger.Error("panic "+secret, "error", fmt.Errorf("connect to postgres://u:c4nary%%22%%5C%%20%%2F%%40%%C3%%A9%%23@h: %w", errors.New(secret)),
			"query", "c4nary%22%5C+%2F%40%C3%A9%23", "short", "short")
		if text := written.Bytes(); bytes.Contains(text, []byte("c4nary")) || bytes.Count(text, []byte(hidden)) != 4 || !bytes.Contains(text, []byte("short")) {
			t.Errorf("%s: %s", name, text)
		}
	}
}

type broken struct{}

func (broken) Write([]byte) (int, error) { return 3, errors.New("full") }

func TestHide_counts_what_it_was_given(t *testing.T) {
	t.Parallel()
	var secrets Secrets
	secrets.Add("a long secret")
	var written bytes.Buffer
	if n, err := fmt.Fprint(secrets.Hide(&written), "a long secret."); n != 14 || err != nil || written.String() != hidden+"." {
		t.Errorf("%d, %v, %q", n, err, written.String())
	}
	if n, err := fmt.Fprint(secrets.Hide(broken{}), "a long secret."); n != 3 || err == nil {
		t.Errorf("%d, %v", n, err)
	}
}
