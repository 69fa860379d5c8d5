// Package archtest holds the test that the packages keep to their places.
package archtest

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// module is the name in go.mod.
const module = "quantix"

// place says what a package may import in the code that ships.
type place struct {
	imports []string // packages of ours
	tests   bool     // it serves tests alone: only tests, and its like, import it
}

// places is the architecture: cli → bench → app → handlers, jobs → services →
// boxoffice → ports → sale → models. Adapters import ports; only app names
// adapters, and bench where it measures one. A new package needs a line here.
var places = map[string]place{
	".":                  {imports: []string{"internal/cli"}},
	"migrations":         {},
	"scripts/testsum":    {},
	"scripts/mutants":    {},
	"scripts/stfindings": {},
	"internal/archtest":  {tests: true},

	"internal/config":     {imports: []string{"internal/limits"}}, // how a rate is written
	"internal/logging":    {},
	"internal/metrics":    {},
	"internal/models":     {},
	"internal/retry":      {},
	"internal/batch":      {},
	"internal/strictjson": {imports: []string{"internal/models"}},
	"internal/sale":       {imports: []string{"internal/models"}},
	"internal/journal":    {imports: []string{"internal/models"}},
	"internal/database":   {imports: []string{"migrations"}},
	"internal/repository": {imports: []string{"internal/models", "internal/sale"}},
	"internal/queue":      {imports: []string{"internal/models"}},
	"internal/payments":   {imports: []string{"internal/models"}},
	"internal/limits":     {},
	"internal/redisconn":  {},

	// The simulated gateway keeps its ledger in the database of the mode.
	"internal/repository/postgres": {imports: []string{
		"internal/models", "internal/sale", "internal/journal", "internal/repository", "internal/payments/simulator",
		"internal/batch",
	}},
	"internal/repository/sqlite": {imports: []string{
		"internal/models", "internal/sale", "internal/journal", "internal/repository", "internal/payments/simulator",
		"internal/database", // its one writer and its readers are connections that it opens itself
	}},
	"internal/repository/repotest": {
		imports: []string{
			"internal/models", "internal/sale", "internal/repository", "internal/retry", "internal/payments/simulator",
		}, tests: true,
	},
	"internal/queue/redis":     {imports: []string{"internal/models", "internal/queue", "internal/redisconn"}},
	"internal/queue/inprocess": {imports: []string{"internal/models", "internal/queue"}},
	"internal/queue/queuetest": {imports: []string{"internal/models", "internal/queue"}, tests: true},
	"internal/limits/redis": {imports: []string{
		"internal/limits", "internal/batch", "internal/logging", "internal/redisconn",
	}},
	"internal/limits/inprocess":  {imports: []string{"internal/limits"}},
	"internal/limits/limitstest": {imports: []string{"internal/limits"}, tests: true},
	"internal/payments/simulator": {imports: []string{
		"internal/models", "internal/payments", "internal/repository", "internal/retry", "internal/batch",
	}},
	"internal/payments/pace":         {imports: []string{"internal/models"}},
	"internal/payments/stripe":       {imports: []string{"internal/models", "internal/payments"}},
	"internal/payments/paymentstest": {imports: []string{"internal/models", "internal/payments"}, tests: true},

	"internal/boxoffice": {imports: []string{
		"internal/models", "internal/sale", "internal/repository", "internal/retry", "internal/logging",
	}},
	"internal/services": {imports: []string{
		"internal/models", "internal/sale", "internal/repository", "internal/payments", "internal/payments/pace",
		"internal/boxoffice", "internal/retry",
	}},
	"internal/jobs": {imports: []string{
		"internal/models", "internal/sale", "internal/repository", "internal/queue", "internal/services", "internal/retry",
	}},
	"internal/feed": {imports: []string{"internal/models", "internal/repository"}},
	"internal/handlers": {imports: []string{
		"internal/models", "internal/services", "internal/feed", "internal/logging", "internal/strictjson",
		"internal/limits",
	}},
	"internal/health": {imports: []string{"internal/models", "internal/repository", "internal/queue", "internal/retry"}},

	"internal/app": {imports: []string{
		"migrations", "internal/config", "internal/database", "internal/models", "internal/sale", "internal/boxoffice",
		"internal/services", "internal/feed", "internal/handlers", "internal/jobs", "internal/health", "internal/metrics",
		"internal/repository", "internal/repository/postgres", "internal/repository/sqlite",
		"internal/queue", "internal/queue/redis", "internal/queue/inprocess",
		"internal/limits", "internal/limits/redis", "internal/limits/inprocess", "internal/logging",
		"internal/payments", "internal/payments/simulator", "internal/payments/stripe",
	}},
	"internal/onsale": {imports: []string{"internal/retry"}},
	"internal/bench": {imports: []string{
		"internal/app", "internal/onsale", "internal/config", "internal/models", "internal/sale", "internal/repository",
		"internal/boxoffice", "internal/database", "internal/retry", "internal/payments/simulator",
	}},
	"internal/cli": {imports: []string{
		"internal/app", "internal/bench", "internal/onsale", "internal/config", "internal/models", "internal/sale",
		"internal/repository", "internal/queue", "internal/health", "internal/database", "internal/logging",
	}},

	"internal/testkit": {tests: true},
	"internal/testkit/shop": {tests: true, imports: []string{
		"internal/testkit", "internal/models", "internal/sale", "internal/repository/postgres",
		"internal/repository/sqlite", "internal/database", "internal/boxoffice", "internal/services",
		"internal/payments/simulator",
	}},

	// Tests of the whole: they have no code that ships.
	"internal/modeltest": {tests: true},
	"internal/torture":   {tests: true},
}

