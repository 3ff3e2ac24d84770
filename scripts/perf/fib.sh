#!/usr/bin/env bash
# Throughput of /fib at saturation: a node with a pool thread a core, against a bare loop of the same function.
# shellcheck disable=SC1091 # .shellcheckrc says where to find what this sources
set -euo pipefail
source "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
need wrk

NUMBER=${NUMBER:-32}
rounds 7 5
BARE=$(example bare_fib)

start_node fib 0,1 --workers 2 --pool-threads 2
# The generator runs on the same two cores, since there are no others; wrk takes next to nothing of them at this rate.
served() {
  taskset -c 0,1 wrk -t1 -c8 -d"$SECONDS_EACH"s --timeout 30s "$NODE_URL/fib?number=$NUMBER" | awk '/^Requests\/sec/ { print $2 }'
}
for ((round = 0; round < ROUNDS; round++)); do
  bare=$(taskset -c 0,1 "$BARE" "$NUMBER" 2 "$SECONDS_EACH")
  node=$(served)
  printf '%s %s %s\n' "$(ratio "$node" "$bare")" "$node" "$bare"
done >"$WORK/fib"
column() { awk -v n="$1" '{ print $n }' "$WORK/fib" | median; }
printf '/fib?number=%s on two cores, medians of %s interleaved runs of %s s:\n' "$NUMBER" "$ROUNDS" "$SECONDS_EACH"
printf '  bare loop  %8.2f a second\n  /fib       %8.2f a second\n' "$(column 3)" "$(column 2)"
share=$(column 1)
printf '  /fib / bare loop                   %.3f   at least 0.97   %s\n' "$share" "$(verdict_least "$share" 0.97)"
