# shellcheck shell=bash disable=SC2154 # see common.sh
# What the balancer does with requests: who gets them, what it adds to them, what it refuses, what it waits with.

readonly BALANCERS=(haproxy nginx)

test_shares() {
  local balancer
  for balancer in "${BALANCERS[@]}"; do
    up --nodes 4 --unit-cpu none --balancer "$balancer" || return 1
    # One client that keeps its connection, then sixteen at once: 1,000 requests each.
    get "/whoami?[1-1000]" | jq -r .node | sort | uniq -c >"$work/shares"
    check "$balancer: 1,000 requests of one client, each of four nodes within 2 % of its share" fair "$work/shares"
    get "/whoami?[1-1000]" --no-progress-meter --parallel --parallel-max 16 | jq -r .node | sort | uniq -c >"$work/shares"
    check "$balancer: 1,000 requests of sixteen clients, too" fair "$work/shares"
    note "$balancer: $(awk '{ printf "%s%s %s", (NR > 1 ? ", " : ""), $2, $1 }' "$work/shares")"
  done
}

# fair FILE: four lines, "count node", each within 2 % of a quarter of 1,000.
fair() {
  awk '{ sum += $1; if ($1 < 245 || $1 > 255) unfair = 1 } END { exit !(NR == 4 && sum == 1000 && !unfair) }' "$1" || { cat "$1" && return 1; }
}

test_forwarded_headers() {
  local balancer answer lies=(-H 'X-Forwarded-For: 6.6.6.6' -H 'X-Forwarded-Proto: https' -H 'Forwarded: for=6.6.6.6;proto=https')
  for balancer in "${BALANCERS[@]}"; do
    up --nodes 1 --unit-cpu none --balancer "$balancer" || return 1
    answer=$(get /whoami --interface 127.0.0.9 "${lies[@]}" | jq -r '(.headers | with_entries(.key |= ascii_downcase)) as $h
      | [.client, .scheme, $h["x-forwarded-for"], $h["x-forwarded-proto"], $h.forwarded // "none"] | join(" ")')
    check "$balancer: says who the client is, whatever the client says" is "$answer" "127.0.0.9 http 127.0.0.9 http none"
    answer=$(curl -s --interface 127.0.0.9 "${lies[@]}" "$(field '.nodes[0].url')/whoami" | jq -r '[.client, .scheme] | join(" ")')
    check "$balancer: past the balancer, a node believes nobody" is "$answer" "127.0.0.9 http"
  done
}

test_configurations() {
  local balancer algorithm everything=(--bind '*' --http2 --redirect --limit-requests 100 --limit-connections 50 --maxconn 7)
  for balancer in "${BALANCERS[@]}"; do
    for algorithm in roundrobin leastconn random; do
      up --nodes 2 --unit-cpu none --balancer "$balancer" --algorithm "$algorithm" --tls-port "$(free_port)" "${everything[@]}" || return 1
      check "$balancer, $algorithm, every option: the program has nothing to say against it" says_nothing_against "$balancer"
      check "$balancer, $algorithm: both nodes answer" is "$(curl -sk "https://127.0.0.1:$(field '.tls.target | split(":")[2]')/whoami?[1-40]" | jq -r .node | sort -u | paste -sd ' ')" "node1 node2"
    done
  done
}

# says_nothing_against BALANCER: the real program on the configuration as it stands, without the script in between.
says_nothing_against() {
  local folder=$WEBAPP_STATE_DIR/t/balancer
  case $1 in
    haproxy) is "$(cd "$folder" && haproxy -c -f haproxy.cfg 2>&1)" "Configuration file is valid" ;;
    nginx) is "$(nginx -t -q -e stderr -p "$folder" -c "$folder/nginx.conf" 2>&1)" "" ;;
  esac
}

test_least_connections() {
  local balancer busy
  for balancer in "${BALANCERS[@]}"; do
    up --nodes 2 --unit-cpu none --balancer "$balancer" --algorithm leastconn || return 1
    get "/sleep?seg=1" >"$work/busy" &
    sleep 0.3
    get "/whoami?[1-10]" | jq -r .node | sort -u >"$work/idle"
    wait "$!"
    busy=$(jq -r .node "$work/busy")
    check "$balancer, leastconn: while one node is busy, the other gets what comes" is "$(printf '%s\n' "$busy" "$(cat "$work/idle")" | sort | paste -sd ' ')" "node1 node2"
  done
}

test_statistics() {
  up --nodes 2 --unit-cpu none || return 1
  get "/whoami?[1-10]" >/dev/null
  check "haproxy: the page" contains "$(curl -s "$(field .balancer.stats_url)")" "Statistics Report"
  check "haproxy: for programs" contains "$(curl -s "$(field .balancer.stats_url);csv")" "nodes,node2,"
  if [[ "$(haproxy -vv)" == *prometheus-exporter* ]]; then
    check "haproxy: for Prometheus" contains "$(curl -s "$(field .balancer.stats_url)metrics")" 'haproxy_server_http_responses_total{proxy="nodes",server="node1",code="2xx"}'
  else
    skip "this HAProxy was built without its exporter for Prometheus"
  fi
  check "haproxy: the socket answers" contains "$(haproxy_says 'show info')" "Version: "
  check "haproxy: and is its owner's" is "$(stat -c %a "$WEBAPP_STATE_DIR/t/balancer/haproxy.sock")" 600
  # Where a terminal reads the answer, it is a table.
  if have script; then
    check "status on a terminal: a table, with what the balancer thinks" contains "$(script -qec "$root/scripts/cluster.sh status --name t" /dev/null </dev/null | tr -s ' ')" "ready UP 5"
    check "status --json on a terminal: JSON" is "$(script -qec "$root/scripts/cluster.sh status --name t --json" /dev/null </dev/null | jq .units)" 2
  else
    skip "no script(1), so there is no terminal here"
  fi
  up --nodes 1 --unit-cpu none --balancer nginx || return 1
  check "nginx: its figures" contains "$(curl -s "$(field .balancer.stats_url)")" "Active connections"
}

