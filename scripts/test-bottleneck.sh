#!/usr/bin/env bash
# Drives a real node into each resource that can bind, and reads the name in /stats. See --help.
set -euo pipefail

root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P)
source "$root/scripts/lib/common.sh"
source "$root/scripts/lib/checks.sh"

RESOURCES=(cpu cpu-quota io memory network pool store)
WINDOWS=$root/tests/windows

usage() {
  cat <<'TEXT'
Walks the map of bottlenecks: drives a real node into each resource that can bind, and checks that /stats names it.

usage: scripts/test-bottleneck.sh [--record] [RESOURCE…]

  RESOURCE   only these: cpu cpu-quota io memory network pool store
  --record   keeps what /stats said in tests/windows/RESOURCE.json, for the table test of the judgement

  cpu        /fib on every CPU             memory    /memory under a memory limit
  cpu-quota  /fib under a CPU quota        network   /payload over a link of 10 Mbit/s, between two network namespaces
  io         /io with real syncs           pool      /sleep in the model sync
  store      /item over two connections to a Redis that is stopped most of the time

Where this machine cannot make one bind, that is said and counted as skipped: the window that was recorded where it could
stands in (tests/stats_windows.rs). The node is the program that WEBAPP_BIN names, else a fresh debug build. Run it alone:
the load of another program binds too. Everything it starts, it ends.
TEXT
}

help_wanted "$@"
record=no wanted=()
for word in "$@"; do
  case $word in
    --record) record=yes ;;
    *)
      [[ " ${RESOURCES[*]} " == *" $word "* ]] || usage_error "'$word' is none of ${RESOURCES[*]}"
      wanted+=("$word")
      ;;
  esac
