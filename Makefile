# mcpassay: see README.md. Every target installs what it needs and is missing.

BIN       := bin
OUT       ?= mcpassay-report
LINT      := $(BIN)/golangci-lint
LINT_VERSION := v2.15.0
FUZZTIME  ?= 30s

.PHONY: run test race mutants variants bench lint fuzz coverage build clean browser

## run: the whole suite against the built-in reference deployment, reports into $(OUT)
run: build browser
	$(BIN)/mcpassay run --reference --user-agent browser --out $(OUT)

## test: every test, browser and real deployments included
test: build browser
	MCPASSAY_REQUIRE_BROWSER=1 MCPASSAY_REQUIRE_DEPLOYMENTS=1 go test -timeout 25m ./...

## race: the tests under the race detector (needs a C compiler)
race: browser
	go test -race -timeout 40m ./...

## mutants: every check against every fault, and on clients every defect; prints the matrices and their totals
mutants:
	MCPASSAY_MATRIX=all go test ./suites/client -count=1 -timeout 20m -run 'TestSoundClient|TestDefects' -v | .ci/matrix
	MCPASSAY_MATRIX=all go test ./suites -count=1 -timeout 40m -run 'TestSoundReference|TestMutants|TestRefusalNeedsControl' -v | .ci/matrix

## variants: every check against every legal but unusual deployment
variants:
	go test ./suites -count=1 -timeout 20m -run TestVariants -v

## bench: Ginkgo's cost, the run against its longest chain, code flows per second, memory, clients' situations
bench: browser
	go test ./probes/... -run '^$$' -bench . -benchtime 3s -timeout 10m
	go test ./suites -run '^$$' -bench . -benchtime 1x -timeout 20m
	go test ./suites/client -run '^$$' -bench . -benchtime 3x -timeout 20m

## lint: golangci-lint, built from source into $(BIN)
lint: $(LINT)
	$(LINT) run ./...

$(LINT):
	GOBIN=$(CURDIR)/$(BIN) go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(LINT_VERSION)

## fuzz: every fuzz target for $(FUZZTIME)
fuzz:
	.ci/fuzz $(FUZZTIME)

## coverage: docs/coverage.md and the other generated documents
coverage: build
	$(BIN)/mcpassay coverage > docs/coverage.md

build:
	go build -trimpath -o $(BIN)/mcpassay ./cmd/mcpassay

browser:
	.ci/browser

clean:
	rm -rf $(BIN) $(OUT)
