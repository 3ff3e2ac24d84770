# shellcheck shell=bash disable=SC1091,SC2034 # the benchmarks that source this share root, NODE_PID and NODE_URL
# What the benchmarks share: CPU time of processes, medians, and a node that is ended with the script.

root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd -P)
source "$root/scripts/lib/common.sh"
need jq

# rounds ROUNDS SECONDS: how many rounds, and how long each of them, where ROUNDS and SECONDS_EACH do not say it.
rounds() {
  ROUNDS=${ROUNDS:-$1} SECONDS_EACH=${SECONDS_EACH:-$2}
  is_count "$ROUNDS" || usage_error "ROUNDS must be a whole number"
  is_count "$SECONDS_EACH" || usage_error "SECONDS_EACH must be a whole number: wrk takes no fractions"
}

# cpu_ticks PID…: user and system time of these processes together, in clock ticks (proc_pid_stat(5), fields 14 and 15).
cpu_ticks() {
  local pid sum=0 stat
  for pid in "$@"; do
    stat=$(<"/proc/$pid/stat")
    # shellcheck disable=SC2086 # the fields behind the name are to be split
    set -- ${stat##*) }
    sum=$((sum + ${12} + ${13}))
  done
  echo "$sum"
}

# cpu_nanoseconds PID [NAME]: CPU time of the process's threads (of that name): the scheduler's own account, in ns.
cpu_nanoseconds() {
  local task sum=0 time
  [[ -e "/proc/$1" ]] || die "process $1 has ended meanwhile"
  for task in "/proc/$1/task"/*; do
    [[ -z "${2:-}" || "$(<"$task/comm")" == "$2" ]] || continue
    read -r time _ <"$task/schedstat"
    sum=$((sum + time))
  done
  echo "$sum"
}

# resident_kib PID
resident_kib() { awk '/^VmRSS:/ { print $2 }' "/proc/$1/status"; }

# median: of the numbers on stdin
median() { sort -g | awk '{ v[NR] = $1 } END { if (NR) print (NR % 2) ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'; }

# ratio A B
ratio() { awk -v a="$1" -v b="$2" 'BEGIN { printf "%.3f\n", a / b }'; }

# example NAME: the program of examples/NAME.rs, built for release
example() {
  (cd "$root" && cargo build --release --quiet --example "$1" --message-format=json |
    jq -r --arg name "$1" 'select(.executable != null and .target.name == $name) | .executable' | tail -n 1)
}

STARTED=()
end_started() {
  end_processes "${STARTED[@]}"
  [[ -z "${WORK:-}" ]] || rm -rf -- "$WORK"
}
trap end_started EXIT
trap 'exit 130' INT TERM
WORK=$(mktemp -d "${TMPDIR:-/tmp}/webapp-perf.XXXXXX")

# start_node NAME CORES [arguments of serve]: sets NODE_PID and NODE_URL.
start_node() {
  local name=$1 cores=$2
  shift 2
  taskset -c "$cores" "$WEBAPP_BIN" serve --listen 127.0.0.1:0 --log-level error "$@" >"$WORK/$name.out" 2>"$WORK/$name.err" &
  NODE_PID=$!
  STARTED+=("$NODE_PID")
  NODE_URL=$(node_url "$WORK/$name.out" "$WORK/$name.err")
}

# verdict VALUE MARK, verdict_least VALUE MARK: whether a figure is at most, or at least, its mark
verdict() { awk -v v="$1" -v m="$2" 'BEGIN { print (v <= m) ? "reached" : "MISSED" }'; }
verdict_least() { verdict "$2" "$1"; }

# row TEXT VALUE UNIT MARK, row_least TEXT VALUE UNIT MARK: a figure beside the mark that it must not be above, or below
row() {
  [[ -n "$2" ]] || die "not measured: $1"
  printf '  %-62s %8s %-10s at most %-6s %s\n' "$1" "$2" "$3" "$4" "$(verdict "$2" "$4")"
}
row_least() {
  [[ -n "$2" ]] || die "not measured: $1"
  printf '  %-62s %8s %-10s at least %-5s %s\n' "$1" "$2" "$3" "$4" "$(verdict_least "$2" "$4")"
}

[[ -n "${WEBAPP_BIN:-}" ]] || WEBAPP_BIN=$("$root/scripts/build.sh" 2>/dev/null | tail -n 1)
[[ -x "$WEBAPP_BIN" ]] || die "no binary at '$WEBAPP_BIN'; run scripts/build.sh"
