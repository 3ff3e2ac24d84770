# shellcheck shell=bash disable=SC2034,SC2154 # test-bottleneck.sh sets work and group
# The network: /payload over a link of 10 Mbit/s.

drive_network() {
  if ! link_up "$group" 10 "$work"; then
    stands_in network "a link of 10 Mbit/s cannot be made here ($(tail -n 1 "$work/link"))"
    link_down
    return 0
  fi
  later link_down
  inside=(ip netns exec "$group-node")
  node
  burden '/payload?kb=100' 4 ip netns exec "$group-client"
  expect network
}
