#!/usr/bin/env bash
# The pods of deploy/kubernetes as a cluster that `webapp bench` and `webapp autoscale` can drive. See --help.
# shellcheck disable=SC1091,SC2153 # lib/driver.sh sets NAME
set -euo pipefail

here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P)
source "$here/lib/common.sh"
source "$here/lib/driver.sh"

usage() {
  cat <<'TEXT'
Makes clusters of pods by kubectl, from the manifests in deploy/kubernetes, as scripts/cluster.sh makes them of processes: a driver for
"webapp bench" and "webapp autoscale"; scripts/bench.sh --on kubernetes uses it.

usage: scripts/kubernetes-driver.sh COMMAND [options] [-- arguments of "webapp serve"]

  up       one cluster: vertical, one pod with N units of CPU; or horizontal, N pods of one unit behind the balancer
  status   the cluster that is up, as one line of JSON, with what of it answers; also tells the balancer where pods are now
  scale N  so many units, live: pods come and go without a lost request; the one of a vertical cluster is replaced by another
  kill P   ends a pod at once, without its grace period; Kubernetes starts another one for it
  down     deletes the namespace webapp, and all in it

options:
  --name NAME        whose cluster (webapp); the namespace holds one at a time, and another one gets an error
  --topology T       horizontal (default) or vertical
  --units N          how many units (2)
  --unit-cpu P       a unit in percent of one core (25), as request and limit of the pod; or none
  --balancer B       haproxy (default) or nginx: a process of this machine, by "webapp cluster"
  --port PORT        where it listens (8080, or the next that is free)
  --model M          async (default) or sync

kubectl must reach a cluster (kubectl cluster-info), its hosts must have the image, which WEBAPP_IMAGE names (webapp:latest), and
this machine must reach the pods' own addresses, as the cluster's hosts do. With kind, whose host is a container here:
  kind load docker-image webapp:latest; ip route add 10.244.0.0/16 via $(docker inspect -f '{{.NetworkSettings.Networks.kind.IPAddress}}' kind-control-plane)

example: scripts/kubernetes-driver.sh up --units 4; curl http://127.0.0.1:8080/whoami; scripts/kubernetes-driver.sh down
TEXT
}

# deploy/kubernetes/base says so; the tests hold it against this.
readonly NAMESPACE=webapp POD_PORT=3000
# A host may have to fetch the image first.
readonly START_LIMIT=120

kube() { kubectl --namespace "$NAMESPACE" "$@"; }

kube_require() {
  local said
  have kubectl || die "kubectl is not there; install it: https://kubernetes.io/docs/tasks/tools/"
  said=$(kubectl version 2>&1) || die "no Kubernetes cluster answers: ${said##*$'\n'}"
}

# note KEY: what `up` wrote down of the cluster, in an annotation of its Deployment.
note() { kube get deployment webapp --output "jsonpath={.metadata.annotations.webapp/$1}" 2>/dev/null; }

read_cluster() {
  [[ "$(note name)" == "$NAME" ]] || die "there is no cluster $NAME in the namespace $NAMESPACE; start one: ${0##*/} up --name $NAME"
  TOPOLOGY=$(note topology) UNIT_CPU=$(note unit-cpu) BALANCER=$(note balancer) MODEL=$(note model) UNITS=$(note units)
}

# read_nodes: fills NODES (the pods' names) and ADDRESSES with the pods that run and are not ending.
read_nodes() {
  local name address phase ending
  NODES=() ADDRESSES=()
  while IFS=$'\t' read -r name address phase ending; do
    [[ "$phase" == Running && -n "$address" && -z "$ending" ]] || continue
    [[ "$address" != *:* ]] || address="[$address]"
    NODES+=("$name") ADDRESSES+=("$address:$POD_PORT")
  done < <(kube get pods --selector app.kubernetes.io/name=webapp --sort-by=.metadata.creationTimestamp --output \
    'jsonpath={range .items[*]}{.metadata.name}{"\t"}{.status.podIP}{"\t"}{.status.phase}{"\t"}{.metadata.deletionTimestamp}{"\n"}{end}')
}

pods_come() {
  wait_until "$START_LIMIT" enough_nodes "$1" ||
    die "not $1 pods run and answer after $START_LIMIT s: kubectl --namespace $NAMESPACE get pods --output wide; does this machine reach their addresses (--help)?"
}

# resources UNITS: request and limit of a pod of so many units, in thousandths of a core.
resources() {
  local cpu=null
  [[ "$UNIT_CPU" == none ]] || cpu="\"$(($1 * UNIT_CPU * 10))m\""
  printf '{"name":"webapp","resources":{"requests":{"cpu":%s},"limits":{"cpu":%s}}}' "$cpu" "$cpu"
}

