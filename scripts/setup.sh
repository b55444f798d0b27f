#!/bin/bash
# Installs what the tests need and a fresh Debian lacks: PostgreSQL's server
# programs and Redis, the HTTP clients that resellers use, the runners of the SDKs' tests, and
# the browser that visitors use.
# Nothing is started; each test binary runs a server or a browser of its own.
#
# Where it can't install it says what is missing. The tests that need it are then
# skipped, so under CI=true that is a failure.
set -euo pipefail
cd "$(dirname "$0")/.."

readonly clients=e2e/transports browser=e2e/browser javascript=sdk/js
log=$(mktemp)
trap 'rm -f "$log"' EXIT

have_postgres() {
	compgen -G '/usr/lib/postgresql/*/bin/postgres' >/dev/null ||
		{ command -v postgres && command -v initdb; } >/dev/null
}

# The tests run the first node of the path; fetch came with version 18.
have_node() { node --eval 'process.exit(typeof fetch === "function" ? 0 : 1)' 2>/dev/null; }

have_php_curl() { php -r 'exit(function_exists("curl_init") ? 0 : 1);' >/dev/null 2>&1; }

# Debian's Python has Debian's packages; another one may come first in the path.
have_python() { /usr/bin/python3 -c "import $1" 2>/dev/null; }

# have_modules reports whether npm has installed what the lock file of a folder names.
have_modules() { [[ $1/node_modules/.package-lock.json -nt $1/package-lock.json ]]; }

# lacking prints the Debian packages to install.
lacking() {
	have_postgres || echo postgresql # 15 or newer
	command -v redis-server >/dev/null || echo redis-server
	command -v php >/dev/null || echo php-cli
	have_php_curl || echo php-curl
	command -v phpunit >/dev/null || echo phpunit
	have_python requests || echo python3-requests
	have_python httpx || echo python3-httpx
	have_python pytest || echo python3-pytest
	have_python setuptools || echo python3-setuptools
	have_python wheel || echo python3-wheel
	[[ -x /usr/bin/mypy ]] || echo mypy
	have_node || echo nodejs
	command -v npm >/dev/null || echo npm
	command -v curl >/dev/null || echo curl
	command -v chromium chromium-browser google-chrome-stable google-chrome >/dev/null || echo chromium
}

missing() {
	echo "setup: missing: $1: $2" >&2
	if [[ ${CI:-} == true ]]; then
		exit 1
	fi
	echo "setup: going on without; tests that need it are skipped" >&2
}

# Debian makes and starts a database cluster on installation unless told not to.
no_default_cluster() {
	local conf=/etc/postgresql-common/createcluster.conf
	if [[ ! -e $conf ]]; then
		mkdir -p "${conf%/*}"
		echo 'create_main_cluster = false' >"$conf"
	fi
}

# Debian starts the servers that it installs unless a policy says no.
no_services() {
	local policy=/usr/sbin/policy-rc.d
	if [[ ! -e $policy ]]; then
		printf '#!/bin/sh\nexit 101\n' >"$policy"
		chmod +x "$policy"
		trap 'rm -f "$log" /usr/sbin/policy-rc.d' EXIT
	fi
}

apt_install() {
	DEBIAN_FRONTEND=noninteractive UCF_FORCE_CONFFOLD=1 apt-get -qq -y \
		-o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 \
		install --no-install-recommends "$@"
}

install_packages() {
	local packages
	mapfile -t packages < <(lacking)
	if ((${#packages[@]} == 0)); then
		return
	fi
	if ! command -v apt-get >/dev/null; then
		missing "${packages[*]}" "install them with this system's package manager"
		return
	fi
	if ((EUID != 0)); then
		missing "${packages[*]}" "run 'apt-get install ${packages[*]}' as root"
		return
	fi
	echo "setup: installing ${packages[*]}"
	no_default_cluster
	no_services
	# The package lists of a fresh system are empty or old: only then fetch them.
	if ! apt_install "${packages[@]}" >"$log" 2>&1 &&
		! { apt-get -qq update && apt_install "${packages[@]}"; } >"$log" 2>&1; then
		cat "$log" >&2
		missing "${packages[*]}" "apt-get could not install them"
		return
	fi
	mapfile -t packages < <(lacking)
	if ((${#packages[@]} > 0)); then
		missing "${packages[*]}" "installed, but not found in the path or too old"
	fi
}

# install_modules installs a folder's packages; the second argument names them.
install_modules() {
	if have_modules "$1"; then
		return
	fi
	echo "setup: installing $2"
	if ! npm --prefix "$1" ci --ignore-scripts --no-audit --no-fund >"$log" 2>&1; then
		cat "$log" >&2
		missing "$2" "npm could not install it"
	fi
}

install_packages
install_modules "$clients" axios
install_modules "$browser" axe-core
install_modules "$javascript" TypeScript
