# shellcheck shell=bash disable=SC2154 # see engine.sh
# The driver for containers: clusters that change under load.

driver() { "$root/scripts/docker-driver.sh" --name t "$@" 2>>"$log"; }

test_driver() {
  JSON=$(driver up --units 2) || return 1
  TARGET=$(jq -r .target <<<"$JSON")
  check "up: two nodes with quota and process, behind HAProxy" is "$(jq -c '[.nodes[] | [.name, .quota_cores, .pid > 0]], [.balancer.kind, .balancer.pid > 0, .limited.mechanism]' <<<"$JSON" | paste -sd ' ')" \
    '[["node1",0.25,true],["node2",0.25,true]] ["haproxy",true,"docker"]'
  load_start 8 '/fib?number=20'
  check "scale 2 -> 4 under load" driver scale 4
  check "kill under load" driver kill node1
  check "scale 4 -> 2 under load, with a dead node" driver scale 2
  load_end || return 1
  check "scale and kill under load: no request failed" load_is_faultless
  check "every node took part" is "$(jq -c '.nodes | keys' <<<"$LOAD")" '["node1","node2","node3","node4"]'
  check "status tells who is dead" is "$(driver status | jq -c '[.nodes[] | .name, .state]')" '["node1","down","node2","ready"]'
  check "the live page shows the cluster" wait_until 10 page_shows '["node2"]'
  note "$(jq .requests_total <<<"$LOAD") requests, errors $(jq -c .errors <<<"$LOAD")"
  check "down" driver down
  JSON=$(driver up --topology vertical --units 2 --unit-cpu 10 -- --max-fib 30) || return 1
  check "vertical: one container with all units, and further arguments" is "$(jq -c '[.nodes[] | .quota_cores], .balancer' <<<"$JSON" | paste -sd ' ')" '[0.2] null'
  check "vertical: scale gives it another quota" is "$(driver scale 5 >/dev/null && curl -s "$(jq -r .target <<<"$JSON")/stats" | jq .cgroup.cpu_quota_cores)" 0.5
  check "vertical: status knows its size" is "$(driver status | jq -c '[.units, .limited.total_quota_cores]')" '[5,0.5]'
  check "down again" driver down
  check "nothing is left" is "$(docker ps --all --quiet | wc -l) $(docker network ls --quiet --filter label=webapp.cluster | wc -l) $(docker volume ls --quiet | wc -l)" "0 0 0"
  check "what it cannot do it refuses with exit code 2" is "$(driver up --store redis >/dev/null 2>&1; echo $?)" 2
}

page_shows() { [[ "$(curl -s "$TARGET/cluster" | jq -c '[.nodes[] | select(.stats != null) | .stats.node.name]')" == "$1" ]]; }
