#!/usr/bin/env bash
# Puts mpstat, iostat, top, free and /stats side by side, over the same window, and judges the difference. See --help.
# shellcheck disable=SC1091 # .shellcheckrc says where to find what this sources
set -euo pipefail

root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P)
source "$root/scripts/lib/common.sh"
source "$root/scripts/lib/link.sh"

# Farthest that /stats may be from mpstat, in percentage points; and from free, in percent of what free says.
readonly MARK_POINTS=2 MARK_MEMORY=1

usage() {
  cat <<'TEXT'
Runs mpstat, iostat -y, top -b, free and /stats over the same window, idle and then under each kind of load, and prints
them side by side: what top and iostat see, what they cannot see, and how far /stats is from them.

usage: scripts/compare.sh [--url URL] [--seconds N] [--link MBIT] [--on vagrant [--machine NAME]] [LOAD…]

  LOAD          only these: idle cpu io sleep network [default: all]
  --url URL     a node that runs on this machine already [default: one is started on a free port, and ended]
  --seconds N   length of each window [default: 10]
  --link MBIT   speed of the link to a node of its own, for the load network [default: 100]
  --on vagrant  on a machine of the Vagrantfile, beside the node that runs there
  --machine M   which one [default: node1]

Exit code 1 when a figure of /stats is farther away than 2 percentage points of mpstat's, or 1 % of free's.
The program is the one that WEBAPP_BIN names, else the release build. Run it alone: other load is measured too.
TEXT
}