// home says where a third-party library may be imported.
type home struct {
	packages []string // in the code that ships, and in its tests; "*" for all
	tests    []string // in tests of these as well; "*" for all
}

// homes gives each library one home. A new library needs a line here; so does
// another package that wants to use one, and that should be rare.
var homes = map[string]home{
	"github.com/gin-gonic/gin":                {packages: []string{"internal/handlers"}},
	"github.com/danielgtaylor/huma/v2":        {packages: []string{"internal/handlers"}},
	"github.com/jackc/pgx/v5":                 {packages: []string{"internal/repository/postgres", "internal/database", "internal/testkit", "internal/bench"}, tests: []string{"internal/cli", "internal/torture", "internal/onsale"}},
	"modernc.org/sqlite":                      {packages: []string{"internal/repository/sqlite", "internal/database"}},
	"modernc.org/libc":                        {tests: []string{"internal/repository/sqlite"}}, // what SQLite's functions take
	"github.com/redis/go-redis/v9":            {packages: []string{"internal/queue/redis", "internal/limits/redis", "internal/redisconn"}, tests: []string{"internal/cli", "internal/jobs", "internal/torture"}},
	"github.com/golang-migrate/migrate/v4":    {packages: []string{"internal/database"}},
	"github.com/prometheus/client_golang":     {packages: []string{"internal/metrics"}},
	"github.com/HdrHistogram/hdrhistogram-go": {packages: []string{"internal/onsale"}},
	"github.com/stripe/stripe-go/v85":         {packages: []string{"internal/payments/stripe"}},
	"github.com/google/uuid":                  {packages: []string{"*"}}, // a value, as time.Time is
	"github.com/google/go-cmp":                {packages: []string{"internal/repository/repotest", "internal/queue/queuetest"}, tests: []string{"*"}},
	"pgregory.net/rapid":                      {packages: []string{"internal/repository/repotest"}, tests: []string{"*"}},
	"github.com/goccy/go-yaml":                {tests: []string{"internal/config"}}, // Compose files
	"github.com/pb33f/libopenapi":             {tests: []string{"internal/handlers"}},
	"github.com/pb33f/libopenapi-validator":   {tests: []string{"internal/handlers"}},
}

// use is one import of one file.
type use struct {
	file string // for the message
	from string // the package, relative to the module
	path string // what is imported
	test bool   // by a _test.go file
}

