#!/usr/bin/env bash
# HTTP/2 against HTTP/1.1 at the balancer, by h2load. See --help.
# shellcheck disable=SC1091 # .shellcheckrc says where to find what this sources
set -euo pipefail

root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P)
source "$root/scripts/lib/common.sh"

usage() {
  cat <<'TEXT'
Asks clusters behind HAProxy and nginx the same over HTTP/1.1 and over HTTP/2, in turn, round after round, and prints the rate, the
balancer's CPU a request, the bytes on the wire (as root, by tcpdump), and how long a hundred slow requests take.

usage: scripts/http2.sh [--rounds N] [--requests N] [--format text|markdown|json] [--csv FILE]

In each of --rounds (5), each arm sends --requests (4000). An arm "2 x 8" has two connections, each with eight requests at once.
--csv keeps what was measured; "webapp ratios FILE" prints it again. Needs h2load (nghttp2-client). Run it alone.
TEXT
}

help_wanted "$@"
rounds=5 requests=4000 format=text csv=''
while (($#)); do
  [[ "$1" =~ ^--(rounds|requests|format|csv)$ && $# -ge 2 ]] || usage_error "there is no option $1 of that form"
  declare "${1#--}=$2" && shift 2
done
{ is_count "$rounds" && is_count "$requests"; } || usage_error "--rounds and --requests must be whole numbers from 1"
need h2load=nghttp2-client jq
binary=$(find_binary "$root") work=$(mktemp -d) cluster=$root/scripts/cluster.sh
csv=${csv:-$work/csv}
trap 'for name in haproxy nginx; do "$cluster" down --quiet --name "http2-$$-$name" || true; done; rm -rf -- "$work"' EXIT
trap 'exit 130' INT TERM

# cpu PID: nanoseconds that the process and its children had of a CPU, by the scheduler's account. (mawk's %d ends at 2^31.)
cpu() { for pid in "$1" $(<"/proc/$1/task/$1/children"); do cat "/proc/$pid"/task/*/schedstat 2>/dev/null || true; done | awk '{ sum += $1 } END { printf "%.0f", sum }'; }

# asked PID URL COUNT CONNECTIONS STREAMS [options]: "seconds nanoseconds" of so many requests, of which none may fail.
asked() {
  local before
  before=$(cpu "$1")
  h2load -n "$3" -c "$4" -m "$5" "${@:6}" "$2" >"$work/h2load"
  grep -q " $3 succeeded, 0 failed" "$work/h2load" || die "requests to $2 failed: $(grep ^requests: "$work/h2load")"
  awk -v cpu="$(($(cpu "$1") - before))" '/^finished in/ { print ($3 ~ /ms/ ? $3 / 1000 : $3 ~ /us/ ? $3 / 1e6 : $3 + 0), cpu }' "$work/h2load"
}

# wire COUNT URL …: bytes of TCP's payload of that, both ways, by tcpdump; nothing where that may not listen.
wire() {
  [[ $EUID -eq 0 ]] && have tcpdump || return 0
  tcpdump -i lo -B 8192 --immediate-mode -l -nn -q "tcp port ${2##*:}" >"$work/wire" 2>"$work/tcpdump" &
  wait_until 5 grep -q 'listening on' "$work/tcpdump"
  asked $$ "$2/whoami" "$1" "${@:3}" >/dev/null && sleep 1 && end_processes $!
  awk '{ sum += $NF } END { print sum }' "$work/wire"
}

for name in haproxy nginx; do
  WEBAPP_BIN=$binary "$cluster" up --quiet --name "http2-$$-$name" --balancer "$name" --nodes 1 --unit-cpu none --http2 >"$work/$name" 2>"$work/why" || die "no cluster: $(<"$work/why")"
done
echo round,group,arm,figure,value >"$csv"
for ((round = 1; round <= rounds; round++)); do
  for name in haproxy nginx; do
    read -r pid plain secure < <(jq -r '[.balancer.pid, .target, "https://127.0.0.1:" + (.tls.target | split(":")[2])] | join(" ")' "$work/$name")
    while read -r protocol connections streams label; do
      case $protocol in h1) side=("$plain" --h1) ;; h1s) side=("$secure" --h1) ;; h2) side=("$secure") ;; esac
      line="$round,$name: a hundred requests of 50 ms,$label"
      read -r seconds _ < <(asked $$ "${side[0]}/sleep?seg=0.05" 100 "$connections" "$streams" "${side[@]:1}") && echo "$line,seconds,$seconds" >>"$csv"
      line="$round,$name: /whoami,$label"
      read -r seconds nanoseconds < <(asked "$pid" "${side[0]}/whoami" "$requests" "$connections" "$streams" "${side[@]:1}")
      awk -v n="$requests" -v s="$seconds" -v c="$nanoseconds" -v l="$line" 'BEGIN { print l ",requests/s," n / s; print l ",CPU µs/request," c / 1000 / n }' >>"$csv"
      wire 200 "${side[0]}" "$connections" "$streams" "${side[@]:1}" | awk -v l="$line" '{ print l ",bytes/request," $1 / 200 }' >>"$csv"
    done <"$root/scripts/lib/http2-arms.txt"
  done
done
"$binary" ratios "$csv" --format "$format"
