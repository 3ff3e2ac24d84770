#!/usr/bin/env bash
# The units and the installer under a real systemd, booted in namespaces of its own. See --help.
# shellcheck disable=SC1091 # .shellcheckrc says where to find what this sources
set -euo pipefail

usage() {
    cat <<'HELP'
Boots a real systemd in fresh namespaces over a throw-away copy of this root, and there: installs webapp, starts it, kills
it, restarts it under load, bounds its CPU and memory, drains it, and removes it. Needs root; leaves nothing behind.

usage: scripts/test-systemd.sh

The binary is the one that WEBAPP_BIN names, else the one that scripts/build.sh made. Where no machine can be booted,
the checks are counted as skipped, and the reason is said.
HELP
}

here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
source "$here/scripts/lib/common.sh"
source "$here/scripts/lib/checks.sh"
source "$here/tests/systemd/machine.sh"
help_wanted "$@"
(($# == 0)) || usage_error "there is no option $1"
machine_own_scope "$0"
if ! reason=$(machine_unsupported); then
    skip "the units under a real systemd: $reason"
    checks_end
    exit
fi
bin=$(find_binary "$here")
work=$(mktemp -d)
trap 'machine_down_all; rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

url=http://127.0.0.1:3000
run() { machine_run one "$@"; }
get() { machine_net one curl -fsS --max-time 20 "$@"; }
stat() { get "$url/stats" | jq -r "$1"; }
property() { run systemctl show -P "$2" "$1"; }
install_in() { run env WEBAPP_BIN=/srv/webapp "$here/scripts/install.sh" "$@"; }

verify() {
    local output
    output=$(run systemd-analyze verify /usr/local/lib/systemd/system/webapp{,@3001}.{service,socket} /usr/local/lib/systemd/system/webapp.slice \
        "$here/systemd/webapp-balancer.service" 2>&1)
    echo "$output"
    # Other units of the copied root may be worth a word, ours not.
    ! grep -q webapp <<<"$output"
}

exposure() {
    local unit
    for unit in webapp.service webapp@3001.service; do run systemd-analyze security --no-pager --threshold=15 "$unit" | tail -n 1 || return 1; done
}

listening() { [[ $(property webapp.service ActiveState) == active && $(get "$url/whoami" | jq -r .node) == one ]]; }
confined() { [[ $(run systemctl show -P DynamicUser webapp.service) == yes && $(run stat -c %u "/proc/$(property webapp.service MainPID)") != 0 ]]; }
installed_twice() { install_in --listen 0.0.0.0:3000 --now 2>&1 | tee /dev/stderr | grep -q 'nothing to change'; }
io_works() { get "$url/io?mb=1" | jq -e '.result != null or .milliseconds != null'; }

comes_back() {
    local before after
    before=$(property webapp.service MainPID)
    ((before > 1)) || { echo "webapp does not run"; return 1; }
    run kill -9 "$before"
    # The socket keeps the connection until the next process takes it.
    get "$url/whoami" >/dev/null || return 1
    after=$(property webapp.service MainPID)
    echo "pid $before, then $after"
    [[ $before != "$after" ]]
}

# Requests on new connections, each checked, with two restarts in the middle; no request may fail.
restart_loses_nothing() {
    local load before after code=0
    before=$(property webapp.service MainPID)
    machine_net one "$bin" load "$url/fib?number=20" --connections 4 --no-keepalive --warmup 0s --duration 5s --timeout 20s \
        --json "$work/load.json" >/dev/null 2>"$work/errors" &
    load=$!
    sleep 1
    run systemctl restart webapp.service || return 1
    sleep 1
    run systemctl restart webapp.service || return 1
    # 3: the generator was the limit, which is not a failure here.
    wait "$load" || code=$?
    after=$(property webapp.service MainPID)
    cat "$work/errors"
    echo "exit code $code, pid $before then $after, $(jq -c '{requests_total, requests_ok, errors}' "$work/load.json")"
    ((code == 0 || code == 3)) && jq -e '.requests_total > 20 and .requests_ok == .requests_total' "$work/load.json" >/dev/null && [[ $before != "$after" ]]
}

# What the kernel says of the unit: cpu.stat of its cgroup (both versions of cgroups count nr_throttled there).
throttled_periods() {
    local path
    path=$(property webapp@3001.service ControlGroup)
    run bash -c "cat /sys/fs/cgroup/cpu$path/cpu.stat 2>/dev/null || cat /sys/fs/cgroup$path/cpu.stat" | awk '$1=="nr_throttled"{print $2}'
}
kernel_throttles() { (($(throttled_periods) > 0)); }

burn() {
    local pids=() _
    for _ in 1 2; do
        machine_net one curl -s --max-time 8 -o /dev/null "$1/fib?number=50" &
        pids+=($!)
    done
    eval "$2" && status=0 || status=1
    end_processes "${pids[@]}"
    return "$status"
}

quota_seen() { [[ $(get http://127.0.0.1:3001/stats | jq '.cgroup.cpu_quota_cores') == 0.5 ]]; }
throttled() { get http://127.0.0.1:3001/stats | jq -e '.cgroup.throttled_percent > 0'; }

quota_throttles() {
    local before
    run systemctl start webapp@3001.service || return 1
    before=$(property webapp@3001.service MainPID)
    run systemctl set-property --runtime webapp@3001.service CPUQuota=50% || return 1
    burn http://127.0.0.1:3001 'wait_until 6 kernel_throttles' || { echo "throttled periods: $(throttled_periods)"; return 1; }
    [[ $before == "$(property webapp@3001.service MainPID)" ]]
}

quota_in_stats() {
    if wait_until 3 quota_seen && burn http://127.0.0.1:3001 'wait_until 6 throttled'; then return 0; fi
    get http://127.0.0.1:3001/stats | jq -c .cgroup
    return 1
}

memory_limit() {
    local before
    before=$(property webapp.service NRestarts)
    run systemctl set-property --runtime webapp.service MemoryMax=64M
    get "$url/memory?mb=300&seg=5" >/dev/null 2>&1 || true
    wait_until 10 eval "(( \$(property webapp.service NRestarts) > $before ))" || { echo "it was not killed"; return 1; }
    run systemctl set-property --runtime webapp.service MemoryMax=infinity
    wait_until 10 get "$url/readyz"
}

stop_drains() {
    local pid
    get "$url/sleep?seg=3" >"$work/slow" &
    pid=$!
    sleep 1
    run systemctl stop webapp.socket webapp.service
    wait "$pid" || { echo "the request in flight was cut"; return 1; }
    [[ $(property webapp.service Result) == success && $(property webapp.service ExecMainStatus) == 0 ]] || return 1
    ! get "$url/healthz" 2>/dev/null
}

# --- scripts/cluster.sh where systemd runs: a scope for each node, its quota by systemd ---

cluster() { run env WEBAPP_BIN=/srv/webapp "$here/scripts/cluster.sh" "$@"; }
scopes() { run systemctl list-units --plain --no-legend --state=running 'webapp-*.scope' | awk '{print $1}'; }

cluster_up() {
    local json scope
    json=$(cluster up --nodes 2 --unit-cpu 20 --port 8080) || return 1
    jq -c '.limited, .nodes' <<<"$json"
    [[ $(jq -r .limited.mechanism <<<"$json") == systemd && $(jq -c '[.nodes[].quota_cores]' <<<"$json") == '[0.2,0.2]' ]] || return 1
    [[ $(scopes | wc -l) == 2 ]] || { scopes; return 1; }
    for scope in $(scopes); do [[ $(property "$scope" CPUQuotaPerSecUSec) == 200ms ]] || return 1; done
    [[ $(for _ in 1 2 3 4; do get http://127.0.0.1:8080/whoami | jq -r .node; done | sort -u | paste -sd ' ') == "node1 node2" ]]
}

cluster_lives() {
    cluster kill node2 >/dev/null && get http://127.0.0.1:8080/whoami | jq -e '.node == "node1"' && cluster start node2 >/dev/null || return 1
    cluster scale 3 | jq -e '.limited.mechanism == "systemd" and [.nodes[].quota_cores] == [0.2, 0.2, 0.2]' && [[ $(scopes | wc -l) == 3 ]]
}

cluster_down() { cluster down && [[ -z $(scopes) ]] && ! run ls /tmp/webapp-0 2>/dev/null; }

# The quota of a running process is another afterwards.
cluster_resizes() {
    local answer
    answer=$(cluster up --topology vertical --units 2 --unit-cpu 20 --port 8080) || return 1
    [[ $(property "$(scopes)" CPUQuotaPerSecUSec) == 400ms ]] || return 1
    [[ $(cluster scale 3 | jq -c '[.nodes[0].pid, .nodes[0].quota_cores]') == "[$(jq '.nodes[0].pid' <<<"$answer"),0.6]" ]] || return 1
    cluster_down
}

uninstalled() {
    install_in --uninstall --purge || return 1
    ! run ls /usr/local/bin/webapp /etc/webapp /usr/local/lib/systemd/system/webapp.service 2>/dev/null
}

# boot NAME: a machine that sees this clone, and the binary as /srv/webapp.
boot() {
    machine_up "$1" "$here" "$(dirname "$(realpath "$bin")")"
    machine_run "$1" mkdir -p /srv
    machine_run "$1" ln -s "$(realpath "$bin")" /srv/webapp
    machine_net "$1" ip link set lo up
}

boot one

check "install.sh --now installs and starts webapp" install_in --listen 0.0.0.0:3000 --now
check "systemd-analyze verify has nothing to say" verify
check "systemd-analyze security: exposure at most 1.5" exposure
check "ready once started, and answers by the machine's name" listening
check "runs as a user of its own, not root" confined
check "install.sh a second time changes nothing" installed_twice
check "/io writes to its own folder under the hardening" io_works
check "/stats answers under the hardening" stat .node.name
check "kill -9: back, and the waiting request is answered" comes_back
check "two restarts under load lose no request" restart_loses_nothing
check "set-property CPUQuota=50% throttles, with no restart" quota_throttles
check "the quota and its throttling show in /stats within two windows" quota_in_stats
check "a memory limit kills the node, and it recovers" memory_limit
check "stop drains: the request in flight is answered, exit 0, then refused" stop_drains
if command -v haproxy >/dev/null; then
    check "cluster.sh up: two nodes, each under a quota by systemd" cluster_up
    check "cluster.sh kill, start and scale keep to systemd" cluster_lives
    check "cluster.sh down leaves no scope behind" cluster_down
    check "cluster.sh scale of a vertical cluster: the same process, another quota" cluster_resizes
else
    skip "cluster.sh under systemd: haproxy is not installed (apt-get install haproxy)"
fi
check "install.sh --uninstall --purge removes all of it" uninstalled
machine_down one

# --- the provisioning of the virtual machines: balancer and two nodes on one bridge, with the machines' addresses ---

provision() { machine_run "$1" env WEBAPP_BIN=/srv/webapp "$here/scripts/provision.sh" "$@"; }

both_answer() {
    local seen
    seen=$(for _ in $(seq 20); do machine_bridge_run curl -fsS -m 10 http://192.168.56.10/whoami | jq -r .node; done | sort | uniq -c)
    echo "$seen"
    [[ $seen == *node1* && $seen == *node2* ]]
}

balancer_process() { machine_run balancer systemctl show -P MainPID webapp-balancer.service; }

# It answers a moment before its script has returned and systemd knows which process it is.
balancer_is_another() { (($(balancer_process) > 1 && $(balancer_process) != $1)); }

balancer_comes_back() {
    local before
    before=$(balancer_process)
    ((before > 1)) || { echo "systemd watches no process"; machine_run balancer systemctl status --no-pager webapp-balancer.service; return 1; }
    machine_run balancer kill -9 "$before"
    if wait_until 10 machine_bridge_run curl -fsS -m 2 http://192.168.56.10/whoami && wait_until 10 balancer_is_another "$before"; then return 0; fi
    machine_run balancer journalctl --no-pager -n 20 -u webapp-balancer
    return 1
}

balancer_removed() {
    machine_run balancer "$here/scripts/install.sh" --uninstall --purge || return 1
    ! machine_run balancer ls /usr/local/lib/webapp /usr/local/lib/systemd/system/webapp-balancer.service /etc/webapp /usr/local/bin/webapp 2>/dev/null &&
        ! machine_bridge_run curl -fsS -m 2 http://192.168.56.10/whoami 2>/dev/null
}

if ! command -v haproxy >/dev/null; then
    skip "provisioning of balancer, node1 and node2: haproxy is not installed (apt-get install haproxy)"
else
    for name in node1 node2 balancer; do boot "$name"; done
    machine_bridge 192.168.56.1/24 node1=192.168.56.11/24 node2=192.168.56.12/24 balancer=192.168.56.10/24
    check "provision.sh makes node1 a node" provision node1 node
    check "provision.sh makes node2 a node" provision node2 node
    check "provision.sh makes the balancer" provision balancer balancer haproxy 192.168.56.11:3000,192.168.56.12:3000
    check "requests through the balancer reach both nodes" both_answer
    check "provisioning the balancer again changes nothing" provision balancer balancer haproxy 192.168.56.11:3000,192.168.56.12:3000
    check "both nodes still answer through it" both_answer
    check "kill -9 of the balancer: systemd brings it back" balancer_comes_back
    if command -v nginx >/dev/null; then
        check "provision.sh makes nginx the balancer instead" provision balancer balancer nginx 192.168.56.11:3000,192.168.56.12:3000
        check "requests through nginx reach both nodes" both_answer
        check "kill -9 of nginx: systemd brings it back" balancer_comes_back
    else
        skip "nginx as the balancer: nginx is not installed (apt-get install nginx-light)"
    fi
    check "install.sh --uninstall --purge takes the balancer away, too" balancer_removed
    machine_down_all
fi
left=$(find /sys/fs/cgroup -maxdepth 4 -type d -name "$MACHINE_PREFIX*" 2>/dev/null || true)
check "no cgroup is left behind" test -z "$left"
checks_end
