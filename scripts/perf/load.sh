#!/usr/bin/env bash
# The generator against wrk on the same node, in turn: how much a core of it drives, and whether both read the same figures.
# shellcheck disable=SC1091 # .shellcheckrc says where to find what this sources
set -euo pipefail
source "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
need wrk

rounds 9 2

# timed COMMAND…: runs it on core 1; its output goes to $WORK/out, the CPU time it took (user and system, s) to CPU.
timed() {
  local TIMEFORMAT='%U %S'
  CPU=$({ time taskset -c 1 "$@" >"$WORK/out" 2>/dev/null || true; } 2>&1)
  CPU=$(awk '{ print $1 + $2 }' <<<"$CPU")
}

# Each prints: requests/s, p50 and p99 in ms, µs of CPU a request.
by_wrk() {
  timed wrk -t1 -c"$2" -d"$SECONDS_EACH"s --latency "$1"
  awk -v cpu="$CPU" '
    function ms(text) { return text ~ /us$/ ? text / 1000 : text ~ /ms$/ ? text + 0 : text * 1000 }
    $1 == "50%" { p50 = ms($2) }
    $1 == "99%" { p99 = ms($2) }
    /requests in/ { count = $1 }
    /^Requests\/sec/ { rate = $2 }
    END { print rate, p50, p99, cpu * 1e6 / count }' "$WORK/out"
}
by_webapp() {
  timed "$WEBAPP_BIN" load "$1" --connections "$2" --duration "$SECONDS_EACH"s --warmup 0 --json -
  jq -r --argjson cpu "$CPU" --argjson connections "$2" "$AS_WRK"' "\(.throughput_per_second) \(
    .latency_milliseconds.p50) \(p99_as_wrk($connections)) \($cpu * 1e6 / .sent_total)"' "$WORK/out"
}

# wrk adds to its latencies what it believes it omitted: an answer that took more than twice the mean interval counts again,
# shorter by one interval each time (stats_correct in its stats.c). Whoever compares must do the same to the other side.
# shellcheck disable=SC2016 # the variables are those of jq
AS_WRK='
  def p99_as_wrk($connections):
    (.duration_seconds * 1000 * $connections / .requests_ok) as $interval
    | [.spectrum | range(length) as $i | {ms: .[$i].milliseconds, n: (.[$i].count - (if $i == 0 then 0 else .[$i - 1].count end))}]
    | [.[] | ., (select(.ms >= 2 * $interval)
        | {n} + {ms: (.ms - $interval * range(1; .ms / $interval)) | select(. > $interval)})]
    | sort_by(.ms) | (map(.n) | add * 0.99) as $rank
    | reduce .[] as $step ({n: 0, ms: null}; if .n >= $rank then . else {n: (.n + $step.n), ms: $step.ms} end) | .ms;'

# pair NAME URL CONNECTIONS: ROUNDS interleaved pairs, who begins changes. Lines of both go to $WORK/NAME.wrk and .webapp.
pair() {
  local round
  for ((round = 0; round < ROUNDS; round++)); do
    for who in $( ((round % 2)) && echo webapp wrk || echo wrk webapp); do
      "by_$who" "$2" "$3" >>"$WORK/$1.$who"
    done
  done
}

# of NAME WHO FIELD: the median
of() { awk -v f="$3" '{ print $f }' "$WORK/$1.$2" | median; }
# against NAME FIELD: the median of webapp / wrk, pair by pair
against() { paste "$WORK/$1.webapp" "$WORK/$1.wrk" | awk -v f="$2" '{ print $f / $(f + 4) }' | median; }

