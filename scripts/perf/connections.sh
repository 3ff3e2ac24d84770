#!/usr/bin/env bash
# Memory a connection, idle and asleep, against the reference engines; and how quick the front stays beside them.
# shellcheck disable=SC1091 # .shellcheckrc says where to find what this sources
set -euo pipefail
source "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

COUNT=${COUNT:-8000}
ROUNDS=${ROUNDS:-5}
HOLD=$(example hold)
BARE=$(example bare_engine)

# hold ADDRESS COUNT WHAT: starts the holder and waits until it holds. Ends with end_hold.
hold() {
  rm -f "$WORK/held" "$WORK/stay"
  mkfifo "$WORK/stay"
  "$HOLD" "$@" <"$WORK/stay" >"$WORK/held" &
  HOLD_PID=$!
  STARTED+=("$HOLD_PID")
  exec 7>"$WORK/stay"
  local tries=0
  until grep -q held "$WORK/held"; do
    sleep 0.1
    if ((++tries > 600)) || ! kill -0 "$HOLD_PID"; then
      die "could not hold $2 connections"
    fi
  done
}
end_hold() {
  exec 7>&-
  wait "$HOLD_PID" || true
}
each() { awk -v a="$1" -v b="$2" -v n="$3" 'BEGIN { printf "%.1f", (b - a) / n }'; }

measure_idle() {
  local before
  before=$(resident_kib "$2")
  hold "$1" "$COUNT" idle
  sleep 2
  IDLE_KIB=$(each "$before" "$(resident_kib "$2")" "$COUNT")
  end_hold
}

echo "resident memory of $COUNT connections, each:"
start_node idle 0,1 --idle-timeout 10m
measure_idle "${NODE_URL#http://}" "$NODE_PID"
row "idle, strict" "$IDLE_KIB" KiB 12
port=$((20000 + RANDOM % 10000))
"$BARE" minihttp "$port" 2 &
STARTED+=("$!")
bare_pid=$!
sleep 0.5
before=$(resident_kib "$bare_pid")
hold "127.0.0.1:$port" "$COUNT" idle
sleep 1
printf '  %-62s %8s KiB\n' "idle, bare minihttp" "$(each "$before" "$(resident_kib "$bare_pid")" "$COUNT")"
end_hold

start_node asleep 0,1
before=$(resident_kib "$NODE_PID")
for ((round = 0; round < ROUNDS; round++)); do
  hold "${NODE_URL#http://}" "$COUNT" sleep:6
  sleep 3
  resident_kib "$NODE_PID" >>"$WORK/asleep"
  exec 7>&-
  wait "$HOLD_PID"
  tail -n 1 "$WORK/held" >>"$WORK/late"
done
# Only the first time had no memory of an earlier one to use again.
row "asleep in /sleep, model async" "$(each "$before" "$(head -n 1 "$WORK/asleep")" "$COUNT")" KiB 16
printf '  %-62s %8s KiB\n' "the same, the last of $ROUNDS times" "$(each "$before" "$(tail -n 1 "$WORK/asleep")" "$COUNT")"
echo "answers of these $COUNT later than asked, medians of $ROUNDS times:"
late() { awk -v n="$1" '{ print $n }' "$WORK/late" | median; }
printf '  %-62s %8s ms\n' p50 "$(late 1)" p99 "$(late 2)"
row "the latest" "$(late 3)" ms 50

# p99 URL: of /whoami at 200 requests a second, ms
p99() {
  # 3: measured, and the generator was late, which its latencies hold.
  { "$WEBAPP_BIN" load "$1/whoami" --rate 200 --duration 5s --warmup 1s --json - 2>/dev/null || [[ $? -eq 3 ]]; } |
    jq '.latency_milliseconds.p99'
}

echo "p99 of /whoami at 200 requests/s:"
start_node full 0,1
url=$NODE_URL
alone=$(p99 "$url")
"$WEBAPP_BIN" load "$url/fib?number=38" --connections 8 --duration 12s --warmup 0s --timeout 60s >/dev/null 2>&1 &
STARTED+=("$!")
sleep 1
row "while the pool is full of /fib (alone: $alone ms)" "$(p99 "$url")" ms 10

start_node slow 0,1 --header-timeout 1h
url=$NODE_URL
: >"$WORK/ratios"
for ((round = 0; round < ROUNDS; round++)); do
  without=$(p99 "$url")
  hold "${url#http://}" 2000 slow
  with=$(p99 "$url")
  end_hold
  ratio "$with" "$without" >>"$WORK/ratios"
done
row "2,000 slow heads, against without ($ROUNDS pairs)" "$(median <"$WORK/ratios")" x 1.5
