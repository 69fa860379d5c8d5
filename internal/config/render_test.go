package config

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestRedactedShowsNoSecret(t *testing.T) {
	t.Parallel()
	c := load(t, map[string]string{
		"DB_PASSWORD":  "postgres://s3cret",
		"DATABASE_URL": "postgres://shop:s3cret@db:5432/n?password=s3cret&sslmode=require",
		"REDIS_URL":    ":s3cret@cache:6379",

		"STRIPE_SECRET_KEY": "sk_live_s3cret", "STRIPE_WEBHOOK_SECRET": "whsec_s3cret",
		"PAYMENT_CALLBACK_SECRET": "s3cret-s3cret-s3cret",
	}, "--port", "99")
	settings := c.Redacted()
	if len(settings) != len(Options()) {
		t.Fatalf("%d settings, want all %d", len(settings), len(Options()))
	}
	if all := fmt.Sprint(settings); strings.Contains(all, "s3cret") {
		t.Errorf("a secret is shown: %s", all)
	}
	want := map[string]Setting{
		"DB_PASSWORD":  {Value: hidden, Source: FromEnv},
		"DATABASE_URL": {Value: "postgres://shop@db:5432/n", Source: FromEnv},
		"REDIS_URL":    {Value: "redis://cache:6379", Source: FromEnv},

		"STRIPE_SECRET_KEY": {Value: hidden, Source: FromEnv}, "STRIPE_WEBHOOK_SECRET": {Value: hidden, Source: FromEnv},
		"PORT":     {Value: "99", Source: FromFlag},
		"CURRENCY": {Value: "USD", Source: FromDefault},
	}
	for _, s := range settings {
		if w, listed := want[s.Name]; listed && (s.Value != w.Value || s.Source != w.Source) {
			t.Errorf("%s: %q from %s, want %q from %s", s.Name, s.Value, s.Source, w.Value, w.Source)
		}
	}
	if load(t, nil).Redacted()[3].Value != hidden {
		t.Error("the default password is shown")
	}
}

// What is wrong with a secret may be that it is another one: it is shown in no part.
func TestRedactedHidesAllOfAWrongSecret(t *testing.T) {
	t.Parallel()
	for _, o := range Options() {
		if !o.Secret {
			continue
		}
		for _, value := range wrong[o.Name] {
			c, err := read(nil, map[string]string{o.Name: value})
			if err == nil || len(c.Redacted()) != len(Options()) || strings.Contains(fmt.Sprint(c.Redacted()), "s3cret") {
				t.Errorf("%s=%q: %v, shown as %v", o.Name, value, err, c.Redacted())
			}
		}
	}
}

// TestMarkdown compares with the table that the README shows. To renew it:
// UPDATE_GOLDEN=1 go test ./internal/config
func TestMarkdown(t *testing.T) {
	t.Parallel()
	const path = "testdata/settings.md"
	if os.Getenv("UPDATE_GOLDEN") != "" {
		if err := os.WriteFile(path, []byte(Markdown()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), Markdown()); diff != "" {
		t.Errorf("the table has changed (-file +now):\n%s", diff)
	}
}

func TestUsageNamesEveryOption(t *testing.T) {
	t.Parallel()
	usage := Usage()
	for _, o := range Options() {
		if !strings.Contains(usage, o.Name) || !strings.Contains(usage, "--"+o.Flag()+"\n") || !strings.Contains(usage, o.Help) {
			t.Errorf("%s is missing", o.Name)
		}
	}
}

// TestOptionsOfTheFirstReadme holds the names and defaults that Quantix's users
// already have in their set-ups.
func TestOptionsOfTheFirstReadme(t *testing.T) {
	t.Parallel()
	want := map[string]string{
		"DB_HOST": "localhost", "DB_PORT": "5432", "DB_USER": "postgres", "DB_PASSWORD": "password",
		"DB_NAME": "ticket_booking", "PORT": "8080", "PAYMENT_DEADLINE": "15",
	}
	for _, o := range Options() {
		if d, listed := want[o.Name]; listed && d != o.Default {
			t.Errorf("%s: default %q, want %q", o.Name, o.Default, d)
		}
		delete(want, o.Name)
	}
	if len(want) > 0 {
		t.Errorf("options are missing: %v", want)
	}
	if c := load(t, map[string]string{"REDIS_URL": "redis://"}); c.RedisURL != "redis://localhost:6379" {
		t.Errorf("REDIS_URL without a place: %s", c.RedisURL)
	}
}
