# Quantix: `make help` lists what can be made. Plain `go build .` and
# `go test ./...` work as well; a C compiler is needed for test-race alone.

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
# Gin's MessagePack support would add a fifth to the program, and is not used.
TAGS := -tags nomsgpack
LDFLAGS := -s -w -X quantix/internal/cli.version=$(VERSION)
TEST_TIMEOUT ?= 20m
# What to test; a part of it: make test PKGS=./internal/config
PKGS ?= ./...
RACE_PKGS ?= $(PKGS)
GOLANGCI_LINT ?= github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
CYCLONEDX ?= github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod@v1.10.0

export CGO_ENABLED ?= 0
# The patched toolchain that go.mod names; a go command of 1.21 or newer fetches it by itself.
export GOTOOLCHAIN := $(shell awk '$$1 == "toolchain" { print $$2 }' go.mod)

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: build
build: ## build bin/quantix, static
	go build -trimpath $(TAGS) -ldflags '$(LDFLAGS)' -o bin/quantix .

.PHONY: run
run: build ## build, then serve with no setting at all: http://localhost:8080
	./bin/quantix serve

.PHONY: test
test: ## run all tests, on real PostgreSQL and Redis
	@scripts/need-servers.sh
	@echo '+ go test $(TAGS) -timeout $(TEST_TIMEOUT) $(PKGS)'
	@go test -json $(TAGS) -timeout $(TEST_TIMEOUT) $(PKGS) | go run ./scripts/testsum

.PHONY: test-race
test-race: ## run the tests under the race detector (needs a C compiler)
	@command -v $${CC:-gcc} >/dev/null || { echo 'test-race needs a C compiler: apt-get install gcc libc6-dev' >&2; exit 1; }
	@scripts/need-servers.sh
	@echo '+ go test -race $(TAGS) -timeout $(TEST_TIMEOUT) $(RACE_PKGS)'
	@CGO_ENABLED=1 go test -json -race $(TAGS) -timeout $(TEST_TIMEOUT) $(RACE_PKGS) | go run ./scripts/testsum

.PHONY: mutants
mutants: ## break each rule on purpose and expect a test to fail (MUTANTS="-only outbox -jobs 2 -shard 1/3")
	@scripts/need-servers.sh
	@go run $(TAGS) ./scripts/mutants $(MUTANTS)

RUNS ?= 12
STRESS_PKGS ?= ./internal/repository/postgres/...
.PHONY: stress
stress: ## run tests RUNS times with every core kept busy (make stress STRESS_PKGS=./internal/jobs)
	@scripts/need-servers.sh
	@scripts/stress.sh $(RUNS) $(STRESS_PKGS)

.PHONY: fmt
fmt: ## format all Go files
	gofmt -w .

.PHONY: fmt-check
fmt-check: ## fail if a Go file is not formatted
	@files=$$(gofmt -l .); [ -z "$$files" ] || { echo "not formatted (make fmt):"; echo "$$files"; exit 1; } >&2

.PHONY: vet
vet: ## run go vet
	go vet $(TAGS) ./...

.PHONY: lint
lint: fmt-check vet ## run the linters of .golangci.yml
	@if command -v golangci-lint >/dev/null; then golangci-lint run ./...; else go run $(GOLANGCI_LINT) run ./...; fi

.PHONY: vulncheck
vulncheck: ## fail if the program reaches a known vulnerability (its own modules' or Go's)
	@scripts/vulncheck.sh

.PHONY: sbom
sbom: build ## write what bin/quantix is made of into bin/quantix.cdx.json, as CycloneDX; the same each time
	go run $(CYCLONEDX) bin -json -noserial -notimestamp -std -version '$(VERSION)' -output bin/quantix.cdx.json bin/quantix

.PHONY: generate
generate: ## write again what is generated from the sources
	go generate ./...
	UPDATE_GOLDEN=1 go test $(TAGS) ./internal/config >/dev/null

