#!/usr/bin/env bash
# Runs tests against real servers: run.sh test | race | bench | bench-casework
# Installs what is missing beside building, starts a PostgreSQL cluster of its own,
# demands that PostgreSQL, the PDS, Python and Chromium are there, and ends what it started however
# it ends itself. The last line is the counts.
set -euo pipefail
cd "$(dirname "$0")/.."
top=$PWD
what=${1:-test}
started=$SECONDS

# Durability costs time that only the benchmarks are there to measure: a test waits for a
# slow disk's flushes most of its time. Where memory can hold them, the databases of the tests
# live there. No test cuts a machine's power; one that kills a process finds its files as before.
folder_for_tests() {
	local memory=/dev/shm free available
	case $what in bench*) memory= ;; esac
	if [ -n "$memory" ] && [ -w "$memory" ]; then
		free=$(df --output=avail -k "$memory" | tail -n 1)
		available=$(awk '/^MemAvailable:/ {print $2}' /proc/meminfo)
		if [ "$free" -gt 6000000 ] && [ "$available" -gt 12000000 ] && runs_programs "$memory"; then
			mktemp -d "$memory/cs-XXXXXX" # short: sockets under it have names of at most 107 bytes
			return
		fi
	fi
	mktemp -d "${TMPDIR:-/tmp}/countersign-test-XXXXXX"
}

# Some machines mount memory so that no program in it may be started, and `go test` starts some.
runs_programs() {
	local try ok=1
	try=$(mktemp "$1/countersign-try-XXXXXX")
	printf '#!/bin/sh\nexit 0\n' >"$try"
	chmod +x "$try"
	if "$try" 2>/dev/null; then ok=0; fi
	rm -f "$try"
	return $ok
}

work=$(folder_for_tests)
chmod 755 "$work"
cluster= installer=

finish() {
	local status=$?
	trap - EXIT INT TERM
	if [ -n "$installer" ]; then
		kill -- "-$installer" 2>/dev/null || true
	fi
	if [ -n "$cluster" ]; then
		postgres_user "$cluster/pg_ctl" -D "$work/data" -m immediate stop >/dev/null 2>&1 || true
	fi
	rm -rf "$work"
	exit "$status"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

say() { printf '\n== %s\n' "$*"; }

phase() { # NAME COMMAND…
	local name=$1 begin=$SECONDS
	shift
	if ! "$@"; then
		printf '  %4d s  %s: FAILED\n' $((SECONDS - begin)) "$name"
		return 1
	fi
	printf '  %4d s  %s\n' $((SECONDS - begin)) "$name"
}

# --- install beside build

install_beside_build() {
	say "install, beside build"
	if [ "$(id -u)" != 0 ] && ! { compgen -G '/usr/lib/postgresql/*/bin/initdb' && /usr/bin/python3 -c 'import cryptography' && [ -x /usr/bin/chromium ]; } >/dev/null 2>&1; then
		sudo -v # ask for the password now, not behind the build's output
	fi
	set -m # a process group of its own, so that it can be ended as a whole
	"$top/test/install.sh" >"$work/install.out" 2>"$work/install.log" &
	installer=$!
	set +m
	local built=0
	phase "go build" build || built=1
	local installed=0
	wait "$installer" || installed=1
	installer=
	cat "$work/install.out"
	if [ $installed != 0 ]; then
		say "the install's own words"
		tail -n 60 "$work/install.log"
	fi
	[ $built = 0 ] && [ $installed = 0 ]
}

# The packages of the tests are compiled as well: the installer mostly waits meanwhile.
build() {
	go build ./... && go vet ./... && go list -export -test ./... >/dev/null || return 1
	if [ -f test/peers/go.mod ]; then
		(cd test/peers && go vet ./...) || return 1
	fi
}

# --- PostgreSQL: a cluster of our own in a temporary folder

# PostgreSQL refuses to run as root.
postgres_user() {
	if [ "$(id -u)" = 0 ]; then (cd / && exec runuser -u postgres -- "$@"); else "$@"; fi
}

start_postgres() {
	local bin port try sync=off
	bin=$(dirname "$(compgen -G '/usr/lib/postgresql/*/bin/initdb' | sort -V | tail -n 1)")
	# Durability costs time that only the benchmarks are there to measure.
	case $what in bench*) sync=on ;; esac
	mkdir "$work/data"
	if [ "$(id -u)" = 0 ]; then chown postgres "$work/data"; fi
	postgres_user "$bin/initdb" -D "$work/data" -U countersign --auth=trust --locale=C --encoding=UTF8 --no-sync >"$work/postgres.log" 2>&1 ||
		{ cat "$work/postgres.log"; return 1; }
	for try in 1 2 3 4 5; do
		port=$((20000 + RANDOM % 12000))
		if postgres_user "$bin/pg_ctl" -D "$work/data" -w -t 60 -l "$work/data/server.log" -o "-p $port \
			-c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c max_connections=300 \
			-c shared_buffers=256MB -c fsync=$sync -c full_page_writes=$sync" start >/dev/null 2>&1; then
			cluster=$bin
			export COUNTERSIGN_POSTGRES="postgres://countersign@127.0.0.1:$port/postgres?sslmode=disable"
			return 0
		fi
		echo "port $port did not work (try $try of 5)"
	done
	tail -n 20 "$work/data/server.log"
	return 1
}

