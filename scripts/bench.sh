#!/usr/bin/env bash
# Measures one big node against many small ones, end to end: installs what is missing, builds, runs, reports.
set -euo pipefail

root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P)

usage() {
  cat <<'TEXT'
Measures one big node against many small ones and prints what was found. Works as the first command in a fresh clone.

usage: scripts/bench.sh [options of "webapp bench"]

  --quick             three unit counts, three repeats, under three minutes (default)
  --full              six unit counts, six repeats, longer windows
  --units 1,2,4,8     which unit counts
  --unit-cpu 10       a unit in percent of one core, or none
  --workload W        cpu (default), sleep, io or mixed
  --balancer B        haproxy (default) or nginx
  --out DIR           results folder (default: results/ and the moment)
  --resume            go on with the interrupted bench in --out

All options: webapp bench --help. Ctrl-C ends it in order: nothing is left running, and what was measured stays.
TEXT
}

balancer=haproxy
previous=
for word in "$@"; do
  case $word in
    -h | --help)
      usage
      exit 0
      ;;
    --balancer=*) balancer=${word#*=} ;;
  esac
  [[ "$previous" != --balancer ]] || balancer=$word
  previous=$word
done

# have PROGRAM: a balancer may live where only root's path leads.
have() {
  PATH=$PATH:/usr/sbin:/sbin command -v "$1" >/dev/null
}

# install PROGRAM PACKAGE: with apt when that may be done without asking; else the one command to run.
install() {
  have "$1" && return 0
  local by=()
  if [[ $EUID -ne 0 ]]; then
    by=(sudo -n)
  fi
  if command -v apt-get >/dev/null && { [[ $EUID -eq 0 ]] || sudo -n true 2>/dev/null; }; then
    echo "installing $2" >&2
    "${by[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$2" >&2 || {
      "${by[@]}" apt-get update -qq >&2
      "${by[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$2" >&2
    }
  fi
  have "$1" || {
    echo "error: $1 is not installed; run: sudo apt-get install $2" >&2
    exit 1
  }
}

case $balancer in
  nginx) install nginx nginx-light ;;
  *) install haproxy haproxy ;;
esac

echo "building (the first time takes a few minutes)" >&2
binary=$("$root/scripts/build.sh" --quiet)
export PATH=$PATH:/usr/sbin:/sbin
export WEBAPP_DRIVER=${WEBAPP_DRIVER:-$root/scripts/cluster.sh}
exec "$binary" bench "$@"
