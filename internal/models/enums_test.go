package models

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"slices"
	"strings"
	"testing"
)

// The lists that the API's document is made from hold every constant of their type; the constants are read from the
// source.
func TestEnums_are_complete(t *testing.T) {
	t.Parallel()
	lists := map[string][]string{
		"Status": asTexts(Statuses), "CancelReason": asTexts(CancelReasons), "ChargeStatus": asTexts(ChargeStatuses),
		"RefundStatus": asTexts(RefundStatuses), "LetterKind": asTexts(LetterKinds),
		"SaleState": asTexts(SaleStates),
	}
	declared := 0
	for kind, values := range constants(t) {
		list, known := lists[kind]
		if !known {
			continue
		}
		for _, value := range values {
			declared++
			if !slices.Contains(list, value) {
				t.Errorf("the list of %s lacks %q", kind, value)
			}
		}
		if len(list) != len(values) {
			t.Errorf("the list of %s has %d values, declared are %d", kind, len(list), len(values))
		}
	}
	if declared < 20 {
		t.Errorf("found only %d constants in the source", declared)
	}
}

func asTexts[S ~string](values []S) []string {
	all := make([]string, len(values))
	for i, v := range values {
		all[i] = string(v)
	}
	return all
}

// constants returns the text constants of the package by their declared type.
func constants(t *testing.T) map[string][]string {
	t.Helper()
	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	found := map[string][]string{}
	for _, entry := range entries {
		if !strings.HasSuffix(entry.Name(), ".go") || strings.HasSuffix(entry.Name(), "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), entry.Name(), nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			spec, ok := n.(*ast.ValueSpec)
			if !ok || len(spec.Values) != 1 {
				return true
			}
			kind, typed := spec.Type.(*ast.Ident)
			if value, is := spec.Values[0].(*ast.BasicLit); is && typed && value.Kind == token.STRING {
				found[kind.Name] = append(found[kind.Name], strings.Trim(value.Value, `"`))
			}
			return true
		})
	}
	return found
}
