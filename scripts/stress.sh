#!/usr/bin/env bash
# Runs tests again and again while every core is kept busy, as on a machine that others use as well: no test may depend on
# how fast it is. It ends with 1 when a run failed, and keeps that run's output.
#   scripts/stress.sh RUNS package...
set -euo pipefail

runs=$1
shift
cores=$(getconf _NPROCESSORS_ONLN)
out=$(mktemp -d "${TMPDIR:-/tmp}/stress.XXXXXX")
busy=()
end() { kill "${busy[@]}" 2>/dev/null || true; }
trap end EXIT
for _ in $(seq "$cores"); do
	(while :; do :; done) &
	busy+=($!)
done

failed=0
for run in $(seq "$runs"); do
	begun=$SECONDS
	if go test -tags nomsgpack -count 1 -timeout 20m "$@" >"$out/$run" 2>&1; then
		verdict=ok
		rm "$out/$run"
	else
		verdict="FAILED, see $out/$run"
		failed=$((failed + 1))
	fi
	echo "run $run of $runs: $verdict ($((SECONDS - begun)) s)"
done
echo "$((runs - failed)) of $runs runs passed with $cores cores kept busy"
((failed == 0))
