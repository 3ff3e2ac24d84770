# shellcheck shell=bash
# Helpers that every script here may source: how to speak, how to stop, how to get a missing program.
# Results go to stdout; everything a person reads goes to stderr, so that a program can read the rest.

# Debian keeps haproxy, nginx and nft where an ordinary user's PATH does not look.
PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin"

say() { printf '%s\n' "$*" >&2; }

# Set VERBOSE=0 to hear only warnings and errors.
step() { [[ "${VERBOSE:-1}" == 0 ]] || printf '  %s\n' "$*" >&2; }

warn() { printf 'warning: %s\n' "$*" >&2; }

# die MESSAGE: the work failed (exit code 1).
die() {
  printf 'error: %s\n' "$*" >&2
  exit 1
}

# usage_error MESSAGE: the command line is wrong (exit code 2).
usage_error() {
  printf 'error: %s\nsee: %s --help\n' "$*" "${0##*/}" >&2
  exit 2
}

# help_wanted ARGUMENT…: where one of them asks for it, prints the script's usage and ends the script.
help_wanted() { [[ " $* " != *" -h "* && " $* " != *" --help "* ]] || { usage && exit 0; }; }

# have COMMAND|FILE: it is there; a whole path may be that of any file.
have() { command -v "$1" >/dev/null 2>&1 || [[ "$1" == /* && -f "$1" ]]; }

# need COMMAND[=PACKAGE]…: the commands are there afterwards, or the script ends and says what to run.
need() {
  local word
  for word in "$@"; do need_one "${word%%=*}" "${word#*=}"; done
}

need_one() {
  local command=$1 package=$2
  have "$command" && return 0
  if may_install; then
    say "installing $package (it brings $command)"
    apt_install "$package" || die "$command is missing and apt-get could not install $package"
    hash -r
    have "$command" || die "$package is installed, but $command is not on the PATH"
    return 0
  fi
  if have apt-get; then
    die "$command is missing; run: sudo apt-get install -y $package"
  fi
  die "$command is missing; install it with the package manager of this machine"
}

# may_install: packages can be installed without asking anybody.
may_install() { have apt-get && { [[ $EUID -eq 0 ]] || sudo -n true 2>/dev/null; }; }

as_root() {
  if [[ $EUID -eq 0 ]]; then "$@"; else sudo -n "$@"; fi
}

# Offline, both fail soon.
apt_get() {
  as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=120 -o Acquire::Retries=1 -o Acquire::http::Timeout=15 "$@" >&2
}
# apt_install PACKAGE…: a machine that never asked for the package lists asks for them first.
apt_install() {
  local install=(install -y --no-install-recommends "$@")
  apt_get "${install[@]}" || { apt_get update && apt_get "${install[@]}"; }
}

# is_count TEXT: a whole number from 1 to 99999999 without a leading zero.
is_count() { [[ "$1" =~ ^[1-9][0-9]{0,7}$ ]]; }

# is_port TEXT: 1 to 65535.
is_port() { is_count "$1" && (($1 <= 65535)); }

# put MODE SOURCE TARGET: copies what differs, by a rename, so that a running program can be replaced. CHANGED names
# every target that differed.
CHANGED=()
put() {
  local mode=$1 source=$2 target=$3
  if cmp -s "$source" "$target" && [[ $(stat -c %a "$target") == "$mode" ]]; then return 0; fi
  mkdir -p "${target%/*}"
  install -m "$mode" "$source" "$target.new"
  mv -f "$target.new" "$target"
  CHANGED+=("$target")
  say "installed $target"
}

# put_text TARGET: the same of what stdin says.
put_text() {
  local text
  text=$(mktemp)
  cat >"$text"
  put 644 "$text" "$1"
  rm -f "$text"
}

# write_file PATH: stdin becomes the file in one step; a reader sees the old text or the new, never half of it.
write_file() {
  local path=$1
  cat >"$path.new"
  mv -f -- "$path.new" "$path"
}

# now_ms: milliseconds since the epoch.
now_ms() {
  local now=$EPOCHREALTIME
  printf '%s' "$((${now%[.,]*} * 1000 + 10#${now#*[.,]} / 1000))"
}

# wait_until SECONDS COMMAND…: asks every 50 ms until the command succeeds; fails when the time is over.
wait_until() {
  local deadline=$(($(now_ms) + $1 * 1000))
  shift
  until "$@"; do
    (($(now_ms) < deadline)) || return 1
    sleep 0.05
  done
}

# end_processes PID…: ends them and waits until they have ended.
end_processes() {
  local pid
  for pid in "$@"; do kill "$pid" 2>/dev/null || true; done
  for pid in "$@"; do wait "$pid" 2>/dev/null || true; done
}

# node_url OUTPUT LOG: waits for the node whose stdout and stderr go to these files; prints where it listens.
node_url() {
  wait_until 20 test -s "$1" || die "the node did not start: $(cat "$2")"
  sed -n '1s/^listening on //p' "$1"
}

# redis_start FOLDER [PORT]: starts a Redis on that port or one that should be free, its files in FOLDER. Sets REDIS_PID and REDIS_URL.
redis_start() {
  local port=${2:-$((20000 + RANDOM % 10000))}
  redis-server --port "$port" --bind 127.0.0.1 --dir "$1" --save '' --appendonly no >"$1/redis.log" 2>&1 &
  # shellcheck disable=SC2034 # for the caller
  REDIS_PID=$! REDIS_URL=redis://127.0.0.1:$port
  wait_until 20 redis-cli -p "$port" ping >/dev/null 2>&1 || die "redis-server did not start: $(cat "$1/redis.log")"
}

# built_binary FOLDER: prints the release build in FOLDER/target, if there is one.
built_binary() {
  local candidate
  for candidate in "${CARGO_TARGET_DIR:-$1/target}"/{*/,}release/webapp; do
    [[ ! -x "$candidate" ]] || { printf '%s' "$candidate" && return 0; }
  done
}

# find_binary FOLDER: the node's program: WEBAPP_BIN, else the release build in FOLDER/target, else what the PATH has.
find_binary() {
  local found=${WEBAPP_BIN:-}
  [[ -z "$found" || -x "$found" ]] || die "WEBAPP_BIN names $found, which is not a program"
  [[ -n "$found" ]] || found=$(built_binary "$1")
  [[ -n "$found" ]] || found=$(command -v webapp || true)
  [[ -n "$found" ]] || die "there is no webapp binary yet; run scripts/build.sh, or name one with WEBAPP_BIN"
  printf '%s' "$found"
}

# tested_binary FOLDER: the program that tests talk to: WEBAPP_BIN, else a fresh debug build of FOLDER.
tested_binary() {
  if [[ -n "${WEBAPP_BIN:-}" ]]; then
    printf '%s' "$WEBAPP_BIN"
    return 0
  fi
  # The messages of the build name the program, wherever the target folder is.
  (cd -- "$1" && cargo build --quiet --message-format=json-render-diagnostics) |
    jq -r 'select(.reason == "compiler-artifact" and .executable != null and .target.name == "webapp") | .executable' | tail -n 1
}
