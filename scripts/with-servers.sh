#!/usr/bin/env bash
# Runs a command with a private PostgreSQL and Redis, as they come out of the box (durable), and removes them after it:
#
#   scripts/with-servers.sh bin/quantix bench --connections 1000
#
# The command finds them in DATABASE_URL and REDIS_URL. Settings of PostgreSQL can be added in PG_OPTIONS.
set -euo pipefail
[ $# -gt 0 ] || { sed -n '2,6s/^# \{0,1\}//p' "$0" >&2; exit 2; }

bin=${QUANTIX_TEST_PG_BIN:-$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -1)}
[ -n "$bin" ] || bin=$(dirname "$(command -v initdb)")
redis=${QUANTIX_TEST_REDIS_BIN:-$(command -v redis-server)}
dir=$(mktemp -d "${TMPDIR:-/tmp}/quantix-servers.XXXXXX")
pg_port=$((20000 + RANDOM % 20000))
redis_port=$((pg_port + 1))

# PostgreSQL refuses to run as root.
as() { if [ "$(id -u)" = 0 ]; then setpriv --reuid=postgres --regid=postgres --clear-groups -- "$@"; else "$@"; fi; }

cleanup() {
	as "$bin/pg_ctl" -D "$dir/pg" -m immediate stop >/dev/null 2>&1 || true
	[ -z "${redis_pid:-}" ] || kill "$redis_pid" 2>/dev/null || true
	rm -rf "$dir"
}
trap cleanup EXIT

chmod 755 "$dir"
mkdir "$dir/pg" "$dir/redis"
[ "$(id -u)" != 0 ] || chown postgres:postgres "$dir/pg"
as "$bin/initdb" -D "$dir/pg" -U postgres -A trust -E UTF8 --locale=C >/dev/null
as "$bin/pg_ctl" -D "$dir/pg" -w -l "$dir/pg/log" \
	-o "-h 127.0.0.1 -p $pg_port -k $dir/pg -c max_connections=200 -c shared_buffers=256MB -c max_wal_size=4GB ${PG_OPTIONS:-}" start >/dev/null
"$redis" --bind 127.0.0.1 --port "$redis_port" --save '' --dir "$dir/redis" --logfile "$dir/redis/log" --daemonize no &
redis_pid=$!
until (exec 3<>"/dev/tcp/127.0.0.1/$redis_port") 2>/dev/null; do
	kill -0 "$redis_pid" || exit 1
	sleep 0.05
done

export DATABASE_URL="postgres://postgres@127.0.0.1:$pg_port/quantix" REDIS_URL="127.0.0.1:$redis_port"
"$@"