help_wanted "$@"
url='' seconds=10 link=100 on=here machine=node1 loads=()
while (($#)); do
  case $1 in
    --url | --seconds | --link | --on | --machine)
      (($# >= 2)) || usage_error "$1 needs a value"
      declare "${1#--}=${2%/}"
      shift 2
      ;;
    idle | cpu | io | sleep | network)
      loads+=("$1")
      shift
      ;;
    *) usage_error "there is no '$1'" ;;
  esac
done
is_count "$seconds" || usage_error "--seconds is '$seconds'; a whole number from 1 on"
is_count "$link" || usage_error "--link is '$link'; a whole number of Mbit/s from 1 on"
if ((${#loads[@]} == 0)); then
  loads=(idle cpu io sleep)
  # There the link is the load's own, and so is the node behind it.
  [[ -n "$url" || $on != here ]] || loads+=(network)
fi

case $on in
  here) ;;
  vagrant)
    source "$root/scripts/lib/vagrant.sh"
    vagrant_start "$machine"
    # provision.sh left a copy of the scripts there.
    vagrant_root "$machine" --url "http://127.0.0.1:$VAGRANT_PORT" --seconds "$seconds" "${loads[@]}" \
      <<<'exec /usr/local/lib/webapp/scripts/compare.sh "$@"'
    exit
    ;;
  *) usage_error "--on is '$on', but may be: here vagrant" ;;
esac

need curl jq mpstat=sysstat top=procps
bin=$(find_binary "$root")

work=$(mktemp -d)
pids=()
end() {
  end_processes "${pids[@]}" ${node:+"$node"}
  link_down
  rm -rf -- "$work"
}
trap end EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# Where the node is, and where the load comes from: here, or on both sides of a link.
inside=() outside=()

# start ADDRESS: a node of its own; sets url.
start() {
  end_processes ${node:+"$node"}
  rm -f -- "$work/node"
  "${inside[@]}" "$bin" serve --listen "$1:0" --log-level error --drain-timeout 1s >"$work/node" 2>"$work/log" &
  node=$!
  url=$(node_url "$work/node" "$work/log")
}

# behind_link: a node behind a link; fails, and says why, where there can be none.
behind_link() {
  [[ -n "${node:-}" ]] || { warn "network: the node of --url is not behind a link of ours" && return 1; }
  link_up "webapp-compare-$$" "$link" "$work" || { warn "network: no link can be made here: $(tail -n 1 "$work/link")" && return 1; }
  inside=(ip netns exec "webapp-compare-$$-node") outside=(ip netns exec "webapp-compare-$$-client")
  start "$LINK_NODE"
}

[[ -n $url ]] || start 127.0.0.1
cores=$(curl -fsS --max-time 20 "$url/stats" | jq '.cpu.cores // 1') || die "$url/stats does not answer"

# Each load: the address that is asked again and again, and by how many connections.
declare -A TARGET=([idle]='' [cpu]='/fib?number=32' [io]='/io?mb=16' [sleep]='/sleep?seg=1&model=sync' [network]='/payload?kb=1000')
declare -A CONNECTIONS=([idle]=0 [cpu]=$((cores * 2)) [io]=4 [sleep]=16 [network]=4)
declare -A LOOK=(
  [idle]='Nothing is asked of the node.'
  [cpu]='Every thread of the pool computes: user rises, idle falls.'
  [io]='Every thread of the pool writes, syncs and reads: iowait rises. A CPU in iowait is idle: it could do other work.'
  [sleep]='Every thread of the pool sleeps: to top and iostat the machine looks idle, yet requests wait.'
  [network]="Answers of 1 MB over a link of $link Mbit/s: to top and iostat the machine looks idle, yet the wire is full."
)

section() { sed -n "/^=== $1\$/,/^=== /{ /^=== /d; p }" "$work/window"; }

# tools: what the tools said, as JSON; each state in percent, and two readings of free. iostat counts interrupts as system.
tools() {
  local mpstat iostat top memory
  # usr nice sys iowait irq soft steal guest gnice idle: guest time is a part of user everywhere else.
  mpstat=$(section mpstat | awk '/^Average/ && $2 == "all" { print $3 + $4 + $10 + $11 "," $5 "," $6 "," $7 + $8 "," $9 "," $12 }')
  iostat=$(section iostat | awk '/avg-cpu/ { getline; print $1 + $2 "," $3 "," $4 ",null," $5 "," $6 }')
  # us sy ni id wa hi si st, of the second frame.
  top=$(section top | grep '%Cpu' | tail -n 1 | sed 's/[^0-9.]\+/ /g' | awk '{ print $1 + $3 "," $2 "," $5 "," $6 + $7 "," $8 "," $4 }')
  memory=$(section free | awk '/^Mem/ { print "[" $2 "," $7 "," $2 - $7 "]" }' | paste -sd,)
  printf '{"mpstat":[%s],"iostat":[%s],"top":[%s],"free":[%s]}' "$mpstat" "$iostat" "$top" "$memory"
}

# compare LOAD: one window under it; the figures farther away than allowed are added to the file "missed".
compare() {
  if [[ -n "${TARGET[$1]}" ]]; then
    "${outside[@]}" "$bin" load "$url${TARGET[$1]}" --connections "${CONNECTIONS[$1]}" --warmup 0s --duration $((seconds + 60))s --timeout 60s \
      >/dev/null 2>&1 &
    pids+=("$!")
    sleep 2
  fi
  "${inside[@]}" bash "$root/scripts/lib/window.sh" "$url" "$seconds" >"$work/window"
  end_processes "${pids[@]}"
  pids=()
  local name
  for name in before after memory; do section "$name" >"$work/$name"; done
  jq -n -r --arg load "$1" --arg target "${TARGET[$1]}" --arg connections "${CONNECTIONS[$1]}" --arg look "${LOOK[$1]}" \
    --argjson seconds "$seconds" --argjson points "$MARK_POINTS" --argjson percent "$MARK_MEMORY" --argjson tools "$(tools)" \
    --slurpfile before "$work/before" --slurpfile after "$work/after" --slurpfile memory "$work/memory" \
    -f "$root/scripts/lib/compare.jq" >"$work/report"
  grep -v '^missed ' "$work/report"
  sed -n 's/^missed //p' "$work/report" >>"$work/missed"
}

: >"$work/missed"
for load in "${loads[@]}"; do
  [[ $load != network ]] || behind_link || continue
  compare "$load"
  [[ $load != network ]] || { link_down && inside=() outside=() && start 127.0.0.1; }
done
if [[ -s "$work/missed" ]]; then
  echo "MISSED: $(wc -l <"$work/missed") figures are farther away than $MARK_POINTS points of mpstat or $MARK_MEMORY % of free:"
  sed 's/^/  /' "$work/missed"
  exit 1
fi
echo "reached: every figure of /stats is within $MARK_POINTS percentage points of mpstat, and its memory within $MARK_MEMORY % of free"
