#!/usr/bin/env bash
# CPU a request: the strict engine against minihttp and nginx, one core each side, in turn.
# shellcheck disable=SC1091 # .shellcheckrc says where to find what this sources
set -euo pipefail
source "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
need curl wrk nginx=nginx-light

rounds 20 1
# A generator of one core is slower than any of these servers. The faster a server is, the more often it finds nothing to
# do, sleeps, and is woken for one request; the more connections there are, the more requests wait when it wakes.
CONNECTIONS=${CONNECTIONS:-128}
FEW=32

engine=$(example bare_engine)
floor=$(example bare_epoll)
port=$((20000 + RANDOM % 10000))
declare -A URL PIDS

# serve SIDE PORT COMMAND…: starts it on core 0 and waits until it answers.
serve() {
  local side=$1
  URL[$side]=http://127.0.0.1:$2/
  shift 2
  taskset -c 0 "$@" 2>>"$WORK/log" &
  STARTED+=("$!")
  PIDS[$side]=$!
  wait_until 10 curl -s -o /dev/null "${URL[$side]}" || die "$* does not answer: $(cat "$WORK/log")"
}

# One fixed answer, the same bytes from all but minihttp, which has a head of its own.
serve strict "$port" "$engine" strict "$port" 1
serve minihttp "$((port + 1))" "$engine" minihttp "$((port + 1))" 1
curl -si "${URL[strict]}" >"$WORK/answer"
serve floor "$((port + 2))" "$floor" "$((port + 2))" "$WORK/answer"
cat >"$WORK/nginx.conf" <<CONF
worker_processes 1;
pid $WORK/nginx.pid;
error_log $WORK/nginx.log;
events { worker_connections 1024; }
http {
  access_log off;
  keepalive_requests 1000000000;
  default_type application/json;
  server { listen 127.0.0.1:$((port + 3)); location / { return 200 '$(curl -s "${URL[strict]}")'; } }
}
CONF
serve nginx "$((port + 3))" nginx -p "$WORK" -c "$WORK/nginx.conf" -g 'daemon off;'
PIDS[nginx]+=" $(cat "/proc/${PIDS[nginx]}/task/${PIDS[nginx]}/children")"

# A node, which also routes, writes JSON, and times and counts what it answers.
start_node strict 0 --workers 1 --pool-threads 1
URL[node]=$NODE_URL/whoami PIDS[node]=$NODE_PID
start_node minihttp 0 --engine minihttp --workers 1 --pool-threads 1
URL[node_minihttp]=$NODE_URL/whoami PIDS[node_minihttp]=$NODE_PID

# cpu SIDE: CPU time of its processes, ns
cpu() {
  local pid sum=0
  for pid in ${PIDS[$1]}; do sum=$((sum + $(cpu_nanoseconds "$pid"))); done
  echo "$sum"
}

sides=(strict minihttp nginx floor node node_minihttp strict_few nginx_few)
for side in strict nginx; do
  URL[${side}_few]=${URL[$side]} PIDS[${side}_few]=${PIDS[$side]}
done
for ((round = 0; round < ROUNDS; round++)); do
  # Another one begins each round: whoever runs after the same one each time gets what that one leaves behind.
  for ((turn = 0; turn < ${#sides[@]}; turn++)); do
    side=${sides[$(((turn + round) % ${#sides[@]}))]}
    before=$(cpu "$side")
    connections=$CONNECTIONS
    [[ $side != *_few ]] || connections=$FEW
    requests=$(taskset -c 1 wrk -t1 -c"$connections" -d"$SECONDS_EACH"s "${URL[$side]}" | awk '/requests in/ { print $1 }')
    after=$(cpu "$side")
    awk -v t=$((after - before)) -v n="$requests" 'BEGIN { printf "%.4f\n", t / 1e3 / n }' >>"$WORK/$side.cpu"
  done
done

took() { printf '  %-40s %6.2f µs\n' "$2" "$(median <"$WORK/$1.cpu")"; }
# against A B: the median of A / B, round by round
against() { paste "$WORK/$1.cpu" "$WORK/$2.cpu" | awk '{ print $1 / $2 }' | median; }
compare() {
  local figure
  figure=$(against "$1" "$2")
  printf '  %-40s %6.3f   at most %.2f   %s\n' "$3" "$figure" "$4" "$(verdict "$figure" "$4")"
}
told() { printf '  %-40s %6.3f\n' "$3" "$(against "$1" "$2")"; }

echo "CPU a request (user + system) over keep-alive, $CONNECTIONS connections, medians of $ROUNDS interleaved runs of $SECONDS_EACH s"
echo "engines by themselves, one fixed answer:"
took strict 'strict'
took minihttp 'minihttp'
took nginx 'nginx, return 200'
took floor 'one recv and one send, nothing else'
compare strict minihttp 'strict / minihttp' 1.00
compare strict nginx 'strict / nginx' 0.90
told floor nginx 'the floor / nginx'
echo "/whoami of a node, by engine:"
took node 'strict'
took node_minihttp 'minihttp'
compare node node_minihttp 'strict / minihttp' 1.00
told node nginx 'strict / nginx, return 200'
echo "engines by themselves again, $FEW connections:"
took strict_few 'strict'
took nginx_few 'nginx, return 200'
told strict_few nginx_few 'strict / nginx'
