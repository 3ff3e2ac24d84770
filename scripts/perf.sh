#!/usr/bin/env bash
# The project's own benchmarks: every figure it claims, as paired and interleaved runs. See --help.
# shellcheck disable=SC1091 # .shellcheckrc says where to find what this sources
set -euo pipefail

root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P)
source "$root/scripts/lib/common.sh"

usage() {
  cat <<'TEXT'
Measures what the project claims about its own speed, and prints each figure beside its mark.

usage: scripts/perf.sh [ROOM…]

  ROOM    only these (the names of scripts/perf/*.sh); without one, all

Run it on a machine that does nothing else. Trust the ratios: both sides of each were measured in turn, in one run.
TEXT
}

help_wanted "$@"
rooms=()
for word in "$@"; do
  case $word in
    -*) usage_error "there is no option $word" ;;
    *)
      [[ -x "$root/scripts/perf/$word.sh" ]] || usage_error "there is no room $word"
      rooms+=("$word")
      ;;
  esac
done
if ((${#rooms[@]} == 0)); then
  for room in "$root"/scripts/perf/*.sh; do
    room=${room##*/}
    [[ $room == lib.sh ]] || rooms+=("${room%.sh}")
  done
fi
for room in "${rooms[@]}"; do
  printf '== %s\n' "$room"
  "$root/scripts/perf/$room.sh"
done