# write_overlay FOLDER REPLICAS SIZE: the manifests with what this cluster asks beyond them. JSON is YAML.
write_overlay() {
  local arguments='"serve"' word
  for word in "${NODE_ARGUMENTS[@]}"; do
    word=${word//\\/\\\\}
    arguments+=",\"${word//\"/\\\"}\""
  done
  mkdir -p -- "$1"
  write_file "$1/kustomization.yaml" <<'YAML'
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources:
  - ../../../deploy/kubernetes/base
patches:
  - path: size.yaml
  - path: node.yaml
YAML
  write_file "$1/size.yaml" <<JSON
{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"webapp","namespace":"$NAMESPACE","annotations":{"webapp/name":"$NAME",
"webapp/topology":"$TOPOLOGY","webapp/units":"$UNITS","webapp/unit-cpu":"$UNIT_CPU","webapp/balancer":"$BALANCER","webapp/model":"$MODEL"}},
"spec":{"replicas":$2,"template":{"spec":{"containers":[$(resources "$3")]}}}}
JSON
  write_file "$1/node.yaml" <<JSON
{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"webapp","namespace":"$NAMESPACE"},"spec":{"template":{"spec":{"containers":[
{"name":"webapp","image":"${WEBAPP_IMAGE:-webapp:latest}","args":[$arguments],"env":[{"name":"WEBAPP_MODEL","value":"$MODEL"}]}]}}}}
JSON
}

command_up() {
  local started=$SECONDS owner replicas=$UNITS size=1 overlay=$DRIVER_ROOT/target/kubernetes/$NAME
  kube_require
  need_balancer
  owner=$(note name) || true
  [[ -z "$owner" || "$owner" == "$NAME" ]] ||
    die "the namespace $NAMESPACE belongs to the cluster $owner now; if that is over: ${0##*/} down --name $owner"
  command_down
  trap 'command_down >&2' EXIT
  [[ "$TOPOLOGY" == horizontal ]] || replicas=1 size=$UNITS
  # The size goes with the first version of the Deployment, so that no pod of another size is started.
  write_overlay "$overlay" "$replicas" "$size"
  kubectl apply --kustomize "$overlay" >/dev/null || die "the cluster refused the manifests: kubectl kustomize $overlay"
  pods_come "$replicas"
  [[ "$TOPOLOGY" == vertical ]] || balancer_up "${ADDRESSES[@]}"
  trap - EXIT
  step "$TOPOLOGY, $UNITS units: ${NODES[*]} in $((SECONDS - started)) s"
  describe
}

# describe [--ask]
describe() {
  local words=() index
  ((${#NODES[@]})) || die "no pod of the cluster $NAME runs: kubectl --namespace $NAMESPACE get pods"
  for index in "${!NODES[@]}"; do words+=(--node "${NODES[index]}=${ADDRESSES[index]}"); done
  describe_cluster kubernetes "http://${ADDRESSES[0]}" "${words[@]}" "$@"
}

command_status() {
  kube_require
  read_cluster
  read_nodes
  tell_balancer
  describe --ask
}

command_scale() {
  local before wanted replicas size=1
  wanted=$(wanted_units)
  kube_require
  read_cluster
  before=$UNITS UNITS=$wanted replicas=$wanted
  if [[ "$TOPOLOGY" == vertical ]]; then
    [[ "$UNIT_CPU" != none ]] || die "a vertical cluster without a quota has no size to change"
    replicas=1 size=$wanted
  fi
  # A pod of another size is a new one, which is ready before the old one ends. One that goes says no to the balancer's checks first
  # (WEBAPP_DRAIN_DELAY), so nobody asks it when it ends.
  kube patch deployment webapp --type strategic --patch \
    "{\"metadata\":{\"annotations\":{\"webapp/units\":\"$wanted\"}},\"spec\":{\"replicas\":$replicas,\"template\":{\"spec\":{\"containers\":[$(resources "$size")]}}}}" >/dev/null
  kube rollout status deployment webapp --timeout "${START_LIMIT}s" >/dev/null || die "not $wanted units after $START_LIMIT s: kubectl --namespace $NAMESPACE get pods"
  pods_come "$replicas"
  tell_balancer
  step "$NAME has $wanted units, it had $before"
  describe --ask
}

command_kill() {
  kube_require
  read_cluster
  read_nodes
  [[ " ${NODES[*]} " == *" $OPERAND "* && -n "$OPERAND" ]] || usage_error "kill needs the name of a pod that runs: ${NODES[*]}"
  kube delete pod "$OPERAND" --grace-period 0 --force >/dev/null 2>&1 || die "$OPERAND could not be killed: kubectl --namespace $NAMESPACE delete pod $OPERAND --grace-period 0 --force"
  step "$OPERAND is dead; Kubernetes starts another pod for it"
  read_nodes
  describe
}

command_down() {
  kube_require
  balancer down --quiet >/dev/null
  if [[ "$(note name)" == "$NAME" ]]; then
    kubectl delete namespace "$NAMESPACE" --wait >/dev/null
    step "the cluster $NAME is down"
  fi
}

help_wanted "$@"
driver_parse "for pods" '--name --topology --units --nodes --unit-cpu --balancer --model --port --' "$@"
driver_run up status scale kill down
