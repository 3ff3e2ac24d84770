#!/usr/bin/env bash
# Which functions a node spends its time in: a flame graph. See --help.
# shellcheck disable=SC1091 # .shellcheckrc says where to find what this sources
set -euo pipefail

here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P)
source "$here/lib/common.sh"

usage() {
  cat <<'TEXT'
Draws which functions a node spends its time in, as one picture for any browser (flame.svg), and prints their shares.

usage: scripts/profile.sh [--pid PID | --node NODE | --url URL] [--seconds N] [--off-cpu] [--out FILE]
       scripts/profile.sh --compare BEFORE.svg AFTER.svg [--out FILE]

  --pid PID      a process of this machine
  --node NODE    a node of a cluster (--name CLUSTER for another than webapp)
  --url URL      the node that answers there; an address with a path is loaded meanwhile, over 8 connections (--connections N)
  --seconds N    how long, 10 without it
  --off-cpu      where threads wait, instead of where they compute
  --compare A B  two pictures side by side, and what changed

Without the first three it starts a node of its own, and loads its /fib. All options: webapp flame --help. It needs perf, which it
installs where it may, and root for processes of other users and for the kernel's part.
TEXT
}

help_wanted "$@"
binary=$(find_binary "${here%/*}")
[[ " $* " == *" --compare "* ]] || need perf=linux-perf
if [[ " $*" == *" --"@(pid|node|url|from|compare)* ]]; then exec "$binary" flame "$@"; fi

folder=$(mktemp -d)
"$binary" serve --listen 127.0.0.1:0 >"$folder/out" 2>"$folder/log" &
node=$!
trap 'end_processes "$node"; rm -rf -- "$folder"' EXIT
trap 'exit 130' INT TERM
"$binary" flame --url "$(node_url "$folder/out" "$folder/log")/fib?number=28" "$@"
