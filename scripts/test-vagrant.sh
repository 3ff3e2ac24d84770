#!/usr/bin/env bash
# A real `vagrant up` on a machine without KVM, boxes or VirtualBox. See --help.
# shellcheck disable=SC1091 # .shellcheckrc says where to find what this sources
set -euo pipefail

usage() {
    cat <<'HELP'
Brings up balancer, node1 and node2 for real: vagrant with libvirt under software emulation, on a box made from Debian
packages. Opt-in, since it takes some minutes; it needs root and a Debian machine, and installs with apt what is missing.

usage: scripts/test-vagrant.sh [--validate | [--keep-box] [--bench]]

  --validate   only what needs no machine: vagrant validate for both providers, and what a wrong setting says (seconds)
  --keep-box   reuses the box of an earlier run from target/vagrant-test, and leaves it there
  --bench      also runs the ladders on the machines: scripts/bench.sh --on vagrant

Everything runs in namespaces of its own (network, mounts, processes): libvirt's bridges, firewall rules and daemons
touch nothing of this computer, and end with the script.
HELP
}

here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
state=$here/target/vagrant-test
source "$here/scripts/lib/common.sh"
source "$here/scripts/lib/checks.sh"
source "$here/tests/vagrant/box.sh"
source "$here/tests/vagrant/validate.sh"

help_wanted "$@"
keep_box=false bench=false inside=false validate=false
while (($#)); do
    case $1 in
    --keep-box) keep_box=true ;;
    --bench) bench=true ;;
    --validate) validate=true ;;
    --inside) inside=true ;;
    *) usage_error "there is no option $1" ;;
    esac
    shift
done

say() { printf '%4d s  %s\n' "$SECONDS" "$*"; }

# --- before the namespaces: what needs the network of this computer ------------------------------------------------

