#!/usr/bin/env bash
# Fails when the program reaches a known vulnerability, its own modules' or the standard library's. The database is the
# module golang.org/x/vulndb at a fixed version, so that this works wherever modules can be had, and says the same tomorrow;
# VULNDB=v0.0.0-… takes a newer one, VULNDB=live asks the Go project's own server.
#
#   scripts/vulncheck.sh
set -euo pipefail
cd "$(dirname "$0")/.."

govulncheck=golang.org/x/vuln/cmd/govulncheck@v1.9.0
vulndb=${VULNDB:-v0.0.0-20261105234957-e22db6528018}

# database VERSION: prints the directory of the database, and makes it first where it is not there yet.
database() {
	local source dir
	dir=${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/quantix/vulndb/$1
	if [[ ! -e $dir/index/db.json ]]; then
		echo "+ making the database of vulnerabilities $1 (once; some minutes)" >&2
		source=$(go mod download -json "golang.org/x/vulndb@$1" | sed -n 's/^[[:space:]]*"Dir": "\(.*\)",\{0,1\}$/\1/p')
		mkdir -p "$dir"
		go run "golang.org/x/vulndb/cmd/indexdb@$1" -vulns "$source/data/osv" -out "$dir" >&2
	fi
	echo "$dir"
}

where=()
if [[ $vulndb != live ]]; then
	where=(-db "file://$(database "$vulndb")")
fi
echo "+ govulncheck ${where[*]+${where[*]}} ./..."
exec go run "$govulncheck" -tags nomsgpack ${where[@]+"${where[@]}"} ./...
