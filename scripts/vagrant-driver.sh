#!/usr/bin/env bash
# The virtual machines of the Vagrantfile as a cluster that `webapp bench` can drive. See --help.
# shellcheck disable=SC1091 # .shellcheckrc says where to find what this sources
set -euo pipefail

here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P)
source "$here/lib/common.sh"
source "$here/lib/driver.sh"
source "$here/lib/vagrant.sh"

usage() {
  cat <<'TEXT'
Makes clusters of the Vagrantfile's machines, as scripts/cluster.sh makes them of processes: a driver for "webapp bench" and
"webapp autoscale". scripts/bench.sh --on vagrant uses it.

usage: scripts/vagrant-driver.sh COMMAND [options]

  prepare  starts every machine that a bench needs: node1 … nodeN, the balancer, and vertical
  up       one cluster: vertical, one machine with N units; or horizontal, N machines of one unit behind the balancer
  status   the cluster that is up, as one line of JSON, with what of it answers
  scale N  so many machines, live: a new one gets requests when it answers, one that goes has finished its own when it is halted
  kill M   kill -9 of the node on machine M, which stays dead (the machine runs on) until the next up or down
  down     ends the cluster and keeps the machines: those that run do so as vagrant made them

options:
  --name NAME        whose cluster (webapp); while one has the machines, another gets an error
  --topology T       horizontal (default) or vertical
  --units N          how many units (2); horizontal needs NODES=N or more
  --unit-cpu P       a unit in percent of one core: 100 for each CPU of a node (NODE_CPUS, default 1) is the whole machine and
                     needs no quota, less is a CPUQuota of systemd on the machine; none is the whole machine, too
  --balancer B       haproxy (default) or nginx
  --model M          async (default) or sync

The vertical machine has as many CPUs on line as the units ask for; it is reloaded with VERTICAL_CPUS only when it has too few.
What `up` sets on the machines (CPUs on line, quota, model, the balancer's nodes) `down` takes back, and so does a reboot.
NODES, NODE_CPUS, VERTICAL_CPUS, WEBAPP_NETWORK and the like are those of the Vagrantfile.

example: NODES=4 scripts/vagrant-driver.sh up --topology horizontal --units 4; scripts/vagrant-driver.sh down
TEXT
}

UNIT_CPU=none

# --- what is known of the cluster that is up: one folder, which is also the lock ----------------------------------

STATE=$VAGRANT_STATE/cluster

state_lock() {
  mkdir -p -- "$STATE"
  exec 9<"$STATE"
  flock -w 600 9 || die "another command works on the machines for ten minutes already"
}

# state_mine: the cluster that is up is NAME's.
state_mine() { [[ -s "$STATE/name" && "$(<"$STATE/name")" == "$NAME" ]]; }

# --- on the machines -----------------------------------------------------------------------------------------------

# Exit codes of the scripts below, beyond those of what they call.
readonly OTHER_PROGRAM=65 TOO_FEW_CPUS=66

# What runs on a node, as root. Everything it sets is under /run or of the running kernel: a reboot forgets it.
#   CPUS|all QUOTA|none MODEL|default PROGRAM'S_SHA256|any
node_script() {
  cat <<'REMOTE'
set -eu
cpus=$1 quota=$2 model=$3 sum=$4 folder=/run/systemd/system/webapp.service.d changed=false
[ "$sum" = any ] || [ "$(sha256sum </usr/local/bin/webapp)" = "$sum  -" ] || exit 65
present=$(ls -d /sys/devices/system/cpu/cpu[0-9]* | wc -l)
[ "$cpus" = all ] && cpus=$present
[ "$present" -ge "$cpus" ] || exit 66
for switch in /sys/devices/system/cpu/cpu[0-9]*/online; do
  [ -e "$switch" ] || continue
  number=${switch%/online} number=${number##*cpu}
  wanted=0
  [ "$number" -ge "$cpus" ] || wanted=1
  [ "$(cat "$switch")" = "$wanted" ] || { echo "$wanted" >"$switch"; changed=true; }
done
settings='[Service]'
[ "$quota" = none ] || settings="$settings
CPUQuota=$quota%"
if [ "$model" != default ]; then
  # After the machine's own file of settings, hence stronger. And a node that is killed shall be missed.
  echo "WEBAPP_MODEL=$model" >/run/webapp-bench.env
  settings="$settings
Restart=no
EnvironmentFile=/run/webapp-bench.env"
fi
if [ "$settings" = '[Service]' ]; then
  [ ! -e "$folder/bench.conf" ] || changed=true
  rm -f "$folder/bench.conf" /run/webapp-bench.env
  rmdir "$folder" 2>/dev/null || true
elif [ "$(cat "$folder/bench.conf" 2>/dev/null)" != "$settings" ]; then
  mkdir -p "$folder"
  echo "$settings" >"$folder/bench.conf"
  changed=true
fi
"$changed" && systemctl daemon-reload
# A cluster begins with new processes; at its end, only what was changed is started again.
if [ "$sum" != any ] || "$changed"; then systemctl restart webapp.service; fi
REMOTE
}

# What runs on the balancer, as root: "KIND NODES", "live NODES" for others without a lost request, or "default" for what it was made with.
balancer_script() {
  cat <<'REMOTE'
set -eu
folder=/run/systemd/system/webapp-balancer.service.d
export WEBAPP_STATE_DIR=/run/webapp-balancer
if [ "$1" = live ]; then
  sed -i "s/^WEBAPP_BACKENDS=.*/WEBAPP_BACKENDS=$2/" /run/webapp-bench.env
  exec /usr/local/bin/webapp cluster backends "$2" >&2
elif [ "$1" = default ]; then
  [ -e "$folder/bench.conf" ] || exit 0
  rm -f "$folder/bench.conf" /run/webapp-bench.env
  rmdir "$folder" 2>/dev/null || true
else
  mkdir -p "$folder"
  printf 'WEBAPP_BALANCER=%s\nWEBAPP_BACKENDS=%s\n' "$1" "$2" >/run/webapp-bench.env
  printf '[Service]\nEnvironmentFile=/run/webapp-bench.env\n' >"$folder/bench.conf"
fi
systemctl daemon-reload
systemctl restart webapp-balancer.service
[ "$1" = default ] || /usr/local/bin/webapp cluster status --json | sed -n 's/.*"version":"\([^"]*\)".*/\1/p'
REMOTE
}

# node_set MACHINE CPUS QUOTA MODEL SHA256
node_set() {
  local machine=$1 code=0
  shift
  node_script | vagrant_root "$machine" "$@" >&2 || code=$?
  return "$code"
}

# node_prepare MACHINE CPUS QUOTA MODEL: node_set, after whatever the machine lacks has been brought to it.
node_prepare() {
  local machine=$1 cpus=$2 sum code=0
  sum=$(sha256sum <"$PROGRAM")
  sum=${sum%% *}
  node_set "$@" "$sum" || code=$?
  if ((code == OTHER_PROGRAM)); then
    step "$machine has another webapp than $PROGRAM: provisioning"
    WEBAPP_BIN=$PROGRAM vagrant_alone provision "$machine"
  elif ((code == TOO_FEW_CPUS)); then
    step "$machine has fewer CPUs than $cpus: reloading"
    vagrant_alone reload "$machine"
  elif ((code == 0)); then
    return 0
  else
    die "$machine could not be set up (exit code $code; 255 is ssh's: is it running? vagrant status)"
  fi
  code=0
  node_set "$@" "$sum" || code=$?
  ((code != TOO_FEW_CPUS)) || die "$machine still has fewer CPUs than $cpus after a reload: vagrant destroy $machine && VERTICAL_CPUS=$cpus vagrant up $machine"
  ((code == 0)) || die "$machine could not be set up (exit code $code)"
}

# --- the commands ----------------------------------------------------------------------------------------------------

# The machines of the cluster at hand, its nodes only.
cluster_machines() {
  if [[ "$TOPOLOGY" == vertical ]]; then
    echo vertical
  else
    seq -f 'node%.0f' "$UNITS"
  fi
}

check_size() {
  local whole=$((VAGRANT_NODE_CPUS * 100))
  [[ "$UNIT_CPU" != none ]] || UNIT_CPU=$whole
  ((UNIT_CPU <= whole)) || die "a unit of $UNIT_CPU % does not fit on a node with $VAGRANT_NODE_CPUS CPUs: lower --unit-cpu, or make the nodes bigger (NODE_CPUS)"
  [[ "$TOPOLOGY" == vertical ]] || ((UNITS <= VAGRANT_NODES)) ||
    die "$UNITS units need as many nodes, and NODES is $VAGRANT_NODES: export NODES=$UNITS (and keep it, so that every vagrant command sees the same machines)"
}

command_prepare() {
  local all
  mapfile -t all < <(seq -f 'node%.0f' "$VAGRANT_NODES")
  state_lock
  vagrant_start "${all[@]}" balancer vertical
}

command_up() {
  local machines=() cpus=$VAGRANT_NODE_CPUS version='' started=$SECONDS
  check_size
  state_lock
  [[ ! -s "$STATE/name" ]] || state_mine ||
    die "the machines belong to the cluster $(<"$STATE/name") now; if that is over: scripts/vagrant-driver.sh down --name $(<"$STATE/name")"
  # One that is up ends first: the next may need fewer of the machines.
  ! state_mine || cluster_end
  PROGRAM=$(webapp_program)
  # The binary knows which balancers there are, and says so.
  "$PROGRAM" cluster --print-missing up --balancer "$BALANCER" >/dev/null || exit 2
  mapfile -t machines < <(cluster_machines)
  if [[ "$TOPOLOGY" == vertical ]]; then
    cpus=$((UNITS * VAGRANT_NODE_CPUS))
    ((VERTICAL_CPUS >= cpus)) || export VERTICAL_CPUS=$cpus
    vagrant_start vertical
  else
    vagrant_start "${machines[@]}" balancer
  fi
  # Noted before it is done: a `down` after a failure then knows where to look.
  echo "$NAME" >"$STATE/name"
  echo "$MODEL" >"$STATE/model"
  printf '%s\n' "${machines[@]}" >"$STATE/nodes"
  prepare_all "$cpus" "${machines[@]}"
  if [[ "$TOPOLOGY" == horizontal ]]; then
    version=$(balancer_script | vagrant_root balancer "$BALANCER" "$(node_list "${machines[@]}")") || die "the balancer could not be set up: vagrant ssh balancer -c 'journalctl -u webapp-balancer'"
    wait_until 60 all_answer "${machines[@]}" || die "not every node answers through the balancer http://$(vagrant_address balancer)"
  else
    wait_until 60 vagrant_answers vertical --fail || die "vertical does not answer"
  fi
  note_cluster "$version" "${machines[@]}"
  step "$TOPOLOGY, $UNITS units: ${machines[*]} in $((SECONDS - started)) s"
  describe
}

# prepare_all CPUS MACHINE…: node_prepare, of all at once.
prepare_all() {
  local cpus=$1 machine quota=none jobs=() failed=0
  ((UNIT_CPU == VAGRANT_NODE_CPUS * 100)) || quota=$((UNIT_CPU * (cpus / VAGRANT_NODE_CPUS)))
  for machine in "${@:2}"; do
    node_prepare "$machine" "$cpus" "$quota" "$MODEL" &
    jobs+=($!)
  done
  for machine in "${jobs[@]}"; do wait "$machine" || failed=1; done
  ((failed == 0)) || exit 1
}

# described NAME: that word of the cluster that is up.
described() { grep -x -A 1 -e "--$1" "$STATE/description" | tail -n 1; }

command_scale() {
  local before machine machines=() more=()
  UNITS=$(wanted_units) || exit 2
  state_lock
  must_be_up
  TOPOLOGY=$(described topology) UNIT_CPU=$(described unit-cpu) BALANCER=$(described balancer) MODEL=$(<"$STATE/model")
  [[ "$TOPOLOGY" == horizontal ]] || usage_error "one big machine changes its size in a new cluster: up --topology vertical --units $UNITS"
  check_size
  before=$(described units)
  mapfile -t machines < <(cluster_machines)
  mapfile -t more < <(seq -f 'node%.0f' $((before + 1)) "$UNITS")
  if ((${#more[@]})); then
    PROGRAM=$(webapp_program)
    printf '%s\n' "${more[@]}" >>"$STATE/nodes"
    vagrant_start "${more[@]}"
    prepare_all "$VAGRANT_NODE_CPUS" "${more[@]}"
    for machine in "${more[@]}"; do wait_until 60 vagrant_answers "$machine" --fail || die "$machine does not answer"; done
  fi
  ((UNITS == before)) || balancer_script | vagrant_root balancer live "$(node_list "${machines[@]}")" || die "the balancer does not take these nodes: ${machines[*]}"
  mapfile -t more < <(grep -vxFf <(printf '%s\n' "${machines[@]}") "$STATE/nodes")
  ((${#more[@]} == 0)) || vagrant_alone halt "${more[@]}"
  printf '%s\n' "${machines[@]}" | write_file "$STATE/nodes"
  note_cluster "$(described balancer-version)" "${machines[@]}"
  step "$NAME has $UNITS units: ${machines[*]}"
  describe --ask
}

# node_list MACHINE…: their addresses as the balancer takes them.
node_list() {
  local machine
  for machine in "$@"; do printf '%s:%s\n' "$(vagrant_address "$machine")" "$VAGRANT_PORT"; done | paste -sd ,
}

# all_answer MACHINE…: of a few requests through the balancer, every node answers one.
all_answer() {
  local seen='' _ machine
  for _ in $(seq $((2 * $#))); do
    seen+=" $(curl -sS -m 5 -o /dev/null -D - "http://$(vagrant_address balancer)/whoami" 2>/dev/null | tr -d '\r' | awk 'tolower($1) == "x-node:" { print $2 }') "
  done
  for machine in "$@"; do [[ "$seen" == *" $machine "* ]] || return 1; done
}

# note_cluster VERSION MACHINE…: what `webapp cluster describe` needs to know of the cluster, a word a line.
note_cluster() {
  local version=$1 target mechanism=vm-systemd words=() machine
  shift
  ((UNIT_CPU != VAGRANT_NODE_CPUS * 100)) || mechanism=vm-cpus
  if [[ "$TOPOLOGY" == vertical ]]; then
    target=$(vagrant_url vertical)
  else
    target=http://$(vagrant_address balancer)
    words=(--balancer "$BALANCER" --balancer-version "$version")
  fi
  for machine in "$@"; do words+=(--node "$machine=$(vagrant_address "$machine"):$VAGRANT_PORT"); done
  printf '%s\n' --name "$NAME" --topology "$TOPOLOGY" --units "$UNITS" --unit-cpu "$UNIT_CPU" --mechanism "$mechanism" \
    --target "$target" "${words[@]}" | write_file "$STATE/description"
}

# describe [--ask]: the cluster that is up, as one line of JSON.
describe() {
  local words
  mapfile -t words <"$STATE/description"
  "$(webapp_program)" cluster describe "${words[@]}" "$@"
}

must_be_up() { { state_mine && [[ -s "$STATE/description" ]]; } || die "there is no cluster $NAME on the machines; start one: ${0##*/} up --name $NAME"; }

command_status() {
  must_be_up
  describe --ask
}

command_kill() {
  [[ -n "$OPERAND" ]] || usage_error "kill needs the name of a machine"
  state_lock
  { state_mine && grep -qx -e "$OPERAND" "$STATE/nodes"; } ||
    die "there is no node '$OPERAND' in a cluster $NAME; there are: $(paste -sd ' ' "$STATE/nodes" 2>/dev/null || echo none)"
  echo "$OPERAND" >>"$STATE/killed"
  # Without its socket, too: systemd would start the node again for the next client.
  vagrant_root "$OPERAND" >&2 <<<'systemctl kill --signal KILL webapp.service; systemctl stop webapp.socket webapp.service' || die "$OPERAND could not be killed"
  step "$OPERAND is dead"
  describe
}

command_down() {
  [[ ! -s "$STATE/name" ]] || state_lock
  if state_mine; then
    cluster_end
    step "the cluster $NAME is down; the machines run on"
  else
    step "there is no cluster $NAME on the machines"
  fi
}

# cluster_end: every machine of it back to how vagrant made it.
cluster_end() {
  local machine jobs=() failed=0
  while read -r machine; do
    restore_node "$machine" &
    jobs+=($!)
  done <"$STATE/nodes"
  if ! grep -qx vertical "$STATE/nodes"; then
    restore_balancer &
    jobs+=($!)
  fi
  for machine in "${jobs[@]}"; do wait "$machine" || failed=1; done
  rm -f -- "$STATE"/{description,model,name,nodes,killed}
  ((failed == 0)) || die "not every machine could be put back; a reboot does it: vagrant reload"
}

# A machine that is off has forgotten everything already.
restore_node() {
  grep -qx -e "$1" "$STATE/killed" 2>/dev/null || vagrant_answers "$1" || return 0
  node_set "$1" all none default any
}
restore_balancer() { ! vagrant_answers balancer || balancer_script | vagrant_root balancer default; }

help_wanted "$@"
driver_parse "on virtual machines" '--name --topology --units --unit-cpu --balancer --model' "$@"
driver_run prepare up status scale kill down
