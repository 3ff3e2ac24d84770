#!/usr/bin/env bash
# Layer 4 protection of a balancer by nftables: SYN floods, new connections a second, connections at once. See --help.
# shellcheck disable=SC1091 # .shellcheckrc says where to find what this sources
set -euo pipefail

here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P)
source "$here/lib/common.sh"

usage() {
  cat <<'TEXT'
Protects ports of this machine at layer 4, by nftables. (Layer 7, requests a second from one source, is the balancer's own:
scripts/cluster.sh up --limit-requests N --limit-connections N.)

usage: sudo scripts/protect.sh up --port PORT[,PORT…] [options]
       sudo scripts/protect.sh status|down --port PORT[,PORT…]

  up       sets the rules, in one step; run again, it replaces them
  status   one line of JSON: what was let through, and what was held, in packets
  down     takes them away, and leaves the machine as it was

  --port P,P…         the ports of the balancer
  --rate N            new connections a second from one source (50), with bursts of twice as many
  --connections N     connections at once from one source (200)
  --allow CIDR,…      sources that are never limited: a monitor, another balancer
  --no-syn-proxy      leave SYN floods to the kernel's SYN cookies

How: a SYN is answered by the kernel's SYN proxy, with a cookie, before anything is remembered of it. Only who answers in turn,
and therefore has a true address, may get a connection; its address is then counted. Nothing but these ports is touched.

example: sudo scripts/protect.sh up --port 80,443 --rate 20 --connections 100
TEXT
}

COMMAND='' PORT='' RATE=50 CONNECTIONS=200 ALLOW='' PROXY=yes