done
((${#wanted[@]})) || wanted=("${RESOURCES[@]}")
need curl jq

WEBAPP_BIN=$(tested_binary "$root")
group=webapp-bottleneck-$$
work=$(mktemp -d "${TMPDIR:-/tmp}/$group.XXXXXX")
started=() undo=()

# later COMMAND…: done by calm, the last one first.
later() { undo+=("$(printf '%q ' "$@")"); }

# calm: ends what the last resource needed.
calm() {
  local index
  for ((index = ${#started[@]} - 1; index >= 0; index--)); do end_processes "${started[index]}"; done
  for ((index = ${#undo[@]} - 1; index >= 0; index--)); do eval "${undo[index]}" || true; done
  started=() undo=() enter=() inside=()
}
end() {
  calm
  rm -rf -- "$work"
}
trap end EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

enter=()  # what starts the node in its place
inside=() # what reaches the node's network

# node [arguments of serve]: starts a node; sets url.
node() {
  local address=127.0.0.1:0
  ((${#inside[@]} == 0)) || address=$LINK_NODE:0
  rm -f -- "$work/out"
  "${enter[@]}" "${inside[@]}" "$WEBAPP_BIN" serve --listen "$address" --log-level error --drain-timeout 1s "$@" >"$work/out" 2>"$work/log" &
  started+=("$!")
  url=$(node_url "$work/out" "$work/log")
}

# burden TARGET CONNECTIONS [COMMAND…]: asks again and again, from where COMMAND leads, until calm.
burden() {
  local target=$1 connections=$2
  shift 2
  "$@" "$WEBAPP_BIN" load "$url$target" --connections "$connections" --warmup 0s --duration 300s --timeout 120s >/dev/null 2>&1 &
  started+=("$!")
}

stats() { "${inside[@]}" curl -fsS --max-time 20 "$url/stats" >"$work/stats"; }

# named RESOURCE: the last window and the one before it both name it.
named() {
  local before=${seen:-}
  stats || return 1
  [[ $(jq -r .sampled_at "$work/stats") != "$before" ]] || return 1
  seen=$(jq -r .sampled_at "$work/stats")
  [[ $(jq -r .bottleneck.resource "$work/stats") == "$1" ]] || {
    streak=0
    return 1
  }
  ((++streak >= 2))
}

# expect RESOURCE: waits with patience until /stats names it, and shows the evidence.
expect() {
  local seen='' streak=0
  if wait_until 90 named "$1"; then
    pass "$(jq -r .bottleneck.evidence "$work/stats")"
    [[ $record == no ]] || {
      mkdir -p "$WINDOWS"
      jq '{kernel: .node.kernel} + del(.node, .raw, .unavailable)' "$work/stats" >"$WINDOWS/$1.json"
    }
  else
    fail "$1 does not bind; the last word: $(jq -r .bottleneck.evidence "$work/stats")"
    jq -c '{cpu, cgroup, pressure, disks, network, pool, store}' "$work/stats" >&2
  fi
}

stands_in() {
  [[ -s "$WINDOWS/$1.json" ]] || { fail "$1: $2, and no window was recorded"; return 0; }
  skip "$1: $2; the window recorded in tests/windows/$1.json stands in"
}

drive_cpu() {
  node --pool-threads "$(nproc)"
  burden '/fib?number=32' "$(($(nproc) * 2))"
  expect cpu
}

drive_cpu-quota() {
  local answer cluster=(env WEBAPP_STATE_DIR="$work/state" WEBAPP_BIN="$WEBAPP_BIN" WEBAPP_CLUSTER_BIN="$WEBAPP_BIN" "$root/scripts/cluster.sh")
  answer=$("${cluster[@]}" up --quiet --name "$group" --topology vertical --units 1 --unit-cpu 25 -- --log-level error 2>"$work/why") || {
    grep -q 'no CPU quota can be set' "$work/why" || die "the node did not start: $(cat "$work/why")"
    stands_in cpu-quota "$(cat "$work/why")"
    return 0
  }
  later "${cluster[@]}" down --quiet --name "$group"
  url=$(jq -r .target <<<"$answer")
  burden '/fib?number=25' 4
  expect cpu-quota
}

# memory_group 1|2: the folder of this process in the cgroup hierarchy of that version which has the controller memory.
memory_group() {
  local kind=cgroup2 line='^0::' path
  [[ $1 == 2 ]] || { kind=cgroup line='^[0-9]*:(.*,)?memory(,.*)?:'; }
  path=$(grep -E "$line" /proc/self/cgroup | cut -d: -f3-) || return 1
  findmnt -nr -t "$kind" -o TARGET,OPTIONS | awk -v path="${path%/}" -v all="$1" 'all == 2 || $2 ~ /(^|,)memory(,|$)/ { print $1 path; exit }'
}

# group_remove FOLDER: the kernel refuses while a process in it is still on its way out.
group_remove() { wait_until 5 rmdir "$1" 2>/dev/null || warn "could not remove the control group $1"; }

# enter_group FOLDER COMMAND…: runs it in that control group. Called in the background, so the exec is the child's.
enter_group() {
  echo "$BASHPID" >"$1/cgroup.procs"
  shift
  exec "$@"
}

# memory_place BYTES: fills enter with what starts a command under a memory limit; fails when nothing can.
memory_place() {
  local folder
  if [[ -d /run/systemd/system ]] && have systemd-run && systemd-run --scope --quiet --collect --unit="$group-probe" -p "MemoryMax=$1" -- true 2>/dev/null; then
    enter=(systemd-run --scope --quiet --collect --unit="$group" -p "MemoryMax=$1" --)
    return 0
  fi
  if folder=$(memory_group 2); then
    # A group that holds processes cannot hand the controller down: look upwards.
    while [[ -r "$folder/cgroup.controllers" ]]; do
      if { echo +memory >"$folder/cgroup.subtree_control"; } 2>/dev/null && mkdir "$folder/$group" 2>/dev/null; then
        later group_remove "$folder/$group"
        { echo "$1" >"$folder/$group/memory.max"; } 2>/dev/null || return 1
        enter=(enter_group "$folder/$group")
        return 0
      fi
      folder=${folder%/*}
    done
  fi
  folder=$(memory_group 1) && mkdir "$folder/$group" 2>/dev/null || return 1
  later group_remove "$folder/$group"
  { echo "$1" >"$folder/$group/memory.limit_in_bytes"; } 2>/dev/null || return 1
  enter=(enter_group "$folder/$group")
}

drive_memory() {
  memory_place $((128 * 1024 * 1024)) || { stands_in memory "no memory limit can be set here"; return 0; }
  node
  # What the node may take so that 97 % of the limit is in use, and no process is killed.
  wait_until 20 jq_stats '.window_seconds != null' || die "the first window did not end"
  local free
  free=$(jq '.cgroup | (.memory_binding_limit_bytes * 0.97 - .memory_working_set_bytes) / 1e6 | floor' "$work/stats")
  curl -fsS --max-time 120 -o /dev/null "$url/memory?mb=$free&seg=100" 2>/dev/null &
  started+=("$!")
  expect memory
}

jq_stats() { stats && jq -e "$1" "$work/stats" >/dev/null; }

drive_io() {
  local folder place='' kind
  for folder in "${TMPDIR:-/tmp}" "$root/target" /var/tmp; do
    kind=$(stat -f -c %T -- "$folder" 2>/dev/null) || continue
    [[ $kind == tmpfs || $kind == ramfs ]] && continue
    place=$folder
    break
  done
  [[ -n $place ]] || { stands_in io "every folder for files is in memory"; return 0; }
  # Many small files: more waiting for syncs than copying, so that no CPU binds before the disk does.
  node --io-dir "$place" --pool-threads 8
  burden '/io?mb=1' 8
  expect io
}

LINK_NODE=10.213.0.1 LINK_CLIENT=10.213.0.2

# link_end NAME: a namespace with one end of the link, a tun device whose speed is what it says: 10 Mbit/s.
link_end() {
  local name=$group-$1 address=$2 other=$3
  ip netns add "$name" || return 1
  later ip netns del "$name"
  ip netns exec "$name" sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1 2>/dev/null || true
  ip -n "$name" link set lo up
  ip netns exec "$name" socat "TUN:$address/24,tun-name=slow0,tun-type=tun,iff-no-pi,iff-up" \
    "UNIX-SENDTO:$work/$other,bind=$work/$1" 2>>"$work/socat" &
  started+=("$!")
  wait_until 10 ip -n "$name" link show slow0 >/dev/null 2>&1 || return 1
  ip netns exec "$name" ethtool -s slow0 speed 10 duplex full || return 1
  ip netns exec "$name" tc qdisc add dev slow0 root tbf rate 10mbit burst 10kb latency 100ms || return 1
}

drive_network() {
  if [[ $EUID -ne 0 || ! -c /dev/net/tun ]] || ! ip netns add "$group-probe" 2>/dev/null; then
    stands_in network "no network namespace with a tun device can be made here"
    return 0
  fi
  ip netns del "$group-probe"
  need socat ethtool
  if ! { link_end node "$LINK_NODE" client && link_end client "$LINK_CLIENT" node; }; then
    stands_in network "a link of 10 Mbit/s cannot be made here ($(tail -n 1 "$work/socat"))"
    return 0
  fi
  inside=(ip netns exec "$group-node")
  node
  burden '/payload?kb=100' 4 ip netns exec "$group-client"
  expect network
}

drive_pool() {
  node --model sync --pool-threads 4
  burden '/sleep?seg=0.2' 16
  expect pool
}

drive_store() {
  if ! command -v redis-server >/dev/null; then
    stands_in store "there is no redis-server here"
    return 0
  fi
  redis_start "$work"
  started+=("$REDIS_PID")
  "$WEBAPP_BIN" store seed "$REDIS_URL" --rows 20000 >/dev/null
  node --store "$REDIS_URL" --store-connections 2 --store-timeout 30s
  burden '/item?id=7' 16
  # Held nine tenths of the time, as a CPU quota holds: the store is slow, and the machine has nothing to do.
  while kill -STOP "$REDIS_PID" && sleep 0.09 && kill -CONT "$REDIS_PID"; do sleep 0.01; done 2>/dev/null &
  started+=("$!")
  expect store
  end_processes "$!"
  kill -CONT "$REDIS_PID"
}

for resource in "${wanted[@]}"; do
  "drive_$resource"
  calm
done
checks_end
