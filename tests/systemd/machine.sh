# shellcheck shell=bash
# Machines for tests: a real systemd as PID 1 of fresh namespaces, over a throw-away copy of this root file system.
# Sourced by the tests. Nothing outlives the script: its end, even by SIGKILL, ends the machines.
#
#   machine_unsupported          prints why this computer cannot have one, and fails, or succeeds silently if it can
#   machine_up NAME [FOLDER…]    boots one; each FOLDER is visible inside, read-only, under its own path
#   machine_run NAME COMMAND…    runs a command inside
#   machine_net NAME COMMAND…    runs a command of this computer in the machine's network
#   machine_bridge ADDRESS/BITS NAME=ADDRESS/BITS…   joins machines on one bridge, in a network of their own
#   machine_bridge_run COMMAND…  runs a command of this computer on that bridge, as one more host
#   machine_down NAME            powers it off and clears its cgroups
#   machine_down_all             all of them, and the bridge (for a trap on EXIT)

declare -A MACHINE_INIT=() MACHINE_SPAWNER=()
MACHINE_PREFIX="webapp-test-$$"
MACHINE_BRIDGE=
MACHINE_DELEGATED=
MACHINE_LIB=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

# Hierarchies of this computer, a line each: the mount's type, its options that name it, and the folder of our own cgroup.
# (cgroups(7); /proc/self/cgroup gives the place of this process in each, mountinfo where each is mounted)
machine_hierarchies() {
    local controllers own mount
    while IFS=: read -r _ controllers own; do
        if [[ $controllers == "" ]]; then
            mount=$(awk '{for(i=7;i<NF;i++)if($i=="-"){if($(i+1)=="cgroup2")print $5;next}}' /proc/self/mountinfo | head -1)
            [[ -n $mount ]] && printf 'cgroup2 - %s\n' "$mount${own%/}"
        else
            mount=$(awk -v want="$controllers" '{for(i=7;i<NF;i++)if($i=="-"){if($(i+1)=="cgroup"&&index(","$(i+3)",",","want","))print $5;next}}' \
                /proc/self/mountinfo | head -1)
            [[ -n $mount ]] && printf 'cgroup %s %s\n' "$controllers" "$mount${own%/}"
        fi
    done </proc/self/cgroup
    return 0
}

# The folders in which a machine gets a child cgroup, as the lines above: every hierarchy where the resource controllers
# live in version 1 (systemd's "hybrid" layout), else the one of version 2.
machine_parents() {
    local all
    all=$(machine_hierarchies)
    if grep -q '^cgroup .*memory' <<<"$all"; then echo "$all"; else grep '^cgroup2 ' <<<"$all" || true; fi
}

