# shellcheck shell=bash disable=SC2154 # see engine.sh
# The drivers: clusters of containers and of a Swarm, changed under load.

driver() { "$root/scripts/docker-driver.sh" --name t "$@" 2>>"$log"; }
swarm() { "$root/scripts/swarm-driver.sh" --name s "$@" 2>>"$log"; }

# quota_is CORES: what the node of JSON says of its quota.
quota_is() { [[ "$(curl -s "$(jq -r .target <<<"$JSON")/stats" | jq .cgroup.cpu_quota_cores)" == "$1" ]]; }

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
  check "vertical: scale" driver scale 5
  # The node reads its quota with its next sample.
  check "vertical: scale gives it another quota" wait_until 10 quota_is 0.5
  check "vertical: status knows its size" is "$(driver status | jq -c '[.units, .limited.total_quota_cores]')" '[5,0.5]'
  check "down again" driver down
  check "nothing is left" is "$(docker ps --all --quiet | wc -l) $(docker network ls --quiet --filter label=webapp.cluster | wc -l) $(docker volume ls --quiet | wc -l)" "0 0 0"
  check "what it cannot do it refuses with exit code 2" is "$(driver up --store redis >/dev/null 2>&1; echo $?)" 2
}

page_shows() { [[ "$(curl -s "$TARGET/cluster" | jq -c '[.nodes[] | select(.stats != null) | .stats.node.name]')" == "$1" ]]; }

# A second host: a network of its own, joined to this one by a bridge, with an engine of its own.
second_host() {
  host second || return 1
  ip link add bridge0 type bridge && ip address add 10.77.0.1/24 dev bridge0 && ip link set bridge0 up || return 1
  ip link add to-second type veth peer name eth0 netns "${HOST[second]}" && ip link set to-second master bridge0 up || return 1
  on second ip address add 10.77.0.2/24 dev eth0 && on second ip link set eth0 up || return 1
  # Else every start of a task waits for a name server before it takes the image that is there.
  on second ip route add unreachable default
  # Bridged packets pass the firewall of the engine, which forwards nothing.
  iptables --policy FORWARD ACCEPT
  engine_start second nsenter --target "${HOST[second]}" --net || return 1
  docker save "$WEBAPP_IMAGE" | docker --host "unix://$work/second/socket" load >/dev/null
}

both_hosts() { [[ "$(docker node ls --format '{{.Status}}' | sort -u)" == Ready ]]; }

# Hosts as machines that are taken and given back.
swarm_machines() {
  JSON=$(swarm up --units 2 --machine-units 3) || return 1
  TARGET=$(jq -r .target <<<"$JSON")
  check "swarm: one host takes nodes" is "$(on_hosts "$JSON") $(jq -c '[.machines[] | .units, .simulated, .nodes]' <<<"$JSON")" '2 [3,false,["node1","node2"]]'
  load_start 8 '/fib?number=20'
  check "swarm: a second host is taken for more nodes" swarm scale 5 --machines 2
  JSON=$(swarm status)
  check "swarm: no host has more nodes than it may" is "$(jq -c '[.machines[].nodes | length] | sort' <<<"$JSON")" '[2,3]'
  check "swarm: it is given back, and its nodes move" swarm scale 3 --machines 1
  load_end || return 1
  check "swarm: hosts come and go under load: no request failed" load_is_faultless
  note "$(jq .requests_total <<<"$LOAD") requests, errors $(jq -c .errors <<<"$LOAD")"
  check "swarm: three nodes on the host that stays" is "$(on_hosts "$(swarm status)")" 3
  check "swarm: more machines than hosts are refused" fails swarm scale 7 --machines 3
  check "swarm: down, and all hosts take nodes again" swarm down
  check "swarm: all hosts are active" is "$(docker node ls --format '{{.Availability}}' | sort -u)" Active
}

# on_hosts JSON: how many nodes there are on each host.
on_hosts() { jq -r '[.nodes[].url | sub("http://"; "") | sub(":.*"; "")] | group_by(.) | map(length) | join(" ")' <<<"$1"; }

test_swarm() {
  local merged
  second_host || return 1
  docker swarm init --advertise-addr 10.77.0.1 >/dev/null || return 1
  on second docker --host "unix://$work/second/socket" swarm join --advertise-addr 10.77.0.2 \
    --token "$(docker swarm join-token --quiet worker)" 10.77.0.1:2377 >/dev/null || return 1
  JSON=$(swarm up --units 2 --bind 10.77.0.1) || return 1
  TARGET=$(jq -r .target <<<"$JSON")
  check "swarm: two tasks on two hosts, behind HAProxy" is "$(jq -r '[.nodes[].url | sub("http://"; "") | sub(":.*"; "")] | sort | join(" ")' <<<"$JSON")" "10.77.0.1 10.77.0.2"
  load_start 8 '/fib?number=20'
  check "swarm: scale 2 -> 6 under load" swarm scale 6
  check "swarm: three on each host" is "$(on_hosts "$(swarm status)")" "3 3"
  check "swarm: scale 6 -> 3 under load" swarm scale 3
  load_end || return 1
  check "swarm: 2 -> 6 -> 3 under load: no request failed" load_is_faultless
  note "$(jq .requests_total <<<"$LOAD") requests, errors $(jq -c .errors <<<"$LOAD")"
  # Exit code 3: measured, and late, as a busy machine is.
  merged=$(swarm load 3 -- "$TARGET/fib?number=15" --rate 20 --warmup 1s --duration 3s) || (($? == 3)) || return 1
  check "swarm: three generators on two hosts, one result: every request" is "$(jq -c '[(.generators | length), .requests_total, .requests_ok]' <<<"$merged")" '[3,180,180]'
  check "swarm: a generator that cannot measure is an error" fails env WEBAPP_LOAD_AT=1 "$root/scripts/swarm-driver.sh" --name s load 2 -- "$TARGET/whoami" 2>>"$log"
  check "swarm: generators leave nothing" is "$(docker service ls --format '{{.Name}}')" webapp-s
  check "swarm: scale 3 -> 4" swarm scale 4
  load_start 8 '/fib?number=20'
  ip link set to-second down
  sleep 12
  load_end || true
  check "swarm: a host is lost under load: at most the requests in flight there fail" at_most "$(jq '.requests_total - .requests_ok' <<<"$LOAD")" 8
  note "$(jq .requests_total <<<"$LOAD") requests, errors $(jq -c .errors <<<"$LOAD")"
  check "swarm: down" swarm down
  ip link set to-second up
  wait_until 60 both_hosts || return 1
  swarm_machines || return 1
  docker swarm leave --force >/dev/null
  hosts_end
  end_processes "$ENGINE_PID"
}
