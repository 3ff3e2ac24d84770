# shellcheck shell=bash disable=SC2034,SC2154 # the parts of cluster.sh share S, DIR and here
# One node: a `webapp serve` under its quota, and what is known of it in nodes/NAME.

# node_percent: the quota of a node, in percent of one core. The one node of a vertical cluster has all units.
node_percent() {
  if [[ "${S[topology]}" == vertical ]]; then
    printf '%s' "$((S[units] * S[unit_cpu]))"
  else
    printf '%s' "${S[unit_cpu]}"
  fi
}

# node_create NODE [ADDRESS]: its folder and its address, which stays the same over every restart.
node_create() {
  local node=$1 address=${2:-}
  [[ -n "$address" ]] || address=127.0.0.1:$(free_port)
  mkdir -p "$DIR/nodes/$node"
  echo "$address" >"$DIR/nodes/$node/address"
  node_set_place "$node" in
  peers_write
}

# peers_write: all nodes there are, a line each. Every node reads it again while someone looks at its live page.
peers_write() {
  local peer
  for peer in $(nodes); do
    node_url "$peer"
    printf '\n'
  done | write_file "$DIR/peers"
}

# node_command NODE: fills COMMAND.
node_command() {
  local node=$1
  COMMAND=("${S[binary]}" serve --listen "$(node_address "$node")" --node "$node" --model "${S[model]}"
    --trusted-proxies "$BALANCER_SOURCE/32" --peers "@$DIR/peers" --drain-timeout "${S[drain_timeout]}s")
  local argument
  while IFS= read -r argument; do
    COMMAND+=("$argument")
  done <"$DIR/node-arguments"
}

# node_start NODE: starts it in its place; node_wait tells when it is ready.
node_start() {
  local node=$1 folder=$DIR/nodes/$1 COMMAND=()
  # What the last process left would be taken for the new one, which then seems to have died.
  rm -f -- "$folder/process"
  node_command "$node"
  [[ "${S[mechanism]}" == none ]] || limits_prepare "${S[mechanism]}" "${S[group_folder]}" "${S[group]}" "$node" "$(node_percent)"
  if [[ "${S[mechanism]}" == systemd ]]; then
    # shellcheck disable=SC2046,SC2207 # no word for the system's manager, one for the user's
    COMMAND=(systemd-run $(systemd_manager) --scope --quiet --collect --unit="$(limits_scope "${S[group]}" "$node")"
      -p "CPUQuota=$(node_percent)%" -- "${COMMAND[@]}")
  fi
  step "$node: ${COMMAND[*]}"
  (
    # A trap of ours is not the child's business, and neither is the lock.
    trap - EXIT INT TERM
    exec 9<&- </dev/null >"$folder/out" 2>>"$folder/log"
    process_record "$folder/process"
    limits_enter "${S[mechanism]}" "${S[group_folder]}" "$node"
    exec setsid -- "${COMMAND[@]}"
  ) &
}

# node_wait NODE: until it answers /readyz with 2xx; the reason from its log when it does not.
node_wait() {
  local node=$1 folder=$DIR/nodes/$1
  wait_until 15 node_settled "$node" || true
  node_answers "$node" && return 0
  say "--- the end of $folder/log"
  tail -n 5 "$folder/log" >&2 || true
  say "---"
  if process_alive "$folder/process"; then
    die "$node runs, but $(node_url "$node")/readyz did not answer 200 within 15 seconds"
  fi
  port_free "$(node_port "$node")" || die "$node could not start: another program listens on port $(node_port "$node")"
  die "$node ended while it started: ${S[binary]}"
}

node_port() {
  local address
  address=$(node_address "$1")
  printf '%s' "${address##*:}"
}

node_answers() {
  process_alive "$DIR/nodes/$1/process" && http_ready "$(node_url "$1")/readyz"
}

# node_settled NODE: ready, or dead for good.
node_settled() {
  [[ -s "$DIR/nodes/$1/process" ]] || return 1
  node_answers "$1" || process_gone "$DIR/nodes/$1/process"
}

# node_verify_quota NODE: what the kernel holds is what was asked for. A quota that silently is none would make every figure a lie.
node_verify_quota() {
  local pid quota wanted
  [[ "${S[mechanism]}" != none ]] || return 0
  pid=$(process_pid "$DIR/nodes/$1/process") || die "$1 ended while it started"
  quota=$(quota_of_process "$pid")
  wanted=$(cores_of "$(node_percent)" 100)
  [[ "$quota" == "$wanted" ]] || die "$1 should have a quota of $wanted cores by ${S[mechanism]}, but the kernel says $quota"
}

# node_stop NODE: asks it to finish what it has, and insists after the drain timeout.
node_stop() {
  process_end "$DIR/nodes/$1/process" "$((S[drain_timeout] + 5))" || warn "$1 does not end"
  rm -f -- "$DIR/nodes/$1/process"
}

# node_forget NODE: nothing of it stays.
node_forget() {
  limits_remove "${S[mechanism]}" "${S[group_folder]}" "$1"
  rm -rf -- "${DIR:?}/nodes/$1"
  peers_write
}
