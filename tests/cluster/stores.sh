# shellcheck shell=bash disable=SC2154 # see common.sh
# Stores and sessions that the nodes share, with the real servers: up, status, an accident under load, sticky users, and the end.

# service NAME FIELD: of the last answer.
service() { field ".services[] | select(.name == \"$1\") | .$2"; }

# pids: of all services in the last answer.
service_pids() { field '[.services[].pid] | map(tostring) | join(" ")'; }

# dead PID…: none of them runs.
dead() {
  local pid
  for pid in "$@"; do
    [[ ! -d /proc/$pid ]] || [[ "$(awk '/^State/ { print $2 }' "/proc/$pid/status")" == Z ]] || { echo "$pid runs" && return 1; }
  done
}

# secret_free FILE: it holds none of the cluster's passwords and keys.
secret_free() {
  local secret
  for secret in "$WEBAPP_STATE_DIR"/t/secrets/*.password "$WEBAPP_STATE_DIR"/t/secrets/*.key; do
    [[ ! -e "$secret" ]] || ! grep -qFf "$secret" "$1" || { echo "$1 holds what is in $secret" && return 1; }
  done
}

# counters N: of N requests of one user to /session.
counters() {
  local jar=$work/jar number
  rm -f "$jar"
  for ((number = 0; number < $1; number++)); do
    get /session -b "$jar" -c "$jar" | jq -r .result
  done | tr '\n' ' '
}

# no_quota_here: the message of a refused quota, as a skip.
no_quota_here() { skip "no CPU quota can be had here: $(tail -n 2 "$log" | head -n 1)"; }

test_store_words() {
  local words code
  while IFS= read -r words; do
    code=0
    # shellcheck disable=SC2086 # several words
    "$root/scripts/cluster.sh" up --name t $words >"$work/out" 2>&1 || code=$?
    check "up $words: refused, exit code 2" is "$code" 2
  done <<'TEXT'
--store postgres
--store memcached
--store-cpu 10
--store sqlite --store-cpu 10
--store-connections 4
--store-rows 5
--store-delay 5ms
--store sqlite --store-delay 5ms
--store redis --shards 2 --store-delay 5ms
--sessions cookie
--topology vertical --sticky
--backend 127.0.0.1:1 --store redis
TEXT
  check "nothing was started" nothing_left
}

test_far_store() {
  local pids
  chmod 711 "$work"
  up --nodes 1 --unit-cpu none --store redis --store-rows 100 --store-delay 100ms || return 1
  check "a far store: the way is a service of its own" is "$(field '[.services[] | .name + " " + .role] | join(", ")')" "store1 primary, relay-store1 relay"
  check "a far store: a row takes the way there and back" at_least "$(get '/item?id=7' -o /dev/null -w '%{time_total}')" 0.2
  refresh
  pids=$(service_pids)
  cluster kill relay-store1 --name t >/dev/null
  check "a far store: without the way there is no row" is "$(status_of '/item?id=7')" 503
  cluster start relay-store1 --name t >/dev/null
  check "a far store: with it there is one again" wait_until 10 has_row
  check "a far store: its rows are not spread over others" is "$(cluster reshard 2 --name t >/dev/null && echo spread || echo refused)" refused
  refresh
  pids+=" $(service_pids)"
  down
  # shellcheck disable=SC2086 # several ids
  check "a far store: nothing of it is left" dead $pids
}

has_row() { [[ "$(status_of '/item?id=7')" == 200 ]]; }

test_store_kinds() {
  local kind pids seen
  chmod 711 "$work"
  for kind in mariadb redis sqlite; do
    up --nodes 2 --store "$kind" --store-cpu 20 --store-rows 2000 --store-connections 3 2>/dev/null ||
      up --nodes 2 --store "$kind" --store-rows 2000 --store-connections 3 --unit-cpu none || return 1
    check "$kind: the last row is there, and no further one" is "$(status_of '/item?id=1999') $(status_of '/item?id=2000')" "200 404"
    get '/item?id=7' -X PUT -d changed >/dev/null
    check "$kind: what one node writes, both read" is "$(for node in 0 1; do curl -s "$(field ".nodes[$node].url")/item?id=7" | jq -r .result.value; done | sort -u)" changed
    check "$kind: the connections are those that were asked for" is "$(curl -s "$(field '.nodes[0].url')/stats" | jq .store.connections)" 3
    refresh
    if [[ "$kind" == sqlite ]]; then
      check "sqlite: a file, no service" is "$(field '.services | length') $(test -f "$WEBAPP_STATE_DIR/t/store.db" && echo there)" "0 there"
      continue
    fi
    check "$kind: status" is "$(service store1 kind) $(service store1 role) $(service store1 up)" "$kind primary true"
    [[ "$(field .limited.mechanism)" == none ]] || check "$kind: under its own quota" is "$(service store1 quota_cores)" 0.2
    [[ $EUID -ne 0 ]] || check "$kind: not as root" test "$(awk '/^Uid/ { print $2 }' "/proc/$(service store1 pid)/status")" != 0
    cluster status --name t >"$work/seen" && tr '\0' '\n' 2>/dev/null >>"$work/seen" < <(cat /proc/[0-9]*/cmdline 2>/dev/null)
    get /stats >>"$work/seen" && get /metrics >>"$work/seen"
    check "$kind: no password in status, command lines, /stats and /metrics" secret_free "$work/seen"
    check "$kind: its log" contains "$("$root/scripts/cluster.sh" logs store1 --name t 2>&1)" "eady"
    # shellcheck disable=SC2034 # service reads it
    JSON=$(cluster up --name t --store "$kind")
    seen=$(service store1 pid)
    pids=$(service_pids)
    check "$kind: a second up lets it be" is "$seen" "$pids"
    down
    # shellcheck disable=SC2086 # several numbers
    check "$kind: down ends it" dead $pids
    check "$kind: and leaves nothing" nothing_left
  done
}