parse() {
  while (($#)); do
    case $1 in
      --port | --rate | --connections | --allow)
        [[ $# -ge 2 ]] || usage_error "$1 needs a value"
        printf -v "$(tr '[:lower:]' '[:upper:]' <<<"${1#--}")" %s "$2"
        shift
        ;;
      --no-syn-proxy) PROXY='' ;;
      -*) usage_error "there is no option $1" ;;
      *)
        [[ -z "$COMMAND" ]] || usage_error "one command at a time: $COMMAND or $1"
        COMMAND=$1
        ;;
    esac
    shift
  done
  local port
  [[ "$COMMAND" =~ ^(up|status|down)$ ]] || usage_error "the command must be up, status or down"
  [[ "$PORT" =~ ^[0-9]+(,[0-9]+)*$ ]] || usage_error "--port is '$PORT', but must be a port, or several: 80,443"
  for port in ${PORT//,/ }; do
    is_port "$port" || usage_error "--port has '$port', but a port is 1 to 65535"
  done
  is_count "$RATE" || usage_error "--rate is '$RATE', but must be a whole number from 1"
  is_count "$CONNECTIONS" || usage_error "--connections is '$CONNECTIONS', but must be a whole number from 1"
  [[ "$ALLOW" =~ ^([0-9a-fA-F.:/]+(,[0-9a-fA-F.:/]+)*)?$ ]] || usage_error "--allow is '$ALLOW', but must be addresses or blocks: 10.0.0.5,192.168.0.0/24"
}

table() { printf 'webapp_protect_%s' "${PORT//,/_}"; }

# window_scale: what the kernel's own listeners announce; the SYN proxy speaks in their name, before it has asked them
# (tcp_select_initial_window in net/ipv4/tcp_output.c).
window_scale() {
  awk '{ if ($NF > most) most = $NF } END { scale = -15; while (most > 1) { most = int(most / 2); scale++ }
    print (scale < 0 ? 0 : scale > 14 ? 14 : scale) }' /proc/sys/net/ipv4/tcp_rmem /proc/sys/net/core/rmem_max
}

# loose: whether connection tracking takes up a connection in its middle. The SYN proxy needs a no: else a forged ACK is one.
readonly LOOSE=/proc/sys/net/netfilter/nf_conntrack_tcp_loose

# rules BEFORE: the whole table; BEFORE is the setting of LOOSE to go back to, kept in the table's comment.
rules() {
  local before=$1 name set4='' set6='' address refuse='reject with tcp reset'
  # Behind the proxy a client counts as connected already, and would not believe our reset.
  [[ -z "$PROXY" ]] || refuse=drop
  name=$(table)
  for address in ${ALLOW//,/ }; do
    if [[ "$address" == *:* ]]; then set6+=${set6:+, }$address; else set4+=${set4:+, }$address; fi
  done
  cat <<TEXT
# In one transaction: away with the old rules, in with the new ones; there is no moment without.
add table inet $name
delete table inet $name
table inet $name {
  comment "tcp_loose was $before"

  counter accepted { }
  counter syn_proxied { }
  counter held_rate { }
  counter held_connections { }
  counter held_invalid { }

  # Of each source, its new connections. An entry goes ten seconds after the last attempt.
  set rate4 { type ipv4_addr; size 131072; flags dynamic, timeout; timeout 10s; }
  set rate6 { type ipv6_addr; size 131072; flags dynamic, timeout; timeout 10s; }
  # Of each source, its open connections; the kernel counts them and forgets a source that has none.
  set open4 { type ipv4_addr; size 131072; flags dynamic; }
  set open6 { type ipv6_addr; size 131072; flags dynamic; }
  set allowed4 { type ipv4_addr; flags interval; ${set4:+elements = { $set4 \};} }
  set allowed6 { type ipv6_addr; flags interval; ${set6:+elements = { $set6 \};} }

  chain before_tracking {
    type filter hook prerouting priority raw; policy accept;
    tcp dport != { ${PORT//,/, } } accept
    # No honest sender combines these.
    tcp flags & (fin | syn) == fin | syn counter name held_invalid drop
    tcp flags & (syn | rst) == syn | rst counter name held_invalid drop
    tcp flags & (fin | syn | rst | psh | ack | urg) == 0x0 counter name held_invalid drop
    # The SYN proxy answers; connection tracking does not hear of it, so a SYN fills no table of ours.
    ${PROXY:+iif != lo tcp flags & (fin | syn | rst | ack) == syn notrack}
  }

  # Whether there shall be a connection that is about to be.
  chain judge {
    ip saddr @allowed4 counter name accepted accept
    ip6 saddr @allowed6 counter name accepted accept
    update @rate4 { ip saddr limit rate over $RATE/second burst $((RATE * 2)) packets } counter name held_rate drop
    update @rate6 { ip6 saddr limit rate over $RATE/second burst $((RATE * 2)) packets } counter name held_rate drop
    add @open4 { ip saddr ct count over $CONNECTIONS } counter name held_connections $refuse
    add @open6 { ip6 saddr ct count over $CONNECTIONS } counter name held_connections $refuse
    counter name accepted accept
  }

${PROXY:+$(rules_of_proxy)}
  chain before_listeners {
    type filter hook input priority filter; policy accept;
    tcp dport != { ${PORT//,/, } } accept
    ct state established,related accept
    # From before_ourselves: judged already.
    ${PROXY:+iif lo ct state new fib saddr type != local accept}
    ct state new ct direction original jump judge
    ${PROXY:+tcp flags & (fin | syn | rst | ack) == syn counter name syn_proxied}
    ${PROXY:+ct state invalid,untracked synproxy mss 1460 wscale $(window_scale) timestamp sack-perm}
    ct state invalid counter name held_invalid drop
  }
}
TEXT
}

rules_of_proxy() {
  cat <<TEXT
  # A client has answered the cookie, so its address is not a forged one. The proxy now asks our listener in the client's name: the first
  # place to judge it, and the last before connection tracking keeps it. Who is held here fills no table.
  chain before_ourselves {
    type filter hook output priority filter; policy accept;
    tcp dport { ${PORT//,/, } } ct state new fib saddr type != local jump judge
  }
TEXT
}

# counted NAME: packets on a counter of the table.
counted() { nft list counter inet "$(table)" "$1" | awk '$1 == "packets" { print $2 }'; }

is_up() { nft list table inet "$(table)" >/dev/null 2>&1; }

# loose_before: as it was before the first of our tables came, by that table's comment; else what holds now.
loose_before() {
  local before
  before=$(nft list ruleset | sed -n 's/.*comment "tcp_loose was \([01]\)".*/\1/p' | head -n 1)
  printf '%s' "${before:-$(cat "$LOOSE" 2>/dev/null || echo 1)}"
}

command_up() {
  local text
  text=$(rules "$(loose_before)")
  nft -c -f - <<<"$text" || die "nftables refuses the rules (does this kernel have the SYN proxy? try --no-syn-proxy)"
  nft -f - <<<"$text"
  if [[ -n "$PROXY" ]]; then
    # The file is there as soon as connection tracking is in use, and the rules have just begun to use it.
    echo 0 >"$LOOSE" || die "cannot set $LOOSE"
  fi
  step "ports $PORT: $RATE new connections a second and $CONNECTIONS at once from one source${PROXY:+; SYN proxy}"
  command_status
}

command_status() {
  if ! is_up; then
    printf '{"up":false,"ports":[%s]}\n' "$PORT"
    return 0
  fi
  printf '{"up":true,"ports":[%s],"packets":{"accepted":%s,"syn_proxied":%s,"held_rate":%s,"held_connections":%s,"held_invalid":%s}}\n' "$PORT" \
    "$(counted accepted)" "$(counted syn_proxied)" "$(counted held_rate)" "$(counted held_connections)" "$(counted held_invalid)"
}

command_down() {
  if is_up; then
    local before
    before=$(loose_before)
    nft delete table inet "$(table)"
    [[ ! -w "$LOOSE" ]] || another_is_up || echo "$before" >"$LOOSE"
  fi
  step "ports $PORT: no rules"
}

# another_is_up: rules for other ports need the same setting; who goes last puts it back.
another_is_up() { nft list tables | grep -q 'inet webapp_protect_'; }

help_wanted "$@"
parse "$@"
[[ $EUID -eq 0 ]] || die "the rules of the machine need root: sudo $0 $*"
need nft=nftables
"command_$COMMAND"
