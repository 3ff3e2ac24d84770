#!/usr/bin/env bash
# The way to "webapp cluster": finds or builds the program, installs what `up` lacks where it may, and hands over to it.
# All words and options are the program's: scripts/cluster.sh --help, scripts/cluster.sh up --help.
# shellcheck disable=SC1091 # .shellcheckrc says where to find what this sources
set -euo pipefail

root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P)
source "$root/scripts/lib/common.sh"

# knows_clusters PROGRAM: it is a webapp with these commands. What WEBAPP_BIN names may be anything that serves as a node.
knows_clusters() { [[ "$(timeout 2 "$1" cluster --help 2>/dev/null)" == *rolling-restart* ]]; }

# program: prints the first webapp that knows these commands. The nodes' program is the first choice, so that all is one build.
program() {
  local candidate
  for candidate in "${WEBAPP_BIN:-}" "${WEBAPP_CLUSTER_BIN:-}" "$(built_binary "$root")" "$(command -v webapp || true)"; do
    [[ -z "$candidate" ]] || ! knows_clusters "$candidate" || { printf '%s' "$candidate" && return 0; }
  done
  have cargo || die "there is no webapp binary yet; run scripts/build.sh, or name one with WEBAPP_BIN"
  say "building webapp (the first time takes a few minutes)"
  "$root/scripts/build.sh" --quiet
}

program=$(program)
if [[ " $* " == *" up "* && " $* " != *" --help "* && " $* " != *" -h "* ]]; then
  missing=$("$program" cluster --print-missing "$@")
  while read -r command package; do
    [[ -z "$command" ]] || need "$command=$package"
  done <<<"$missing"
fi
export PATH WEBAPP_CLUSTER_COMMAND=scripts/${0##*/}
exec "$program" cluster "$@"
