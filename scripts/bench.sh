#!/usr/bin/env bash
# Runs an experiment end to end: installs what is missing, builds, measures, reports.
# shellcheck disable=SC1091 # .shellcheckrc says where to find what this sources
set -euo pipefail

root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P)
source "$root/scripts/lib/common.sh"

usage() {
  cat <<'TEXT'
Runs an experiment (one big node or many small ones, unless you say another) and prints what was found. Works as the first
command in a fresh clone.

usage: scripts/bench.sh [options of "webapp bench"]

  --list              the experiments that there are, and what they ask
  --experiment E      one of them, or a TOML file of your own (docs/experiments.md)
  --quick             short windows, within three minutes (default)
  --full              more points, more blocks, longer windows
  --blocks N          how many blocks; or --until 3% --at-most 20m: as many as it takes
  --units 1,2,4,8     which unit counts
  --unit-cpu 10       a unit in percent of one core, or none
  --workload W        cpu (default), sleep, io or mixed
  --balancer B        haproxy (default) or nginx
  --out DIR           results folder (default: results/ and the moment)
  --resume            go on with the interrupted bench in --out
  --on vagrant        the same ladders on the Vagrantfile's machines: vertical by the CPUs of one, horizontal by their number.
                      A unit is one whole machine node1; units go from 1 to NODES. The machines stay up afterwards
  --on docker         with containers as nodes (scripts/docker-driver.sh); --on swarm with tasks of a Swarm (scripts/swarm-driver.sh),
                      --on kubernetes with pods (scripts/kubernetes-driver.sh)

All options: webapp bench --help. Ctrl-C ends it in order: nothing is left running, and what was measured stays.
TEXT
}

help_wanted "$@"
on=here
arguments=()
while (($#)); do
  case $1 in
    --on=*) on=${1#*=} ;;
    --on)
      [[ $# -ge 2 ]] || usage_error "--on needs a value"
      on=$2
      shift
      ;;
    *) arguments+=("$1") ;;
  esac
  shift
done
case $on in
  here | vagrant | docker | swarm | kubernetes) ;;
  *) usage_error "--on is '$on', but may be: here vagrant docker swarm kubernetes" ;;
esac

say "building (the first time takes a few minutes)"
binary=$("$root/scripts/build.sh" --quiet)
export PATH
# The driver installs the balancers and services that an arm needs, where it may.
export WEBAPP_DRIVER=${WEBAPP_DRIVER:-$root/scripts/cluster.sh}
if [[ "$on" == vagrant ]]; then
  export WEBAPP_DRIVER=$root/scripts/vagrant-driver.sh WEBAPP_BIN=$binary
  # Here and not in the first visit, so that one sees what vagrant says while machines boot.
  "$WEBAPP_DRIVER" prepare
  export WEBAPP_UNIT_CPU=${WEBAPP_UNIT_CPU:-$((${NODE_CPUS:-1} * 100))} WEBAPP_UNITS=${WEBAPP_UNITS:-$(seq -s , "${NODES:-2}")}
fi
if [[ "$on" == @(docker|swarm|kubernetes) ]]; then
  export WEBAPP_DRIVER=$root/scripts/$on-driver.sh WEBAPP_BIN=$binary
fi
exec "$binary" bench "${arguments[@]}"
