# shellcheck shell=bash disable=SC2154,SC2016 # see common.sh; perl, awk and an inner shell expand what is quoted
# scripts/protect.sh with the kernel's own nftables: a balancer, an attacker and an honest client, each a host of its own.

# no_protection: the reason, if there is one.
no_protection() {
  no_hosts && return 0
  unshare --net nft list ruleset >/dev/null 2>&1 || { echo "this kernel has no nftables" && return 0; }
  return 1
}

protect() { on balancer "$root/scripts/protect.sh" "$1" --port "$PROTECTED" "${@:2}" 2>>"$log"; }
# held KEY: packets, by protect.sh status.
held() { protect status | jq ".packets.$1"; }

# honest: a client that keeps its connections, at a low rate; fills LOAD. It is slower than what it asks, so its p99 tells who else is served.
honest() {
  on honest "$WEBAPP_BIN" load --rate 10 --duration 3s --warmup 500ms --timeout 20s --json "$work/load.json" "http://10.77.2.1:$PROTECTED/fib?number=30" \
    >"$work/load.txt" 2>&1 || [[ $? == 3 ]] || { cat "$work/load.txt" && return 1; }
  LOAD=$(cat "$work/load.json")
}

# attack: new connections without end, for as long as the honest client is measured.
attack() {
  beside attacker timeout 20 "$WEBAPP_BIN" load --no-keepalive --connections 64 --duration 4s --warmup 0s --timeout 5s --json "$work/attack.json" \
    "http://10.77.1.1:$PROTECTED/fib?number=30" >"$work/attack.txt" 2>&1
  ATTACK=$!
  sleep 0.5
}

p99() { jq .latency_milliseconds.p99 <<<"$LOAD"; }

test_protect() {
  local reason
  if reason=$(no_protection); then
    skip "protect.sh: $reason"
    return 0
  fi
  if protected_cluster; then
    check "protect.sh up" protect up --rate 20 --connections 40
    protect_against_idlers
    protect_against_forgers
    protect_against_connections
    protect_ends
  else
    fail "protect.sh: the network of three hosts could not be made"
    sed 's/^/      /' "$log"
  fi
  hosts_end
}

protected_cluster() {
  PROTECTED=8080
  host balancer && host attacker && host honest && wire attacker 10.77.1 && wire honest 10.77.2 || return 1
  on balancer "$root/scripts/cluster.sh" up --name t --nodes 2 --unit-cpu 25 --bind '*' --port "$PROTECTED" >/dev/null 2>>"$log"
}

protect_against_connections() {
  local alone bare guarded before answered
  honest || return 1
  alone=$(p99) before=$(held held_rate)
  attack
  honest || return 1
  wait "$ATTACK" || true
  guarded=$(p99) answered=$(jq .requests_ok "$work/attack.json")
  check "the honest host: every request is answered during an attack" is "$(jq -c '[.errors, .requests_total - .requests_ok]' <<<"$LOAD")" '[{},0]'
  check "what is held is counted" at_least "$(($(held held_rate) - before))" 50
  check "protect.sh down" protect down
  attack
  honest || return 1
  wait "$ATTACK" || true
  bare=$(p99)
  check "the attacking host was held: new connections" at_most "$answered" "$(($(jq .requests_ok "$work/attack.json") / 2))"
  check "and of what the attack does to its p99, the rules leave a quarter at most" at_most "$guarded" "$(awk -v a="$alone" -v b="$bare" 'BEGIN { print a + (b - a) / 4 }')"
  note "its p99: $alone ms alone, $bare ms under attack, $guarded ms under attack behind the rules; the attacker had $(jq .requests_ok "$work/attack.json") answers, behind them $answered"
}

# protect_against_idlers: connections that are opened, one after the other, and ask nothing.
protect_against_idlers() {
  local open tried
  beside attacker perl -MIO::Socket::INET -MTime::HiRes=time -e '
    my (@held, $tried); my $end = time + 4;
    while (time < $end) { my $c = IO::Socket::INET->new(PeerAddr => "10.77.1.1", PeerPort => $ARGV[0], Timeout => 0.2); push @held, $c if $c; $tried++ }
    $| = 1; print "$tried\n"; sleep 2' "$PROTECTED" >"$work/idlers"
  local idlers=$!
  wait_until 10 test -s "$work/idlers"
  tried=$(cat "$work/idlers")
  open=$(connected)
  check "connections at once: as many as one host may have" is "$open" 40
  check "what is above is refused and counted" at_least "$(held held_connections)" 1
  check "and leaves no entry in the connection table" at_most "$(tracked)" "$((tried / 2))"
  check "the honest host is served meanwhile" is "$(on honest curl -s -o /dev/null -w '%{http_code}' --max-time 5 "http://10.77.2.1:$PROTECTED/whoami")" 200
  note "$tried connections tried, $open open, $(tracked) entries in the connection table"
  wait "$idlers" || true
}

