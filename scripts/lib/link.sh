# shellcheck shell=bash
# A link of a chosen speed between two network namespaces of this machine: a tun device on each side, socat between them, tc before
# them. A veth would do, too, but the kernel says 10 Gbit/s of it whatever tc allows; a tun device says the speed that ethtool gave it.

# shellcheck disable=SC2034 # for the scripts that source this
readonly LINK_NODE=10.213.0.1 LINK_CLIENT=10.213.0.2
LINK_STARTED=() LINK_SPACES=()

# link_up NAME MBIT FOLDER: the namespaces NAME-node and NAME-client, joined. Fails where that cannot be; FOLDER/link says why.
link_up() {
  [[ $EUID -eq 0 && -c /dev/net/tun ]] || { echo "it needs root and /dev/net/tun" >"$3/link" && return 1; }
  need socat ethtool ip=iproute2
  link_end "$1-node" "$LINK_NODE" node client "$2" "$3" && link_end "$1-client" "$LINK_CLIENT" client node "$2" "$3"
}

# link_end SPACE ADDRESS SIDE OTHER MBIT FOLDER
link_end() {
  local space=$1 inside=(ip netns exec "$1")
  ip netns add "$space" 2>>"$6/link" || return 1
  LINK_SPACES+=("$space")
  "${inside[@]}" sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1 2>/dev/null || true
  ip -n "$space" link set lo up
  "${inside[@]}" socat "TUN:$2/24,tun-name=slow0,tun-type=tun,iff-no-pi,iff-up" "UNIX-SENDTO:$6/link-$4,bind=$6/link-$3" 2>>"$6/link" &
  LINK_STARTED+=("$!")
  wait_until 10 ip -n "$space" link show slow0 >/dev/null 2>&1 || return 1
  "${inside[@]}" ethtool -s slow0 speed "$5" duplex full 2>>"$6/link" || return 1
  # As many bytes at once as the link carries in 8 ms, so that the timer of tc is fine enough for its rate.
  "${inside[@]}" tc qdisc add dev slow0 root tbf rate "$5mbit" burst "$5kb" latency 100ms 2>>"$6/link" || return 1
}

# link_down: both ends go, and the namespaces with them.
link_down() {
  local space
  end_processes "${LINK_STARTED[@]}"
  for space in "${LINK_SPACES[@]}"; do ip netns del "$space"; done
  LINK_STARTED=() LINK_SPACES=()
}