test_store_dies_under_load() {
  local kind pids
  chmod 711 "$work"
  for kind in mariadb redis; do
    up --nodes 2 --store "$kind" --store-cpu 30 2>/dev/null || up --nodes 2 --store "$kind" --unit-cpu none || return 1
    pids=$(service_pids)
    load_start 8 '/item?id=5' /whoami
    check "$kind: kill store1" cluster kill store1 --name t
    refresh
    check "$kind: status says that it is down" is "$(service store1 up) $(service store1 pid)" "false null"
    check "$kind: the nodes live, and say 503" is "$(status_of /whoami) $(status_of '/item?id=5')" "200 503"
    check "$kind: start store1" cluster start store1 --name t
    check "$kind: the nodes are back by themselves" wait_until 15 got_row
    load_end
    check "$kind: every request was answered, with 200 or 503" is "$(jq -c '[(.errors | keys - ["unexpected_status"]), (.status | keys - ["200", "503"])]' <<<"$LOAD")" '[[],[]]'
    check "$kind: and something was" at_least "$(jq .requests_ok <<<"$LOAD")" 100
    pids+=" $(service_pids)"
    refresh
    pids+=" $(service_pids)"
    down
    # shellcheck disable=SC2086 # several numbers
    check "$kind: down ends the new one, too" dead ${pids//null/}
    check "$kind: and leaves nothing" nothing_left
  done
}
got_row() { [[ "$(status_of '/item?id=5')" == 200 ]]; }

test_quota_of_one_alone() {
  chmod 711 "$work"
  up --nodes 1 --unit-cpu none --store redis --store-rows 10 --store-cpu 20 || {
    no_quota_here
    return 0
  }
  check "a store with a quota, a node without" is "$(field '[.services[0].quota_cores, .nodes[0].quota_cores] | map(tostring) | join(" ")')" "0.2 null"
  up --nodes 1 --unit-cpu 20 --store redis --store-rows 10 --store-cpu none || return 1
  check "a node with a quota, a store without" is "$(field '[.services[0].quota_cores, .nodes[0].quota_cores] | map(tostring) | join(" ")')" "null 0.2"
}

test_session_kinds() {
  local kind
  chmod 711 "$work"
  for kind in node redis memcached token; do
    up --nodes 3 --unit-cpu none --sessions "$kind" || return 1
    case $kind in
      node) check "node: each node counts for itself" test "$(counters 6)" != "1 2 3 4 5 6 " ;;
      *)
        check "$kind: the user counts on, whichever node answers" is "$(counters 6)" "1 2 3 4 5 6 "
        check "$kind: and is told where" is "$(get /session | jq -r .sessions)" "$kind"
        ;;
    esac
    tr '\0' '\n' 2>/dev/null >"$work/seen" < <(cat /proc/[0-9]*/cmdline 2>/dev/null)
    check "$kind: no secret in a command line" secret_free "$work/seen"
  done
  up --nodes 2 --unit-cpu none --store redis --store-rows 10 --sessions redis || return 1
  check "one Redis is store and sessions" is "$(field '[.services[].name] | join(" ")') $(counters 4)" "store1 1 2 3 4 "
}

