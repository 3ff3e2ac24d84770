# shellcheck shell=bash disable=SC2154 # see common.sh
# Under full load: a node dies, all restart, the cluster grows and shrinks. No request may fail.

# Enough connections that every node of four always has work; /fib so that it is the nodes' quota that limits.
readonly FULL_LOAD=(32 '/fib?number=22')

test_kill_under_load() {
  local before after failed_checks
  up --nodes 4 --balancer haproxy || return 1
  load_start 9 "${FULL_LOAD[@]}"
  before=$(haproxy_stat node2 chkfail)
  throughput_log 6 >"$work/throughput" &
  local sampler=$!
  sleep 1
  local killed seen
  killed=$(now_ms)
  cluster kill node2 --name t >/dev/null &
  wait_until 10 node2_is_out || fail "the dead node is still in the rotation after ten seconds"
  seen=$(now_ms)
  wait "$!"
  failed_checks=$(($(haproxy_stat node2 chkfail) - before))
  after=$(haproxy_stat node2 stot)
  sleep 1
  check "a dead node gets no request once it is out" is "$(haproxy_stat node2 stot)" "$after"
  cluster start node2 --name t >/dev/null
  wait_until 10 node2_is_in || fail "the node lives again, but is not back in the rotation"
  wait "$sampler"
  load_end || return 1
  check "kill -9 of one of four nodes at full load: no GET failed" load_is_faultless
  check "the dead node was out within two health checks" at_most "$failed_checks" 2
  check "the node that lives again served again" at_least "$(haproxy_stat node2 stot)" "$((after + 1))"
  note "out of the rotation after $((seen - killed)) ms and $failed_checks failed health checks; $(jq .requests_total <<<"$LOAD") requests, 0 failed"
  note "$(throughput_words "$work/throughput" "$killed")"
}

node2_is_out() { [[ "$(haproxy_stat node2 status)" == DOWN* ]]; }
node2_is_in() { [[ "$(haproxy_stat node2 status)" == UP* ]]; }

# throughput_log SECONDS: "milliseconds requests" of the balancer, ten times a second.
throughput_log() {
  local until=$(($(now_ms) + $1 * 1000))
  while (($(now_ms) < until)); do
    printf '%s %s\n' "$(now_ms)" "$(haproxy_says 'show stat' | awk -F, '
      NR == 1 { for (i = 1; i <= NF; i++) if ($i == "hrsp_2xx") column = i } $1 == "nodes" && $2 == "BACKEND" { print $column }')"
    sleep 0.1
  done
}

# throughput_words FILE KILLED: answers a second before, and in the worst tenth of a second and the first second after.
throughput_words() {
  awk -v killed="$2" '
    NR > 1 { rate = ($2 - last) * 1000 / ($1 - at); if ($1 <= killed) { before += rate; n++ }
      else { if (worst == "" || rate < worst) worst = rate; if ($1 <= killed + 1000) { second += rate; m++ } } }
    { at = $1; last = $2 }
    END { printf "answers a second: %.0f before the death, %.0f in the second after it, %.0f in the worst tenth of a second", before / n, second / m, worst }' "$1"
}

# test_live_changes BALANCER: restart all, grow, shrink; the load goes on all the time.
live_changes() {
  local balancer=$1
  up --nodes 2 --balancer "$balancer" || return 1
  load_start 55 "${FULL_LOAD[@]}"
  check "$balancer: scale 2 -> 4 under load" cluster scale 4 --name t
  check "$balancer: drain under load" cluster drain node3 --name t
  check "$balancer: and back" cluster start node3 --name t
  check "$balancer: rolling-restart under load" cluster rolling-restart --name t
  check "$balancer: scale 4 -> 2 under load" cluster scale 2 --name t
  if kill -0 "$LOAD_PID" 2>/dev/null; then
    pass "$balancer: the load outlasted all of it"
  else
    fail "$balancer: the load ended before the last change did; nothing is said about the end"
  fi
  load_end || return 1
  check "$balancer: rolling restart, drain and scale 2 -> 4 -> 2 under load: no request failed" load_is_faultless
  check "$balancer: every node that came took part" is "$(jq -c '.nodes | keys' <<<"$LOAD")" '["node1","node2","node3","node4"]'
  refresh
  check "$balancer: two nodes are left, both ready" is "$(field '[.nodes[] | .name, .state] | join(" ")')" "node1 ready node2 ready"
  note "$balancer: $(jq .requests_total <<<"$LOAD") requests, errors $(jq -c .errors <<<"$LOAD")"
}

test_live_changes_haproxy() { live_changes haproxy; }
test_live_changes_nginx() { live_changes nginx; }
