#!/usr/bin/env bash
# What a hit costs: of the node's cache against /whoami, and of a cache at the edge against the same balancer without one.
# shellcheck disable=SC1091,SC2153 # lib.sh sets WORK
set -euo pipefail
source "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck disable=SC2154 # lib.sh says where root is
source "$root/scripts/lib/network.sh"
# shellcheck disable=SC2034 # the tests' helpers write there
work=$WORK log=$WORK/log
source "$root/tests/cluster/common.sh"
need wrk haproxy nginx=nginx-light

rounds 7 2
export WEBAPP_BIN WEBAPP_STATE_DIR=$WORK/state

leave() {
  local name
  trap '' INT TERM
  for name in "$WEBAPP_STATE_DIR"/*/; do
    [[ ! -d "$name" ]] || cluster down --name "$(basename "$name")" || true
  done
  end_started
}
trap leave EXIT

# cost URL PID…: CPU of these processes for an answer to 32 connections of wrk, µs. An answer that is not 2xx fails the script.
cost() {
  local url=$1 pid used=0 answers
  shift
  for pid in "$@"; do used=$((used - $(cpu_nanoseconds "$pid"))); done
  taskset -c 1 wrk -t1 -c32 -d"${SECONDS_EACH}s" "$url" >"$WORK/wrk"
  for pid in "$@"; do used=$((used + $(cpu_nanoseconds "$pid"))); done
  ! grep -q 'Non-2xx' "$WORK/wrk" || die "answers of $url are refusals: $(cat "$WORK/wrk")"
  answers=$(awk '/requests in/ { print $1 }' "$WORK/wrk")
  awk -v t="$used" -v n="$answers" 'BEGIN { printf "%.2f\n", t / 1000 / n }'
}
keep() {
  [[ -n "$2" ]] || die "a round of '$1' was not measured"
  echo "$2" >>"$WORK/$1"
}
med() { median <"$WORK/$1"; }

start_node cached 0 --workers 1 --pool-threads 1 --cache memory:64MiB --cache-ttl 1h
for ((round = 0; round < ROUNDS; round++)); do
  keep hit "$(cost "$NODE_URL/item?id=42" "$NODE_PID")"
  keep whoami "$(cost "$NODE_URL/whoami" "$NODE_PID")"
  keep hits "$(ratio "$(tail -n 1 "$WORK/hit")" "$(tail -n 1 "$WORK/whoami")")"
done
echo "CPU of an answer of the node, µs, medians of $ROUNDS rounds of $SECONDS_EACH s: /item from its cache $(med hit), /whoami $(med whoami)"
row "/item from the node's cache, of /whoami" "$(med hits)" '' 1.15

# The balancer and its workers; of nginx the cache loader is a child, too, and leaves after a minute.
processes() {
  local child
  echo "$2"
  [[ "$1" == nginx ]] || return 0
  for child in $(<"/proc/$2/task/$2/children"); do
    ! grep -q 'worker process' "/proc/$child/cmdline" || echo "$child"
  done
}
declare -A MOST=([haproxy]=0.6 [nginx]=0.9) URL=() PIDS=() NODE=()
for balancer in haproxy nginx; do
  for edge in plain edge; do
    options=(--name "$balancer-$edge" --balancer "$balancer" --nodes 1 --unit-cpu none --port "$(free_port)")
    [[ "$edge" == plain ]] || options+=(--edge-cache 1h)
    answer=$(cluster up "${options[@]}") || die "no cluster: $(cat "$log")"
    URL[$balancer-$edge]=$(jq -r .target <<<"$answer")
    PIDS[$balancer-$edge]=$(processes "$balancer" "$(jq .balancer.pid <<<"$answer")")
    NODE[$balancer-$edge]=$(jq '.nodes[0].pid' <<<"$answer")
  done
done
for question in '/item?id=42' '/fib?number=10'; do
  echo "CPU of an answer to $question, µs:"
  for balancer in haproxy nginx; do
    rm -f "$WORK/plain" "$WORK/edge" "$WORK/ratios" "$WORK/node" "$WORK/of_node"
    for ((round = 0; round < ROUNDS; round++)); do
      for edge in plain edge; do
        # shellcheck disable=SC2086 # a list of process numbers
        keep "$edge" "$(cost "${URL[$balancer-$edge]}$question" ${PIDS[$balancer-$edge]})"
      done
      keep ratios "$(ratio "$(tail -n 1 "$WORK/edge")" "$(tail -n 1 "$WORK/plain")")"
      keep node "$(cost "${URL[$balancer-plain]}$question" "${NODE[$balancer-plain]}")"
      keep of_node "$(ratio "$(tail -n 1 "$WORK/edge")" "$(tail -n 1 "$WORK/node")")"
    done
    echo "  $balancer: $(med edge) for a hit, $(med plain) to pass it on; the node $(med node)"
    row "a hit at the edge in $balancer, of the balancer without a cache" "$(med ratios)" '' "${MOST[$balancer]}"
    # Above 1 the edge is dearer than the node that would make the answer.
    printf '  %-62s %8s\n' "a hit at the edge in $balancer, of the node that makes the answer" "$(med of_node)"
  done
done
