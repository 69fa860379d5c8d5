package main

import (
	"strings"
	"testing"
)

const events = `{"Action":"start","Package":"a"}
{"Action":"run","Package":"a","Test":"TestGood"}
{"Action":"output","Package":"a","Test":"TestGood","Output":"noise\n"}
{"Action":"pass","Package":"a","Test":"TestGood"}
{"Action":"output","Package":"a","Output":"PASS\n"}
{"Action":"output","Package":"a","Output":"ok  \ta\t0.1s\n"}
{"Action":"pass","Package":"a"}
{"Action":"output","Package":"b","Test":"TestBad","Output":"=== RUN   TestBad\n"}
{"Action":"output","Package":"b","Test":"TestBad","Output":"    bad_test.go:1: got 1 \u003e 0\n"}
{"Action":"output","Package":"b","Test":"TestBad","Output":"--- FAIL: TestBad (0.00s)\n"}
{"Action":"fail","Package":"b","Test":"TestBad"}
{"Action":"skip","Package":"b","Test":"TestSkipped"}
{"Action":"output","Package":"b","Output":"FAIL\tb\t0.1s\n"}
{"Action":"fail","Package":"b"}
{"ImportPath":"c","Action":"build-output","Output":"c.go:1:1: syntax error\n"}
{"Action":"output","Package":"c","Output":"FAIL\tc [build failed]\n"}
{"Action":"fail","Package":"c","FailedBuild":"c"}
{"Action":"output","Package":"d","Test":"TestDies","Output":"panic: oh\n"}
go: not an event
`

func TestSummary(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	s := newSummary(&out)
	if err := s.read(strings.NewReader(events)); err != nil {
		t.Fatal(err)
	}
	s.close()
	for _, want := range []string{
		"ok  \ta\t0.1s\n", "got 1 > 0\n--- FAIL: TestBad", "FAIL\tb\t0.1s\n", "syntax error\n", "[build failed]\n",
		"go: not an event\n", "panic: oh\n", "1 skipped\n1 passed, 2 failed\n",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is missing in:\n%s", want, out.String())
		}
	}
	if strings.Contains(out.String(), "noise") || strings.Contains(out.String(), "PASS") || strings.Contains(out.String(), "===") {
		t.Errorf("what passed is loud:\n%s", out.String())
	}
	if !strings.HasSuffix(out.String(), "\n1 passed, 2 failed\n") {
		t.Errorf("the sums are not at the end:\n%s", out.String())
	}
}
