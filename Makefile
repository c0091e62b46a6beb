# quick: nothing but Go. test: installs PostgreSQL, a PDS, Python's cryptography,
# Chromium and judges of pages if they are missing.
.PHONY: demo replay-bluesky quick test race bench bench-casework bench-watch lint

demo:
	go run ./cmd/countersign demo

# The eleven minutes against a PDS of its own. Standard output is one JSON document.
replay-bluesky:
	@test/replay.sh eleven-minutes

# What needs a server, Python or a browser is left out, and said at the end.
quick:
	go vet ./...
	env -u COUNTERSIGN_POSTGRES -u COUNTERSIGN_PDS -u COUNTERSIGN_PYTHON -u COUNTERSIGN_BROWSER -u COUNTERSIGN_WEBTOOLS -u COUNTERSIGN_REQUIRE go run ./test/suite .

test:
	@test/run.sh test

race:
	@test/run.sh race

bench:
	@test/run.sh bench

# Reports, cases and decisions. MINUTES is for how long 200 reports a second come in.
bench-casework:
	@MINUTES=$(or $(MINUTES),2) test/run.sh bench-casework

# How soon the watch restores: about an hour, since it pauses between its rounds.
bench-watch:
	@test/install.sh >&2
	@go run ./test/bench -watch

STATICCHECK = v0.8.2

lint:
	@test -z "$$(gofmt -l .)" || { echo "not formatted:"; gofmt -l .; exit 1; }
	go vet ./...
	GOBIN=$(CURDIR)/.cache/bin go install honnef.co/go/tools/cmd/staticcheck@$(STATICCHECK)
	.cache/bin/staticcheck ./...