# connected: the attacker's connections that the balancer has (column 4: the state, 01 is ESTABLISHED).
connected() {
  on balancer awk -v port="$(printf '%04X' "$PROTECTED")" '$4 == "01" && $2 ~ ":" port "$" && $3 ~ /^02014D0A/ { n++ } END { print n + 0 }' /proc/net/tcp
}

# tracked: entries in the connection table of the balancer.
tracked() { on balancer cat /proc/sys/net/netfilter/nf_conntrack_count; }

# protect_against_forgers: 20,000 SYNs from addresses that are not the sender's.
protect_against_forgers() {
  local before answers tracked
  # So that what the balancer answers to the forged addresses goes to the attacker, as on the Internet it would go away.
  on balancer ip route add 198.18.0.0/15 via 10.77.1.2
  before=$(held syn_proxied) tracked=$(tracked)
  beside attacker timeout 20 perl "$root/tests/cluster/syn-flood.pl" 10.77.1.1 "$PROTECTED" 20000 2>>"$log"
  local flood=$!
  answers=$(on honest curl -s --max-time 5 --no-keepalive -o /dev/null -w '%{http_code}\n' "http://10.77.2.1:$PROTECTED/whoami?[1-20]" | sort | uniq -c | tr -s ' ')
  wait "$flood" || fail "the flood could not be sent"
  check "a SYN flood with forged sources: the honest host is served" is "$answers" " 20 200"
  check "its SYNs were answered with cookies" at_least "$(($(held syn_proxied) - before))" 5000
  check "and none of them is remembered" at_most "$(($(tracked) - tracked))" 100
}

protect_ends() {
  protect up --rate 10 >/dev/null
  on honest curl -s -o /dev/null --max-time 5 "http://10.77.2.1:$PROTECTED/whoami"
  check "up a second time replaces the rules" is "$(protect up --rate 30 --connections 50 --allow 10.77.2.2 | jq -c '[.up, .packets.syn_proxied]')" "[true,0]"
  check "a source that is allowed is not limited" is "$(on honest curl -s --no-keepalive -o /dev/null -w '%{http_code}\n' -H 'Connection: close' "http://10.77.2.1:$PROTECTED/whoami?[1-150]" | sort | uniq -c | tr -s ' ')" " 150 200"
  check "--no-syn-proxy, too" is "$(protect up --no-syn-proxy --rate 10 | jq .up)" true
  check "limits a source" at_least "$(on attacker timeout 3 bash -c 'for _ in {1..60}; do timeout 0.2 bash -c "</dev/tcp/10.77.1.1/$1" 2>/dev/null; done; true' - "$PROTECTED"; held held_rate)" 5
  check "a port without rules" is "$(on balancer "$root/scripts/protect.sh" status --port 81 | jq .up)" false
  check "protect.sh down" protect down
  check "down again is fine" protect down
  check "nothing is left of the rules" is "$(on balancer nft list ruleset)" ""
  check "connection tracking is as it was" is "$(on balancer cat /proc/sys/net/netfilter/nf_conntrack_tcp_loose 2>/dev/null || echo 1)" 1
  check "this machine's own rules were not touched" is "$(nft list tables | grep -c webapp_protect || true)" 0
  on balancer "$root/scripts/cluster.sh" down --name t 2>>"$log"
}

test_protect_words() {
  local words code
  while IFS= read -r words; do
    code=0
    # shellcheck disable=SC2086 # several words
    "$root/scripts/protect.sh" $words >"$work/out" 2>&1 || code=$?
    check "protect.sh ${words:-(nothing)}: refused, exit code 2" is "$code" 2
  done <<'TEXT'

up
up --port
up --port http
up --port 80,99999
up --port 80 --rate 0
up --port 80 --connections many
up --port 80 --allow friends
up down --port 80
TEXT
}