# --- tests

# Go begins packages in this order. The long ones come first, so that none of them is left
# for the end, with one core at work.
longest=./cmd/countersign,./desk,./test/system,./executor,./ledger/proof,./test/testenv

modules() { # PATTERNS
	echo ".:$longest,$1"
	if [ -f test/peers/go.mod ] && [ "$1" = ./... ]; then echo test/peers; fi
}

# The counts come after the phases, as the last line of all.
all_but_counts() { tee "$work/suite.out" | sed -u '$d'; }

failed_early() {
	printf '\n0 passed, 1 failed\n'
	exit 1
}

install_beside_build || failed_early
say "servers"
phase "PostgreSQL cluster" start_postgres || failed_early
export COUNTERSIGN_PDS=$top/test/platforms/atproto
export COUNTERSIGN_PYTHON=/usr/bin/python3
export COUNTERSIGN_BROWSER=/usr/bin/chromium
export COUNTERSIGN_WEBTOOLS=$top/test/web
export COUNTERSIGN_REQUIRE=postgres,pds,python,browser
go build -o "$work/suite" ./test/suite
case $what in
test | race)
	export TMPDIR=$work
	;;
esac

status=0
begin=$SECONDS
case $what in
test)
	say "tests"
	mapfile -t run < <(modules ./...)
	"$work/suite" -flags "-timeout=60m" "${run[@]}" | all_but_counts || status=1
	;;
race)
	say "tests under the race detector"
	# What is compared with the second reader of warrants runs one after the other.
	unset COUNTERSIGN_PYTHON COUNTERSIGN_BROWSER COUNTERSIGN_WEBTOOLS
	export COUNTERSIGN_REQUIRE=postgres,pds
	# What verifies warrants and bundles does so one after the other, some ten thousand times,
	# and random histories of cases, edited rows and random rules in backtests come one after
	# the other: where nothing runs side by side, no race is found. For the same reason a test
	# of the desk plays on one database (desktest.Each), unless people or nodes meet in it
	# (desktest.Both).
	# The race detector also checks pointers. SQLite is C turned into Go, nearly all of
	# it pointers, and no race of ours is found there: a tenth of the time is saved.
	"$work/suite" -flags "-race -timeout=90m -skip=^TestCaseHistories|^TestTamperedDocuments|^TestBacktestOneHold|^TestYear$ -gcflags=modernc.org/...=-d=checkptr=0" ".:./desk/...,./executor/...,./ledger,./sqldb/..." ".:./ledger/proof:InParallel" | all_but_counts || status=1
	;;
bench)
	say "benchmarks"
	go run ./test/bench || exit 1
	exit 0
	;;
bench-casework)
	say "benchmarks of casework"
	go run ./test/bench -casework -minutes "${MINUTES:-2}" || exit 1
	exit 0
	;;
*)
	echo "usage: run.sh test | race | bench | bench-casework" >&2
	exit 2
	;;
esac
printf '  %4d s  %s\n  %4d s  altogether\n\n' $((SECONDS - begin)) "$what" $((SECONDS - started))
tail -n 1 "$work/suite.out"
exit $status
