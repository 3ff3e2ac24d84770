#!/usr/bin/env bash
# A service of a Docker Swarm as a cluster that `webapp bench` and `webapp autoscale` can drive. See --help.
# shellcheck disable=SC1091,SC2153 # lib/driver.sh sets NAME
set -euo pipefail

here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P)
source "$here/lib/common.sh"
source "$here/lib/driver.sh"
source "$here/lib/docker.sh"

usage() {
  cat <<'TEXT'
Makes clusters of a Docker Swarm, of one host or of several: a service whose tasks are the nodes, behind a balancer on this machine,
which is told of the tasks. A driver for "webapp bench" and "webapp autoscale"; scripts/bench.sh --on swarm uses it.

usage: scripts/swarm-driver.sh COMMAND [options] [-- arguments of "webapp serve"]

  up       one cluster: vertical, one task with N units of CPU; or horizontal, N tasks of one unit behind the balancer
  status   the cluster that is up, as one line of JSON, with what of it answers; also tells the balancer where tasks are now
  scale N  so many units, live: tasks come and go without a lost request; the one of a vertical cluster gets another quota
  load N   N generators on as many hosts as there are begin together, in 30 s (WEBAPP_LOAD_AT: another moment); prints their results
           as one. `-- URL…`: what "webapp load" shall do
  kill C   kill -9 of a node that runs on this host; Swarm starts another task for it
  down     ends the cluster, and leaves nothing of it but the image

options: those of scripts/docker-driver.sh, and for `webapp autoscale --machine-units`:
  --machine-units N  up: at most N nodes on a host; status then names the hosts that take nodes as machines
  --machines M       up, scale: so many hosts take nodes (1); the others are drained, and their nodes move. At `down` all take nodes again

This machine is a manager of the Swarm (docker swarm init), and every host has the image: WEBAPP_IMAGE names it, from a registry or
brought by `docker save IMAGE | ssh HOST docker load`. Without WEBAPP_IMAGE it is built here, which is enough for a Swarm of one host.
Each task takes a free port of its host (mode=host), so the balancer reaches it directly, and sees it go.

example: docker swarm init; scripts/swarm-driver.sh up --units 4; curl http://127.0.0.1:8080/whoami; scripts/swarm-driver.sh down
TEXT
}

# How long a node says no to the balancer's checks before it takes no more connections: four checks in a row, four times a second.
readonly DRAIN_DELAY=3s
# Swarm starts tasks one after the other, and looks for a dead host for some seconds.
readonly START_LIMIT=60

service() { printf 'webapp-%s' "$NAME"; }

MACHINE_UNITS='' MACHINES=''

label() { docker service inspect --format "{{index .Spec.Labels \"webapp.$1\"}}" "$(service)" 2>/dev/null; }

read_cluster() {
  TOPOLOGY=$(label topology) || die "there is no cluster $NAME in this Swarm; start one: ${0##*/} up --name $NAME"
  MACHINE_UNITS=$(label machine-units)
  UNIT_CPU=$(label unit-cpu) BALANCER=$(label balancer) MODEL=$(label model)
  if [[ "$TOPOLOGY" == horizontal ]]; then
    UNITS=$(docker service inspect --format '{{.Spec.Mode.Replicated.Replicas}}' "$(service)")
  else
    UNITS=$(label units)
  fi
}

# host_address NODE_ID: where its ports are. A manager alone may know itself by another name than its workers do.
host_address() {
  docker node inspect --format '{{.Status.Addr}} {{if .ManagerStatus}}{{.ManagerStatus.Addr}}{{end}}' "$1" |
    while read -r own manager; do
      [[ "$own" != 0.0.0.0 && "$own" != 127.0.0.1 ]] || own=${manager%:*}
      printf '%s' "${own:-127.0.0.1}"
    done
}

# Slot, state, host, port (told once for IPv4 and once for IPv6) and container of a task. One that is not placed yet lacks some of them, which `index` forgives.
readonly TASK='{{.Slot}} {{.Status.State}} {{with index . "NodeID"}}{{.}}{{else}}-{{end}} {{with index .Status "PortStatus"}}{{with index . "Ports"}}{{index (index . 0) "PublishedPort"}}{{else}}-{{end}}{{else}}-{{end}} {{with index .Status "ContainerStatus"}}{{with index . "ContainerID"}}{{.}}{{else}}-{{end}}{{else}}-{{end}}'

# hosts: ID, name and availability of every host that answers; this one first, the others always in the same order.
hosts() {
  docker node ls --format '{{if .Self}}0{{else}}1{{end}} {{.ID}} {{.Hostname}} {{.Availability}} {{.Status}}' | sort | awk '$5 == "Ready" { print $2, $3, $4 }'
}

