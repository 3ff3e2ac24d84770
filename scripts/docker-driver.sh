#!/usr/bin/env bash
# Containers of this machine's Docker engine as a cluster that `webapp bench` and `webapp autoscale` can drive. See --help.
# shellcheck disable=SC1091,SC2153 # lib/driver.sh sets NAME
set -euo pipefail

here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P)
source "$here/lib/common.sh"
source "$here/lib/driver.sh"
source "$here/lib/docker.sh"

usage() {
  cat <<'TEXT'
Makes clusters of containers, as scripts/cluster.sh makes them of processes: a driver for "webapp bench" and "webapp autoscale".
scripts/bench.sh --on docker uses it.

usage: scripts/docker-driver.sh COMMAND [options] [-- arguments of "webapp serve"]

  image    builds the image of the release binary, and prints its name
  up       one cluster: vertical, one container with N units of CPU; or horizontal, N containers of one unit behind the balancer
  status   the cluster that is up, as one line of JSON, with what of it answers
  scale N  so many units, live: containers come and go without a lost request; the one of a vertical cluster gets another quota
  kill C   kill -9 of a node, which stays dead until the next up
  down     ends the cluster, and leaves nothing of it but the image

options:
  --name NAME        whose cluster (webapp)
  --topology T       horizontal (default) or vertical
  --units N          how many units (2)
  --unit-cpu P       a unit in percent of one core (25), by `docker run --cpus`; or none
  --balancer B       haproxy (default) or nginx: a process of this machine, by "webapp cluster"
  --port PORT        where it listens (8080, or the next that is free)
  --bind ADDRESS     the balancer's address for clients (127.0.0.1); another one lets other machines in
  --model M          async (default) or sync
  --containers       this (the default); or --processes: the same cluster of processes, by scripts/cluster.sh, to compare with

WEBAPP_BIN names the program of the image, WEBAPP_IMAGE a finished image instead. The engine is that of this machine
(DOCKER_HOST): the balancer asks the containers at their own addresses.

example: scripts/docker-driver.sh up --units 4; curl http://127.0.0.1:8080/whoami; scripts/docker-driver.sh down
TEXT
}

KIND=containers

# Nodes of NAME, by their number: "1 CONTAINER".
containers() {
  docker ps --all --filter "label=webapp.cluster=$NAME" --format '{{.Label "webapp.node"}} {{.ID}}' | sort -n
}

network() { printf 'webapp-%s' "$NAME"; }

container() { printf 'webapp-%s-node%s' "$NAME" "$1"; }

# The nodes' addresses for the live page, in a folder that every container sees.
peers_folder() { printf '%s/webapp-docker-%s/%s' "${TMPDIR:-/tmp}" "$UID" "$NAME"; }

# label KEY: of the cluster that is up.
label() { docker network inspect --format "{{index .Labels \"webapp.$1\"}}" "$(network)" 2>/dev/null; }

# read_cluster: fills the variables from the cluster that is up.
read_cluster() {
  TOPOLOGY=$(label topology) || die "there is no cluster $NAME of containers; start one: ${0##*/} up --name $NAME"
  UNIT_CPU=$(label unit-cpu) BALANCER=$(label balancer) MODEL=$(label model) WEBAPP_IMAGE=$(label image)
  mapfile -d '' -t NODE_ARGUMENTS < <(label arguments | base64 --decode)
  UNITS=$(containers | wc -l)
  [[ "$TOPOLOGY" == horizontal ]] || UNITS=$(docker inspect --format '{{index .HostConfig.NanoCpus}}' "$(container 1)" | awk -v unit="$UNIT_CPU" '{ print (unit == "none" || $1 == 0) ? 1 : int($1 / 1e7 / unit + 0.5) }')
}

# facts CONTAINER…: "ADDRESS PID" of each, in their order. One that is dead has neither.
facts() { docker inspect --format '{{range .NetworkSettings.Networks}}{{if .IPAddress}}{{.IPAddress}}{{else}}-{{end}}{{end}} {{.State.Pid}}' "$@"; }

# start_node NUMBER UNITS
start_node() {
  local quota=()
  [[ "$UNIT_CPU" == none ]] || quota=(--cpus "$(cores "$2")")
  docker run --detach --name "$(container "$1")" --hostname "node$1" --network "$(network)" \
    --label "webapp.cluster=$NAME" --label "webapp.node=$1" "${quota[@]}" \
    --read-only --cap-drop ALL --security-opt no-new-privileges --volume "$(peers_folder):/peers:ro" --volume /io \
    --env "WEBAPP_NODE=node$1" --env "WEBAPP_MODEL=$MODEL" --env WEBAPP_PEERS=@/peers/list --env "WEBAPP_TRUSTED_PROXIES=$(gateway)" \
    --no-healthcheck --stop-timeout 40 "$WEBAPP_IMAGE" serve "${NODE_ARGUMENTS[@]}" >/dev/null
}

# Where the balancer's connections come from.
gateway() { docker network inspect --format '{{range .IPAM.Config}}{{.Gateway}}{{end}}' "$(network)"; }

# start_nodes FIRST LAST: at the same time; returns when they are ready.
start_nodes() {
  local number jobs=() failed=0
  for number in $(seq "$1" "$2"); do
    start_node "$number" 1 &
    jobs+=($!)
  done
  for number in "${jobs[@]}"; do wait "$number" || failed=1; done
  ((failed == 0)) || die "not every container started"
  read_addresses
  for number in $(seq "$1" "$2"); do all_ready 20 "$(address_of "node$number")"; done
}

address_of() {
  local index
  for index in "${!NODES[@]}"; do [[ "${NODES[index]}" != "$1" ]] || printf '%s' "${ADDRESSES[index]}"; done
}

