#!/usr/bin/env bash
# What the pool of store connections costs: /item from Redis against a plain loop of the same client, and /item from memory
# against /whoami. And what /whoami notices when the store dies and comes back.
# shellcheck disable=SC1091 # .shellcheckrc says where to find what this sources
set -euo pipefail
source "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
need wrk redis-server redis-cli=redis-tools

rounds 9 2
CONNECTIONS=${CONNECTIONS:-8}
ROWS=10000

# rate CORES PATH: requests a second that 64 connections of wrk get. An answer that is not 2xx fails the script.
rate() {
  taskset -c "$1" wrk -t1 -c64 -d"${SECONDS_EACH}s" ${3:+-s "$3"} "$NODE_URL$2" >"$WORK/wrk"
  ! grep -q 'Non-2xx' "$WORK/wrk" || die "answers of $2 are refusals: $(cat "$WORK/wrk")"
  awk '/Requests\/sec/ { print $2 }' "$WORK/wrk"
}

loop=$(example bare_store)
redis_start "$WORK"
STARTED+=("$REDIS_PID")
"$WEBAPP_BIN" store seed "$REDIS_URL" --rows "$ROWS" >/dev/null
cat >"$WORK/random.lua" <<LUA
function request() return wrk.format("GET", "/item?id=" .. math.random(0, $ROWS - 1)) end
LUA

# Everybody on every core: the loop and the node share them with Redis, the node with its clients, too. wrk takes a fifth of such a
# machine, and would take nothing from a node that others load over a network. So what is judged is not the rate of the node beside
# wrk, but what it and Redis could read a second with the CPU that the loop and Redis have: the ratio of what a read costs them.
# Of that ratio, HTTP itself takes a part. What /whoami costs the same node says how high it would be with a pool that costs nothing.
cores=0-$(($(nproc) - 1))
start_node redis "$cores" --store "$REDIS_URL" --store-connections "$CONNECTIONS"
TIMEFORMAT='%U %S'
# microseconds NANOSECONDS COUNT
microseconds() { awk -v t="$1" -v n="$2" 'BEGIN { printf "%.2f\n", t / 1000 / n }'; }
# keep NAME VALUE: for the median of the rounds
keep() { echo "$2" >>"$WORK/$1"; }
med() { median <"$WORK/$1"; }
for ((round = 0; round < ROUNDS; round++)); do
  redis=$(cpu_nanoseconds "$REDIS_PID")
  { time plain=$(taskset -c "$cores" "$loop" "$REDIS_URL" "$CONNECTIONS" "$SECONDS_EACH" "$ROWS"); } 2>"$WORK/time"
  loop_cost=$(microseconds "$(awk '{ print 1e9 * ($1 + $2) }' "$WORK/time")" "$((plain * SECONDS_EACH))")
  loop_redis=$(microseconds "$(($(cpu_nanoseconds "$REDIS_PID") - redis))" "$((plain * SECONDS_EACH))")
  redis=$(cpu_nanoseconds "$REDIS_PID") used=$(cpu_nanoseconds "$NODE_PID")
  node=$(rate "$cores" /item "$WORK/random.lua")
  answers=$(awk '/requests in/ { print $1 }' "$WORK/wrk")
  node_cost=$(microseconds "$(($(cpu_nanoseconds "$NODE_PID") - used))" "$answers")
  node_redis=$(microseconds "$(($(cpu_nanoseconds "$REDIS_PID") - redis))" "$answers")
  used=$(cpu_nanoseconds "$NODE_PID")
  rate "$cores" /whoami >/dev/null
  http_cost=$(microseconds "$(($(cpu_nanoseconds "$NODE_PID") - used))" "$(awk '/requests in/ { print $1 }' "$WORK/wrk")")
  keep ratios "$(awk -v l="$loop_cost" -v lr="$loop_redis" -v n="$node_cost" -v nr="$node_redis" 'BEGIN { printf "%.3f", (l + lr) / (n + nr) }')"
  keep most "$(awk -v l="$loop_cost" -v lr="$loop_redis" -v h="$http_cost" 'BEGIN { printf "%.3f", (l + lr) / (l + lr + h) }')"
  keep beside "$(ratio "$node" "$plain")"
  keep plain "$plain"
  keep node "$node"
  keep loop_cost "$loop_cost"
  keep loop_redis "$loop_redis"
  keep node_cost "$node_cost"
  keep node_redis "$node_redis"
  keep http_cost "$http_cost"
