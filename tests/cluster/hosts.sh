# shellcheck shell=bash
# Hosts for tests: network namespaces, joined by wires. They live as long as the processes that hold them, and those end with this
# script, however it ends; nothing has to be removed.

declare -A HOST=()

# host NAME: a network namespace, held by a process that ends with this script.
host() {
  setpriv --pdeathsig KILL unshare --net sleep 600 &
  HOST[$1]=$!
  wait_until 5 in_own_network "${HOST[$1]}" || return 1
  on "$1" ip link set lo up
}

in_own_network() { [[ "$(readlink "/proc/$1/ns/net")" != "$(readlink /proc/self/ns/net)" ]]; }

# on NAME COMMAND…: in the network of that host.
on() { nsenter --target "${HOST[$1]}" --net "${@:2}"; }

# beside NAME COMMAND…: the same in the background; $! is the command itself.
beside() { nsenter --target "${HOST[$1]}" --net "${@:2}" & }

hosts_end() {
  local name
  for name in "${!HOST[@]}"; do
    kill -KILL "${HOST[$name]}" 2>/dev/null || true
    wait "${HOST[$name]}" 2>/dev/null || true
  done
  HOST=()
}

# wire NAME NET: joins a host to the balancer: it is NET.2, the balancer NET.1.
wire() {
  on balancer ip link add "to-$1" type veth peer name eth0 netns "${HOST[$1]}" &&
    on balancer ip address add "$2.1/24" dev "to-$1" && on balancer ip link set "to-$1" up &&
    on "$1" ip address add "$2.2/24" dev eth0 && on "$1" ip link set eth0 up && on "$1" ip route add default via "$2.1"
}

# no_hosts: the reason why there can be none, if there is one.
no_hosts() {
  [[ $EUID -eq 0 ]] || { echo "network namespaces need root" && return 0; }
  unshare --net true 2>/dev/null || { echo "network namespaces are not permitted here" && return 0; }
  return 1
}
