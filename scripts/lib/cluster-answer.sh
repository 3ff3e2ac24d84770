# shellcheck shell=bash disable=SC2034,SC2154 # the parts of cluster.sh share S, DIR and here
# What a command answers: one line of JSON for a program, a table for a person at a terminal.

# answer [with-up]: JSON goes to whatever reads our stdout, unless that is a terminal.
answer() {
  if [[ -t 1 && -z "${ASKED[json]-}" ]]; then
    state_table
  else
    state_json "$@"
  fi
}

# node_facts NODE [with-up]: fills FACT with pid and quota ("null" without), up, state, and what the balancer thinks of it.
node_facts() {
  local node=$1
  FACT=([pid]=null [quota]=null [up]=false [state]=down)
  if FACT[pid]=$(process_pid "$DIR/nodes/$node/process"); then
    FACT[quota]=$(quota_of_process "${FACT[pid]}")
    [[ "${FACT[quota]}" != none ]] || FACT[quota]=null
  else
    FACT[pid]=null
  fi
  [[ -n "${2:-}" ]] || return 0
  if http_ready "$(node_url "$node")/readyz"; then
    FACT[up]=true FACT[state]=ready
    [[ "$(node_place "$node")" == in ]] || FACT[state]=drained
  fi
}

# --- for a program -----------------------------------------------------------------------------------------------

# state_json [with-up]: the cluster as one line of JSON, the contract with whatever drives this script.
state_json() {
  local node list='' with=${1:-}
  local -A FACT=()
  for node in $(nodes); do
    list+=${list:+,}$(node_json "$node" "$with")
  done
  printf '{"name":%s,"topology":"%s","units":%s,"target":"%s","nodes":[%s],"balancer":%s,"tls":%s,"limited":%s}\n' \
    "$(json_string "${S[name]}")" "${S[topology]}" "${S[units]}" "$(target_url)" "$list" \
    "$(balancer_json "$with")" "$(tls_json)" "$(limited_json)"
}

node_json() {
  node_facts "$1" "$2"
  printf '{"name":"%s","url":"%s","pid":%s,"quota_cores":%s' "$1" "$(node_url "$1")" "${FACT[pid]}" "${FACT[quota]}"
  [[ -z "$2" ]] || printf ',"up":%s,"state":"%s"' "${FACT[up]}" "${FACT[state]}"
  printf '}'
}

balancer_json() {
  local pid up=true
  if ! has_balancer; then
    printf null
    return 0
  fi
  pid=$(process_pid "$DIR/balancer/process") || pid=null up=false
  printf '{"kind":"%s","version":"%s","pid":%s,"algorithm":"%s","stats_url":"http://127.0.0.1:%s/","config":%s' "${S[balancer]}" \
    "$("${S[balancer]}_version")" "$pid" "${S[algorithm]}" "${S[stats_port]}" "$(json_string "$("${S[balancer]}_config_path")")"
  [[ -z "$1" ]] || printf ',"up":%s' "$up"
  printf '}'
}

limited_json() {
  local total=null unit=null
  if [[ "${S[unit_cpu]}" != none ]]; then
    unit=${S[unit_cpu]}
    total=$(cores_of "$((S[units] * S[unit_cpu]))" 100)
  fi
  printf '{"resource":"cpu","mechanism":"%s","unit_cpu_percent":%s,"total_quota_cores":%s}' "${S[mechanism]}" "$unit" "$total"
}

# --- for a person ------------------------------------------------------------------------------------------------

state_table() {
  local node sees requests shares=''
  local -A FACT=()
  ! has_balancer || shares=$("${S[balancer]}_shares" 2>/dev/null) || true
  printf 'cluster %s: %s, %s, %s\n' "${S[name]}" "${S[topology]}" "$(units_words)" \
    "$([[ "${S[mechanism]}" == none ]] && printf 'no CPU quota' || printf '%s %% of a core each, by %s' "${S[unit_cpu]}" "${S[mechanism]}")"
  table_addresses
  printf '\n  %-8s%-28s%9s%8s  %-9s%-14s%10s\n' NODE ADDRESS PROCESS CORES STATE 'BALANCER SEES' REQUESTS
  for node in $(nodes); do
    node_facts "$node" with-up
    sees=$(awk -v node="$node" '$1 == node { print $2 }' <<<"$shares")
    requests=$(awk -v node="$node" '$1 == node { print $3 }' <<<"$shares")
    printf '  %-8s%-28s%9s%8s  %-9s%-14s%10s\n' "$node" "$(node_url "$node")" "${FACT[pid]/null/-}" "${FACT[quota]/null/-}" "${FACT[state]}" \
      "${sees:--}" "${requests:--}"
  done
}

table_addresses() {
  local pid
  printf '  clients:    %s%s\n' "$(target_url)" "$([[ -z "${S[tls]}" ]] || printf ' and https://%s:%s' "$TLS_NAME" "${S[tls_port]}")"
  has_balancer || return 0
  pid=$(process_pid "$DIR/balancer/process") && pid="process $pid" || pid='NOT RUNNING'
  printf '  balancer:   %s %s, %s, %s\n' "${S[balancer]}" "$("${S[balancer]}_version")" "${S[algorithm]}" "$pid"
  printf '  statistics: http://127.0.0.1:%s/\n' "${S[stats_port]}"
}

units_words() {
  printf '%s unit' "${S[units]}"
  ((S[units] == 1)) || printf s
}
