package archtest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

// stop is how docs name a place in the code: `file: name`, where a method's name has its type before it.
var stop = regexp.MustCompile("`(internal/[a-z_/]+\\.go): ([A-Za-z.]+)`")

// A tour whose stops were renamed or moved would send its reader astray.
func TestTour_stops_at_what_is_there(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/tour.md")
	if err != nil {
		t.Fatal(err)
	}
	stops := stop.FindAllStringSubmatch(string(text), -1)
	if len(stops) < 30 {
		t.Fatalf("only %d stops were found", len(stops))
	}
	known := map[string]map[string]bool{}
	for _, s := range stops {
		file, name := s[1], s[2]
		if known[file] == nil {
			known[file] = declaredIn(t, file)
		}
		if !known[file][name] {
			t.Errorf("docs/tour.md stops at %s in %s, which is not there", name, file)
		}
	}
}

// declaredIn returns the names of a file's functions, and of methods as Type.Method.
func declaredIn(t *testing.T, file string) map[string]bool {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), filepath.Join("../..", file), nil, 0)
	if err != nil {
		t.Fatalf("docs/tour.md: %v", err)
	}
	names := map[string]bool{}
	for _, d := range parsed.Decls {
		function, is := d.(*ast.FuncDecl)
		switch {
		case !is:
		case function.Recv == nil:
			names[function.Name.Name] = true
		default:
			names[receiver(function.Recv.List[0].Type)+"."+function.Name.Name] = true
		}
	}
	return names
}

func receiver(of ast.Expr) string {
	switch t := of.(type) {
	case *ast.StarExpr:
		return receiver(t.X)
	case *ast.IndexExpr:
		return receiver(t.X)
	case *ast.Ident:
		return t.Name
	}
	return ""
}