install_packages() {
    local missing=() package qemu
    for package in vagrant vagrant-libvirt libvirt-daemon-system libvirt-clients qemu-system-x86 qemu-utils dnsmasq-base iptables \
        mmdebstrap e2fsprogs cpio busybox-static curl jq iproute2; do
        dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
    done
    ((${#missing[@]})) || return 0
    say "installing ${missing[*]}"
    apt_install "${missing[@]}" >/dev/null && return 0
    # A qemu-utils from backports does not go with this release's emulator: take both from one place.
    qemu=$(apt-cache policy qemu-system-x86 | awk '/Candidate:/{print $2}')
    apt_install --allow-downgrades "${missing[@]}" "qemu-system-x86=$qemu" "qemu-utils=$qemu" >/dev/null
}

prepare() {
    install_packages
    say "building the binary"
    "$here/scripts/build.sh" >/dev/null
    if $keep_box && [[ -s $state/box/box.img && $state/box/box.img -nt $here/tests/vagrant/box.sh ]]; then
        say "reusing the box in $state/box"
    else
        say "building the box"
        rm -rf "$state/box"
        box_build "$state/box"
    fi
    say "the box has $(du -m "$state/box/box.img" | cut -f1) MB"
}

# --- inside the namespaces -----------------------------------------------------------------------------------------

start_libvirt() {
    local folder
    mount --make-rprivate /
    # Without a cgroup tree in sight, libvirt makes no cgroups that could be left behind.
    umount -R -l /sys
    mount -t sysfs sysfs /sys
    mount -t tmpfs -o mode=755 tmpfs /run
    mkdir -p "$state/libvirt"
    for folder in /var/lib/libvirt /var/log/libvirt /var/cache/libvirt /etc/libvirt; do
        mkdir -p "$state/libvirt$folder"
        [[ $folder != /etc/libvirt ]] || cp -a /etc/libvirt/. "$state/libvirt$folder/"
        mount --bind "$state/libvirt$folder" "$folder"
    done
    printf 'user = "root"\ngroup = "root"\ndynamic_ownership = 0\nsecurity_driver = "none"\n' >/etc/libvirt/qemu.conf
    ip link set lo up
    virtlogd -d -p /run/virtlogd.pid
    libvirtd -d -p /run/libvirtd.pid 2>>"$state/libvirtd.log"
    for _ in $(seq 100); do virsh -q list >/dev/null 2>&1 && break; sleep 0.2; done
    mkdir -p "$state/pool"
    virsh -q pool-define-as default dir --target "$state/pool" >/dev/null
    virsh -q pool-start default >/dev/null
}

in_vm() { timeout 120 vagrant ssh "$1" -c "$2" 2>/dev/null </dev/null | tr -d '\r'; }

# active_in MACHINE SERVICE
active_in() { [[ $(in_vm "$1" "systemctl is-active $2") == active ]]; }

# both_answer COUNT: of so many requests through the balancer, both nodes answer some.
both_answer() {
    local seen
    seen=$(for _ in $(seq "$1"); do curl -fsS -m 10 http://192.168.56.10/whoami | jq -r .node; done | sort | uniq -c)
    echo "$seen"
    [[ $(wc -l <<<"$seen") == 2 && $seen == *node1* && $seen == *node2* ]]
}

# Notes after how many seconds the first answer comes through the balancer.
watch_first_answer() {
    while ! curl -fsS -m 5 -o /dev/null http://192.168.56.10/whoami 2>/dev/null; do sleep 0.5; done
    echo "$SECONDS" >"$state/first-answer"
}

# A node is halted in the order that a balancer can follow; under load, no request fails.
halt_under_load() {
    local load=$state/load.json pid status=0
    "$WEBAPP_BIN" load --rate 20 --duration 60s --timeout 20s --json "$load" http://192.168.56.10/whoami >/dev/null 2>"$state/load.log" &
    pid=$!
    sleep 10
    timeout 180 vagrant halt node1 >"$state/halt.log" 2>&1 || { cat "$state/halt.log"; kill "$pid"; return 1; }
    wait "$pid" || status=$?
    cat "$state/load.log"
    jq -c '{requests_total, requests_ok, errors, nodes}' "$load"
    # Emulated machines may be slower than the load asks for; that makes the figure invalid as a measurement, not the check.
    ((status == 0 || status == 3)) && jq -e '.requests_total > 500 and .requests_ok == .requests_total' "$load" >/dev/null
}

nothing_left() {
    local domains volumes networks
    domains=$(virsh -q list --all --name | grep -c . || true)
    volumes=$(virsh -q vol-list default | grep -v box.img | grep -vc '^ *$' || true)
    networks=$(pgrep -c qemu-system || true)
    echo "domains: $domains, disks of machines: $volumes, emulators: $networks"
    ((domains == 0 && volumes == 0 && networks == 0))
}

run_inside() {
    local started watcher
    start_libvirt
    cd "$here"
    export VAGRANT_HOME=$state/home VAGRANT_DOTFILE_PATH=$state/dot VAGRANT_DEFAULT_PROVIDER=libvirt VAGRANT_CHECKPOINT_DISABLE=1
    export WEBAPP_BOX=webapp-test NODES=2 WEBAPP_BIN
    timeout 120 vagrant box add --force --name webapp-test --provider libvirt "$state/box.tar" >"$state/box.log" 2>&1
    check "vagrant validate" timeout 60 vagrant validate

    started=$SECONDS
    rm -f "$state/first-answer"
    watch_first_answer &
    watcher=$!
    say "vagrant up"
    if ! timeout 900 vagrant up >"$state/up.log" 2>&1; then
        tail -n 40 "$state/up.log"
        kill "$watcher" 2>/dev/null || true
        fail "vagrant up brings up balancer, node1 and node2"
    else
        pass "vagrant up brings up balancer, node1 and node2 in $((SECONDS - started)) s"
        for _ in $(seq 60); do [[ -s $state/first-answer ]] && break; sleep 0.5; done
        if [[ -s $state/first-answer ]]; then
            started=$(($(<"$state/first-answer") - started))
            check "the first answer through the balancer came after $started s (limit: 300 s)" test "$started" -lt 300
        else
            kill "$watcher" 2>/dev/null || true
            fail "the balancer answers"
        fi
        check "requests through the balancer reach both nodes" both_answer 40
        check "systemctl is-active webapp in node1" active_in node1 webapp
        check "systemctl is-active webapp in node2" active_in node2 webapp
        check "systemctl is-active webapp-balancer in balancer" active_in balancer webapp-balancer
        check "provisioning again changes nothing" provision_again
        check "vagrant halt node1 under load costs no failed request" halt_under_load
        if $bench; then bench_on_vagrant; fi
    fi
    check "vagrant destroy -f" timeout 180 vagrant destroy -f
    check "nothing is left behind" nothing_left
    say "done"
    checks_end
}

# The ladders on the machines, as small as they can be: this shows that they work, emulation makes the figures worthless.
bench_on_vagrant() {
    local results=$state/results
    rm -rf "$results"
    say "scripts/bench.sh --on vagrant"
    check "vagrant up node1 brings the halted machine back" timeout 300 vagrant up node1
    # Too small for the ladder, and with another program: the driver has to find out, reload it, and bring it this one.
    check "vagrant up vertical, with one CPU" env VERTICAL_CPUS=1 timeout 300 vagrant up vertical
    check "the driver brings its own program to a machine that has another" other_program
    check "scripts/bench.sh --on vagrant measures both ladders" bench_small "$results"
    check "every run of it has answers from the nodes that it asked" runs_complete "$results"
    check "a node's death is measured, both ways" death_measured "$results"
    check "afterwards the machines are as they were: all CPUs, both nodes behind the balancer" machines_restored
    say "scripts/compare.sh --on vagrant"
    check "scripts/compare.sh --on vagrant: top, iostat and /stats over the same window" compare_small
}

other_program() {
    local bin=$state/other-webapp sum
    cp "$WEBAPP_BIN" "$bin"
    echo >>"$bin"
    sum=$(sha256sum <"$bin")
    WEBAPP_BIN=$bin VERTICAL_CPUS=1 "$here/scripts/vagrant-driver.sh" up --name other --topology vertical --units 1 || return 1
    [[ $(in_vm vertical 'sha256sum </usr/local/bin/webapp') == "$sum" ]] || return 1
    refused "belong to the cluster other" "$here/scripts/vagrant-driver.sh" up --name third || return 1
    "$here/scripts/vagrant-driver.sh" status --name other | jq -e '.up.vertical == true' && "$here/scripts/vagrant-driver.sh" down --name other
}

bench_small() {
    timeout 900 "$here/scripts/bench.sh" --on vagrant --repeats 1 --window 2s --path '/fib?number=20' --out "$1" >"$state/bench.out" 2>"$state/bench.log" ||
        { tail -n 40 "$state/bench.log"; return 1; }
    cat "$state/bench.out"
}

runs_complete() {
    jq -c '[.topology, .units, .level.mode, .load.requests_ok, .load.requests_total, (.load.nodes | keys), .killed.node]' "$1/runs.jsonl"
    # Both ways with one unit and with two; as many nodes as the way has, under their own names; no answer missing.
    jq -e -s '[.[] | select(.level.mode == "closed")]
        | ([.[] | "\(.topology) \(.units)"] | unique) == ["horizontal 1", "horizontal 2", "vertical 1", "vertical 2"]
        and all(.[]; .load.requests_ok > 0 and .load.requests_ok == .load.requests_total
            and (.load.nodes | keys) == (if .topology == "vertical" then ["vertical"] else ["node1", "node2"][:.units] end))' "$1/runs.jsonl" >/dev/null
}

# The last node of each way is killed under load: the one big node takes everything with it, the other one of two goes on.
death_measured() {
    jq -c 'select(.level.mode == "death") | [.topology, .units, .killed, .load.requests_ok, .load.requests_total, .load.nodes]' "$1/runs.jsonl"
    jq -e -s '[.[] | select(.level.mode == "death")] | (map(.killed.node) | sort) == ["node2", "vertical"]' "$1/runs.jsonl" >/dev/null
}

machines_restored() {
    local machine state
    for machine in vertical node2 balancer; do
        state=$(in_vm "$machine" 'cat /sys/devices/system/cpu/online; find /run/systemd/system /run/webapp-bench.env -name "*bench*"')
        [[ $state == "$([[ $machine == vertical ]] && echo 0-1 || echo 0)" ]] || { echo "$machine: $state"; return 1; }
    done
    both_answer 40
}

compare_small() {
    timeout 300 "$here/scripts/compare.sh" --on vagrant --machine node1 --seconds 3 >"$state/compare.out" 2>&1 || { cat "$state/compare.out"; return 1; }
    # The kinds of load, each with a line for every state that was compared.
    [[ $(grep -c '^iowait' "$state/compare.out") -ge 4 ]] || { cat "$state/compare.out"; return 1; }
}

provision_again() {
    local log=$state/provision.log
    timeout 300 vagrant provision node2 balancer >"$log" 2>&1 || { tail -n 30 "$log"; return 1; }
    grep -F 'nothing to change' "$log" && ! grep -F 'restarting' "$log"
}

# -------------------------------------------------------------------------------------------------------------------

if $validate; then
    validate_all
    exit
fi
if $inside; then
    run_inside
    exit
fi
[[ $(uname -s) == Linux && -f /etc/debian_version ]] || { skip "needs a Debian machine"; checks_end; exit; }
[[ $EUID -eq 0 ]] || { skip "needs root (try: sudo $0)"; checks_end; exit; }
mkdir -p "$state"
exec 7>"$state/lock"
flock -n 7 || { echo "test-vagrant.sh: another one runs in $state" >&2; exit 1; }
cleanup() {
    rm -rf "${state:?}"/{home,dot,pool,libvirt,results,other-webapp,box.tar,lock}
    $keep_box || rm -rf "$state/box"
}
trap cleanup EXIT
# What a run that was killed may have left.
rm -rf "${state:?}"/{home,dot,pool,libvirt}
prepare
tar -cf "$state/box.tar" -C "$state/box" .
WEBAPP_BIN=$("$here/scripts/build.sh" 2>/dev/null | tail -n 1)
export WEBAPP_BIN
arguments=(--inside)
if $bench; then arguments+=(--bench); fi
setpriv --pdeathsig KILL unshare --mount --net --pid --fork --kill-child --mount-proc "$0" "${arguments[@]}" &
inside=$!
# The first process of a namespace takes no Ctrl-C; its end ends everything in there.
trap 'kill -KILL "$inside"; exit 130' INT TERM
wait "$inside"