func TestEveryPackageKeepsItsPlace(t *testing.T) {
	t.Parallel()
	packages, uses := readModule(t, "../..")
	for _, p := range packages {
		if _, known := places[p]; !known {
			t.Errorf("package %s has no place: give it one in internal/archtest", p)
		}
	}
	for _, u := range uses {
		if fault := check(u); fault != "" {
			t.Errorf("%s imports %s: %s", u.file, u.path, fault)
		}
	}
}

// check says what is wrong with an import; nothing if it is right.
func check(u use) string {
	if ours, is := ourPackage(u.path); is {
		return checkOurs(u, ours)
	}
	if first, _, _ := strings.Cut(u.path, "/"); !strings.Contains(first, ".") {
		return checkStandard(u)
	}
	return checkLibrary(u)
}

// checkOurs checks an import of one of our packages. Tests are free to use any
// but cli, which is above everything.
func checkOurs(u use, target string) string {
	from, to := places[u.from], places[target]
	switch {
	case target == u.from: // an external test of the package itself
		return ""
	case u.test && target == "internal/cli":
		return "nothing but main stands above cli, not even a test"
	case u.test:
		return ""
	case slices.Contains(from.imports, target):
		return ""
	case to.tests:
		return "it is for tests alone"
	}
	return "the arrows do not point that way (" + u.from + " may import: " + strings.Join(from.imports, ", ") + ")"
}

// checkStandard keeps the test machinery of the standard library out of what
// ships, and HTTP out of the core.
func checkStandard(u use) string {
	if u.test || places[u.from].tests {
		return ""
	}
	if u.path == "testing" || strings.HasPrefix(u.path, "testing/") || u.path == "net/http/httptest" {
		return "it is for tests alone"
	}
	core := []string{"internal/models", "internal/sale", "internal/repository", "internal/boxoffice", "internal/services", "internal/feed", "internal/queue", "internal/payments", "internal/limits"}
	if (u.path == "net/http" || u.path == "database/sql") && slices.Contains(core, u.from) {
		return "the core knows neither HTTP nor SQL"
	}
	return ""
}

// checkLibrary checks that a third-party library is used at home.
func checkLibrary(u use) string {
	name := libraryOf(u.path)
	h, known := homes[name]
	switch {
	case !known:
		return "this library has no home: give it one in internal/archtest"
	case slices.Contains(h.packages, "*") || slices.Contains(h.packages, u.from):
		return ""
	case u.test && (slices.Contains(h.tests, "*") || slices.Contains(h.tests, u.from)):
		return ""
	}
	return "its home is " + strings.Join(h.packages, ", ") + "; tests: " + strings.Join(h.tests, ", ")
}

// libraryOf finds the listed module that holds a package: the longest prefix.
func libraryOf(importPath string) string {
	for p := importPath; p != "."; p = path.Dir(p) {
		if _, known := homes[p]; known {
			return p
		}
	}
	return importPath
}

// ourPackage returns a package's path inside the module.
func ourPackage(importPath string) (string, bool) {
	if importPath == module {
		return ".", true
	}
	return strings.CutPrefix(importPath, module+"/")
}

// readModule lists the packages under root and all imports of their files,
// whatever their build tags.
func readModule(t *testing.T, root string) (packages []string, uses []use) {
	t.Helper()
	err := filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && name != root && ignored(name) {
			return filepath.SkipDir
		}
		if entry.IsDir() || filepath.Ext(name) != ".go" {
			return nil
		}
		from, err := filepath.Rel(root, filepath.Dir(name))
		if err != nil {
			return err
		}
		from = filepath.ToSlash(from)
		if !slices.Contains(packages, from) {
			packages = append(packages, from)
		}
		found, err := importsOf(name, from)
		uses = append(uses, found...)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(packages) < 3 {
		t.Fatalf("only %v were found under %s", packages, root)
	}
	return packages, uses
}

// ignored are the directories that the go tool passes over, and modules inside.
func ignored(dir string) bool {
	base := filepath.Base(dir)
	_, err := os.Stat(filepath.Join(dir, "go.mod"))
	return err == nil || base == "testdata" || base == "vendor" || base == "node_modules" || strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_")
}

