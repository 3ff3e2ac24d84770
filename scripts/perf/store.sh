#!/usr/bin/env bash
# What the pool of store connections costs: /item from Redis against a plain loop of the same client, and /item from memory
# against /whoami.
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

# Everybody on every core: the loop and the node share them with Redis, the node with its clients, too.
cores=0-$(($(nproc) - 1))
start_node redis "$cores" --store "$REDIS_URL" --store-connections "$CONNECTIONS"
for ((round = 0; round < ROUNDS; round++)); do
  plain=$(taskset -c "$cores" "$loop" "$REDIS_URL" "$CONNECTIONS" "$SECONDS_EACH" "$ROWS")
  node=$(rate "$cores" /item "$WORK/random.lua")
  ratio "$node" "$plain" >>"$WORK/ratios"
  echo "$plain" >>"$WORK/plain"
  echo "$node" >>"$WORK/node"
done
echo "Reads a second from Redis over $CONNECTIONS connections, medians of $ROUNDS rounds of $SECONDS_EACH s:"
echo "  plain loop of $CONNECTIONS threads $(median <"$WORK/plain"), /item of a node $(median <"$WORK/node")"
row_least "/item from Redis, of the plain loop" "$(median <"$WORK/ratios")" '' 0.7

start_node memory 0 --workers 1 --pool-threads 1
for ((round = 0; round < ROUNDS; round++)); do
  item=$(rate 1 '/item?id=42')
  whoami=$(rate 1 /whoami)
  ratio "$item" "$whoami" >>"$WORK/memory"
  echo "$item" >>"$WORK/item"
  echo "$whoami" >>"$WORK/whoami"
done
echo "Requests a second of a node on one core, medians of $ROUNDS rounds of $SECONDS_EACH s:"
echo "  /item from memory $(median <"$WORK/item"), /whoami $(median <"$WORK/whoami")"
row_least "/item from memory, of /whoami" "$(median <"$WORK/memory")" '' 0.9
