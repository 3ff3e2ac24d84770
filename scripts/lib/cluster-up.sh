# shellcheck shell=bash disable=SC2034,SC2154 # the parts of cluster.sh share S, DIR and here
# From nothing to a running cluster, and back.

command_up() {
  state_lock
  if state_exists; then
    settings_load
    up_again
  else
    # Whatever goes wrong from here on: nothing of it stays. (INT and TERM end in EXIT, too.)
    trap up_failed EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
    settings_choose
    up_new
    trap - EXIT INT TERM
  fi
  answer
}

up_failed() {
  local code=$?
  trap '' INT TERM
  set +e
  if state_exists; then
    say "taking down what was started of the cluster ${S[name]}"
    cluster_down
  else
    state_forget
  fi
  exit "$code"
}

# settings_choose: what was asked for, and a default for everything else.
settings_choose() {
  local key
  [[ -z "${ASKED[backend]-}" ]] || settings_of_backend
  for key in "${!ASKED[@]}"; do
    [[ " ${SETTINGS[*]} " != *" $key "* ]] || S["$key"]=${ASKED["$key"]}
  done
  : "${S[topology]:=horizontal}" "${S[units]:=${ASKED[nodes]-2}}" "${S[unit_cpu]:=25}" "${S[algorithm]:=roundrobin}"
  : "${S[bind]:=127.0.0.1}" "${S[model]:=async}" "${S[maxconn]:=1000}" "${S[drain_timeout]:=30}" "${S[behind_balancer]:=}"
  for key in backend tls tls_port http2 redirect authority limit_requests limit_connections; do
    : "${S[$key]:=}"
  done
  [[ "${S[topology]}" == horizontal || -z "${ASKED[nodes]-}" ]] || usage_error "a vertical cluster has one node: say --units, not --nodes"
  [[ -z "${ASKED[nodes]-}" || "${ASKED[nodes]}" == "${S[units]}" ]] || usage_error "--nodes ${ASKED[nodes]} and --units ${S[units]} contradict each other"
  if [[ "${S[topology]}" == vertical && -z "${S[behind_balancer]}" ]]; then
    [[ -z "${S[balancer]-}" ]] || usage_error "a vertical cluster has a balancer only with --behind-balancer"
    S[balancer]=none
  fi
  : "${S[balancer]:=haproxy}"
  [[ "${S[balancer]}" != none || -z "${S[tls]}" ]] || usage_error "TLS ends at the balancer: a vertical cluster needs --behind-balancer for it"
  if ! nodes_are_local; then
    S[binary]=
    return 0
  fi
  S[group]=webapp-${S[name]}-$(printf '%04x%04x' "$RANDOM" "$RANDOM")
  S[binary]=$(find_binary "${here%/*}")
}

# settings_of_backend: the nodes are there already, on other machines, with whatever limits they have.
settings_of_backend() {
  local flag
  for flag in nodes units unit_cpu topology model; do
    [[ -z "${ASKED[$flag]-}" ]] || usage_error "--${flag//_/-} is for nodes that this script starts; those of --backend run already"
  done
  S[topology]=horizontal S[unit_cpu]=none
  S[units]=$(tr ',' '\n' <<<"${ASKED[backend]}" | wc -l)
}

# port_choose KEY DEFAULT: the port that was asked for, which must be free; else the default or the next free one.
port_choose() {
  local key=$1 port=${S[$1]-}
  if [[ -n "$port" ]]; then
    port_free "$port" || die "port $port is taken by another program; choose another with --${key//_/-}"
    return 0
  fi
  port=$2
  until port_free "$port" && ! port_claimed "$port"; do
    port=$((port + 1))
  done
  S["$key"]=$port
}

