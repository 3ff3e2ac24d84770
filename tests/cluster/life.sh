# shellcheck shell=bash disable=SC2154 # see common.sh
# A cluster's life: the command line, up, status and down, and what is left after an accident.

test_command_line() {
  local words code
  # Everything that is wrong by its words alone: exit code 2, and nothing is started.
  while IFS= read -r words; do
    code=0
    # shellcheck disable=SC2086 # several words
    "$root/scripts/cluster.sh" $words >"$work/out" 2>&1 || code=$?
    check "cluster.sh ${words:-(nothing)}: refused, exit code 2" is "$code" 2
  done <<'TEXT'

jump
up now
up --nodes 0
up --nodes two
up --nodes 65
up --nodes
up --units 2 --nodes 3
up --topology diagonal
up --topology vertical --nodes 2
up --topology vertical --tls
up --unit-cpu 0
up --unit-cpu 25%
up --balancer apache
up --algorithm guess
up --port 70000
up --name ../etc
up --tls-port 8443
up --backend nowhere
up --backend 10.0.0.1:80 --nodes 2
up --limit-requests -1
scale
scale x
scale 0
scale 2 --unit-cpu 0
scale 2 --machines 0
up --machines 2
up --machine-units 2 --unit-cpu none
kill
kill node1 node2
TEXT
  check "--help says how" contains "$("$root/scripts/cluster.sh" --help)" rolling-restart
  check "status of no cluster: a clear error" contains "$("$root/scripts/cluster.sh" status --name t 2>&1)" "there is no cluster t"
  check "down of no cluster is fine" down
  check "no folder was made" test ! -e "$WEBAPP_STATE_DIR/t"
}

test_up_status_down() {
  up --nodes 3 || return 1
  check "the answer of up is one line of JSON" is "$(wc -l <<<"$JSON")" 1
  check "name, topology and units" is "$(field '[.name, .topology, .units, (.nodes | length)] | join(" ")')" "t horizontal 3 3"
  check "the balancer is the one that runs" is "$(field .balancer.kind) $(cat "/proc/$(field .balancer.pid)/comm")" "haproxy haproxy"
  check "the nodes answer through the target" is "$(get /whoami | jq -r .node | grep -c '^node[123]$')" 1
  check "each node's address is its own" is "$(curl -s "$(field '.nodes[1].url')/whoami" | jq -r .node)" node2
  check "the statistics page" contains "$(curl -s "$(field .balancer.stats_url)")" "Statistics Report"
  check "and its figures for programs" contains "$(curl -s "$(field .balancer.stats_url);csv")" "nodes,node3,"
  refresh
  check "status says who is up" is "$(field '[.nodes[].up, .balancer.up] | unique | join(" ")')" true
  local first
  first=$(field '[.nodes[].pid, .balancer.pid] | join(" ")')
  JSON=$(cluster up --name t --nodes 3)
  check "a second up changes nothing" is "$(field '[.nodes[].pid, .balancer.pid] | join(" ")')" "$first"
  check "a second up that wants something else is refused" contains "$("$root/scripts/cluster.sh" up --name t --nodes 4 2>&1 || true)" "scale 4"
  kill -9 "$(field '.nodes[0].pid')" "$(field .balancer.pid)"
  JSON=$(cluster up --name t --nodes 3)
  check "up brings back what died" is "$(get /whoami -o /dev/null -w '%{http_code}') $(field '[.nodes[1:][].pid] | join(" ")')" "200 $(cut -d' ' -f2,3 <<<"$first")"
  cluster logs --name t >"$work/logs"
  check "logs show nodes and balancer" contains "$(cat "$work/logs")" "nodes/node2/log"
  check "config shows the balancer's" contains "$(cluster config --name t)" "backend nodes"
  check "down" down
  check "down leaves nothing" nothing_left
}

test_side_by_side() {
  up --nodes 1 --unit-cpu none || return 1
  local other
  other=$(cluster up --name t2 --nodes 1 --unit-cpu none --balancer nginx --port "$(free_port)")
  check "another name, another cluster" is "$(curl -s "$(jq -r .target <<<"$other")/whoami" | jq -r .node) $(get /whoami | jq -r .node)" "node1 node1"
  check "its end" cluster down --name t2
  check "is not the first one's end" is "$(status_of /whoami)" 200

  # At the same moment, and none says which port.
  local starting=() name process failed=0
  for name in t3 t4 t5; do
    cluster up --name "$name" --nodes 1 --unit-cpu none >"$work/$name" &
    starting+=("$!")
  done
  for process in "${starting[@]}"; do
    wait "$process" || failed=$((failed + 1))
  done
  check "several at the same moment all come up" is "$failed" 0
  check "each on a port of its own" is "$(jq -r .target "$work"/t[345] | sort -u | wc -l)" 3
  for name in t3 t4 t5; do
    check "and $name ends" cluster down --name "$name"
  done
}

