#!/bin/bash
# Puts mpstat, iostat, top and /stats side by side, over the same window: idle, then under cpu, io and sleep load.
set -euo pipefail

usage() {
  cat <<'TEXT'
usage: scripts/compare.sh [--url URL] [--seconds N] [--on vagrant [--machine NAME]]

Runs mpstat, `iostat -y`, `top -b` and /stats over the same window, idle and then under each kind of load, and prints
them side by side with the difference between /stats and mpstat, in percentage points.

  --url URL     a node that runs on this machine already [default: one is started on a free port, and ended]
  --seconds N   length of each window [default: 10]
  --on vagrant  on a machine of the Vagrantfile, beside the node that runs there
  --machine M   which one [default: node1]

The binary is the one that WEBAPP_BIN names, else the release build. Needs curl, jq, procps and sysstat.
TEXT
}

url='' seconds=10 on=here machine=node1
while (($#)); do
  case $1 in
    --url) url=${2:?--url needs an address}; shift 2 ;;
    --seconds) seconds=${2:?--seconds needs a number}; shift 2 ;;
    --on) on=${2:?--on needs a place}; shift 2 ;;
    --machine) machine=${2:?--machine needs a name}; shift 2 ;;
    -h | --help) usage; exit 0 ;;
    *) echo "error: unknown argument '$1'; see --help" >&2; exit 2 ;;
  esac
done
[[ $seconds =~ ^[1-9][0-9]*$ ]] || { echo "error: --seconds is '$seconds'; a whole number from 1 on" >&2; exit 2; }
case $on in
  here) ;;
  vagrant)
    lib=$(cd "$(dirname "$0")/lib" && pwd)
    # shellcheck source=scripts/lib/vagrant.sh
    source "$lib/common.sh" && source "$lib/process.sh" && source "$lib/vagrant.sh"
    vagrant_start "$machine"
    # provision.sh left a copy of this script there.
    vagrant_root "$machine" --url "http://127.0.0.1:$VAGRANT_PORT" --seconds "$seconds" <<<'exec /usr/local/lib/webapp/scripts/compare.sh "$@"'
    exit
    ;;
  *) echo "error: --on is '$on', but may be: here vagrant" >&2; exit 2 ;;
esac
for tool in curl jq mpstat iostat top; do
  command -v "$tool" >/dev/null || { echo "error: '$tool' is missing; apt-get install curl jq procps sysstat" >&2; exit 1; }
done

work=$(mktemp -d)
pids=()
clean() {
  for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
  wait 2>/dev/null || true
  rm -rf "$work"
}
trap clean EXIT
trap 'exit 130' INT TERM

if [[ -z $url ]]; then
  root=$(cd "$(dirname "$0")/.." && pwd)
  bin=${WEBAPP_BIN:-$(find "$root/target" -path '*/release/webapp' -type f 2>/dev/null | head -n 1)}
  [[ -x $bin ]] || { echo "error: no binary; scripts/build.sh makes it, or WEBAPP_BIN names one" >&2; exit 1; }
  "$bin" serve --listen 127.0.0.1:0 >"$work/node" 2>"$work/log" &
  pids+=($!)
  for _ in {1..50}; do
    url=$(sed -n 's/^listening on //p' "$work/node")
    [[ -n $url ]] && break
    sleep 0.1
  done
  [[ -n $url ]] || { cat "$work/log" >&2; exit 1; }
fi

fresh() { # a /stats whose sample is not older than this call
  local before now
  before=$(curl -fsS "$url/stats" | jq -r .raw.monotonic_seconds)
  while now=$(curl -fsS "$url/stats") && [[ $(jq -r .raw.monotonic_seconds <<<"$now") == "$before" ]]; do sleep 0.02; done
  printf '%s\n' "$now"
}

load() { # four clients that ask again and again until they are killed
  for _ in 1 2 3 4; do
    while :; do curl -fsS -o /dev/null --max-time 30 "$url$1" || sleep 0.2; done 2>/dev/null &
    clients+=($!)
  done
}

compare() { # name, address
  clients=()
  if [[ -n $2 ]]; then load "$2"; sleep 2; fi
  fresh >"$work/before"
  LC_ALL=C mpstat "$seconds" 1 >"$work/mpstat" &
  local mpstat=$!
  LC_ALL=C iostat -y -c "$seconds" 1 >"$work/iostat" &
  local iostat=$!
  LC_ALL=C top -b -d "$seconds" -n 2 >"$work/top" &
  local top=$!
  wait "$mpstat" "$iostat" "$top"
  # The sample that ended with the window is there by now: asking again and again would load what is measured.
  curl -fsS "$url/stats" >"$work/after"
  for pid in "${clients[@]}"; do kill "$pid" 2>/dev/null || true; done
  for pid in "${clients[@]}"; do wait "$pid" 2>/dev/null || true; done
  jq -n -r --arg name "$1" --slurpfile before "$work/before" --slurpfile after "$work/after" \
    --arg mpstat "$(awk '/^Average/ && $2 == "all" {print $3+$4, $5, $6, $9, $NF}' "$work/mpstat")" \
    --arg iostat "$(awk '/avg-cpu/ {getline; print $1+$2, $3, $4, $5, $6}' "$work/iostat")" \
    --arg top "$(grep '%Cpu' "$work/top" | tail -n 1 | sed 's/[^0-9.]\+/ /g' | awk '{print $1+$3, $2, $5, $8, $4}')" '
    ($before[0].raw.cpu) as $b | ($after[0].raw.cpu) as $a
    | ($a | with_entries(.value -= $b[.key]) | with_entries(.value |= ([., 0] | max))) as $d
    | ($d | add) as $sum
    | [$d.user + $d.nice, $d.system, $d.iowait, $d.steal, $d.idle] | map(100 * . / $sum) as $ours
    | ($mpstat | split(" ") | map(tonumber)) as $m | ($iostat | split(" ")) as $i | ($top | split(" ")) as $t
    | "\n\($name): \($after[0].bottleneck.evidence)", "state\tmpstat\tiostat\ttop\t/stats\tdifference",
      (["user", "system", "iowait", "steal", "idle"] | to_entries[]
      | "\(.value)\t\($m[.key])\t\($i[.key])\t\($t[.key])\t\($ours[.key] * 100 | round / 100)\t\(($ours[.key] - $m[.key]) * 100 | round / 100)")'
}

compare idle ''
compare cpu '/fib?number=38'
compare io '/io?mb=50'
compare sleep '/sleep?seg=1'