# port_claimed PORT: another cluster has written it down, whether it listens there yet or not.
port_claimed() { grep -qsxE "(port|tls_port|stats_port)=$1" "${DIR%/*}"/*/settings; }

# ports_choose: one cluster at a time, until its choice is written down: a port that nobody has taken yet looks free to all.
ports_choose() {
  local lock
  exec {lock}<"${DIR%/*}"
  flock -w 120 "$lock" || die "another cluster chooses its ports for two minutes already"
  port_choose port 8080
  [[ -z "${S[tls]}" ]] || port_choose tls_port 8443
  S[stats_port]=$(free_port)
  settings_save
  exec {lock}<&-
}

up_new() {
  local quota
  ! has_balancer || "${S[balancer]}_require"
  S[mechanism]=none S[group_folder]=-
  ports_choose
  printf '%s\n' "${FURTHER[@]}" | sed '/^$/d' >"$DIR/node-arguments"
  if [[ "${S[unit_cpu]}" != none ]]; then
    quota=$(limits_choose "${S[group]}")
    S[mechanism]=${quota%% *} S[group_folder]=${quota#* }
    settings_save
  fi
  mkdir -p "$DIR/nodes" "$DIR/balancer"
  local wanted=() number
  for ((number = 1; number <= $(node_count); number++)); do
    wanted+=("node$number")
  done
  [[ -z "${S[tls]}" ]] || tls_prepare
  if has_balancer; then
    if nodes_are_local; then
      nodes_up "${wanted[@]}"
    else
      backends_up
    fi
    "${S[balancer]}_start"
    step "${S[balancer]} $("${S[balancer]}_version") on $(target_url), by $("${S[balancer]}_config_path")"
    step "its statistics: http://127.0.0.1:${S[stats_port]}/"
    [[ -z "${S[tls]}" ]] || tls_explain
  else
    # Without a balancer the client's port is the node's own.
    node_create node1 "127.0.0.1:${S[port]}"
    nodes_up node1
  fi
}

node_count() {
  if [[ "${S[topology]}" == vertical ]]; then
    printf 1
  else
    printf '%s' "${S[units]}"
  fi
}

# nodes_up NODE…: creates what is not there yet, starts all at once, and returns when all are ready.
nodes_up() {
  local node
  for node in "$@"; do
    [[ -d "$DIR/nodes/$node" ]] || node_create "$node"
  done
  for node in "$@"; do
    node_start "$node"
  done
  for node in "$@"; do
    node_wait "$node"
    node_verify_quota "$node"
    step "$node is ready on $(node_url "$node"), quota $(quota_words "$node")"
  done
}

# backends_up: a node of --backend that does not answer yet is no reason to have no balancer; its health checks will find it.
backends_up() {
  local address number=0
  for address in ${S[backend]//,/ }; do
    number=$((number + 1))
    node_create "node$number" "$address"
    if http_ready "http://$address/readyz"; then
      step "node$number on http://$address"
    else
      warn "node$number on http://$address does not answer /readyz yet; the balancer will use it as soon as it does"
    fi
  done
}

quota_words() {
  if [[ "${S[mechanism]}" == none ]]; then
    printf none
  else
    printf '%s cores by %s: %s' "$(cores_of "$(node_percent)" 100)" "${S[mechanism]}" "$(limits_where "${S[mechanism]}" "${S[group_folder]}" "${S[group]}" "$1")"
  fi
}

# up_again: the cluster is there already. What died comes back; what was asked differently is refused, not ignored.
up_again() {
  local key node dead=()
  [[ -z "${ASKED[nodes]-}" ]] || ASKED[units]=${ASKED[nodes]}
  for key in "${!ASKED[@]}"; do
    [[ " ${SETTINGS[*]} " != *" $key "* || "${ASKED[$key]}" == "${S[$key]-}" ]] ||
      die "the cluster ${S[name]} is up with --${key//_/-} ${S[$key]:-(nothing)}, not ${ASKED[$key]}; run down first$([[ $key == units ]] && printf ', or scale %s' "${ASKED[units]}")"
  done
  if nodes_are_local; then
    for node in $(nodes); do
      process_alive "$DIR/nodes/$node/process" || dead+=("$node")
    done
  fi
  ((${#dead[@]} == 0)) || nodes_up "${dead[@]}"
  if has_balancer && process_gone "$DIR/balancer/process"; then
    "${S[balancer]}_start"
    step "${S[balancer]} is back on $(target_url)"
  fi
  step "the cluster ${S[name]} is up"
}

# cluster_down: every process by its record, every control group, every file. Works on what a broken `up` left, too.
cluster_down() {
  local node
  if [[ -n "${S[balancer]-}" ]] && has_balancer && [[ -d "$DIR/balancer" ]]; then
    "${S[balancer]}_stop"
  fi
  # All are told before the first is waited for. Nobody asks them for anything any more: they need no drain.
  for node in $(nodes); do
    process_signal "$DIR/nodes/$node/process" TERM || true
  done
  for node in $(nodes); do
    process_end "$DIR/nodes/$node/process" 3 || warn "$node does not end"
    limits_remove "${S[mechanism]}" "${S[group_folder]}" "$node"
  done
  [[ "${S[group_folder]:--}" == - ]] || group_remove "${S[group_folder]}"
  state_forget
}