# use_hosts M: the first M of them take nodes, the others none.
use_hosts() {
  local id name availability wanted number=0
  while read -r id name availability; do
    wanted=drain
    ((number++ >= $1)) || wanted=active
    [[ "${availability,,}" == "$wanted" ]] || docker node update --availability "$wanted" "$id" >/dev/null
  done < <(hosts)
  (($1 <= number)) || die "$1 machines are wanted, and the Swarm has $number hosts that answer: docker node ls"
}

# read_nodes: fills NODES, ADDRESSES, TASKS and HOSTS with the tasks that run, by their slots.
read_nodes() {
  local ids slot host port container state
  NODES=() ADDRESSES=() TASKS=() HOSTS=()
  mapfile -t ids < <(docker service ps --quiet --filter desired-state=running "$(service)")
  ((${#ids[@]})) || return 0
  while read -r slot state host port container; do
    [[ "$state" == running && "$port" != - ]] || continue
    NODES+=("node$slot") ADDRESSES+=("$(host_address "$host"):$port") TASKS+=("$container") HOSTS+=("$host")
  done < <(docker inspect --type task --format "$TASK" "${ids[@]}" | sort -n)
}

tasks_come() {
  wait_until "$START_LIMIT" enough_nodes "$1" || die "not all of $1 tasks run after $START_LIMIT s: docker service ps --no-trunc $(service)"
}

command_up() {
  local started=$SECONDS replicas=$UNITS size=1 image limit=()
  docker_require
  [[ "$(docker info --format '{{.Swarm.ControlAvailable}}')" == true ]] || die "this engine is not a manager of a Swarm; make one: docker swarm init"
  need_balancer
  command_down
  image=$(docker_image)
  [[ "$TOPOLOGY" == horizontal ]] || replicas=1 size=$UNITS
  [[ "$UNIT_CPU" == none ]] || limit=(--limit-cpu "$(cores "$size")")
  if [[ -n "$MACHINE_UNITS" ]]; then
    limit+=(--replicas-max-per-node "$MACHINE_UNITS" --label "webapp.machine-units=$MACHINE_UNITS")
    use_hosts "${MACHINES:-1}"
  fi
  trap 'command_down >&2' EXIT
  docker service create --detach --quiet --no-resolve-image --name "$(service)" --replicas "$replicas" "${limit[@]}" \
    --label "webapp.topology=$TOPOLOGY" --label "webapp.units=$UNITS" --label "webapp.unit-cpu=$UNIT_CPU" \
    --label "webapp.balancer=$BALANCER" --label "webapp.model=$MODEL" \
    --publish "mode=host,target=$DOCKER_PORT" --hostname 'node{{.Task.Slot}}' --env 'WEBAPP_NODE=node{{.Task.Slot}}' \
    --env "WEBAPP_MODEL=$MODEL" --env "WEBAPP_DRAIN_DELAY=$DRAIN_DELAY" --stop-grace-period 45s --no-healthcheck \
    --read-only --mount type=volume,target=/io --cap-drop ALL --restart-delay 1s \
    "$image" serve "${NODE_ARGUMENTS[@]}" >/dev/null
  tasks_come "$replicas"
  if [[ "$TOPOLOGY" == horizontal ]]; then
    balancer_up "${ADDRESSES[@]}"
  fi
  trap - EXIT
  step "$TOPOLOGY, $UNITS units: ${NODES[*]} in $((SECONDS - started)) s"
  describe
}

# describe [--ask]
describe() {
  local words=() index id name availability on
  ((${#NODES[@]})) || die "no task of $(service) runs: docker service ps --no-trunc $(service)"
  for index in "${!NODES[@]}"; do
    words+=(--node "${NODES[index]}=${ADDRESSES[index]}")
    # A task on another host has no process here.
    local pid
    pid=$(docker inspect --type container --format '{{.State.Pid}}' "${TASKS[index]}" 2>/dev/null) || pid=
    [[ -z "$pid" ]] || words+=(--pid "${NODES[index]}=$pid")
  done
  while [[ -n "$MACHINE_UNITS" ]] && read -r id name availability; do
    [[ "$availability" == Active ]] || continue
    on=()
    for index in "${!HOSTS[@]}"; do [[ "${HOSTS[index]}" != "$id" ]] || on+=("${NODES[index]}"); done
    words+=(--machine "$name-${id:0:5}=$MACHINE_UNITS:$(joined "${on[@]}")")
  done < <(hosts)
  describe_cluster swarm "http://${ADDRESSES[0]}" "${words[@]}" "$@"
}

command_status() {
  docker_require
  read_cluster
  read_nodes
  tell_balancer
  describe --ask
}

command_scale() {
  local before wanted
  wanted=$(wanted_units)
  docker_require
  read_cluster
  before=$UNITS
  [[ -z "$MACHINES" || -n "$MACHINE_UNITS" ]] || usage_error "$NAME has no machines to change: it was made without --machine-units"
  if [[ "$TOPOLOGY" == vertical ]]; then
    [[ "$UNIT_CPU" != none ]] || die "a vertical cluster without a quota has no size to change"
    # Swarm makes a new task for it; the new one starts before the old one ends.
    docker service update --detach --quiet --update-order start-first --limit-cpu "$(cores "$wanted")" --label-add "webapp.units=$wanted" "$(service)" >/dev/null
    tasks_come 1
  else
    # A task that Swarm ends says no to the balancer's checks first (WEBAPP_DRAIN_DELAY), so nobody asks it when it goes.
    ((wanted < before)) || [[ -z "$MACHINES" ]] || use_hosts "$MACHINES"
    docker service scale --detach "$(service)=$wanted" >/dev/null
    tasks_come "$wanted"
    tell_balancer
    if ((wanted < before)) && [[ -n "$MACHINES" ]]; then
      use_hosts "$MACHINES"
      tasks_come "$wanted"
      tell_balancer
    fi
  fi
  UNITS=$wanted
  step "$NAME has $wanted units, it had $before"
  describe --ask
}

# ended SERVICE N: so many tasks have.
ended() { [[ "$(docker service ps --format '{{.CurrentState}}' "$1" | grep -cE '^(Complete|Failed|Rejected)')" -ge $2 ]]; }

command_load() {
  local job generators image folder id results=() code=0
  job=$(service)-load
  generators=$(wanted_units) || exit 2
  ((${#NODE_ARGUMENTS[@]})) || usage_error "load needs what the generators shall do: -- http://HOST/fib --rate 100 --duration 30s"
  docker_require
  image=$(docker_image)
  folder=$(mktemp -d)
  # shellcheck disable=SC2064 # what it is now
  trap "docker service rm '$job' >/dev/null 2>&1 || true; rm -rf -- '$folder'" EXIT
  # On the hosts' own network: an overlay's would be measured as well. No job of Swarm, which starts again what ends with a code such as
  # 3 (the generator was the limit): that would begin late.
  docker service create --detach --quiet --no-resolve-image --name "$job" --replicas "$generators" --network host \
    --restart-condition none --env "WEBAPP_LOAD_AT=${WEBAPP_LOAD_AT:-$(($(date +%s) + 30))}" --read-only --cap-drop ALL "$image" load --json - "${NODE_ARGUMENTS[@]}" >/dev/null
  wait_until 3600 ended "$job" "$generators" || die "the generators have not ended after an hour"
  for id in $(docker service ps --quiet "$job"); do
    docker service logs --raw "$id" >"$folder/$id.json" 2>>"$folder/said"
    if [[ -s "$folder/$id.json" ]]; then results+=("$folder/$id.json"); else code=1; fi
  done
  ((code == 0)) || die "not every generator measured; they said: $(sort -u "$folder/said" | tail -n 3)"
  "$(webapp_program)" load --merge "${results[@]}" --json -
}

command_kill() {
  local index
  check_victim
  docker_require
  read_cluster
  read_nodes
  for index in "${!NODES[@]}"; do
    [[ "${NODES[index]}" == "$OPERAND" ]] || continue
    docker kill --signal KILL "${TASKS[index]}" >/dev/null 2>&1 || usage_error "$OPERAND runs on another host of the Swarm: docker kill ${TASKS[index]:0:12} there"
    step "$OPERAND is dead; Swarm starts another task for it"
    describe
    return 0
  done
  die "there is no running node $OPERAND in the cluster $NAME"
}

command_down() {
  docker_require
  balancer down --quiet >/dev/null
  if docker service inspect "$(service)" >/dev/null 2>&1; then
    [[ -z "$(label machine-units)" ]] || use_hosts "$(hosts | wc -l)"
    docker service rm "$(service)" >/dev/null
    step "the cluster $NAME is down"
  fi
}

help_wanted "$@"
driver_parse "for a Swarm" "--machine-units --machines $DOCKER_OPTIONS" "$@"
for number in "$MACHINE_UNITS" "$MACHINES"; do
  [[ -z "$number" ]] || is_units "$number" || usage_error "--machine-units and --machines are whole numbers from 1 to 64, not '$number'"
done
driver_run up status scale load kill down