# What an autoscaler writes and shows of a cluster that has passwords and a key: its lines, its log, its words to the driver, the file
# and the page that show what it does.
test_autoscaler_tells_no_secret() {
  local words
  chmod 711 "$work"
  for words in "--store mariadb --store-rows 10 --sessions redis" "--sessions token"; do
    # shellcheck disable=SC2086 # several words
    up --nodes 1 --unit-cpu none $words || return 1
    check "$words: there are secrets to look for" test -n "$(find "$WEBAPP_STATE_DIR/t/secrets" -name '*.password' -o -name '*.key' | head -n 1)"
    timeout --signal INT 6 "$WEBAPP_BIN" autoscale --driver "$root/scripts/cluster.sh" --name t --metric rate=1 --max 2 --interval 1s --log "$work/decisions" >"$work/seen" 2>&1 || true
    check "$words: it decided" test -s "$work/decisions"
    {
      cat "$work/decisions" "$WEBAPP_STATE_DIR/t/scaling"
      curl -s "$(field '.nodes[0].url')/cluster"
      cluster status --name t
      cluster logs node1 --name t 2>&1
      tr '\0' '\n' < <(cat /proc/[0-9]*/cmdline 2>/dev/null)
    } >>"$work/seen" 2>/dev/null
    check "$words: nothing that the autoscaler writes or shows holds one" secret_free "$work/seen"
    down
  done
}

test_sticky() {
  local balancer first jar=$work/sticky
  chmod 711 "$work"
  for balancer in haproxy nginx; do
    up --nodes 3 --unit-cpu none --sticky --balancer "$balancer" || return 1
    check "$balancer: a user's session is where the user is sent" is "$(counters 6)" "1 2 3 4 5 6 "
    check "$balancer: other users go to other nodes" at_least "$(for _ in {1..30}; do get /whoami | jq -r .node; done | sort -u | wc -l)" 2
    rm -f "$jar"
    first=$(get /session -b "$jar" -c "$jar" | jq -r .node)
    check "$balancer: the cookie says nothing about the node" is "$(grep -c "$first" "$jar")" 0
    check "$balancer: and no script reads it" is "$(grep -c '#HttpOnly.*webapp_node' "$jar")" 1
    cluster kill "$first" --name t >/dev/null
    check "$balancer: the node died: another answers, and the session is lost" is "$(get /session -b "$jar" -c "$jar" | jq -r .result)" 1
    cluster start "$first" --name t >/dev/null
    cluster scale 4 --name t >/dev/null
    # The cookie of a user whose node is the new one is as good as any.
    check "$balancer: it holds with a node more" is "$(counters 5)" "1 2 3 4 5 "
    check "$balancer: the new node has users of its own" wait_until 15 node_has_users node4
  done
}

# node_has_users NODE: one of some new users is sent to it, and again.
node_has_users() {
  local try jar=$work/user
  for ((try = 0; try < 12; try++)); do
    rm -f "$jar"
    [[ "$(get /whoami -c "$jar" | jq -r .node)" != "$1" ]] || { [[ "$(get /whoami -b "$jar" | jq -r .node)" == "$1" ]] && return 0; }
  done
  return 1
}
