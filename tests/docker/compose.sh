# shellcheck shell=bash disable=SC2154 # see engine.sh
# The practical's own cluster, by Compose: both balancers with HTTPS on top, and as it is with a store.

# compose WORD…: in deploy/, by the Compose that COMPOSE names, with images of this machine in place of public ones.
compose() {
  (cd -- "$root/deploy" && env WEBAPP_NGINX_IMAGE=test-nginx WEBAPP_HAPROXY_IMAGE=test-haproxy WEBAPP_REDIS_IMAGE=test-redis WEBAPP_MEMCACHED_IMAGE=test-memcached \
    "${COMPOSE[@]}" "$@" >>"$log" 2>&1)
}

answered() { curl -s "http://127.0.0.1$1" -H 'Accept: text/plain'; }

# who_answers [curl options]: the nodes that answer twenty requests through the balancer.
who_answers() { for _ in $(seq 20); do curl -s --max-time 5 "$@" -H 'Accept: text/plain'; echo; done | grep . | sort -u | paste -sd ' '; }

test_compose_nginx() { compose_life nginx docker-compose; }

test_compose_haproxy() { compose_life haproxy docker-compose; }

test_compose_v2() {
  if ! docker compose version >/dev/null 2>&1; then
    skip "Compose v2: this machine has no plugin \"docker compose\""
    return 0
  fi
  compose_life nginx docker compose
}

# compose_life BALANCER COMPOSE…
compose_life() {
  local balancer=$1 stopped
  COMPOSE=("${@:2}")
  export COMPOSE_PROFILES=$balancer
  "$root/deploy/certificates.sh" >>"$log" 2>&1 || return 1
  COMPOSE+=(-f compose.yaml -f compose.https.yaml)
  check "${COMPOSE[*]} up with $balancer" compose up -d --no-build
  check "$balancer: port 80 is answered by both nodes" wait_until 20 both_answer
  check "$balancer: 3001 and 3002 are the nodes themselves" is "$(answered :3001/whoami) $(answered :3002/whoami)" "node1 node2"
  check "$balancer: the page shows both, each under a quarter of a core" wait_until 10 quotas_are '[0.25,0.25]'
  check "$balancer: a node knows for whom the balancer asks" contains "$(curl -s http://127.0.0.1/whoami)" '"scheme":"http"'
  check "$balancer: https://dev.acme.com.ar, by a certificate of our own authority" is \
    "$(curl -s --cacert "$root/deploy/tls/authority.pem" --resolve dev.acme.com.ar:443:127.0.0.1 https://dev.acme.com.ar/whoami | jq -r .scheme)" https
  load_start 4 '/fib?number=18'
  stopped=$(docker ps --quiet --filter label=com.docker.compose.service=node2)
  docker stop "$stopped" >/dev/null
  sleep 0.5
  docker start "$stopped" >/dev/null
  sleep 4
  load_end || return 1
  check "$balancer: docker stop and start of a node under load: no request failed" load_is_faultless
  check "$balancer: and it served again" at_least "$(curl -s http://127.0.0.1:3002/stats | jq .requests.total)" 20
  note "$(jq .requests_total <<<"$LOAD") requests, errors $(jq -c .errors <<<"$LOAD")"
  check "$balancer: down" compose down --timeout 5 --volumes --remove-orphans
  unset COMPOSE_PROFILES
}

# A node asks its peers while somebody looks.
quotas_are() { [[ "$(curl -s http://127.0.0.1/cluster | jq -c '[.nodes[].stats.cgroup.cpu_quota_cores]')" == "$1" ]]; }

both_answer() { [[ "$(who_answers http://127.0.0.1/whoami)" == "node1 node2" ]]; }

test_compose_store() {
  COMPOSE=(docker-compose --env-file redis.env)
  check "redis.env: up" compose up -d --no-build
  wait_until 20 both_answer || true
  check "redis.env: seed" env WEBAPP_ROWS=100 bash -c "cd $(printf %q "$root/deploy") && docker-compose --env-file redis.env run --rm seed"
  check "both nodes answer rows of the one Redis" is "$(for port in 3001 3002; do curl -s "http://127.0.0.1:$port/item?id=7" | jq -c '[.id, .node]'; done | paste -sd ' ')" '[7,"node1"] [7,"node2"]'
  check "a session goes on at the other node" is "$(sessions)" "1 2 3"
  check "redis.env: down" compose down --timeout 5 --volumes --remove-orphans
  COMPOSE=(docker-compose --env-file memcached.env)
  check "memcached.env: up" compose up -d --no-build
  wait_until 20 both_know_sessions || true
  check "a session goes on at the other node, by memcached" is "$(sessions)" "1 2 3"
  check "memcached.env: down" compose down --timeout 5 --volumes --remove-orphans
}

# One user's counter, at one node, the other, and the first again.
# A node answers before it has a connection to what keeps its sessions.
both_know_sessions() {
  local port
  for port in 3001 3002; do [[ "$(curl -s "http://127.0.0.1:$port/session" | jq .result)" == 1 ]] || return 1; done
}

sessions() {
  rm -f "$work/jar"
  for port in 3001 3002 3001; do curl -s -b "$work/jar" -c "$work/jar" "http://127.0.0.1:$port/session" | jq .result; done | paste -sd ' '
}
