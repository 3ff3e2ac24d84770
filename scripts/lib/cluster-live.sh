# shellcheck shell=bash disable=SC2034,SC2154 # the parts of cluster.sh share S, DIR and here
# Changes of a running cluster, under load.

# live: every command here holds the lock and works on a cluster that is up.
live() {
  must_be_up
  state_lock
  must_be_up
}

must_have_local_nodes() {
  nodes_are_local || die "the nodes of ${S[name]} are other machines: $1 them there (systemctl $2)"
}

must_have_balancer() {
  has_balancer || die "the cluster ${S[name]} has no balancer: $1"
  process_alive "$DIR/balancer/process" || die "${S[balancer]} is not running; ${0##*/} up --name ${S[name]} starts it again"
}

command_scale() {
  local wanted=${1-}
  if ! is_count "$wanted" || ((wanted > 64)); then
    usage_error "scale needs a number from 1 to 64: how many units the cluster shall have"
  fi
  live
  must_have_local_nodes start start
  if [[ "${S[topology]}" == vertical ]]; then
    scale_vertical "$wanted"
  elif ((wanted > S[units])); then
    must_have_balancer "nothing could send requests to a second node"
    scale_out "$wanted"
  elif ((wanted < S[units])); then
    must_have_balancer "nothing could take a node out"
    scale_in "$wanted"
  fi
  step "the cluster ${S[name]} has $(units_words)"
  answer with-up
}

# scale_vertical UNITS: the same process, another quota.
scale_vertical() {
  [[ "${S[mechanism]}" != none ]] || die "a vertical cluster without a quota has no size to change"
  S[units]=$1
  limits_set "${S[mechanism]}" "${S[group_folder]}" "${S[group]}" node1 "$(node_percent)"
  node_verify_quota node1
  step "node1 goes on as process $(process_pid "$DIR/nodes/node1/process"), quota $(quota_words node1)"
  settings_save
}

scale_out() {
  local wanted=$1 number
  SCALE_NEW=()
  for ((number = S[units] + 1; number <= wanted; number++)); do
    SCALE_NEW+=("node$number")
  done
  trap scale_failed EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM
  nodes_up "${SCALE_NEW[@]}"
  "${S[balancer]}_add" "${SCALE_NEW[@]}"
  S[units]=$wanted
  settings_save
  trap - EXIT INT TERM
}

# scale_failed: the new nodes go again, as if they had never been.
scale_failed() {
  local code=$? node
  trap '' INT TERM
  set +e
  say "taking away what was added to the cluster ${S[name]}"
  for node in "${SCALE_NEW[@]}"; do
    [[ -d "$DIR/nodes/$node" ]] || continue
    node_set_place "$node" out
    (node_leave "$node") 2>/dev/null
    node_stop "$node"
    node_forget "$node"
  done
  "${S[balancer]}_remember"
  exit "$code"
}

# node_leave NODE: the balancer forgets it, if it ever knew it.
node_leave() {
  "${S[balancer]}_drain" "$1" && "${S[balancer]}_delete" "$1"
}

scale_in() {
  local wanted=$1 number leaving=() node
  for ((number = S[units]; number > wanted; number--)); do
    leaving+=("node$number")
  done
  for node in "${leaving[@]}"; do
    node_set_place "$node" out
  done
  "${S[balancer]}_drain" "${leaving[@]}"
  for node in "${leaving[@]}"; do
    node_stop "$node"
    step "$node is drained and gone"
  done
  "${S[balancer]}_delete" "${leaving[@]}"
  for node in "${leaving[@]}"; do
    node_forget "$node"
  done
  S[units]=$wanted
  settings_save
  "${S[balancer]}_remember"
}

command_kill() {
  local node=${1-} pid
  live
  must_have_local_nodes kill 'kill -s KILL webapp'
  node_must_exist "$node"
  pid=$(process_pid "$DIR/nodes/$node/process") || die "$node is not running; ${0##*/} start $node --name ${S[name]} brings it back"
  step "kill -9 $pid"
  process_signal "$DIR/nodes/$node/process" KILL || die "$node ended by itself a moment ago"
  wait_until 5 process_gone "$DIR/nodes/$node/process" || die "$node does not end"
  step "$node is dead; ${0##*/} start $node --name ${S[name]} brings it back"
  answer with-up
}

command_drain() {
  local node=${1-}
  live
  node_must_exist "$node"
  must_have_balancer "nothing sends requests that could be sent elsewhere"
  node_set_place "$node" out
  "${S[balancer]}_drain" "$node"
  step "$node gets no more requests; ${0##*/} start $node --name ${S[name]} puts it back"
  answer with-up
}

# command_start NODE: the way back from kill and from drain.
command_start() {
  local node=${1-} was
  live
  node_must_exist "$node"
  if nodes_are_local && process_gone "$DIR/nodes/$node/process"; then
    nodes_up "$node"
  fi
  was=$(node_place "$node")
  node_set_place "$node" in
  if has_balancer; then
    must_have_balancer "nothing sends requests to it"
    if [[ "$was" == out ]]; then
      "${S[balancer]}_ready" "$node"
    else
      "${S[balancer]}_await" "$node"
    fi
  fi
  step "$node takes requests"
  answer with-up
}

command_rolling_restart() {
  local node all
  live
  must_have_local_nodes restart 'restart webapp'
  must_have_balancer "nobody would answer while its node restarts"
  mapfile -t all < <(nodes)
  ((${#all[@]} > 1)) || die "one node alone cannot restart without a gap; ${0##*/} scale 2 --name ${S[name]} first"
  for node in "${all[@]}"; do
    node_restart "$node"
  done
  answer with-up
}

# node_restart NODE: out of the rotation, stopped, started, ready, back in.
node_restart() {
  local node=$1 was before
  was=$(node_place "$node")
  before=$(process_pid "$DIR/nodes/$node/process") || before=-
  node_set_place "$node" out
  if [[ "$was" == in ]]; then
    "${S[balancer]}_drain" "$node"
  fi
  node_stop "$node"
  node_start "$node"
  node_wait "$node"
  node_verify_quota "$node"
  if [[ "$was" == in ]]; then
    node_set_place "$node" in
    "${S[balancer]}_ready" "$node"
  fi
  step "$node restarted: process $before, now $(process_pid "$DIR/nodes/$node/process")"
}

command_logs() {
  local which=${1-} files=() node
  must_be_up
  if [[ -z "$which" || "$which" == balancer ]]; then
    ! has_balancer || files+=("$DIR/balancer/log")
  fi
  if [[ -n "$which" && "$which" != balancer ]]; then
    must_have_local_nodes 'look at' 'status webapp'
    node_must_exist "$which"
    files+=("$DIR/nodes/$which/log")
  elif [[ -z "$which" ]]; then
    for node in $(nodes_are_local && nodes); do
      files+=("$DIR/nodes/$node/log")
    done
  fi
  ((${#files[@]})) || die "the cluster ${S[name]} has no balancer"
  if [[ -n "${ASKED[follow]-}" ]]; then
    exec tail -n 20 -F "${files[@]}"
  fi
  tail -n "${ASKED[lines]-20}" "${files[@]}"
}

command_config() {
  must_be_up
  has_balancer || die "the cluster ${S[name]} has no balancer, hence no configuration"
  cat "$("${S[balancer]}_config_path")"
}
