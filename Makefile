GO          ?= go
STATICCHECK ?= honnef.co/go/tools/cmd/staticcheck@v0.8.2
CYCLONEDX   ?= github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod@v1.9.0
# What the coverage promise is about: the library. The command and the test kit
# are tested too, and counted apart.
LIBRARY     := .,./embedded/...,./internal/effect/...,./internal/printable/...,./internal/respguard/...,./doctor/...,./healthhttp/...,./statuspage/...

export REDISCONN_REQUIRE_REDIS := 1

.PHONY: help
help: ## show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

.PHONY: test
test: deps format vet lint modules docs-check cover modules-test ## everything CI runs: installs what it needs, checks and tests it all

.PHONY: deps
deps: ## install redis-server where it is missing
	@scripts/need-redis

.PHONY: format
format: ## fail when a file is not gofmt'ed
	@files=$$(gofmt -l .); if [ -n "$$files" ]; then echo "not gofmt'ed:"; echo "$$files"; exit 1; fi

.PHONY: vet
vet: ## go vet
	$(GO) vet ./...

.PHONY: lint
lint: ## staticcheck, the set in staticcheck.conf
	$(GO) run $(STATICCHECK) ./...

.PHONY: modules
modules: ## fail when go.mod or go.sum is not tidy
	$(GO) mod tidy -diff
	$(GO) mod verify

.PHONY: cover
cover: ## all tests with the race detector, shuffled; fail below 100 % of the library but for docs/coverage.md
	$(GO) test -race -shuffle=on -timeout 20m -coverpkg=$(LIBRARY) -coverprofile=coverage.out ./...
	@# Some statements handle races that a run may not meet: before a gap counts, the library gets a second run.
	$(GO) run ./internal/covercheck -profile coverage.out || { \
		$(GO) test -shuffle=on -coverpkg=$(LIBRARY) -coverprofile=coverage-again.out . && \
		$(GO) run ./internal/covercheck -profile coverage.out,coverage-again.out; }

# Modules of their own: rivals, metrics, tracing, browsers and examples, whose
# dependencies stay out of the library's.
MODULES := $(patsubst %/go.mod,%,$(wildcard */go.mod */*/go.mod))

.PHONY: modules-test
modules-test: deps ## vet, lint, tidy and test every module of its own; installs Chromium and promtool where they are missing
	@scripts/need-chromium
	@export REDISCONN_REQUIRE_CHROMIUM=1 REDISCONN_REQUIRE_PROMTOOL=1 REDISCONN_PROMTOOL=$$(scripts/need-promtool | tail -1); \
	failed=; \
	for module in $(MODULES); do \
		echo "== $$module"; \
		(cd $$module && $(GO) mod tidy -diff && $(GO) vet ./... && $(GO) run $(STATICCHECK) ./... && $(GO) test -race -shuffle=on -timeout 20m ./...) || failed="$$failed $$module"; \
	done; \
	echo "== otelredisconn, what it costs"; \
	(cd otelredisconn && $(GO) test -run TheOverhead -count=1 .) || failed="$$failed otelredisconn(overhead)"; \
	if [ -n "$$failed" ]; then echo "failed:$$failed"; exit 1; fi

.PHONY: sbom
sbom: ## write sbom.json, what a program that takes the library takes with it (CycloneDX)
	$(GO) run $(CYCLONEDX) mod -json -output sbom.json

.PHONY: quick
quick: ## all tests, without the race detector and coverage
	$(GO) test -shuffle=on ./...

.PHONY: docs
docs: ## write the generated pages anew
	$(GO) test . ./doctor -run 'IsUpToDate' -update

.PHONY: docs-check
docs-check: ## fail when a generated page is not up to date
	$(GO) test . ./doctor -run 'IsUpToDate' -count=1

.PHONY: faults
faults: deps ## measure every fault beside plain go-redis and write docs/faults.md
	$(GO) test ./internal/faults -count=1 -timeout 20m -args -report $(CURDIR)/docs/faults.md

.PHONY: bench
bench: deps ## measure redisconn beside its rivals, about twelve minutes, and write docs/benchmarks.md
	cd benchmarks && $(GO) run . -out ../docs

.PHONY: bench-gate
bench-gate: deps ## fail when redisconn misses a target of speed, by ratio inside the run
	cd benchmarks && $(GO) run . -gate
.PHONY: faults-lane
faults-lane: deps ## the same promises with every command that may on the lane; writes nothing
	$(GO) test ./internal/faults -count=1 -timeout 20m -args -pipelining always

.PHONY: fuzz
fuzz: ## run every fuzz target for 20 seconds
	@set -e; for pkg in $$($(GO) list ./...); do \
		for target in $$($(GO) test -list '^Fuzz' $$pkg | grep '^Fuzz' || true); do \
			echo "$$pkg $$target"; $(GO) test $$pkg -run '^$$' -fuzz "^$$target$$" -fuzztime 20s; \
		done; \
	done

.PHONY: golden
golden: ## write the golden files anew; read the diff before you commit it
	$(GO) test . ./doctor ./healthhttp -run 'Golden|IsUpToDate' -update
	$(GO) test ./cmd/... -run 'Golden' -update
	cd benchmarks && $(GO) test ./internal/report -run Golden -update

.PHONY: browser-test
browser-test: deps ## the status page in a real Chromium: installs one where it is missing
	@scripts/need-chromium
	cd statuspage/browsertest && REDISCONN_REQUIRE_CHROMIUM=1 $(GO) test -count=1 ./...

.PHONY: screenshots
screenshots: deps ## take the pictures in docs/images anew; look at them before you commit them
	@scripts/need-chromium
	@mkdir -p docs/images
	cd statuspage/browsertest && $(GO) test -count=1 -run 'Screenshots|Deployments' . -args -screenshots $(CURDIR)/docs/images
