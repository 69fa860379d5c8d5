#!/usr/bin/env bash
# Runs schemathesis, all its checks, on the built program: with the embedded store, then with a private PostgreSQL and Redis.
# It fails if a check fails that scripts/stfindings/testdata/schemathesis-baseline.json does not have.
#
#   make schemathesis [SCHEMATHESIS="--max-examples 50"]
#
# It needs schemathesis 4.32.5: pip install schemathesis==4.32.5
set -euo pipefail
want=4.32.5
command -v schemathesis >/dev/null || { echo "this needs schemathesis $want: pip install schemathesis==$want" >&2; exit 1; }
schemathesis --version | grep -qF "$want" || { echo "this needs schemathesis $want, not $(schemathesis --version)" >&2; exit 1; }

if [ "${1:-}" != --serving ]; then
	status=0
	"$0" --serving "$@" || status=$?
	scripts/with-servers.sh "$0" --serving "$@" || status=$?
	exit "$status"
fi
shift

dir=$(mktemp -d "${TMPDIR:-/tmp}/quantix-schemathesis.XXXXXX")
port=$((20000 + RANDOM % 20000))
HOST=127.0.0.1 PORT=$port DATA_DIR=$dir LOG_LEVEL=warn bin/quantix serve &
server=$!
trap 'kill "$server" 2>/dev/null || true; wait "$server" || true; rm -rf "$dir"' EXIT
until curl -fs "http://127.0.0.1:$port/readyz" >/dev/null; do kill -0 "$server"; sleep 0.1; done
# It ends with 1 when a check fails; whether one may is in the baseline.
schemathesis run "http://127.0.0.1:$port/openapi.json" --checks all --mode all --seed 1 --continue-on-failure \
	--report ndjson --report-ndjson-path "$dir/report.ndjson" "$@" || [ $? = 1 ]
go run -tags nomsgpack ./scripts/stfindings scripts/stfindings/testdata/schemathesis-baseline.json "$dir/report.ndjson"
