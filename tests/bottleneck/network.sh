# shellcheck shell=bash disable=SC2034,SC2154 # test-bottleneck.sh sets root, work, group, record and wanted
# A slow link between two network namespaces.

LINK_NODE=10.213.0.1 LINK_CLIENT=10.213.0.2

# link_end NAME: a namespace with one end of the link, a tun device whose speed is what it says: 10 Mbit/s.
link_end() {
  local name=$group-$1 address=$2 other=$3
  ip netns add "$name" || return 1
  later ip netns del "$name"
  ip netns exec "$name" sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1 2>/dev/null || true
  ip -n "$name" link set lo up
  ip netns exec "$name" socat "TUN:$address/24,tun-name=slow0,tun-type=tun,iff-no-pi,iff-up" \
    "UNIX-SENDTO:$work/$other,bind=$work/$1" 2>>"$work/socat" &
  started+=("$!")
  wait_until 10 ip -n "$name" link show slow0 >/dev/null 2>&1 || return 1
  ip netns exec "$name" ethtool -s slow0 speed 10 duplex full || return 1
  ip netns exec "$name" tc qdisc add dev slow0 root tbf rate 10mbit burst 10kb latency 100ms || return 1
}

drive_network() {
  if [[ $EUID -ne 0 || ! -c /dev/net/tun ]] || ! ip netns add "$group-probe" 2>/dev/null; then
    stands_in network "no network namespace with a tun device can be made here"
    return 0
  fi
  ip netns del "$group-probe"
  need socat ethtool
  if ! { link_end node "$LINK_NODE" client && link_end client "$LINK_CLIENT" node; }; then
    stands_in network "a link of 10 Mbit/s cannot be made here ($(tail -n 1 "$work/socat"))"
    return 0
  fi
  inside=(ip netns exec "$group-node")
  node
  burden '/payload?kb=100' 4 ip netns exec "$group-client"
  expect network
}
