package archtest

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/scanner"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// A permission that nobody uses is a fence with a hole in it.
func TestEveryPermissionIsUsed(t *testing.T) {
	t.Parallel()
	packages, uses := readModule(t, "../..")
	for name := range places {
		if !slices.Contains(packages, name) {
			t.Errorf("package %s has a place, and is not there", name)
		}
	}
	for _, fault := range unused(places, homes, uses) {
		t.Error(fault)
	}
}

// unused tells of arrows that nobody draws, and of homes where nobody lives. What a package may import only its tests
// do not use up, unless it is for tests itself.
func unused(places map[string]place, homes map[string]home, uses []use) (faults []string) {
	for _, name := range slices.Sorted(maps.Keys(places)) {
		for _, target := range places[name].imports {
			if !slices.ContainsFunc(uses, func(u use) bool {
				ours, is := ourPackage(u.path)
				return is && ours == target && u.from == name && !u.test
			}) {
				faults = append(faults, name+" may import "+target+", and does not")
			}
		}
	}
	for _, library := range slices.Sorted(maps.Keys(homes)) {
		h := homes[library]
		lives := func(p string, test bool) bool {
			return slices.ContainsFunc(uses, func(u use) bool {
				return libraryOf(u.path) == library && u.test == test && (p == "*" || u.from == p)
			})
		}
		for _, p := range h.packages {
			if !lives(p, false) {
				faults = append(faults, library+" has a home in "+p+", which does not import it")
			}
		}
		for _, p := range h.tests {
			if slices.Contains(h.packages, p) || !lives(p, true) {
				faults = append(faults, library+" has a home in tests of "+p+", which do not need it")
			}
		}
	}
	return faults
}

func TestUnused_sees_holes(t *testing.T) {
	t.Parallel()
	places := map[string]place{"a": {imports: []string{"b", "c"}}, "b": {}, "c": {}}
	homes := map[string]home{"github.com/google/uuid": {packages: []string{"b", "c"}, tests: []string{"a", "c"}}}
	uses := []use{
		{from: "a", path: "quantix/b"}, {from: "a", path: "quantix/c", test: true},
		{from: "b", path: "github.com/google/uuid"}, {from: "c", path: "github.com/google/uuid", test: true},
	}
	want := []string{
		"a may import c, and does not",
		"github.com/google/uuid has a home in c, which does not import it",
		"github.com/google/uuid has a home in tests of a, which do not need it",
		"github.com/google/uuid has a home in tests of c, which do not need it",
	}
	if got := unused(places, homes, uses); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// maxFunction is how many lines a function may have: what can be seen at a time.
const maxFunction = 70

func TestFunctionsAreShort(t *testing.T) {
	t.Parallel()
	eachGoFile(t, func(name string, source []byte) {
		if strings.HasSuffix(name, "_test.go") {
			return
		}
		for function, lines := range functions(t, name, source) {
			if lines > maxFunction {
				t.Errorf("%s: %s has %d lines; %d are the most", name, function, lines, maxFunction)
			}
		}
	})
}

// functions counts each function's lines, from its signature to its last brace.
func functions(tb testing.TB, name string, source []byte) map[string]int {
	tb.Helper()
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, name, source, parser.SkipObjectResolution)
	if err != nil {
		tb.Fatal(err)
	}
	found := map[string]int{}
	for _, d := range file.Decls {
		if f, is := d.(*ast.FuncDecl); is {
			n := files.Position(f.End()).Line - files.Position(f.Pos()).Line + 1
			found[f.Name.Name] = max(found[f.Name.Name], n)
		}
	}
	return found
}

func TestFunctions_are_counted_from_signature_to_brace(t *testing.T) {
	t.Parallel()
	source := "package p\n\n// A comment is no line.\nfunc f(\n\ta int,\n) {\n\tg()\n}\n\nfunc (t) g() {}\n\nfunc (u) f() {}\n"
	if got := functions(t, "p.go", []byte(source)); !maps.Equal(got, map[string]int{"f": 5, "g": 1}) {
		t.Errorf("%v", got)
	}
}

// How wide code may be, and from how many characters on a string literal is a text. A text is a sentence, a statement
// or a header, which people search for: broken in two it is found no more. So a line is measured with its texts taken
// out; what lies inside a raw string of several lines (SQL) is not measured at all, nor is a line that is nothing but
// comment.
const (
	maxColumns = 120
	minText    = 30
)

func TestCodeIsNarrow(t *testing.T) {
	t.Parallel()
	eachGoFile(t, func(name string, source []byte) {
		if strings.HasSuffix(name, "_test.go") {
			return
		}
		for _, line := range wideLines(source) {
			t.Errorf("%s:%d: more than %d columns", name, line, maxColumns)
		}
	})
}

// TestCommentsAreNarrow: comments are read in whatever is at hand; a tab is four columns, as most show it.
func TestCommentsAreNarrow(t *testing.T) {
	t.Parallel()
	eachGoFile(t, func(name string, source []byte) {
		for i, line := range strings.Split(string(source), "\n") {
			comment := strings.HasPrefix(strings.TrimSpace(line), "// ")
			if comment && utf8.RuneCountInString(strings.ReplaceAll(line, "\t", "    ")) > maxColumns {
				t.Errorf("%s:%d: a comment of more than %d columns", name, i+1, maxColumns)
			}
		}
	})
}

