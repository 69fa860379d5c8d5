package archtest

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// The list of what the program is made of is read from the program that `make build` makes, tags and all, by a tool of
// one version, and says the same whenever it is made.
func TestSBOM_is_of_the_program_as_it_is_built(t *testing.T) {
	t.Parallel()
	makefile, err := os.ReadFile("../../Makefile")
	if err != nil {
		t.Fatal(err)
	}
	tool := regexp.MustCompile(`(?m)^CYCLONEDX \?= \S+/cyclonedx-gomod@v\d+\.\d+\.\d+$`)
	if !tool.Match(makefile) {
		t.Error("the tool has no version")
	}
	_, rest, found := strings.Cut(string(makefile), "\nsbom: build ## ")
	recipe, _, _ := strings.Cut(rest, "\n\n")
	if !found || !strings.Contains(recipe, "go run $(CYCLONEDX) bin ") || !strings.HasSuffix(recipe, " bin/quantix") {
		t.Errorf("make sbom: %s", recipe)
	}
	for _, flag := range []string{"-json", "-noserial", "-notimestamp", "-std", "-version '$(VERSION)'"} {
		if !strings.Contains(recipe, " "+flag+" ") {
			t.Errorf("make sbom does not say %s: %s", flag, recipe)
		}
	}
}
