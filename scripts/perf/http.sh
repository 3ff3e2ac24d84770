#!/usr/bin/env bash
# CPU a request: the strict engine against the reference engines and nginx, one core each side, in turn.
set -euo pipefail
root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd -P)
source "$root/scripts/lib/common.sh"
source "$root/scripts/perf/lib.sh"
need jq
need wrk
need nginx nginx-light

ROUNDS=${ROUNDS:-20}
SECONDS_EACH=${SECONDS_EACH:-1}
is_count "$SECONDS_EACH" || usage_error "SECONDS_EACH must be a whole number: wrk takes no fractions"

bare=$(example bare_minihttp)
floor=$(example bare_epoll)

declare -A URL PIDS
start_node strict 0 --workers 1 --pool-threads 1
URL[strict]=$NODE_URL/whoami PIDS[strict]=$NODE_PID
start_node minihttp 0 --engine minihttp --workers 1 --pool-threads 1
URL[minihttp]=$NODE_URL/whoami PIDS[minihttp]=$NODE_PID

port=$((20000 + RANDOM % 10000))
taskset -c 0 "$bare" "$port" 1 &
STARTED+=("$!")
URL[bare]=http://127.0.0.1:$port/ PIDS[bare]=$!

# What the kernel takes for one recv and one send of the same answer, whoever calls them.
curl -si -H 'User-Agent:' -H 'Accept:' "${URL[strict]}" >"$WORK/answer"
taskset -c 0 "$floor" $((port + 2)) "$WORK/answer" &
STARTED+=("$!")
URL[floor]=http://127.0.0.1:$((port + 2))/ PIDS[floor]=$!

body=$(curl -s -H 'User-Agent:' -H 'Accept:' "${URL[strict]}")
cat >"$WORK/nginx.conf" <<CONF
worker_processes 1;
pid $WORK/nginx.pid;
error_log $WORK/nginx.log;
events { worker_connections 1024; }
http {
  access_log off;
  keepalive_requests 1000000000;
  default_type application/json;
  server { listen 127.0.0.1:$((port + 1)); location / { return 200 '$body'; } }
}
CONF
taskset -c 0 nginx -p "$WORK" -c "$WORK/nginx.conf" -g 'daemon off;' 2>/dev/null &
STARTED+=("$!")
nginx_master=$!
children=/proc/$nginx_master/task/$nginx_master/children
for ((tries = 0; tries < 100; tries++)); do
  [[ -z "$(cat "$children")" ]] || break
  sleep 0.05
done
URL[nginx]=http://127.0.0.1:$((port + 1))/
PIDS[nginx]="$nginx_master $(cat "$children")"

# cpu ENGINE: CPU time of its processes, ns
cpu() {
  local pid sum=0
  for pid in ${PIDS[$1]}; do sum=$((sum + $(cpu_nanoseconds "$pid"))); done
  echo "$sum"
}

engines=(strict minihttp bare nginx floor)
for ((round = 0; round < ROUNDS; round++)); do
  # Another one begins each round: whoever runs after the same one each time gets what that one leaves behind.
  for ((turn = 0; turn < ${#engines[@]}; turn++)); do
    engine=${engines[$(((turn + round) % ${#engines[@]}))]}
    before=$(cpu "$engine")
    requests=$(taskset -c 1 wrk -t1 -c32 -d"$SECONDS_EACH"s "${URL[$engine]}" | awk '/requests in/ { print $1 }')
    after=$(cpu "$engine")
    awk -v t=$((after - before)) -v n="$requests" 'BEGIN { printf "%.4f\n", t / 1e3 / n }' >>"$WORK/$engine.cpu"
  done
done
echo "CPU a request (user + system), /whoami over keep-alive, 32 connections, medians of $ROUNDS interleaved runs of $SECONDS_EACH s:"
for engine in "${engines[@]}"; do printf '  %-10s %6.2f µs\n' "$engine" "$(median <"$WORK/$engine.cpu")"; done
# against A B: the median of A / B, round by round
against() { paste "$WORK/$1.cpu" "$WORK/$2.cpu" | awk '{ print $1 / $2 }' | median; }
compare() {
  local figure
  figure=$(against strict "$1")
  printf '  strict / %-26s %.3f   at most %.2f   %s\n' "$2" "$figure" "$3" "$(verdict "$figure" "$3")"
}
compare minihttp "minihttp, same routes" 1.00
compare bare "minihttp, one fixed answer" 1.00
compare nginx "nginx return 200" 0.90
printf '  floor / nginx                       %.3f   nothing that calls recv and send once a request gets below it\n' "$(against floor nginx)"
