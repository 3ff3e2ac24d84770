#!/usr/bin/env bash
# Drives a real node into each resource that can bind, and reads the name in /stats. See --help.
# shellcheck disable=SC1091,SC2034 # what it sources uses them
set -euo pipefail

root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P)
source "$root/scripts/lib/common.sh"
source "$root/scripts/lib/checks.sh"
source "$root/scripts/lib/link.sh"
source "$root/tests/bottleneck/common.sh"
source "$root/tests/bottleneck/memory.sh"
source "$root/tests/bottleneck/network.sh"
source "$root/tests/bottleneck/others.sh"

RESOURCES=(cpu cpu-quota io memory network pool store)
WINDOWS=$root/tests/windows

usage() {
  cat <<'TEXT'
Walks the map of bottlenecks: drives a real node into each resource that can bind, and checks that /stats names it.

usage: scripts/test-bottleneck.sh [--record] [RESOURCE…]

  RESOURCE   only these: cpu cpu-quota io memory network pool store
  --record   keeps what /stats said in tests/windows/RESOURCE.json, for the table test of the judgement

  cpu        /fib on every CPU             memory    /memory under a memory limit
  cpu-quota  /fib under a CPU quota        network   /payload over a link of 10 Mbit/s, between two network namespaces
  io         /io with real syncs           pool      /sleep in the model sync
  store      /item over two connections to a Redis that is stopped most of the time

Where this machine cannot make one bind, that is said and counted as skipped: the window that was recorded where it could
stands in (tests/stats_windows.rs). The node is the program that WEBAPP_BIN names, else a fresh debug build. Run it alone:
the load of another program binds too. Everything it starts, it ends.
TEXT
}

help_wanted "$@"
record=no wanted=()
for word in "$@"; do
  case $word in
    --record) record=yes ;;
    *)
      [[ " ${RESOURCES[*]} " == *" $word "* ]] || usage_error "'$word' is none of ${RESOURCES[*]}"
      wanted+=("$word")
      ;;
  esac
done
((${#wanted[@]})) || wanted=("${RESOURCES[@]}")
need curl jq

WEBAPP_BIN=$(tested_binary "$root")
group=webapp-bottleneck-$$
work=$(mktemp -d "${TMPDIR:-/tmp}/$group.XXXXXX")

end() {
  calm
  rm -rf -- "$work"
}
trap end EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

for resource in "${wanted[@]}"; do
  "drive_$resource"
  calm
done
checks_end