machine_unsupported() {
    local tool parent
    [[ $(uname -s) == Linux ]] || { echo "not a Linux kernel"; return 1; }
    [[ $EUID -eq 0 ]] || { echo "not root (try: sudo $0)"; return 1; }
    [[ -x /lib/systemd/systemd ]] || { echo "no /lib/systemd/systemd (apt-get install systemd)"; return 1; }
    for tool in unshare nsenter setpriv pivot_root ip systemctl; do
        command -v "$tool" >/dev/null || { echo "no $tool (apt-get install util-linux iproute2 systemd)"; return 1; }
    done
    grep -qw overlay /proc/filesystems || modprobe overlay 2>/dev/null || { echo "the kernel has no overlay file system"; return 1; }
    unshare -m -p -u -i -n -C --fork true 2>/dev/null || { echo "namespaces are not permitted here"; return 1; }
    parent=$(machine_parents | head -n 1)
    parent=${parent##* }
    [[ -n $parent ]] || { echo "no cgroup hierarchy is mounted"; return 1; }
    mkdir "$parent/$MACHINE_PREFIX-probe" 2>/dev/null || { echo "cgroups cannot be made under $parent"; return 1; }
    rmdir "$parent/$MACHINE_PREFIX-probe"
    if [[ $(machine_parents | wc -l) == 1 ]]; then
        machine_delegate "$parent" || { echo "the cpu, memory and pids controllers cannot be had under $parent"; return 1; }
    fi
}

# Where systemd rules a version 2 tree, asks it for a part of the tree: starts the script again, in a delegated scope.
#   machine_own_scope "$0" "$@"
machine_own_scope() {
    [[ -z ${MACHINE_SCOPE:-} && $EUID -eq 0 && -d /run/systemd/system && $(machine_parents | wc -l) == 1 ]] || return 0
    MACHINE_SCOPE=1 exec systemd-run --scope --quiet -p Delegate=yes "$@"
}

# Gives the controllers to the children of a version 2 cgroup. They are given only where no process sits beside the
# children; in a scope of our own, its processes (this script's) move into a leaf for that.
machine_delegate() {
    local parent=$1 pid
    { echo "+cpu +memory +pids" >"$parent/cgroup.subtree_control"; } 2>/dev/null && return 0
    [[ -n ${MACHINE_SCOPE:-} ]] || return 1
    mkdir -p "$parent/self"
    while read -r pid; do { echo "$pid" >"$parent/self/cgroup.procs"; } 2>/dev/null || true; done < <(cat "$parent/cgroup.procs")
    MACHINE_DELEGATED=$parent
    { echo "+cpu +memory +pids" >"$parent/cgroup.subtree_control"; } 2>/dev/null
}

machine_up() {
    local name=$1 kind options parent child file
    shift
    local full="$MACHINE_PREFIX-$name"
    local base
    base=$(mktemp -d "${TMPDIR:-/tmp}/$full.XXXXXX")
    local children=() mounts=()
    while read -r kind options parent; do
        child="$parent/$full"
        mkdir -p "$child"
        # A new cpuset is empty, and an empty one takes no process.
        for file in cpus mems; do
            [[ -e $child/cpuset.$file && $kind == cgroup ]] && cat "$parent/cpuset.$file" >"$child/cpuset.$file"
        done
        children+=("$child")
        mounts+=("$kind:$options")
    done < <(machine_parents | awk -v delegated="$MACHINE_DELEGATED" '{if(delegated!="")$3=delegated;print}')
    printf '%s\n' "${children[@]}" >"$base/cgroups"
    (
        for child in "${children[@]}"; do echo "$BASHPID" >"$child/cgroup.procs"; done
        # The machine dies with this script, however the script ends.
        exec setpriv --pdeathsig KILL unshare -m -p -u -i -n -C --fork --kill-child \
            bash "$MACHINE_LIB/machine-init.sh" "$base" "$name" "${mounts[*]}" "$@"
    ) </dev/null >"$base/log" 2>&1 &
    MACHINE_SPAWNER[$name]=$!
    eval "MACHINE_BASE_${name//-/_}=\$base"
    machine_wait_boot "$name" "$base"
}

# Until systemd answers and has started what belongs to its target, at most 30 s.
machine_wait_boot() {
    local name=$1 base=$2 init state
    for _ in $(seq 300); do
        kill -0 "${MACHINE_SPAWNER[$name]}" 2>/dev/null || break
        init=$(pgrep -P "${MACHINE_SPAWNER[$name]}" | head -1 || true)
        if [[ -n $init && $(cat "/proc/$init/comm" 2>/dev/null) == systemd ]]; then
            MACHINE_INIT[$name]=$init
            state=$(machine_run "$name" systemctl is-system-running 2>/dev/null || true)
            [[ $state == running || $state == degraded ]] && return 0
        fi
        sleep 0.1
    done
    echo "machine $name did not boot (state: ${state:-none}); its log:" >&2
    tail -n 20 "$base/log" >&2
    return 1
}

machine_run() {
    local name=$1
    shift
    nsenter --target "${MACHINE_INIT[$name]}" --mount --uts --ipc --net --pid --cgroup --root --wd \
        env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 TERM=dumb SYSTEMD_PAGER=cat "$@"
}

machine_net() {
    local name=$1
    shift
    nsenter --target "${MACHINE_INIT[$name]}" --net "$@"
}

machine_bridge() {
    local address=$1 pair name
    shift
    # The bridge lives in a network namespace of its own, which a sleeping process keeps alive: the computer's own network stays as it is.
    setpriv --pdeathsig KILL unshare --net sleep infinity &
    MACHINE_BRIDGE=$!
    until [[ $(readlink "/proc/$MACHINE_BRIDGE/ns/net") != "$(readlink /proc/self/ns/net)" ]]; do sleep 0.02; done
    machine_bridge_run ip link set lo up
    machine_bridge_run ip link add bridge0 type bridge
    machine_bridge_run ip address add "$address" dev bridge0
    machine_bridge_run ip link set bridge0 up
    for pair in "$@"; do
        name=${pair%%=*}
        machine_bridge_run ip link add "to-$name" type veth peer name eth1 netns "${MACHINE_INIT[$name]}"
        machine_bridge_run ip link set "to-$name" master bridge0 up
        machine_net "$name" ip address add "${pair#*=}" dev eth1
        machine_net "$name" ip link set eth1 up
    done
}

machine_bridge_run() { nsenter --target "$MACHINE_BRIDGE" --net "$@"; }

machine_down() {
    local name=$1 base_name base child spawner
    base_name="MACHINE_BASE_${name//-/_}"
    base=${!base_name:-}
    spawner=${MACHINE_SPAWNER[$name]:-}
    [[ -n $spawner ]] || return 0
    if [[ -n ${MACHINE_INIT[$name]:-} ]]; then
        # systemd(1): SIGRTMIN+3 halts the machine; in a container PID 1 then ends.
        kill -s RTMIN+3 "${MACHINE_INIT[$name]}" 2>/dev/null || true
        for _ in $(seq 200); do kill -0 "$spawner" 2>/dev/null || break; sleep 0.05; done
    fi
    kill -KILL "$spawner" 2>/dev/null || true
    wait "$spawner" 2>/dev/null || true
    if [[ -f $base/cgroups ]]; then
        while read -r child; do
            # Killed processes leave their cgroups a moment later.
            for _ in $(seq 100); do
                find "$child" -depth -type d -exec rmdir {} + 2>/dev/null || true
                [[ -d $child ]] || break
                sleep 0.05
            done
            [[ ! -d $child ]] || echo "cgroup $child could not be removed" >&2
        done <"$base/cgroups"
    fi
    rm -rf "$base"
    unset "MACHINE_INIT[$name]" "MACHINE_SPAWNER[$name]" "$base_name"
}

machine_down_all() {
    local name
    for name in "${!MACHINE_SPAWNER[@]}"; do machine_down "$name"; done
    if [[ -n $MACHINE_BRIDGE ]]; then
        kill -KILL "$MACHINE_BRIDGE" 2>/dev/null || true
        wait "$MACHINE_BRIDGE" 2>/dev/null || true
        MACHINE_BRIDGE=
    fi
}