done
echo "Reads a second from Redis over $CONNECTIONS connections, medians of $ROUNDS rounds of $SECONDS_EACH s:"
echo "  plain loop of $CONNECTIONS threads $(med plain), /item of a node beside wrk on the same cores $(med node): $(med beside) of it"
echo "CPU of a read, µs: plain loop $(med loop_cost) and Redis $(med loop_redis); node $(med node_cost) and Redis $(med node_redis); /whoami of the node $(med http_cost)"
row_least "/item from Redis, of the plain loop, for the same CPU" "$(med ratios)" '' 0.7
echo "  the same with a pool that costs nothing: $(med most)"

start_node memory 0 --workers 1 --pool-threads 1
for ((round = 0; round < ROUNDS; round++)); do
  item=$(rate 1 '/item?id=42')
  whoami=$(rate 1 /whoami)
  keep memory "$(ratio "$item" "$whoami")"
  keep item "$item"
  keep whoami "$whoami"
done
echo "Requests a second of a node on one core, medians of $ROUNDS rounds of $SECONDS_EACH s:"
echo "  /item from memory $(med item), /whoami $(med whoami)"
row_least "/item from memory, of /whoami" "$(med memory)" '' 0.9

# The store is killed and comes back five times, while 500 requests a second ask for rows and 200 for /whoami.
# p99_of FILE: of what webapp load wrote, in milliseconds.
p99_of() { jq .latency_milliseconds.p99 "$1"; }
# whoami NAME: ten seconds of it beside the rows. Every request for a row must be answered, with 200 or 503, or with 404 where the
# rows of the new store are being made.
whoami() {
  "$WEBAPP_BIN" load "$NODE_URL/item?id={uniform 0..99}" --rate 500 --warmup 0s --duration 12s --json "$WORK/rows.json" >"$WORK/rows.txt" 2>&1 &
  local rows=$! code=0
  "$WEBAPP_BIN" load "$NODE_URL/whoami" --rate 200 --duration 10s --json "$WORK/$1.json" >"$WORK/$1.txt" 2>&1 || code=$?
  # 3: the generator shares the cores with everybody else here; what it says of its own lateness is in the file.
  ((code == 0 || code == 3)) || die "$(cat "$WORK/$1.txt")"
  wait "$rows" || true
  [[ "$(jq -c '[(.errors | keys - ["unexpected_status", "not_sent"]), (.status | keys - ["200", "404", "503"])]' "$WORK/rows.json")" == '[[],[]]' ]] ||
    die "a request for a row was answered with something else than 200, 404 or 503: $(jq -c '[.errors, .status]' "$WORK/rows.json")"
}
start_node dying "$cores" --store "$REDIS_URL" --store-connections "$CONNECTIONS"
whoami alone
whoami dying &
asking=$!
for ((round = 0; round < 5; round++)); do
  sleep 1
  kill -KILL "$REDIS_PID"
  wait "$REDIS_PID" 2>/dev/null || true
  sleep 0.7
  redis_start "$WORK" "${REDIS_URL##*:}"
  STARTED+=("$REDIS_PID")
  "$WEBAPP_BIN" store seed "$REDIS_URL" --rows 100 >/dev/null
done
wait "$asking"
refused=$(jq '.status["503"] // 0' "$WORK/rows.json")
((refused > 0)) || die "no request for a row noticed that the store was away"
echo "p99 of /whoami at 200 requests/s, beside 500 requests/s for rows:"
row "while the store dies and returns 5 times (before: $(p99_of "$WORK/alone.json") ms)" "$(p99_of "$WORK/dying.json")" ms 10