# row TEXT VALUE LOW HIGH: a ratio and the band that is its mark; an empty HIGH is not a bound.
row() {
  local mark="at least $3"
  [[ -z "$4" ]] || mark="$3 to $4"
  awk -v t="$1" -v v="$2" -v l="$3" -v h="$4" -v m="$mark" 'BEGIN {
    printf "  %-52s %6.3f   %-14s %s\n", t, v, m, (v >= l && (h == "" || v <= h)) ? "reached" : "MISSED" }'
}
figures() {
  local who
  for who in wrk webapp; do
    printf '  %-8s %9.0f requests/s   p50 %8.3f ms   p99 %8.3f ms   %6.2f µs of CPU a request\n' "$who" \
      "$(of "$1" "$who" 1)" "$(of "$1" "$who" 2)" "$(of "$1" "$who" 3)" "$(of "$1" "$who" 4)"
  done
}

echo "generator on core 1, node on core 0, medians of $ROUNDS interleaved pairs of $SECONDS_EACH s; ratios are webapp / wrk"
start_node fast 0 --workers 1 --pool-threads 1
url=$NODE_URL node=$NODE_PID

echo "/whoami, 32 connections:"
pair whoami "$url/whoami" 32
figures whoami
row "requests/s" "$(against whoami 1)" 0.8 ""
row "requests a second of the generator's CPU" "$(awk -v r="$(against whoami 4)" 'BEGIN { print 1 / r }')" 0.8 ""

echo "the same, when the generator is the limit: it shares core 1 with a busy loop"
taskset -c 1 bash -c 'while :; do :; done' &
loop=$!
STARTED+=("$loop")
before=$(cpu_ticks "$node") begin=$(now_ms)
pair half "$url/whoami" 32
printf '  the node used %.0f %% of its core\n' \
  "$(awk -v t=$(($(cpu_ticks "$node") - before)) -v ms=$(($(now_ms) - begin)) -v hz="$(getconf CLK_TCK)" 'BEGIN { print 1e5 * t / hz / ms }')"
kill "$loop"
figures half
row "requests/s" "$(against half 1)" 0.8 ""

# What drawing keys costs: paired runs of this generator alone; the node reads the same of either request.
by_fixed() { by_webapp "$1/whoami?key=54321" "$2"; }
by_drawn() { by_webapp "$1/whoami?key={zipf 10000..99999 0.99}" "$2"; }
echo "keys drawn by Zipf's law against a fixed one, 32 connections; the ratio is drawn / fixed"
for ((round = 0; round < ROUNDS; round++)); do
  for who in $( ((round % 2)) && echo drawn fixed || echo fixed drawn); do
    "by_$who" "$url" 32 >>"$WORK/keys.$who"
  done
done
for who in fixed drawn; do
  printf '  %-8s %9.0f requests/s   %6.2f µs of CPU a request\n' "$who" "$(of keys "$who" 1)" "$(of keys "$who" 4)"
done
row "requests a second of the generator's CPU" \
  "$(paste "$WORK/keys.fixed" "$WORK/keys.drawn" | awk '{ print $4 / $8 }' | median)" 0.95 ""

# Where the node has the most of the time, both must read the same.
same() {
  echo "$2, connections: $3"
  pair "$1" "$url$2" "$3"
  figures "$1"
  row "requests/s" "$(against "$1" 1)" 0.95 1.05
  row "p50" "$(against "$1" 2)" 0.9 1.1
  row "p99" "$(against "$1" 3)" 0.9 1.1
}
same one '/fib?number=25' 1
same four '/fib?number=25' 4
same sleep '/sleep?seg=0.01' 32

# No mark: what is late here is the machine, which wakes a sleeping thread when it can.
echo "open loop, how late requests are sent:"
for rate in 100 1000 10000 30000; do
  taskset -c 1 "$WEBAPP_BIN" load "$url/whoami" --rate "$rate" --duration 5s --json - >"$WORK/out" 2>/dev/null || true
  jq -r --arg rate "$rate" '"\($rate) \(.generator.dispatch_lag_milliseconds | "\(.p50) \(.p99) \(.max)") \(
    .generator.cpu_percent) \(.generator.verdict)"' "$WORK/out"
done | awk '{ printf "  %6d requests/s   p50 %6.3f ms   p99 %6.3f ms   max %7.3f ms   %3.0f %% of a core   %s\n", $1, $2, $3, $4, $5, $6 }'