func importsOf(name, from string) ([]use, error) {
	file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
	if err != nil {
		return nil, err
	}
	var uses []use
	for _, spec := range file.Imports {
		target, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return nil, err
		}
		uses = append(uses, use{file: filepath.ToSlash(name), from: from, path: target, test: strings.HasSuffix(name, "_test.go")})
	}
	return uses, nil
}

func TestTheTableIsSound(t *testing.T) {
	t.Parallel()
	for name, p := range places {
		for _, target := range p.imports {
			if _, known := places[target]; !known {
				t.Errorf("%s may import %s, which is not in the table", name, target)
			}
		}
		if reaches(name, name, map[string]bool{}) {
			t.Errorf("the table lets %s import itself in a circle", name)
		}
	}
	for library, h := range homes {
		for _, p := range slices.Concat(h.packages, h.tests) {
			if _, known := places[p]; p != "*" && !known {
				t.Errorf("%s has a home in %s, which is not in the table", library, p)
			}
		}
	}
}

// reaches reports whether the table's arrows lead from one package to another.
func reaches(from, to string, seen map[string]bool) bool {
	for _, next := range places[from].imports {
		if next == to {
			return true
		}
		if !seen[next] {
			seen[next] = true
			if reaches(next, to, seen) {
				return true
			}
		}
	}
	return false
}

func TestCheckSeesFaults(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		use   use
		fault bool
	}{
		"models use a UUID":              {use{from: "internal/models", path: "github.com/google/uuid"}, false},
		"models use a repository":        {use{from: "internal/models", path: "quantix/internal/repository"}, true},
		"models use a driver":            {use{from: "internal/models", path: "github.com/jackc/pgx/v5/pgtype"}, true},
		"models know HTTP":               {use{from: "internal/models", path: "net/http"}, true},
		"a service uses the box office":  {use{from: "internal/services", path: "quantix/internal/boxoffice"}, false},
		"a service names an adapter":     {use{from: "internal/services", path: "quantix/internal/repository/postgres"}, true},
		"a service's test does":          {use{from: "internal/services", path: "quantix/internal/repository/sqlite", test: true}, false},
		"a handler goes past a service":  {use{from: "internal/handlers", path: "quantix/internal/repository"}, true},
		"app names an adapter":           {use{from: "internal/app", path: "quantix/internal/queue/redis"}, false},
		"cli names an adapter":           {use{from: "internal/cli", path: "quantix/internal/queue/redis"}, true},
		"cli uses testkit":               {use{from: "internal/cli", path: "quantix/internal/testkit"}, true},
		"cli's test uses testkit":        {use{from: "internal/cli", path: "quantix/internal/testkit", test: true}, false},
		"a suite uses testkit":           {use{from: "internal/testkit/shop", path: "quantix/internal/testkit"}, false},
		"a suite uses testing":           {use{from: "internal/queue/queuetest", path: "testing"}, false},
		"what ships uses testing":        {use{from: "internal/queue", path: "testing"}, true},
		"main uses more than cli":        {use{from: ".", path: "quantix/internal/config"}, true},
		"a test reaches up to cli":       {use{from: "internal/services", path: "quantix/internal/cli", test: true}, true},
		"a package of a library at home": {use{from: "internal/database", path: "github.com/golang-migrate/migrate/v4/source/iofs"}, false},
		"gin outside of its home":        {use{from: "internal/services", path: "github.com/gin-gonic/gin"}, true},
		"an unknown library":             {use{from: "internal/handlers", path: "github.com/stretchr/testify/require", test: true}, true},
		"go-cmp in what ships":           {use{from: "internal/handlers", path: "github.com/google/go-cmp/cmp"}, true},
		"go-cmp in a test":               {use{from: "internal/handlers", path: "github.com/google/go-cmp/cmp", test: true}, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := check(test.use); (got != "") != test.fault {
				t.Errorf("check says %q, want a fault: %v", got, test.fault)
			}
		})
	}
}
