#!/usr/bin/env bash
# Makes sure that the tests find a PostgreSQL (15 or newer) and a Redis to
# start, and a Python 3 for the script that checks the feed; where these are
# missing, nginx is installed along with them. What is missing
# is installed where this may be done (root, apt-get);
# elsewhere it says what to do and ends with 1. Nothing is started on the
# standard ports: the tests start their own servers.
set -euo pipefail

oldest=15

# major DIR: the major version of the PostgreSQL in DIR, 0 if there is none.
major() {
	local version=0
	if [[ -x $1/initdb && -x $1/postgres ]]; then
		version=$("$1/postgres" --version | sed -n 's/.*(PostgreSQL) \([0-9][0-9]*\).*/\1/p')
	fi
	echo "${version:-0}"
}

has_postgres() {
	local dir in_path=
	if [[ -n ${QUANTIX_TEST_PG_BIN:-} ]]; then
		(($(major "$QUANTIX_TEST_PG_BIN") >= oldest))
		return
	fi
	in_path=$(command -v postgres || true)
	for dir in /usr/lib/postgresql/*/bin ${in_path:+"$(dirname "$in_path")"}; do
		(($(major "$dir") >= oldest)) && return 0
	done
	return 1
}

has_redis() {
	if [[ -n ${QUANTIX_TEST_REDIS_BIN:-} ]]; then
		command -v "$QUANTIX_TEST_REDIS_BIN" >/dev/null
		return
	fi
	command -v redis-server >/dev/null || command -v valkey-server >/dev/null
}

# missing: the Debian packages of what is not there.
missing() {
	has_postgres || echo postgresql
	has_redis || echo redis-server
	command -v python3 >/dev/null || echo python3
}

# install PACKAGES: without the services being started. Debian's maintainer
# scripts ask policy-rc.d before they start anything; 101 means no.
install_packages() {
	local policy=/usr/sbin/policy-rc.d
	if [[ ! -e $policy ]]; then
		trap 'rm -f /usr/sbin/policy-rc.d' EXIT
		printf '#!/bin/sh\nexit 101\n' >"$policy"
		chmod 755 "$policy"
	fi
	apt-get update -q
	DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "$@"
}

# advise PACKAGES: what a person can do.
advise() {
	cat >&2 <<-END
		The tests need PostgreSQL $oldest or newer, Redis 7 or newer and Python 3, and found no: $*

		  Debian, Ubuntu:  sudo apt-get install postgresql redis-server python3
		                   (PostgreSQL older than $oldest there? see https://www.postgresql.org/download/)
		  Fedora:          sudo dnf install postgresql-server redis python3
		  macOS:           brew install postgresql@16 redis python3

		They need not be running. If they are in unusual places, say where:
		  QUANTIX_TEST_PG_BIN     the directory that has initdb and postgres
		  QUANTIX_TEST_REDIS_BIN  the program redis-server
	END
}

packages=$(missing)
[[ -z $packages ]] && exit 0
if [[ -n ${QUANTIX_TEST_PG_BIN:-}${QUANTIX_TEST_REDIS_BIN:-} ]] || ((EUID != 0)) || ! command -v apt-get >/dev/null; then
	# shellcheck disable=SC2086 # one word for each package
	advise $packages
	exit 1
fi
echo "+ apt-get install" $packages nginx
# nginx is the proxy of docs/operations.md; the tests have a stand-in where it is not there.
# shellcheck disable=SC2086
install_packages $packages nginx || install_packages $packages
packages=$(missing)
if [[ -n $packages ]]; then
	# shellcheck disable=SC2086
	advise $packages
	exit 1
fi
