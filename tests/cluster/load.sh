# shellcheck shell=bash disable=SC2154 # see common.sh
# Under full load: a node dies, all restart, the cluster grows and shrinks. No request may fail.

# Enough connections that every node of four always has work; /fib so that it is the nodes' quota that limits.
readonly FULL_LOAD=(32 '/fib?number=22')

test_kill_under_load_haproxy() {
  up --nodes 4 --balancer haproxy || return 1
  load_start "${FULL_LOAD[@]}"
  kill_round || return 1
  load_end || return 1
  check "haproxy: kill -9 of one of four nodes at full load: no GET failed" load_is_faultless
  check "haproxy: the dead node was out within two health checks" at_most "$KILL_CHECKS" 2
  check "haproxy: the dead node got no request once it was out" is "$KILL_AFTER" "$KILL_OUT"
  check "haproxy: it comes back with less than its share" at_most "$KILL_WEIGHT" 99
  check "haproxy: and has it when start returns" is "$(haproxy_stat node2 weight)" 100
  check "haproxy: the node that lives again served again" at_least "$(haproxy_stat node2 stot)" "$((KILL_OUT + 1))"
  note "out of the rotation after $KILL_MS ms and $KILL_CHECKS failed health checks; $(jq .requests_total <<<"$LOAD") requests, errors $(jq -c .errors <<<"$LOAD")"
  note "answers a second before, in the first second after, in its worst tenth: $(throughput_figures "$work/throughput" "$KILLED_AT")"
}

# kill_round: node2 dies and comes back while a load runs. Fills KILLED_AT (ms), KILL_MS (until it was out), KILL_CHECKS (failed health
# checks until then), KILL_OUT and KILL_AFTER (requests it had got then, and half a second later), KILL_WEIGHT (of 100, when it was
# back), and writes $work/throughput.
kill_round() {
  local before sampler starter pid
  before=$(haproxy_stat node2 chkfail)
  throughput_log 3 >"$work/throughput" &
  sampler=$!
  sleep 1
  read -r pid _ <"$WEBAPP_STATE_DIR/t/nodes/node2/process"
  KILLED_AT=$(now_ms)
  kill -9 "$pid"
  wait_until 10 stat_is node2 status DOWN || { echo "the dead node is still in the rotation after ten seconds" && return 1; }
  KILL_MS=$(($(now_ms) - KILLED_AT))
  KILL_CHECKS=$(($(haproxy_stat node2 chkfail) - before))
  KILL_OUT=$(haproxy_stat node2 stot)
  sleep 0.5
  KILL_AFTER=$(haproxy_stat node2 stot)
  wait "$sampler"
  cluster start node2 --name t >/dev/null &
  starter=$!
  wait_until 10 stat_is node2 status UP || { echo "the node lives again, but is not back in the rotation" && return 1; }
  KILL_WEIGHT=$(haproxy_stat node2 weight)
  # Returns when it has its full share.
  wait "$starter"
}

# nginx checks nobody's health: requests find out that a node is dead, and go on to another.
test_kill_under_load_nginx() {
  local answered
  up --nodes 4 --balancer nginx || return 1
  load_start "${FULL_LOAD[@]}"
  check "nginx: kill under load" cluster kill node2 --name t
  sleep 3
  check "nginx: start under load" cluster start node2 --name t
  answered=$(answered_by node2)
  # Left alone for two seconds at a time, so back within three.
  check "nginx: the node that lives again serves again" wait_until 5 served_more node2 "$answered"
  load_end || return 1
  check "nginx: kill -9 of one of four nodes at full load: no GET failed" load_is_faultless
  note "$(jq .requests_total <<<"$LOAD") requests, errors $(jq -c .errors <<<"$LOAD")"
}

# answered_by NODE: how many requests the node counts since its start.
answered_by() { curl -s "$(jq -r --arg node "$1" '.nodes[] | select(.name == $node) | .url' <<<"$JSON")/stats" | jq .requests.total; }
served_more() { (($(answered_by "$1") > $2 + 10)); }

# throughput_log SECONDS: "milliseconds requests" of the balancer, ten times a second.
throughput_log() {
  local until=$(($(now_ms) + $1 * 1000))
  while (($(now_ms) < until)); do
    printf '%s %s\n' "$(now_ms)" "$(haproxy_says 'show stat' | awk -F, '
      NR == 1 { for (i = 1; i <= NF; i++) if ($i == "hrsp_2xx") column = i } $1 == "nodes" && $2 == "BACKEND" { print $column }')"
    sleep 0.1
  done
}

# throughput_figures FILE KILLED: answers a second before, in the first second after, and in the worst tenth of that second.
throughput_figures() {
  awk -v killed="$2" '
    NR > 1 { rate = ($2 - last) * 1000 / ($1 - at); if ($1 <= killed) { before += rate; n++ }
      else if ($1 <= killed + 1000) { second += rate; m++; if (worst == "" || rate < worst) worst = rate } }
    { at = $1; last = $2 }
    END { if (!n || !m) exit 1; printf "%.0f %.0f %.0f\n", before / n, second / m, worst }' "$1"
}

# test_live_changes BALANCER: restart all, grow, shrink; the load goes on all the time.
live_changes() {
  local balancer=$1
  up --nodes 2 --balancer "$balancer" || return 1
  load_start "${FULL_LOAD[@]}"
  check "$balancer: scale 2 -> 4 under load" cluster scale 4 --name t
  check "$balancer: drain under load" cluster drain node3 --name t
  check "$balancer: and back" cluster start node3 --name t
  check "$balancer: rolling-restart under load" cluster rolling-restart --name t
  check "$balancer: scale 4 -> 2 under load" cluster scale 2 --name t
  sleep 0.5
  load_end || return 1
  check "$balancer: rolling restart, drain and scale 2 -> 4 -> 2 under load: no request failed" load_is_faultless
  check "$balancer: every node that came took part" is "$(jq -c '.nodes | keys' <<<"$LOAD")" '["node1","node2","node3","node4"]'
  refresh
  check "$balancer: two nodes are left, both ready" is "$(field '[.nodes[] | .name, .state] | join(" ")')" "node1 ready node2 ready"
  note "$balancer: $(jq .requests_total <<<"$LOAD") requests, errors $(jq -c .errors <<<"$LOAD")"
}

test_live_changes_haproxy() { live_changes haproxy; }
test_live_changes_nginx() { live_changes nginx; }
