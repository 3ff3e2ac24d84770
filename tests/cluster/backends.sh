# shellcheck shell=bash disable=SC2154 # see common.sh
# --backend: the balancer of nodes that somebody else started, here or on another machine.

# backend_start NAME [arguments of serve]: a node that the cluster did not start; sets BACKEND_PID and BACKEND.
backend_start() {
  # What an earlier one of that name printed would be taken for this one's address.
  rm -f "$work/$1.out"
  "$WEBAPP_BIN" serve --listen 127.0.0.1:0 --node "$1" "${@:2}" >"$work/$1.out" 2>>"$log" &
  BACKEND_PID=$!
  wait_until 10 test -s "$work/$1.out" || return 1
  BACKEND=$(sed -n '1s|^listening on http://||p' "$work/$1.out")
}

# silent_port: one that accepts nothing: its queue of one is full, and further SYNs stay unanswered, as those to a machine without power.
silent_port() {
  perl -MIO::Socket::INET -e '
    my $s = IO::Socket::INET->new(Listen => 1, LocalAddr => "127.0.0.1") or die;
    my @c = map { IO::Socket::INET->new(PeerAddr => "127.0.0.1", PeerPort => $s->sockport, Blocking => 0, Timeout => 1) } 1 .. 3;
    $| = 1; print $s->sockport, "\n"; sleep 120' >"$work/silent" &
  SILENT_PID=$!
  wait_until 10 test -s "$work/silent"
}

test_backends() {
  local balancer first second pids=() asking
  silent_port || return 1
  for balancer in "${BALANCERS[@]}"; do
    backend_start one --drain-delay 2s && first=$BACKEND && pids=("$BACKEND_PID") || return 1
    backend_start two && second=$BACKEND && pids+=("$BACKEND_PID") || return 1
    up --balancer "$balancer" --backend "$first,$second,127.0.0.1:$(cat "$work/silent")" || return 1
    check "$balancer: is the balancer of given nodes; one without power costs no request" is \
      "$(get '/whoami?[1-20]' | jq -r .node | sort -u | paste -sd ' ')" "one two"
    up --balancer "$balancer" --backend "$first,$second" || return 1
    check "$balancer: drain takes one out" is "$(cluster drain node1 --name t >/dev/null && get '/whoami?[1-10]' | jq -r .node | sort -u)" two
    check "$balancer: start puts it back" is "$(cluster start node1 --name t >/dev/null && get '/whoami?[1-20]' | jq -r .node | sort -u | paste -sd ' ')" "one two"
    # As `systemctl restart webapp` on that machine: /readyz says no for a while, and what is in flight must be answered.
    get "/sleep?seg=3&n=[1-4]" --no-progress-meter --parallel --parallel-immediate -o /dev/null -w '%{http_code} %{time_total}\n' >"$work/in-flight" &
    asking=$!
    sleep 1
    kill -TERM "${pids[0]}"
    if [[ "$balancer" == haproxy ]]; then
      check "haproxy: a node that says it drains is not taken for dead" wait_until 2 stat_is node1 status NOLB
    fi
    wait "$asking" || true
    # Once, not cut and asked again elsewhere: that would take longer.
    check "$balancer: a node that stops there answers what it has" is "$(awk '$1 == 200 && $2 < 3.9 { n++ } END { print n + 0 }' "$work/in-flight")" 4
    wait "${pids[0]}" || true
    check "$balancer: and the other goes on" is "$(get '/whoami?[1-10]' | jq -r .node | sort -u)" two
    check "$balancer: kill is none of our business" contains "$("$root/scripts/cluster.sh" kill node1 --name t 2>&1 || true)" "other machines"
    check "$balancer: down" down
    check "$balancer: and the nodes live on" is "$(curl -s "http://$second/whoami" | jq -r .node)" two
    kill "${pids[1]}"
    wait "${pids[1]}" || true
  done
  kill "$SILENT_PID"
  wait "$SILENT_PID" 2>/dev/null || true
}

# A node whose machine is gone without a word, with a request in its hands.
test_power_loss() {
  local reason
  if reason=$(no_hosts); then
    skip "a machine that loses its power: $reason"
    return 0
  fi
  lose_power || fail "the network of two hosts could not be made"
  hosts_end
}

lose_power() {
  local near far asking
  host balancer && host far && wire far 10.77.3 || return 1
  beside far "$WEBAPP_BIN" serve --listen 10.77.3.2:3000 --node far >"$work/far.out" 2>>"$log"
  far=$!
  beside balancer "$WEBAPP_BIN" serve --listen 127.0.0.1:3000 --node near >"$work/near.out" 2>>"$log"
  near=$!
  wait_until 10 test -s "$work/far.out" && wait_until 10 test -s "$work/near.out" || return 1
  on balancer "$root/scripts/cluster.sh" up --name t --backend 127.0.0.1:3000,10.77.3.2:3000 --port 8080 >/dev/null 2>>"$log" || return 1
  beside balancer curl -s 'http://127.0.0.1:8080/sleep?seg=1&n=[1-2]' --max-time 20 --no-progress-meter --parallel --parallel-immediate >"$work/answers"
  asking=$!
  sleep 0.4
  check "a machine without power: it had a request" is "$(haproxy_stat node2 scur)" 1
  on far ip link set eth0 down
  wait "$asking" || true
  check "haproxy: a machine loses its power: its request is answered by another" is "$(jq -r .node "$work/answers" | sort | uniq -c | tr -s ' ')" " 2 near"
  on balancer "$root/scripts/cluster.sh" down --name t 2>>"$log"
  kill "$near" "$far"
  wait "$near" "$far" 2>/dev/null || true
}