test_quota() {
  up --nodes 2 --unit-cpu 20 || {
    skip "no CPU quota can be had here: $(tail -n 2 "$log" | head -n 1)"
    return 0
  }
  note "by $(field .limited.mechanism)"
  check "the kernel holds what was asked for" is "$(field '[.nodes[].quota_cores] | join(" ")') $(field .limited.total_quota_cores)" "0.2 0.2 0.4"
  check "the node sees it, too" is "$(curl -s "$(field '.nodes[0].url')/stats" | jq .cgroup.cpu_quota_cores)" 0.2
  # Two computations at once on a fifth of a core are throttled, if quotas do anything.
  "$WEBAPP_BIN" load --duration 2s --warmup 1s --connections 2 "$(field '.nodes[0].url')/fib?number=27" >"$work/load.txt" 2>&1 || true
  check "and is throttled by it" at_least "$(curl -s "$(field '.nodes[0].url')/stats" | jq .cgroup.throttled_seconds_total)" 0.1
  JSON=$(cluster scale 3 --unit-cpu 30 --name t)
  check "scale with another quota: all nodes have it, old and new" is "$(field '[.nodes[].quota_cores] | join(" ")') $(field .limited.total_quota_cores)" "0.3 0.3 0.3 0.9"
  JSON=$(cluster scale 1 --unit-cpu 25 --name t)
  check "and fewer nodes with less" is "$(field '[.nodes[].quota_cores] | join(" ")')" 0.25
  up --topology vertical --units 2 --unit-cpu 20 || return 1
  check "vertical: one node, all units, no balancer" is "$(field '[(.nodes | length), .nodes[0].quota_cores, .balancer, .target == .nodes[0].url] | map(tostring) | join(" ")')" "1 0.4 null true"
  local before
  before=$(field '.nodes[0].pid')
  JSON=$(cluster scale 4 --name t)
  check "vertical: scale changes the quota of the same process" is "$(field '[.nodes[0].pid, .nodes[0].quota_cores] | join(" ")')" "$before 0.8"
  up --topology vertical --units 2 --unit-cpu 20 --behind-balancer || return 1
  check "vertical behind a balancer" is "$(field '[(.nodes | length), .nodes[0].quota_cores, .balancer.kind] | join(" ")')" "1 0.4 haproxy"
  up --nodes 1 --unit-cpu none || return 1
  check "--unit-cpu none: no quota" is "$(field '[.nodes[0].quota_cores, .limited.mechanism] | map(tostring) | join(" ")')" "null none"
}

# CPU seconds that the nodes' processes have used so far.
node_seconds() {
  local ticks
  ticks=$(field '.nodes[].pid' | sed 's|.*|/proc/&/stat|' | xargs cat | awk '{ ticks += $14 + $15 } END { print ticks }')
  awk -v ticks="$ticks" -v hertz="$(getconf CLK_TCK)" 'BEGIN { print ticks / hertz }'
}

test_machines() {
  up --nodes 3 --unit-cpu 10 --machine-units 2 || {
    skip "no groups in groups can be made here: $(tail -n 2 "$log" | head -n 1)"
    return 0
  }
  local place before code=0
  check "machines have the quota of their units, and their nodes" is "$(field '.machines[] | [.name, .quota_cores, .units, .simulated, .nodes[]] | join(" ")' | paste -sd ,)" \
    "machine1 0.2 2 true node1 node2,machine2 0.2 2 true node3"
  check "nodes have their own quota in it" is "$(field '[.nodes[].quota_cores] | join(" ")')" "0.1 0.1 0.1"
  place=$(grep -E ':cpu[,:]|^0::' "/proc/$(field '.nodes[2].pid')/cgroup")
  check "a node's group lies in its machine's" contains "$place" "/machine2/node3"
  JSON=$(cluster scale 6 --name t)
  check "without another machine, further nodes share those that there are" is "$(field '[(.machines[].nodes | length), .limited.total_quota_cores] | map(tostring) | join(" ")')" "3 3 0.4"
  before=$(node_seconds)
  "$WEBAPP_BIN" load --duration 3s --warmup 0s --connections 24 "$TARGET/fib?number=25" >"$work/load.txt" 2>&1 || true
  check "six nodes on two machines of two units have four units of CPU" at_most "$(awk -v a="$(node_seconds)" -v b="$before" 'BEGIN { print a - b }')" 1.6
  cluster scale 3 --machines 1 --name t >/dev/null || code=$?
  check "a machine that still has nodes is not taken away" contains "$code $(tail -n 1 "$log")" "1 error: machine2 still has node3"
  JSON=$(cluster scale 5 --machines 3 --name t)
  check "further machines, and a node that has room there" is "$(field '[.machines[].nodes | length] | join(" ")')" "3 2 0"
  JSON=$(cluster scale 2 --machines 1 --name t)
  check "a machine without nodes goes with its group" is "$(field '[.machines[].name, .nodes[].name] | join(" ")')" "machine1 node1 node2"
  JSON=$(cluster scale 3 --machines 2 --name t)
  check "a node that does not fit goes to the new machine" is "$(field '.machines[1].nodes | join(" ")')" node3
  code=0
  cluster scale 3 --unit-cpu 20 --name t >/dev/null || code=$?
  check "a unit stays as it is on machines" contains "$code $(tail -n 1 "$log")" "1 error: a machine has room for nodes of one size"
  check "down" down
  check "nothing is left of the machines" nothing_left
}

