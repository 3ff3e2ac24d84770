#!/usr/bin/env bash
# Tests scripts/cluster.sh, sniff.sh and protect.sh with the real balancers and the real node. See --help.
# shellcheck disable=SC1091 # .shellcheckrc says where to find what this sources
set -euo pipefail

root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P)
source "$root/scripts/lib/common.sh"
source "$root/scripts/lib/network.sh"
source "$root/scripts/lib/checks.sh"
source "$root/tests/cluster/common.sh"
source "$root/tests/cluster/life.sh"
source "$root/tests/cluster/load.sh"
source "$root/tests/cluster/balancer.sh"
source "$root/tests/cluster/hosts.sh"
source "$root/tests/cluster/backends.sh"
source "$root/tests/cluster/tls.sh"
source "$root/tests/cluster/protect.sh"
source "$root/tests/cluster/waf.sh"
source "$root/tests/cluster/stores.sh"
source "$root/tests/cluster/edge.sh"

usage() {
  cat <<'TEXT'
Tests the cluster scripts with a real HAProxy, a real nginx, real stores and the real node, under load where that matters.

usage: scripts/test-cluster.sh [PATTERN…]

  PATTERN   only the tests whose name contains one of the patterns: kill, nginx, protect
  --list    the names

The node is the program that WEBAPP_BIN names, else a fresh debug build. What cannot run on this machine is reported as
skipped. Everything it starts, it ends; everything it writes is in a folder of its own.
TEXT
}

note() { echo "      $1"; }

names() { declare -F | sed -n 's/^declare -f test_//p'; }

help_wanted "$@"
patterns=()
for word in "$@"; do
  case $word in
    --list) names && exit 0 ;;
    -*) usage_error "there is no option $word" ;;
    *) patterns+=("$word") ;;
  esac
done

need curl jq haproxy nginx=nginx-light mariadbd=mariadb-server-core redis-server memcached openssl perl
[[ $EUID -ne 0 ]] || need tcpdump nft=nftables ip=iproute2

WEBAPP_BIN=$(tested_binary "$root")
# Some tests name another program for the nodes; the commands are this one's all the same.
export WEBAPP_BIN WEBAPP_CLUSTER_BIN=$WEBAPP_BIN
work=$(mktemp -d "${TMPDIR:-/tmp}/webapp-cluster-test.XXXXXX")
log=$work/log
export WEBAPP_STATE_DIR=$work/state
unset XDG_RUNTIME_DIR

# end_jobs: what a test that did not come to its end has left behind it.
end_jobs() {
  local pid
  for pid in $(jobs -pr); do
    kill "$pid" 2>/dev/null || true
  done
}

leave() {
  local name
  trap '' INT TERM
  end_jobs
  for name in "$WEBAPP_STATE_DIR"/*/; do
    [[ ! -d "$name" ]] || cluster down --name "$(basename "$name")" || true
  done
  rm -rf -- "$work"
}
trap leave EXIT
trap 'exit 130' INT TERM

wanted() {
  local pattern
  ((${#patterns[@]})) || return 0
  for pattern in "${patterns[@]}"; do
    [[ "$1" != *"$pattern"* ]] || return 0
  done
  return 1
}

for name in $(names); do
  wanted "$name" || continue
  echo "== ${name//_/ }"
  : >"$log"
  "test_$name" || {
    fail "${name//_/ } could not be carried out"
    sed 's/^/      /' "$log"
    end_jobs
  }
  down || true
done
check "nothing is left of any cluster" nothing_left
checks_end
