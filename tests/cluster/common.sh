# shellcheck shell=bash disable=SC2154 # test-cluster.sh sets root, work and log
# What the tests of the cluster share. Every cluster lives in $WEBAPP_STATE_DIR, a folder of this run alone.

# cluster WORDS…: the real script; its words for people go to $log, which a failing check shows.
cluster() { "$root/scripts/cluster.sh" "$@" 2>>"$log"; }

# up WORDS…: a new cluster called t on a free port; fills JSON and TARGET.
up() {
  cluster down --name t || true
  JSON=$(cluster up --name t --port "$(free_port)" "$@") || return 1
  TARGET=$(jq -r .target <<<"$JSON")
}

down() { cluster down --name t; }

# field EXPRESSION: of the answer of the last `up`, or of `refresh`.
field() { jq -r "$1" <<<"$JSON"; }
refresh() { JSON=$(cluster status --name t); }

# get PATH [curl options]: the body.
get() { curl -sS --max-time 20 "${@:2}" "$TARGET$1"; }
status_of() { curl -s -o /dev/null --max-time 20 -w '%{http_code}' "${@:2}" "$TARGET$1"; }

is() { [[ "$1" == "$2" ]] || { echo "'$1', but should be '$2'" && return 1; }; }
contains() { [[ "$1" == *"$2"* ]] || { echo "'$1' should contain '$2'" && return 1; }; }

# at_most FIGURE LIMIT, at_least FIGURE LIMIT: decimals allowed.
at_most() { awk -v a="$1" -v b="$2" 'BEGIN { exit !(a <= b) }' || { echo "$1 is more than $2" && return 1; }; }
at_least() { awk -v a="$1" -v b="$2" 'BEGIN { exit !(a >= b) }' || { echo "$1 is less than $2" && return 1; }; }

# load_start CONNECTIONS PATH…: `webapp load` in the background, until load_end.
load_start() {
  local connections=$1 path urls=()
  shift
  for path in "$@"; do
    urls+=("$TARGET$path")
  done
  # Two minutes: what ends it when this script cannot.
  "$WEBAPP_BIN" load --duration 120s --warmup 1s --connections "$connections" --timeout 20s --json "$work/load.json" "${urls[@]}" \
    >"$work/load.txt" 2>&1 &
  LOAD_PID=$!
  # The warm-up is over when what happens next happens.
  sleep 1.5
}

# load_end: no further requests; those in flight are waited for. Fills LOAD with the JSON. Fails when the load had ended before: then
# nothing is said about the end of what happened meanwhile.
load_end() {
  kill -INT "$LOAD_PID" || { cat "$work/load.txt" && return 1; }
  # Exit code 1: interrupted, as it was.
  wait "$LOAD_PID" || true
  LOAD_PID=
  LOAD=$(cat "$work/load.json")
  [[ "$(jq .interrupted <<<"$LOAD")" == true ]] || { cat "$work/load.txt" && return 1; }
}

# load_is_faultless: every request was answered, and answered right.
load_is_faultless() {
  is "$(jq -c '[.errors, .requests_total - .requests_ok]' <<<"$LOAD")" '[{},0]' && at_least "$(jq .requests_total <<<"$LOAD")" 100
}

# processes_of FOLDER: those whose command line names it.
processes_of() {
  local file words
  for file in /proc/[0-9]*/cmdline; do
    words=$(tr '\0' ' ' 2>/dev/null <"$file") || continue
    [[ "$words" != *"$1"* ]] || echo "${file//[^0-9]/}: $words"
  done
}

# nothing_left: no process, control group or file of this run's clusters.
nothing_left() {
  local left
  left=$(processes_of "$WEBAPP_STATE_DIR")
  [[ -z "$left" ]] || { echo "processes: $left" && return 1; }
  left=$(find /sys/fs/cgroup -maxdepth 6 -type d -name "webapp-t*-????????" 2>/dev/null || true)
  [[ -z "$left" ]] || { echo "control groups: $left" && return 1; }
  [[ ! -e "$WEBAPP_STATE_DIR" ]] || { find "$WEBAPP_STATE_DIR" && return 1; }
}

# haproxy_says COMMAND: to the runtime interface of cluster t.
haproxy_says() { (cd "$WEBAPP_STATE_DIR/t/balancer" && perl -MIO::Socket::UNIX -e '
  my $s = IO::Socket::UNIX->new(Peer => "haproxy.sock") or die; print $s "$ARGV[0]\n"; shutdown $s, 1; print while <$s>;' "$1"); }

# haproxy_stat NODE FIELD: a column of `show stat`.
haproxy_stat() {
  haproxy_says 'show stat' | awk -F, -v node="$1" -v field="$2" '
    NR == 1 { sub(/^# /, ""); for (i = 1; i <= NF; i++) column[$i] = i }
    $1 == "nodes" && $2 == node { print $column[field] }'
}

# stat_is NODE FIELD START: of that column.
stat_is() { [[ "$(haproxy_stat "$1" "$2")" == "$3"* ]]; }
