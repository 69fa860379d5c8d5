package config_test

import (
	"os"
	"strings"
	"testing"

	"quantix/internal/config"
)

func TestReadme_has_the_settings_as_they_are(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(readme), config.Markdown()) {
		t.Error("the README's table of settings differs from the program's; paste internal/config/testdata/settings.md")
	}
}
