#!/usr/bin/env bash
# What HTTPS costs the generator, against plain HTTP through the same balancer: its rate a core, its memory a connection, and what a
# hundred thousand handshakes leave behind.
# shellcheck disable=SC1091 # .shellcheckrc says where to find what this sources
set -euo pipefail
source "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
need haproxy openssl

rounds 9 2
HANDSHAKES=${HANDSHAKES:-100000}
export WEBAPP_STATE_DIR=$WORK/state

leave() {
  "$WEBAPP_BIN" cluster down --name tls --quiet 2>/dev/null || true
  end_started
}
trap leave EXIT
answer=$("$WEBAPP_BIN" cluster up --name tls --nodes 1 --unit-cpu none --tls --quiet --json) || die "no cluster"
read -r plain secure authority < <(jq -r '[.target, .tls.target, .tls.authority] | join(" ")' <<<"$answer")
declare -A ASKED=([plain]="$plain/whoami" [tls]="$secure/whoami --cacert $authority --connect-to 127.0.0.1:${secure##*:}")

# by SIDE OPTIONS…: loads by plain HTTP or by TLS; the result in $WORK/out, the CPU time of the generator (s) in CPU.
by() {
  local TIMEFORMAT='%U %S' side=$1
  shift
  # shellcheck disable=SC2086 # an address and its options
  CPU=$({ time "$WEBAPP_BIN" load ${ASKED[$side]} --warmup 0 --json - "$@" >"$WORK/out" 2>"$WORK/err" || true; } 2>&1)
  CPU=$(awk '{ print $1 + $2 }' <<<"$CPU")
  [[ "$(jq -c .errors "$WORK/out")" == '{}' ]] || die "requests failed: $(jq -c .error_examples "$WORK/out")$(<"$WORK/err")"
}

for ((round = 0; round < ROUNDS; round++)); do
  for side in $( ((round % 2)) && echo tls plain || echo plain tls); do
    by "$side" --connections 32 --duration "${SECONDS_EACH}s"
    jq -r --argjson cpu "$CPU" '.sent_total / $cpu' "$WORK/out" >>"$WORK/$side"
  done
done
echo "generator by TLS against plain HTTP, both through HAProxy, 32 connections kept alive, medians of $ROUNDS interleaved pairs of $SECONDS_EACH s:"
printf '  requests a second of the generator'"'"'s CPU: plain %.0f, TLS %.0f\n' "$(median <"$WORK/plain")" "$(median <"$WORK/tls")"
row_least "rate a core, TLS / plain" "$(paste "$WORK/tls" "$WORK/plain" | awk '{ print $1 / $2 }' | median)" x 0.7

# resident SIDE CONNECTIONS: memory of a generator with so many connections at a low rate, KiB
resident() {
  # shellcheck disable=SC2086
  "$WEBAPP_BIN" load ${ASKED[$1]/whoami/sleep?seg=1} --connections "$2" --duration 4s --warmup 2s >/dev/null 2>&1 &
  local pid=$!
  STARTED+=("$pid")
  sleep 5
  resident_kib "$pid"
  wait "$pid" || true
}
each() { awk -v few="$(resident "$1" 100)" -v many="$(resident "$1" 900)" 'BEGIN { printf "%.1f", (many - few) / 800 }'; }
row "memory a connection, TLS (plain: $(each plain) KiB)" "$(each tls)" KiB 40

by tls --no-keepalive --no-resumption --connections 8 --duration 3s
seconds=$(jq -r --argjson n "$HANDSHAKES" '1 + $n / .tls.handshakes_total * 3 | ceil' "$WORK/out")
# shellcheck disable=SC2086
"$WEBAPP_BIN" load ${ASKED[tls]} --no-keepalive --no-resumption --connections 8 --duration "${seconds}s" --json - >"$WORK/out" 2>/dev/null &
pid=$!
STARTED+=("$pid")
sleep $((seconds / 10))
early=$(resident_kib "$pid")
sleep $((seconds * 8 / 10))
late=$(resident_kib "$pid") files=$(find "/proc/$pid/fd" -type l | wc -l)
wait "$pid" || true
echo "$(jq .tls.handshakes_total "$WORK/out") handshakes, each whole, p50 $(jq .handshake_milliseconds.p50 "$WORK/out") ms: memory after a tenth $early KiB, at the end $late KiB"
row "growth of the memory meanwhile" $((late - early)) KiB 1024
row "open files of a generator with 8 connections, at the end" "$files" files 48
