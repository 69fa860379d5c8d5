package main

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"testing"
)

// TestTablesFollowTheCode: every passage stands in its file exactly once, and means something else after the
// replacement; what a table breaks must not wait for the next `make mutants` to be found stale.
func TestTablesFollowTheCode(t *testing.T) {
	t.Chdir("../..")
	seen := map[string]bool{}
	for _, m := range slices.Concat(core, rows, around, hostile, faults, told, read, closed, limited) {
		if _, _, err := m.mutated(); err != nil {
			t.Error(err)
		}
		if seen[m.name] || m.old == m.new {
			t.Errorf("%s: there twice, or it changes nothing", m.name)
		}
		seen[m.name] = true
		if _, err := regexp.Compile(m.tests); err != nil || m.tests == "" {
			t.Errorf("%s: it names no tests: %v", m.name, err)
		}
		if _, err := os.Stat(m.pkg); err != nil {
			t.Errorf("%s: %v", m.name, err)
		}
	}
}

func TestShardsAreAllOfThem(t *testing.T) {
	t.Parallel()
	var all []mutant
	for i := range 10 {
		all = append(all, mutant{name: fmt.Sprint("m", i), file: "f"})
	}
	var got []string
	for part := 1; part <= 3; part++ {
		chosen, err := choose(all, "m", fmt.Sprintf("%d/3", part))
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range chosen {
			got = append(got, m.name)
		}
	}
	if slices.Sort(got); len(slices.Compact(got)) != len(all) {
		t.Errorf("the shards hold %v", got)
	}
	for _, wrong := range []string{"0/3", "4/3", "x", "1"} {
		if _, err := choose(all, "", wrong); err == nil {
			t.Errorf("-shard %s was taken", wrong)
		}
	}
	if _, err := choose(all, "nothing of the kind", "1/1"); err == nil {
		t.Error("a choice that leaves nothing would pass for success")
	}
}