// wideLines returns the numbers of the lines of code that are too wide. A tab is one column.
func wideLines(source []byte) (wide []int) {
	texts, raw := textsOf(source)
	for i, line := range strings.Split(string(source), "\n") {
		n := i + 1
		if strings.HasPrefix(strings.TrimSpace(line), "//") || raw[n] {
			continue
		}
		if utf8.RuneCountInString(line)-texts[n] > maxColumns {
			wide = append(wide, n)
		}
	}
	return wide
}

// textsOf counts the characters of each line that are inside its texts, and tells the lines of raw strings.
func textsOf(source []byte) (texts map[int]int, raw map[int]bool) {
	texts, raw = map[int]int{}, map[int]bool{}
	files := token.NewFileSet()
	file := files.AddFile("", files.Base(), len(source))
	var s scanner.Scanner
	s.Init(file, source, nil, 0)
	for {
		at, kind, literal := s.Scan()
		switch line := file.Line(at); {
		case kind == token.EOF:
			return texts, raw
		case kind != token.STRING:
		case strings.Contains(literal, "\n"):
			for i := range strings.Count(literal, "\n") + 1 {
				raw[line+i] = true
			}
		case utf8.RuneCountInString(literal) >= minText:
			texts[line] += utf8.RuneCountInString(literal) - len(`""`)
		}
	}
}

func TestWideLines_tells_code_from_texts(t *testing.T) {
	t.Parallel()
	many := strings.Repeat("a+", 60)
	for name, test := range map[string]struct {
		source string
		wide   []int
	}{
		"code":                  {"package p\n\nvar a = " + many + "a\n", []int{3}},
		"at the limit":          {"package p\n\nvar a = " + many[:110] + "aa\n", nil},
		"one beyond":            {"package p\n\nvar a = " + many[:110] + "aaa\n", []int{3}},
		"a remark behind code":  {"package p\n\nvar a = 1 // " + many + "\n", []int{3}},
		"a comment":             {"package p\n\n// " + many + "\n", nil},
		"a long text":           {"package p\n\nvar a = \"" + many + "\"\n", nil},
		"code around a text":    {"package p\n\nvar a = \"" + many + "\" + " + many + "a\n", []int{3}},
		"many short texts":      {"package p\n\nvar a = " + strings.Repeat(`"abcdefgh" + `, 10) + "\"\"\n", []int{3}},
		"SQL of several lines":  {"package p\n\nconst a = `\n\tSELECT " + many + "\n`\n", nil},
		"code after such a one": {"package p\n\nconst a = `\n`\n\nvar b = " + many + "a\n", []int{6}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := wideLines([]byte(test.source)); !slices.Equal(got, test.wide) {
				t.Errorf("wide are %v, want %v", got, test.wide)
			}
		})
	}
}

// A seed that no fuzz target reads is never run, and a golden file that no test reads is never compared.
func TestTestdata_lies_where_it_is_read(t *testing.T) {
	t.Parallel()
	err := filepath.WalkDir("../..", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil || !entry.IsDir() || name == "../..":
			return err
		case entry.Name() == "testdata":
			for _, fault := range strayIn(t, name) {
				t.Error(fault)
			}
			return filepath.SkipDir
		case ignored(name):
			return filepath.SkipDir
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// strayIn tells what of a testdata folder no test beside it reads.
func strayIn(t *testing.T, dir string) (faults []string) {
	t.Helper()
	tests := testsIn(t, filepath.Dir(dir))
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		if entry.Name() == "rapid" { // what a failing property leaves behind
			continue
		}
		if entry.Name() == "fuzz" {
			faults = append(faults, strayFuzz(t, filepath.Join(dir, "fuzz"), tests)...)
		} else if !bytes.Contains(tests, []byte(`testdata`)) {
			faults = append(faults, path.Join(filepath.ToSlash(dir), entry.Name())+": no test beside it reads testdata")
		}
	}
	return faults
}

// strayFuzz tells which seeds are of no target.
func strayFuzz(t *testing.T, dir string, tests []byte) (faults []string) {
	t.Helper()
	targets, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, target := range targets {
		if !bytes.Contains(tests, []byte("func "+target.Name()+"(f *testing.F)")) {
			faults = append(faults, path.Join(filepath.ToSlash(dir), target.Name())+": there is no such fuzz target beside it")
		}
	}
	return faults
}

// testsIn is the text of a directory's tests.
func testsIn(t *testing.T, dir string) (all []byte) {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, text...)
	}
	return all
}

func TestStrayIn_sees_what_nobody_reads(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"testdata/fuzz/FuzzRead/1": "", "testdata/fuzz/FuzzGone/1": "", "testdata/golden.json": "",
		"p_test.go": "func FuzzRead(f *testing.F) {}",
	} {
		name = filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	faults := strings.Join(strayIn(t, filepath.Join(dir, "testdata")), "\n")
	if strings.Count(faults, "\n") != 1 || !strings.Contains(faults, "FuzzGone: ") || !strings.Contains(faults, "golden.json: ") {
		t.Error(faults)
	}
}

// eachGoFile hands over every Go file of the module.
func eachGoFile(t *testing.T, see func(name string, source []byte)) {
	t.Helper()
	err := filepath.WalkDir("../..", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && name != "../.." && ignored(name):
			return filepath.SkipDir
		case entry.IsDir() || filepath.Ext(name) != ".go":
			return nil
		}
		source, err := os.ReadFile(name)
		if err == nil {
			see(filepath.ToSlash(name), source)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
