#!/usr/bin/env bash
# PostgreSQL 15.20 (Debian 12).
# `enable_nestloop = off` does not forbid nested loops: where a query has no other plan (a LATERAL subquery, say) it adds
# 10,000,000,000 to the plan's cost instead. That is above jit_above_cost, jit_inline_above_cost and
# jit_optimize_above_cost at once, so the smallest query is compiled by LLVM with every optimization, each time it runs:
# hundreds of milliseconds where it took one tenth of one. Seen 2026-11-27:
#
#   before:  Nested Loop Left Join  (cost=2.27..3.43 …), no JIT, 0.09 ms
#   after:   Nested Loop Left Join  (cost=10000000002.27..10000000003.43 …), JIT: Inlining true, Optimization true, 1,598 ms
set -euo pipefail
source "$(dirname "$0")/postgres.bash"

"$bin/psql" -Xqt -h "$dir/data" -U postgres >plans <<'END'
SELECT version();
CREATE TABLE events (id int PRIMARY KEY, total int);
CREATE TABLE bookings (id int PRIMARY KEY, event_id int, quantity int);
INSERT INTO events SELECT i, 100 FROM generate_series(1, 10) i;
INSERT INTO bookings SELECT i, i % 10 + 1, 1 FROM generate_series(1, 100) i;
ANALYZE;
\set query 'SELECT e.id, s.taken FROM events e LEFT JOIN LATERAL (SELECT sum(quantity) AS taken FROM bookings b WHERE b.event_id = e.id) s ON true WHERE e.id = 3'
EXPLAIN ANALYZE :query;
SELECT 'enable_nestloop = off';
SET enable_nestloop = off;
EXPLAIN ANALYZE :query;
END
cat plans
before=$(sed '/enable_nestloop = off/,$d' plans) after=$(sed -n '/enable_nestloop = off/,$p' plans)
! grep -q 'JIT:' <<<"$before"
grep -q 'Nested Loop.*cost=1000000000' <<<"$after"
grep -q 'Options: Inlining true, Optimization true' <<<"$after"
echo "as it was: without nested loops the smallest query is compiled with every optimization"
