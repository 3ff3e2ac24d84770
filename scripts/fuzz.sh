#!/usr/bin/env bash
# Fuzzes the connection loop. See --help.
# shellcheck disable=SC1091 # .shellcheckrc says where to find what this sources
set -euo pipefail

root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P)
source "$root/scripts/lib/common.sh"

usage() {
  cat <<'TEXT'
Sends arbitrary bytes to the real connection loop, over a socket, at once and in pieces, and checks that each time it
answers or closes, twice in the same way, without a panic, a hang, or memory that is not given back.

usage: scripts/fuzz.sh [RUNS]   (1000000)

The inputs begin with fuzz/seeds; those that reach something new are kept in fuzz/corpus, for the next run.
An input that fails is left in fuzz/artifacts; cargo fuzz run --sanitizer none connection FILE runs it again.
Stable Rust is enough. Installs cargo-fuzz when it is missing.
TEXT
}
help_wanted "$@"
[[ "${1:-}" != -* ]] || usage_error "there is no option $1"
runs=${1:-1000000}
is_count "$runs" || usage_error "'$runs' is not a number of runs"

need cargo c++=g++
cargo fuzz --version >/dev/null 2>&1 || {
  say "installing cargo-fuzz"
  cargo install --quiet --locked cargo-fuzz
}

cd -- "$root"
mkdir -p fuzz/corpus/connection
# No sanitizer: all of it is safe Rust or counted by the target itself, and stable Rust has none.
log=$(mktemp "${TMPDIR:-/tmp}/webapp-fuzz.XXXXXX")
trap 'rm -f -- "$log"' EXIT
status=0
cargo fuzz run --sanitizer none connection fuzz/corpus/connection fuzz/seeds -- \
  -runs="$runs" -max_len=2048 -timeout=60 -rss_limit_mb=1024 -dict=fuzz/http.dict -print_final_stats=1 2>&1 |
  tee "$log" | awk '/^heap after|panicked|^SUMMARY|ERROR|Done / || told { print; fflush() } { told = /panicked/ }' >&2 || status=$?
((status == 0)) || tail -n 40 "$log" >&2

figure() { sed -n "s/^stat::$1: *//p" "$log" | tail -n 1; }
inputs=$(figure number_of_executed_units)
printf 'inputs            %s\n' "${inputs:-unknown}"
printf 'inputs a second   %s\n' "$(figure average_exec_per_sec)"
printf 'peak memory       %s MiB, of the fuzzer with its corpus\n' "$(figure peak_rss_mb)"
printf 'heap of the loop  %s\n' "$(sed -n 's/^heap after/after/p' "$log" | tail -n 1)"
if ((status == 0)) && grep -q '^Done ' "$log"; then
  echo 'outcome           passed: no crash, no hang, no growth'
else
  die "failed; the input is in fuzz/artifacts/connection"
fi
