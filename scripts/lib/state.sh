# shellcheck shell=bash disable=SC2034,SC2154 # the parts of cluster.sh share S, DIR and here
# What is known of a cluster: one folder, plain files. A script that is interrupted leaves enough for `down`.
#
#   settings          key=value, what `up` was asked for and what it chose
#   node-arguments    further arguments of `webapp serve`, one a line
#   nodes/NAME/       address, process (pid and start time), place (in | out), out (stdout), log (stderr)
#   balancer/         its configuration, process, log and sockets
#   tls/              the local authority and the certificate, unless --authority keeps them elsewhere

# The settings of the cluster at hand. Declared here, filled by settings_load or by the command line.
declare -gA S=()

# The address from which the balancer talks to local nodes; all of 127.0.0.0/8 is this machine. It differs from a client's
# 127.0.0.1, so a node can believe X-Forwarded-For from the balancer and from nobody else.
readonly BALANCER_SOURCE=127.0.0.2

readonly SETTINGS=(name group topology units unit_cpu balancer algorithm bind port stats_port model behind_balancer
  tls tls_port http2 redirect authority maxconn drain_timeout limit_requests limit_connections backend binary mechanism group_folder)

state_root() { printf '%s' "${WEBAPP_STATE_DIR:-${XDG_RUNTIME_DIR:-/tmp}/webapp-$UID}"; }

# state_open NAME: sets DIR. The root must be our own: /tmp belongs to everybody.
state_open() {
  local root
  root=$(state_root)
  (umask 077 && mkdir -p -- "$root")
  [[ -O "$root" && ! -L "$root" ]] || die "$root is not a folder of your own; name another with WEBAPP_STATE_DIR"
  root=$(cd -- "$root" && pwd -P)
  DIR=$root/$1
  # A command that finds no cluster leaves no root behind; one that makes a cluster makes it again.
  [[ -d "$DIR" ]] || rmdir -- "$root" 2>/dev/null || true
}

# state_lock: one command at a time on a cluster. The lock is the folder itself, so no lock file stays behind.
state_lock() {
  while :; do
    (umask 077 && mkdir -p -- "$DIR")
    exec 9<"$DIR"
    flock -w 120 9 || die "another command works on this cluster ($DIR) for two minutes already"
    # The holder before us may have been `down`: then the folder we hold is gone.
    [[ "$DIR" -ef /proc/self/fd/9 ]] && return 0
  done
}

state_exists() { [[ -s "$DIR/settings" ]]; }

# state_forget: the folder goes, and its root when no other cluster lives there.
state_forget() {
  rm -rf -- "$DIR"
  rmdir -- "${DIR%/*}" 2>/dev/null || true
}

settings_load() {
  local key value
  while IFS='=' read -r key value; do
    [[ " ${SETTINGS[*]} " == *" $key "* ]] && S[$key]=$value
  done <"$DIR/settings"
}

settings_save() {
  local key
  for key in "${SETTINGS[@]}"; do
    printf '%s=%s\n' "$key" "${S[$key]-}"
  done | write_file "$DIR/settings"
}

# must_be_up: every command but `up` and `down` needs a cluster.
must_be_up() {
  state_exists || die "there is no cluster ${S[name]} (no settings in $DIR); start one: ${0##*/} up --name ${S[name]}"
  settings_load
}

# nodes: their names, in order of their numbers.
nodes() {
  local folder
  for folder in "$DIR"/nodes/*/; do
    [[ -d "$folder" ]] && basename "$folder"
  done | sort -V
}

node_must_exist() {
  [[ "$1" =~ ^node[0-9]+$ && -d "$DIR/nodes/$1" ]] || die "there is no node '$1' here; there are: $(nodes | paste -sd ' ')"
}

# node_address NODE: where the balancer finds it, as address:port.
node_address() { cat "$DIR/nodes/$1/address"; }
node_url() { printf 'http://%s' "$(node_address "$1")"; }

# nodes_are_local: ours to start and to end. With --backend they are other machines, and only the balancer is ours.
nodes_are_local() { [[ -z "${S[backend]-}" ]]; }

# node_place NODE: "in" while it is meant to take requests, "out" after `drain`.
node_place() { cat "$DIR/nodes/$1/place"; }
node_set_place() { echo "$2" >"$DIR/nodes/$1/place"; }

has_balancer() { [[ "${S[balancer]}" != none ]]; }

target_url() {
  if has_balancer; then
    printf 'http://%s:%s' "$(reachable_address)" "${S[port]}"
  else
    node_url node1
  fi
}

# reachable_address: where a client on this machine finds the balancer.
reachable_address() {
  case ${S[bind]} in
    '*' | 0.0.0.0 | ::) printf 127.0.0.1 ;;
    *:*) printf '[%s]' "${S[bind]}" ;;
    *) printf '%s' "${S[bind]}" ;;
  esac
}