# live: the addresses of the nodes that run, with commas.
live() {
  local index addresses=()
  for index in "${!NODES[@]}"; do [[ "${PIDS[index]}" == 0 ]] || addresses+=("${ADDRESSES[index]}"); done
  ((${#addresses[@]})) || die "no node of the cluster $NAME runs"
  joined "${addresses[@]}"
}

# read_addresses: fills NODES (names), ADDRESSES (HOST:PORT of those that live) and PIDS, and writes the list for the page.
read_addresses() {
  local ids=() numbers=() index address pid
  NODES=() ADDRESSES=() PIDS=()
  while read -r index address; do
    numbers+=("$index") ids+=("$address")
  done < <(containers)
  ((${#ids[@]})) || return 0
  index=0
  while read -r address pid; do
    NODES+=("node${numbers[index]}") PIDS+=("$pid")
    # An address that was somebody's is kept as text: a dead node must still be named.
    ADDRESSES+=("${address/#-/0.0.0.0}:$DOCKER_PORT")
    index=$((index + 1))
  done < <(facts "${ids[@]}")
  printf 'http://%s\n' "${ADDRESSES[@]}" | grep -v '//0\.0\.0\.0:' | write_file "$(peers_folder)/list" || true
}

command_image() {
  docker_require
  docker_image
  echo
}

command_up() {
  local started=$SECONDS
  docker_require
  need_balancer
  command_down
  WEBAPP_IMAGE=$(docker_image)
  trap 'command_down >&2' EXIT
  docker network create --label "webapp.cluster=$NAME" --label "webapp.topology=$TOPOLOGY" --label "webapp.unit-cpu=$UNIT_CPU" \
    --label "webapp.balancer=$BALANCER" --label "webapp.model=$MODEL" --label "webapp.image=$WEBAPP_IMAGE" \
    --label "webapp.arguments=$( ((${#NODE_ARGUMENTS[@]} == 0)) || printf '%s\0' "${NODE_ARGUMENTS[@]}" | base64 --wrap 0)" "$(network)" >/dev/null
  # Readable for the nodes, which are no user of this machine.
  (umask 022 && mkdir -p -- "$(peers_folder)" && : >"$(peers_folder)/list")
  if [[ "$TOPOLOGY" == vertical ]]; then
    start_node 1 "$UNITS"
    read_addresses
    all_ready 20 "${ADDRESSES[@]}"
  else
    start_nodes 1 "$UNITS"
    balancer_up "${ADDRESSES[@]}"
  fi
  trap - EXIT
  step "$TOPOLOGY, $UNITS units: ${NODES[*]} in $((SECONDS - started)) s"
  describe
}

# describe [--ask]
describe() {
  local words=() index
  for index in "${!NODES[@]}"; do
    words+=(--node "${NODES[index]}=${ADDRESSES[index]}")
    [[ "${PIDS[index]}" == 0 ]] || words+=(--pid "${NODES[index]}=${PIDS[index]}")
  done
  describe_cluster docker "http://${ADDRESSES[0]}" "${words[@]}" "$@"
}

command_status() {
  docker_require
  read_cluster
  read_addresses
  describe --ask
}

command_scale() {
  local before wanted leaving=() number index name
  wanted=$(wanted_units)
  docker_require
  read_cluster
  before=$UNITS
  if [[ "$TOPOLOGY" == vertical ]]; then
    [[ "$UNIT_CPU" != none ]] || die "a vertical cluster without a quota has no size to change"
    docker update --cpus "$(cores "$wanted")" "$(container 1)" >/dev/null
  elif ((wanted > before)); then
    start_nodes "$((before + 1))" "$wanted"
    balancer backends "$(live)" >/dev/null
  elif ((wanted < before)); then
    # First no more requests, then the end: none is lost.
    read_addresses
    for index in "${!NODES[@]}"; do
      number=${NODES[index]#node}
      ((number > wanted)) || continue
      name=$(balancer_name "${ADDRESSES[index]}")
      [[ -z "$name" ]] || balancer drain "$name" >/dev/null
      leaving+=("$(container "$number")")
    done
    docker stop "${leaving[@]}" >/dev/null
    docker rm --volumes "${leaving[@]}" >/dev/null
    read_addresses
    balancer backends "$(live)" >/dev/null
  fi
  UNITS=$wanted
  read_addresses
  step "$NAME has $wanted units, it had $before"
  describe --ask
}

command_kill() {
  check_victim
  docker_require
  read_cluster
  read_addresses
  docker kill --signal KILL "$(container "${OPERAND#node}")" >/dev/null || die "there is no running node $OPERAND in the cluster $NAME"
  step "$OPERAND is dead"
  describe
}

command_down() {
  local ids
  docker_require
  balancer down --quiet >/dev/null
  mapfile -t ids < <(docker ps --all --quiet --filter "label=webapp.cluster=$NAME")
  ((${#ids[@]} == 0)) || docker rm --force --volumes "${ids[@]}" >/dev/null
  if docker network inspect "$(network)" >/dev/null 2>&1; then
    docker network rm "$(network)" >/dev/null
    step "the cluster $NAME is down"
  fi
  rm -rf -- "$(peers_folder)"
  rmdir -- "$(dirname -- "$(peers_folder)")" 2>/dev/null || true
}

help_wanted "$@"
words=()
for word in "$@"; do
  case $word in
    --processes) KIND=processes ;;
    --containers) KIND=containers ;;
    *) words+=("$word") ;;
  esac
done
# Of a cluster of processes, the other commands are those of scripts/cluster.sh, too; `down` ends either kind.
[[ "$KIND" == containers ]] || exec "$here/cluster.sh" "${words[@]}"
driver_parse "for containers" "$DOCKER_OPTIONS" "${words[@]}"
driver_run image up status scale kill down
