#!/usr/bin/env bash
# What ten open browsers cost the node, and how soon the page names what is wrong. Exit code 1 when a mark is missed.
# shellcheck disable=SC1091,SC2317,SC2329 # lib/common.sh calls usage
set -euo pipefail

root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd -P)
source "$root/scripts/lib/common.sh"

usage() {
  cat <<'TEXT'
Measures what ten open browsers cost the node (CPU time of its process without and with them), and how soon the page
names a saturated pool, a quota of 25 % and a killed node.

usage: scripts/perf/page.sh [SECONDS]   (15: the length of each of the six windows)

The node is the program that WEBAPP_BIN names, else the release build.
TEXT
}
help_wanted "$@"
seconds=${1:-15}
is_count "$seconds" || usage_error "'$seconds' is not a number of seconds"

need node=nodejs npm haproxy jq "${CHROMIUM:-chromium}=chromium"
WEBAPP_BIN=$(find_binary "$root")
export WEBAPP_BIN
cd -- "$root/tests/page"
npm ci --ignore-scripts --no-audit --no-fund --silent
missed=0
node cost.mjs "$seconds" || missed=1
node quick.mjs || missed=1
exit "$missed"