.PHONY: verify
verify: fmt-check vet generate ## fail if generated files or go.mod are out of date
	go mod tidy -diff
	@changed=$$(git status --porcelain); [ -z "$$changed" ] || { echo "make generate changes these files; commit them:"; echo "$$changed"; exit 1; } >&2

SEEDS ?= 10000
.PHONY: model
model: ## compare the program with the naive model over SEEDS random lives (make model SEEDS=10000)
	@scripts/need-servers.sh
	go test $(TAGS) -count 1 -timeout 60m ./internal/modeltest -run '^TestModel$$' -v -model.seeds $(SEEDS) $(if $(SEED),-model.seed $(SEED))

BOOKINGS ?= 100000
.PHONY: payments-torture
payments-torture: ## take BOOKINGS payments while workers are killed and Redis is flushed; fail if one is lost
	@scripts/need-servers.sh
	go test $(TAGS) -count 1 -timeout 60m ./internal/torture -v -torture.bookings $(BOOKINGS) -torture.kills 100000 \
		-torture.outages 100000 -torture.sales 1500 -torture.onsale 50000 -torture.away 1m -torture.backlog 99900

CUTS ?= 60s
.PHONY: cuts
cuts: ## book for CUTS while the line to PostgreSQL is cut at random; fail if an answer and a row disagree
	@scripts/need-servers.sh
	go test $(TAGS) -count 1 -timeout 30m ./internal/torture -v -run line_that_is_cut -torture.cuts $(CUTS)

.PHONY: bench
bench: build ## measure every promise of speed on private servers (BENCH="--runs 1 --quick" for a first look)
	scripts/with-servers.sh bin/quantix bench bars $(BENCH)

.PHONY: bench-quick
bench-quick: ## take every measure of bench the quick way, with every hostile client: that they work, not how fast
	@scripts/need-servers.sh
	go test $(TAGS) -count 1 -timeout 30m ./internal/cli -v -run '^TestBenchBars' -bars.all

DOCUMENT ?= tools/clients/out/openapi.json
.PHONY: lint-api
lint-api: tools/clients/node_modules ## read the OpenAPI document with spectral and redocly (needs Node 20.19 or newer)
	@mkdir -p $(dir $(DOCUMENT))
	go test $(TAGS) -count 1 ./internal/handlers -run '^TestDocument_is_valid$$' -document $(abspath $(DOCUMENT))
	cd tools/clients && npx --no-install spectral lint $(abspath $(DOCUMENT)) -r spectral.yaml --fail-severity hint
	cd tools/clients && npx --no-install redocly lint $(abspath $(DOCUMENT)) --config redocly.yaml --max-problems 1000

CLIENTS ?= Go TypeScript Python
.PHONY: clients
clients: build tools/clients/node_modules ## generate clients of the API, and sell with each (CLIENTS="Go TypeScript" without Python)
	cd tools/clients && QUANTIX=$(abspath bin/quantix) go test -count 1 -timeout 20m -v \
		-run '^Test($(subst $(eval) ,|,$(strip $(CLIENTS))))$$' .

tools/clients/node_modules: tools/clients/package.json tools/clients/package-lock.json
	cd tools/clients && npm ci --ignore-scripts --no-audit --no-fund
	@touch $@

.PHONY: fuzz-contract
fuzz-contract: ## test the API by REQUESTS requests made of its document, on both stores (SEED picks others)
	@scripts/need-servers.sh
	go test $(TAGS) -count 1 -timeout 60m ./internal/handlers -run '^TestContract_of_generated_requests$$' \
		-contract.requests $(or $(REQUESTS),50000) -contract.seed $(or $(SEED),1)

.PHONY: schemathesis
schemathesis: build ## test the API by its document with schemathesis 4.32.5, on both stores (SCHEMATHESIS="--max-examples 50")
	@scripts/need-servers.sh
	scripts/schemathesis.sh $(SCHEMATHESIS)
