#!/usr/bin/env bash
# Builds the release binary, and says where it is, how large, and that it is static.
# shellcheck disable=SC1091 # .shellcheckrc says where to find what this sources
set -euo pipefail

usage() {
  cat <<'TEXT'
Builds the release binary and prints its path on stdout; size and kind go to stderr.

usage: scripts/build.sh [--quiet] [further arguments of "cargo build"]
TEXT
}

root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P)
source "$root/scripts/lib/common.sh"
cd -- "$root"
help_wanted "$@"
quiet=
if [[ "${1-}" == --quiet ]]; then
  quiet=yes
  shift
fi
have cargo || die "cargo is not there; install Rust from https://rustup.rs"

cargo build --release --locked --bin webapp ${quiet:+--quiet} "$@" >&2

# .cargo/config.toml names the target, and cargo puts what it builds into a folder of that name.
host=$(rustc -vV | sed -n 's/^host: //p')
binary=${CARGO_TARGET_DIR:-target}/${CARGO_BUILD_TARGET:-$host}/release/webapp
[[ "$binary" == /* ]] || binary=$root/$binary
[[ -x "$binary" ]] || die "cargo built no $binary"

# A program that needs no other files names no interpreter (ELF header PT_INTERP, here read by ldd).
kind=static
if ldd "$binary" 2>/dev/null | grep -q '=>'; then
  kind="dynamic: it needs the C library of this machine"
fi
[[ -n "$quiet" ]] || printf '%s: %s bytes, %s\n' "$binary" "$(stat -c %s "$binary")" "$kind" >&2
printf '%s\n' "$binary"
