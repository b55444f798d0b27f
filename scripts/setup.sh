#!/bin/bash
# Installs what the tests need and a fresh Debian lacks: PostgreSQL's server
# programs. Nothing is started; each test binary runs a server of its own.
#
# Where it can't install it says what is missing. The tests then run on SQLite
# alone, so under CI=true that is a failure.
set -euo pipefail

have_postgres() {
	compgen -G '/usr/lib/postgresql/*/bin/postgres' >/dev/null ||
		{ command -v postgres && command -v initdb; } >/dev/null
}

missing() {
	echo "setup: PostgreSQL's server programs (initdb, postgres; 15 or newer) are missing: $1" >&2
	if [[ ${CI:-} == true ]]; then
		exit 1
	fi
	echo "setup: going on without; tests run on SQLite alone" >&2
	exit 0
}

# Debian makes and starts a database cluster on installation unless told not to.
no_default_cluster() {
	local conf=/etc/postgresql-common/createcluster.conf
	if [[ ! -e $conf ]]; then
		mkdir -p "${conf%/*}"
		echo 'create_main_cluster = false' >"$conf"
	fi
}

apt_install() {
	DEBIAN_FRONTEND=noninteractive UCF_FORCE_CONFFOLD=1 apt-get -qq -y \
		-o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 \
		install --no-install-recommends "$@"
}

if have_postgres; then
	exit 0
fi
if ! command -v apt-get >/dev/null; then
	missing "install PostgreSQL with this system's package manager"
fi
if ((EUID != 0)); then
	missing "run 'apt-get install postgresql' as root"
fi

echo "setup: installing postgresql"
no_default_cluster
log=$(mktemp)
trap 'rm -f "$log"' EXIT
# The package lists of a fresh system are empty or old: only then fetch them.
if ! apt_install postgresql >"$log" 2>&1 &&
	! { apt-get -qq update && apt_install postgresql; } >"$log" 2>&1; then
	cat "$log" >&2
	missing "apt-get could not install the package postgresql"
fi