test_failed_up() {
  local code=0 port
  WEBAPP_BIN=/bin/false cluster up --name t --nodes 2 >/dev/null || code=$?
  check "a node that ends at once: up fails" is "$code" 1
  check "and says so" contains "$(cat "$log")" "ended while it started"
  check "and leaves nothing" nothing_left

  port=$(free_port)
  perl -MIO::Socket::INET -e 'my $s = IO::Socket::INET->new(Listen => 1, LocalAddr => "127.0.0.1", LocalPort => $ARGV[0]) or die; $| = 1; print "here\n"; sleep 60' "$port" >"$work/listener" &
  local listener=$!
  wait_until 5 test -s "$work/listener"
  code=0
  cluster up --name t --nodes 1 --port "$port" >/dev/null || code=$?
  kill "$listener"
  wait "$listener" 2>/dev/null || true
  check "a port that is taken: up fails and names it" is "$code $(grep -c "port $port is taken" "$log")" "1 1"
  check "and leaves nothing" nothing_left

  # A node that never gets ready, and a person who loses patience.
  printf '#!/bin/sh\nexec sleep 1000\n' >"$work/never" && chmod +x "$work/never"
  WEBAPP_BIN=$work/never "$root/scripts/cluster.sh" up --name t --nodes 2 >/dev/null 2>>"$log" &
  local script=$!
  wait_until 10 test -s "$WEBAPP_STATE_DIR/t/nodes/node2/process"
  kill -TERM "$script"
  code=0
  wait "$script" || code=$?
  check "interrupted: exit code 143" is "$code" 143
  check "and leaves nothing" nothing_left

  # The script itself is killed: what it wrote is enough for down.
  WEBAPP_BIN=$work/never "$root/scripts/cluster.sh" up --name t --nodes 2 >/dev/null 2>>"$log" &
  script=$!
  wait_until 10 test -s "$WEBAPP_STATE_DIR/t/nodes/node2/process"
  kill -KILL "$script"
  wait "$script" 2>/dev/null || true
  check "killed in the middle: down cleans up" down
  check "and leaves nothing" nothing_left
}

test_strangers() {
  up --nodes 1 --unit-cpu none || return 1
  # The process number of the node has been given to somebody else: another start time.
  sleep 60 &
  local stranger=$! node
  node=$(field '.nodes[0].pid')
  kill -9 "$node"
  echo "$stranger 1" >"$WEBAPP_STATE_DIR/t/nodes/node1/process"
  refresh
  check "a reused process number is not the node" is "$(field '.nodes[0].pid')" null
  check "down" down
  check "and the stranger lives" kill -0 "$stranger"
  kill "$stranger"
  wait "$stranger" 2>/dev/null || true
}

test_ordinary_user() {
  if [[ $EUID -ne 0 ]] || ! id nobody >/dev/null 2>&1; then
    skip "becoming an ordinary user needs root"
    return 0
  fi
  local folder=$work/nobody code=0 answer
  # A copy: the checkout may be where only root may look.
  mkdir -p "$folder/state" && cp -r "$root/scripts" "$folder/" && cp "$WEBAPP_BIN" "$folder/webapp" && chown -R nobody "$folder" && chmod 755 "$work"
  as_nobody() { (cd "$folder" && setpriv --reuid=nobody --regid=nogroup --clear-groups env -u WEBAPP_STATE_DIR HOME="$folder" XDG_RUNTIME_DIR="$folder/state" WEBAPP_BIN="$folder/webapp" scripts/cluster.sh "$@"); }
  as_nobody up --name t --nodes 1 --port "$(free_port)" >"$work/out" 2>&1 || code=$?
  if [[ "$code" == 0 ]]; then
    skip "an ordinary user can set a quota here; the refusal is not tested"
    as_nobody down --name t 2>/dev/null
  else
    check "no right to set a quota: a clear error" contains "$(cat "$work/out")" "--unit-cpu none"
  fi
  for balancer in haproxy nginx; do
    answer=$(as_nobody up --name t --nodes 2 --unit-cpu none --balancer "$balancer" --port "$(free_port)" 2>>"$log") || true
    check "$balancer: without a quota an ordinary user has a cluster" is "$(curl -s "$(jq -r .target <<<"$answer")/whoami" | jq -r .node | grep -c node)" 1
    as_nobody scale 3 --name t >/dev/null 2>>"$log" || fail "$balancer: an ordinary user cannot scale"
    check "$balancer: and ends it" as_nobody down --name t
  done
  check "nothing of it is left" is "$(find "$folder/state" -mindepth 1 | wc -l)" 0
}
