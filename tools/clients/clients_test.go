// Package clients holds the test that clients generated from the OpenAPI document can sell tickets, and lose nothing.
//
// It is a module of its own, with the generators pinned in go.mod, package.json and below, so that the program needs
// none of them: see "make clients".
package clients

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// pythonGenerator cannot be pinned by a file that Go or npm reads.
const pythonGenerator = "openapi-python-client 0.29.0"

// notForClients is what Python's generator says of the one operation that it leaves out: the body is in any media type,
// and gateways alone send it. It exits with 0 whatever it leaves out.
const notForClients = "WARNING parsing POST /api/v1/payments/callbacks/{gateway} within payments. Endpoint will not be generated."

// row is an amount that goes through a client: written as the server writes it.
type row struct {
	Amount   string `json:"amount"`
	Currency string `json:"currency"`
	Decimals int    `json:"decimals"`
}

var table = []row{
	{"0.01", "USD", 2}, {"0.29", "USD", 2}, {"19.99", "USD", 2}, {"250000.01", "USD", 2}, {"1234567.89", "USD", 2},
	{"12222221.22", "USD", 2}, {"99999999999.99", "USD", 2}, {"1", "JPY", 0}, {"1999", "JPY", 0}, {"99999999999", "JPY", 0},
	{"333333333333333", "JPY", 0}, {"0.001", "KWD", 3}, {"19.999", "KWD", 3}, {"250000.001", "KWD", 3}, {"99999999999.999", "KWD", 3},
}

// seen is what a client says that it read.
type seen struct{ Price, Unit, Total string }

func TestGo(t *testing.T) {
	s := serve(t)
	run(t, nil, "go", "tool", "oapi-codegen", "-config", "golang/oapi-codegen.yaml", s.document)
	source := read(t, "golang/api/api.go")
	for _, bad := range []string{"float32", "<nil>"} {
		if strings.Contains(source, bad) {
			t.Errorf("the Go client has a %s", bad)
		}
	}
	oneEach(t, source, `(?m)^type (\w*(?:Status|Reason|Kind|Code)) string$`, slices.Concat(enums, inPlace))
	s.sell(t, "go", "run", "./golang", s.url)
}

func TestTypeScript(t *testing.T) {
	s := serve(t)
	run(t, nil, "npx", "--no-install", "openapi-ts", "-i", s.document, "-o", "typescript/client",
		"-c", "@hey-api/client-fetch", "--no-log-file")
	source := read(t, "typescript/client/types.gen.ts")
	oneEach(t, source, `(?m)^export type (\w*(?:Status|Reason|Kind|Code)) = '`, enums)
	run(t, nil, "npx", "--no-install", "tsc", "-p", "typescript/tsconfig.json")
	s.sell(t, "node", "typescript/built/sale.js", s.url)
}

func TestPython(t *testing.T) {
	version, err := exec.Command("openapi-python-client", "--version").CombinedOutput()
	if err != nil || !strings.Contains(string(version), strings.Fields(pythonGenerator)[1]) {
		t.Fatalf("this needs %s: pip install %s (%v %s)", pythonGenerator, strings.ReplaceAll(pythonGenerator, " ", "=="), err, version)
	}
	s := serve(t)
	said, err := exec.Command("openapi-python-client", "generate", "--path", s.document, "--meta", "none",
		"--output-path", "python/quantix_client", "--overwrite").CombinedOutput()
	if err != nil {
		t.Fatalf("openapi-python-client generate: %v\n%s", err, said)
	}
	if got := regexp.MustCompile(`(?m)^WARNING .*`).FindAllString(string(said), -1); !slices.Equal(got, []string{notForClients}) {
		t.Errorf("the generator warned:\n%s\nwant this alone:\n%s", said, notForClients)
	}
	var source strings.Builder
	files, _ := filepath.Glob("python/quantix_client/models/*.py")
	for _, file := range files {
		source.WriteString(read(t, file))
	}
	oneEach(t, source.String(), `(?m)^class (\w+)\((?:str|int), Enum\)`,
		slices.Concat(enums, inPlace, []string{"EventClearable", "SaleState"}))
	s.sell(t, "python3", "python/sale.py", s.url)
}

// enums are the document's components; what is used in one place alone some generators name after that place.
var enums = []string{"BookingStatus", "CancelReason", "DeadLetterKind", "ErrorCode", "PaymentKind", "PaymentStatus"}

// inPlace are the enums that Go's and Python's generators name after the one place that has them.
var inPlace = []string{"HealthStatus", "ReadinessCheckStatus", "ReadinessStatus"}

// oneEach fails unless the generated source declares these enums, each once, and no others.
func oneEach(t *testing.T, source, pattern string, want []string) {
	t.Helper()
	slices.Sort(want)
	var got []string
	for _, match := range regexp.MustCompile(pattern).FindAllStringSubmatch(source, -1) {
		got = append(got, match[1])
	}
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("the enums are %v, want %v", got, want)
	}
}

// A shop is the program, with nothing set, on a port of its own.
type shop struct{ url, document string }

func serve(t *testing.T) shop {
	t.Helper()
	program := os.Getenv("QUANTIX")
	if program == "" {
		t.Fatal("QUANTIX must name the built program; make clients does that")
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	_ = listener.Close()
	_, port, _ := net.SplitHostPort(address)
	ctx, stop := context.WithCancel(context.Background())
	server := exec.CommandContext(ctx, program, "serve")
	server.Env = append(os.Environ(), "HOST=127.0.0.1", "PORT="+port, "DATA_DIR="+t.TempDir(), "PAYMENT_SIM_LATENCY=1ms")
	server.Cancel = func() error { return server.Process.Signal(os.Interrupt) }
	server.WaitDelay = 30 * time.Second
	var log bytes.Buffer
	server.Stdout, server.Stderr = &log, &log
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stop()
		_ = server.Wait()
		if t.Failed() {
			t.Logf("the server said:\n%s", log.String())
		}
	})
	s := shop{url: "http://" + address, document: filepath.Join(t.TempDir(), "openapi.json")}
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		text, err := get(s.url + "/openapi.json")
		if err == nil {
			if err := os.WriteFile(s.document, text, 0o600); err != nil {
				t.Fatal(err)
			}
			return s
		}
		if time.Now().After(deadline) {
			t.Fatalf("the server does not answer: %v", err)
		}
	}
}

func get(url string) ([]byte, error) {
	response, err := http.Get(url)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("status %d", response.StatusCode)
	}
	return io.ReadAll(response.Body)
}

// sell has a client's program sell at each amount of the table, and compares what it read.
func (s shop) sell(t *testing.T, program string, arguments ...string) {
	t.Helper()
	input, err := json.Marshal(table)
	if err != nil {
		t.Fatal(err)
	}
	var all []seen
	if output := run(t, input, program, arguments...); json.Unmarshal(output, &all) != nil || len(all) != len(table) {
		t.Fatalf("the client said: %s", output)
	}
	for i, r := range table {
		if got, want := all[i], (seen{r.Amount, r.Amount, r.Amount}); got != want {
			t.Errorf("%s %s came back as %+v", r.Amount, r.Currency, got)
		}
	}
}

func run(t *testing.T, input []byte, program string, arguments ...string) []byte {
	t.Helper()
	command := exec.Command(program, arguments...)
	command.Stdin = bytes.NewReader(input)
	var errors bytes.Buffer
	command.Stderr = &errors
	output, err := command.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s%s", strings.Join(command.Args, " "), err, output, errors.String())
	}
	return output
}

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