test_queue() {
  local statuses
  up --nodes 1 --unit-cpu none --maxconn 2 || return 1
  statuses=$(get "/sleep?seg=1&n=[1-6]" --no-progress-meter --parallel --parallel-immediate -o /dev/null -w '%{http_code}\n' | sort | uniq -c | tr -s ' ')
  check "maxconn: six requests, all answered" is "$statuses" " 6 200"
  check "of which a node had two at once" is "$(haproxy_stat node1 smax)" 2
  check "and the others waited in the balancer" at_least "$(haproxy_stat BACKEND qmax)" 3
}

# sent SOURCE COUNT [curl options]: "count status" of so many requests from one address.
sent() { get "/whoami?[1-$2]" --no-progress-meter --interface "$1" "${@:3}" -o /dev/null -w '%{http_code}\n' | sort | uniq -c | awk '{ print $2, $1 }'; }

test_limits() {
  local balancer answer held
  for balancer in "${BALANCERS[@]}"; do
    up --nodes 1 --unit-cpu none --balancer "$balancer" --limit-requests 5 --limit-connections 3 || return 1
    held=$(sent 127.0.0.7 100)
    # HAProxy allows 5 a second as a mean over ten seconds; nginx a burst of ten, then 5 a second.
    check "$balancer: one source gets what it may have" at_least "$(awk '$1 == 200 { print $2 }' <<<"$held")" 10
    check "$balancer: and above it 429" at_least "$(awk '$1 == 429 { print $2 }' <<<"$held")" 40
    check "$balancer: another source has no part in that" is "$(sent 127.0.0.8 5)" "200 5"
    answer=$(get "/whoami?[1-3]" --interface 127.0.0.7 -D "$work/head" | jq -rs '.[-1].title')
    check "$balancer: the refusal is a problem detail that says when to come back" is "$answer $(tr -d '\r' <"$work/head" | grep -i '^retry-after' | tail -n 1 | cut -d' ' -f2)" "Too Many Requests 10"
    check "$balancer: no node heard of what was held" wait_until 5 asked_whoami "$(($(awk '$1 == 200 { print $2 }' <<<"$held") + 5))"
  done
}

# asked_whoami COUNT: what the node says of itself, once a second.
asked_whoami() { [[ "$(curl -s "$(field '.nodes[0].url')/stats" | jq '[.requests.endpoints[] | select(.path == "/whoami") | .count] | add')" == "$1" ]]; }

test_no_node() {
  local balancer status
  for balancer in "${BALANCERS[@]}"; do
    up --nodes 1 --unit-cpu none --balancer "$balancer" || return 1
    cluster kill node1 --name t >/dev/null
    status=$(get /whoami -o "$work/body" -w '%{http_code} %{content_type}')
    check "$balancer: without a node, a problem detail that says what its status says" is "$status" "$(jq -r .status "$work/body") application/problem+json"
    check "$balancer: an error of the balancer" at_least "${status%% *}" 502
    check "$balancer: up brings the node back, and it is used" cluster up --name t
    wait_until 10 answers || true
    check "$balancer: answers again" answers
  done
}

answers() { [[ "$(status_of /whoami)" == 200 ]]; }

# A client that gave up must not leave its request in the node: after an overload nodes would work for nobody.
test_gone_clients() {
  local balancer
  for balancer in "${BALANCERS[@]}"; do
    up --nodes 1 --unit-cpu none --balancer "$balancer" || return 1
    for _ in 1 2 3 4 5; do curl -s -m 1 "$TARGET/sleep?seg=30" & done
    wait
    check "$balancer: a node drops the requests of clients who left" wait_until 5 in_flight 0
  done
}

# in_flight N: requests that the first node has.
in_flight() { [[ "$(curl -s "$(field '.nodes[0].url')/stats" | jq .requests.in_flight)" == "$1" ]]; }

test_connection_limits() {
  local balancer served
  for balancer in "${BALANCERS[@]}"; do
    up --nodes 1 --unit-cpu none --balancer "$balancer" --limit-connections 3 || return 1
    get "/sleep?seg=2&n=[1-8]" --no-progress-meter --parallel --parallel-immediate --interface 127.0.0.7 -o /dev/null -w '%{http_code}\n' >"$work/many" 2>/dev/null &
    sleep 1
    check "$balancer: --limit-connections: another source is served meanwhile" is "$(status_of /whoami --interface 127.0.0.8)" 200
    wait "$!" || true
    served=$(grep -c 200 "$work/many" || true)
    check "$balancer: and of eight connections of one source, three" is "$served" 3
    check "$balancer: once they are closed, it may come again" is "$(status_of /whoami --interface 127.0.0.7)" 200
  done
}

# What `up` announces answers, whatever it was bound to.
test_announced() {
  local balancer bind
  for balancer in "${BALANCERS[@]}"; do
    for bind in 127.0.0.1 0.0.0.0 '*' ::1 ::; do
      if [[ "$bind" == *:* && -z "$(cat /proc/net/if_inet6 2>/dev/null)" ]]; then
        skip "$balancer --bind $bind: this machine has no IPv6"
        continue
      fi
      up --nodes 1 --unit-cpu none --balancer "$balancer" --bind "$bind" --tls --tls-port "$(free_port)" || return 1
      check "$balancer --bind $bind: the announced address answers" is "$(status_of /whoami)" 200
    done
  done
}
