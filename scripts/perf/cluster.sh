#!/usr/bin/env bash
# What a balancer costs at half load, and what the death of a node costs at full load: with the real ones, on one machine.
# shellcheck disable=SC1091,SC2153 # lib.sh sets WORK
set -euo pipefail
source "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck disable=SC2154 # lib.sh says where root is
source "$root/scripts/lib/network.sh"
# shellcheck disable=SC2034 # the tests' helpers write there
work=$WORK log=$WORK/log
source "$root/tests/cluster/common.sh"
source "$root/tests/cluster/load.sh"
need haproxy nginx=nginx-light

rounds 7 3
KILLS=${KILLS:-5}
export WEBAPP_BIN WEBAPP_STATE_DIR=$WORK/state
readonly QUESTION='/fib?number=24'

leave() {
  local name
  trap '' INT TERM
  [[ -z "${LOAD_PID:-}" ]] || kill "$LOAD_PID" 2>/dev/null || true
  for name in "$WEBAPP_STATE_DIR"/*/; do
    [[ ! -d "$name" ]] || cluster down --name "$(basename "$name")" || true
  done
  end_started
}
trap leave EXIT

# measure URL OPTIONS…: `webapp load`; its JSON. A run in which the generator was late counts, as it is late on every side, and is told.
measure() {
  local url=$1 code=0
  shift
  "$WEBAPP_BIN" load --duration "${SECONDS_EACH}s" --warmup 1s --json - "$@" "$url$QUESTION" 2>>"$log" || code=$?
  ((code == 0 || code == 3)) || die "the load on $url was not measured: $(tail -n 2 "$log")"
}

# processes BALANCER PID: its processes
processes() {
  echo "$2"
  [[ "$1" != nginx ]] || tr ' ' '\n' <"/proc/$2/task/$2/children"
}

# --- at half load ---

declare -A URL=() PIDS=() RATE=()
for balancer in haproxy nginx; do
  answer=$(cluster up --name "$balancer" --balancer "$balancer" --nodes 2 --port "$(free_port)") || die "no cluster: $(cat "$log")"
  URL[$balancer]=$(jq -r .target <<<"$answer")
  PIDS[$balancer]=$(processes "$balancer" "$(jq .balancer.pid <<<"$answer")")
done
URL[node]=$(jq -r '.nodes[0].url' <<<"$answer")
ceiling=$(measure "${URL[haproxy]}" --connections 16 | jq .throughput_per_second)
# Each of the two nodes gets the same on every side.
RATE[haproxy]=$(awk -v c="$ceiling" 'BEGIN { printf "%d", c / 2 }') RATE[nginx]=${RATE[haproxy]}
RATE[node]=$(awk -v r="${RATE[haproxy]}" 'BEGIN { printf "%.1f", r / 2 }')
tick=$(getconf CLK_TCK)
for ((round = 0; round < ROUNDS; round++)); do
  for side in node haproxy nginx; do
    # shellcheck disable=SC2086 # a list of process numbers
    before=$(cpu_ticks ${PIDS[$side]-$$})
    result=$(measure "${URL[$side]}" --rate "${RATE[$side]}")
    # shellcheck disable=SC2086
    after=$(cpu_ticks ${PIDS[$side]-$$})
    [[ "$(jq -c .errors <<<"$result")" == '{}' ]] || die "requests failed: $(jq -c .error_examples <<<"$result")"
    jq .latency_milliseconds.p50 <<<"$result" >>"$WORK/$side.p50"
    jq -r .generator.verdict <<<"$result" >>"$WORK/verdicts"
    # The ticks are those of the warm-up, too.
    jq -r --argjson ticks "$((after - before))" --argjson hz "$tick" --argjson s "$SECONDS_EACH" \
      '$ticks * 1e6 / $hz / (.requests_total * ($s + 1) / $s)' <<<"$result" >>"$WORK/$side.cpu"
  done
done
echo "half load: $QUESTION at ${RATE[haproxy]} requests a second on two nodes of a quarter of a core (ceiling: ${ceiling%.*}), ${RATE[node]} on one without balancer;"
echo "medians of $ROUNDS interleaved runs of $SECONDS_EACH s (in $(grep -vc '^valid' "$WORK/verdicts" || true) of all $(wc -l <"$WORK/verdicts") the generator was late):"
printf '  %-38s %8.3f ms\n' 'p50 of a node, straight' "$(median <"$WORK/node.p50")"
for balancer in haproxy nginx; do
  added=$(paste "$WORK/$balancer.p50" "$WORK/node.p50" | awk '{ print $1 - $2 }' | median)
  printf '  %-38s %8.3f ms   at most 1 ms   %s\n' "$balancer adds to p50" "$added" "$(verdict "$added" 1)"
  printf '  %-38s %8.1f µs\n' "$balancer, CPU a request" "$(median <"$WORK/$balancer.cpu")"
done
cluster down --name haproxy
cluster down --name nginx

# --- a node dies at full load ---

up --nodes 4 --balancer haproxy || die "no cluster: $(cat "$log")"
load_start "${FULL_LOAD[@]}"
for ((round = 0; round < KILLS; round++)); do
  kill_round || die "the dead node stayed in"
  echo "$KILL_MS" >>"$WORK/out"
  echo "$KILL_CHECKS" >>"$WORK/checks"
  throughput_figures "$WORK/throughput" "$KILLED_AT" >>"$WORK/gaps"
done
load_end || die "the load did not last"
failed=$(jq '.requests_total - .requests_ok' <<<"$LOAD")
echo "full load: ${FULL_LOAD[0]} connections on four nodes, one of which is killed (kill -9) and comes back, $KILLS times in one load:"
printf '  %-38s %8d      none           %s\n' "failed of $(jq .requests_total <<<"$LOAD") requests" "$failed" "$(verdict "$failed" 0)"
printf '  %-38s %8.2f s    (median)\n' 'out of the rotation after' "$(median <"$WORK/out" | awk '{ print $1 / 1000 }')"
most=$(sort -n "$WORK/checks" | tail -n 1)
printf '  %-38s %8d      at most 2      %s\n' 'failed health checks until then, most' "$most" "$(verdict "$most" 2)"
printf '  %-38s %8.0f a second\n' 'answers before (median)' "$(cut -d' ' -f1 "$WORK/gaps" | median)"
printf '  %-38s %8.0f a second\n' 'in the first second after' "$(cut -d' ' -f2 "$WORK/gaps" | median)"
printf '  %-38s %8.0f a second\n' 'in the worst tenth of a second after' "$(cut -d' ' -f3 "$WORK/gaps" | median)"
