# Everything a contributor runs. `make` alone lists the targets.

export CGO_ENABLED ?= 0

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LINTER  := bin/tools/golangci-lint
TEMPL   := bin/tools/templ

.DEFAULT_GOAL := help
.PHONY: help setup run test test-race torture lint fmt generate bench pictures readme-pictures build

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## install what the tests need (PostgreSQL's server, HTTP clients; on Debian as root)
	@scripts/setup.sh

run: ## start a panel with demo data in notpanel-data
	go run ./cmd/notpanel demo --data notpanel-data

test: setup ## run all tests on SQLite and PostgreSQL
	go test -timeout 25m ./...

# The pure Go SQLite is ten times slower under the race detector, so these runs
# use the C one.
test-race: setup ## run all tests under the race detector (needs a C compiler)
	CGO_ENABLED=1 go test -race -tags cgosqlite -timeout 25m ./...

torture: setup ## kill, pause and cut off panels and databases for half an hour, and prove every promise
	go test -timeout 3h -count=1 -v -run '^(TestTorture|TestPrimaryKilledUnderLoad)$$' ./e2e -args -kills 200 -failovers 10

lint: $(LINTER) ## check rules and formatting
	$(LINTER) fmt --diff
	$(LINTER) run ./...

fmt: $(LINTER) ## format the code
	$(LINTER) fmt

generate: $(TEMPL) ## write generated files anew: page templates, style sheet, scripts (needs npm)
	$(TEMPL) generate -path internal/web -log-level error
	scripts/assets.sh

bench: setup ## measure, and print the table beside the references (ARGS=-json; docs/performance.md)
	go run ./bench $(ARGS)

pictures: setup ## take a picture of every page, and name what is wrong there
	go run ./e2e/browser/pictures

readme-pictures: pictures ## take the pictures in README anew
	cp pictures/home.en.1280.light.png docs/pictures/home.png
	cp pictures/dashboard.member.en.1280.light.png docs/pictures/dashboard.png

# Without -buildvcs=false a tree that git refuses to read could not be built;
# the version travels in main.version.
build: ## build bin/notpanel
	go build -trimpath -buildvcs=false -ldflags "-s -w -X main.version=$(VERSION)" -o bin/notpanel ./cmd/notpanel

# The tools' dependencies stay out of our go.mod: tools/ is a module of its own.
$(LINTER): tools/go.mod
	@echo "building $@ (some minutes, once)"
	@mkdir -p $(@D)
	go -C tools build -buildvcs=false -o ../$@ github.com/golangci/golangci-lint/v2/cmd/golangci-lint
	@touch $@

$(TEMPL): tools/go.mod
	@mkdir -p $(@D)
	go -C tools build -buildvcs=false -o ../$@ github.com/a-h/templ/cmd/templ
	@touch $@
