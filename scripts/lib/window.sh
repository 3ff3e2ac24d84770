#!/usr/bin/env bash
# One window, as mpstat, iostat, top, free and /stats see it: scripts/lib/window.sh URL SECONDS
# Prints what each of them said, behind a line "=== NAME". Needs curl, procps and sysstat on this machine.
set -euo pipefail
export LC_ALL=C

url=$1 seconds=$2
work=$(mktemp -d)
trap 'rm -rf -- "$work"' EXIT

stats() { curl -fsS --max-time 20 "$url/stats" >"$work/$1"; }
# sampled FILE: when that sample was taken. `raw` ends the document, and its first member is the clock.
sampled() { sed -n 's/.*"monotonic_seconds":\([0-9.]*\).*/\1/p' "$work/$1"; }

# fresh FILE: a sample that was taken a moment ago: the next one after that which is there. What free said before it was
# taken lies in free.before.
fresh() {
  local tries
  free -b >"$work/free.last"
  stats last
  for ((tries = 0; tries < 2000; tries++)); do
    mv -f -- "$work/free.last" "$work/free.before"
    free -b >"$work/free.last"
    stats "$1"
    [[ "$(sampled "$1")" == "$(sampled last)" ]] || return 0
    sleep 0.005
  done
  echo "error: $url/stats gives no new sample" >&2
  return 1
}

fresh before
mpstat "$seconds" 1 >"$work/mpstat" &
iostat -y -c "$seconds" 1 >"$work/iostat" &
# Its first frame is an average since boot; the second one is the window.
top -b -d "$seconds" -n 2 >"$work/top" &
wait
# The sample that ended with the window is there by now.
stats after
fresh memory
# Memory moves while files come and go: what free says on both sides of the sample.
{ cat "$work/free.before" && free -b; } >"$work/free"
for name in before after memory mpstat iostat top free; do
  printf '=== %s\n' "$name"
  cat "$work/$name"
  printf '\n'
done
