#!/usr/bin/env bash
# The simulator: its results against queueing theory, events a second, memory, and time an event over the number of nodes.
# shellcheck disable=SC1091 # .shellcheckrc says where to find what this sources
set -euo pipefail
source "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

REQUESTS=${REQUESTS:-1e7}
SEED=${SEED:-1}
failed=0

simulate() { "$WEBAPP_BIN" simulate --seed "$SEED" --json - "$@"; }

# row NAME TRUTH [flags]: the mean time in the system; reached within 1 % or the run's own 95 % interval.
row() {
  local name=$1 truth=$2 value low high difference judgement
  shift 2
  read -r value low high difference judgement < <(simulate --requests "$requests" "$@" | jq -r --argjson t "$truth" \
    '.outcome.time_in_system.mean | .interval_95 as [$low, $high] | [.value, $low, $high, (.value / $t - 1) * 100,
     (if ((.value / $t - 1) | fabs) < 0.01 or ($low <= $t and $t <= $high) then "reached" else "MISSED" end)] | @tsv')
  printf '  %-36s theory %8.4f  simulated %8.4f (95 %%: %8.4f to %8.4f) %+6.2f %%  %s\n' "$name" "$truth" "$value" "$low" \
    "$high" "$difference" "$judgement"
  [[ $judgement == reached ]] || failed=1
}

# of EXPRESSION: a number from awk, with rho
of() { awk -v r="$rho" "BEGIN { printf \"%.6f\", $1 }"; }

columns=(0.5 0.8 0.9 0.95)
m_m_4=(1.0870 1.7455 2.9694 5.4571)
in_turn=(1.2550 2.6927 5.1787 10.1724)
shortest=(1.4263 2.9557 5.4749)
better_of_two=(1.2657 1.9474 2.6141 3.3830)
forked=(2.875 7 13.875)
for column in "${!columns[@]}"; do
  rho=${columns[column]}
  # The fuller, the more alike are requests that follow each other: at 0.95, a mean of 40 million is off by 0.6 % (one standard
  # deviation), which is too much for a mark of 1 %.
  requests=$(awk -v r="$rho" -v n="$REQUESTS" 'BEGIN { printf "%d", (r > 0.9) ? 16 * n : n }')
  echo "mean time in the system at $rho of the capacity, service time 1, $requests requests:"
  row "M/M/1" "$(of '1 / (1 - r)')" --rate "$rho"
  row "M/M/1 with processor sharing" "$(of '1 / (1 - r)')" --rate "$rho" --discipline ps
  row "M/G/1 with processor sharing, CV 1.5" "$(of '1 / (1 - r)')" --rate "$rho" --discipline ps --service lognormal:1s:1.5
  row "random over 100" "$(of '1 / (1 - r)')" --rate "$(of '100 * r')" --nodes 100 --balancer random
  row "M/D/1" "$(of '1 + r / (2 * (1 - r))')" --rate "$rho" --service fixed:1s
  row "M/G/1, CV 1.5" "$(of '1 + r * 3.25 / (2 * (1 - r))')" --rate "$rho" --service lognormal:1s:1.5
  row "M/M/4" "${m_m_4[column]}" --rate "$(of '4 * r')" --threads 4
  row "round robin over 1000 (D/M/1)" "${in_turn[column]}" --rate "$(of '1000 * r')" --nodes 1000 --balancer round-robin
  row "two choices of 1000" "${better_of_two[column]}" --rate "$(of '1000 * r')" --nodes 1000 --balancer two-choices
  if ((column < 3)); then
    row "least connections of 2" "${shortest[column]}" --rate "$(of '2 * r')" --nodes 2 --balancer least-connections
    row "fork-join of 2" "${forked[column]}" --rate "$rho" --nodes 2 --fork 2
  fi
done

echo "speed, on one core (M/M/1 at 0.8; the median of 5):"
for _ in 1 2 3 4 5; do
  taskset -c 0 "$WEBAPP_BIN" simulate --requests "$REQUESTS" --rate 0.8 --json - | jq .engine.events_per_second
done >"$WORK/speed"
million=$(awk '{ printf "%.2f\n", $1 / 1e6 }' "$WORK/speed" | median)
printf '  %-52s %8.2f million at least 10   %s\n' "events a second" "$million" "$(verdict_least "$million" 10)"

echo "time an event over the number of nodes (two choices at 0.8), and memory:"
declare -A nanoseconds
for nodes in 10 100 1000 10000 100000; do
  rate=$(awk -v n="$nodes" 'BEGIN { print 0.8 * n }')
  speed=$(taskset -c 0 /usr/bin/time -o "$WORK/memory" -f %M "$WEBAPP_BIN" simulate --requests "$REQUESTS" --nodes "$nodes" \
    --rate "$rate" --balancer two-choices --json - | jq .engine.events_per_second)
  nanoseconds[$nodes]=$(awk -v s="$speed" 'BEGIN { printf "%.1f", 1e9 / s }')
  printf '  %-52s %8.1f ns, %.1f MB\n' "$nodes nodes" "${nanoseconds[$nodes]}" "$(awk '{ print $1 / 1000 }' "$WORK/memory")"
done
memory=$(awk '{ printf "%.1f", $1 * 1.024 / 1000 }' "$WORK/memory")
printf '  %-52s %8.1f MB      at most 200    %s\n' "memory of 100,000 nodes" "$memory" "$(verdict "$memory" 200)"
grown=$(ratio "${nanoseconds[100000]}" "${nanoseconds[10]}")
printf '  %-52s %8.2f x       at most 5      %s\n' "100,000 nodes against 10 (the logarithm grows 5-fold)" "$grown" \
  "$(verdict "$grown" 5)"
exit "$failed"
