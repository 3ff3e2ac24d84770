# shellcheck shell=bash disable=SC2154 # test-cluster.sh sets root, work and log
# Caches of a cluster: in each node, shared as a service, and at the edge, in both balancers.

# edge_status PATH [curl options]: what the edge did with a request
edge_status() { get "$1" -o /dev/null -D - "${@:2}" | tr -d '\r' | awk 'tolower($1) == "cache-status:" && $2 == "edge;" { print $3 }'; }
field_of() { get "$1" -o /dev/null -D - "${@:3}" | tr -d '\r' | awk -v name="$2:" 'tolower($1) == name { $1 = ""; print substr($0, 2) }'; }
computed() { for node in 0 1; do curl -s "$(field ".nodes[$node].url")/stats" | jq .pool.completed_total; done | jq -s add; }
computed_are() { [[ "$(computed)" == "$1" ]]; }

test_edge_cache() {
  local balancer seen tag
  for balancer in haproxy nginx; do
    up --nodes 2 --unit-cpu none --balancer "$balancer" --edge-cache 2s || return 1
    check "$balancer: the first time from a node, then from the edge" is "$(edge_status '/fib?number=20') $(edge_status '/fib?number=20')" \
      "$([[ $balancer == haproxy ]] && echo fwd=miss || echo fwd=uri-miss) hit"
    check "$balancer: it says for how long, and what it depends on" is \
      "$(field_of '/fib?number=20' cache-control) $(field_of '/fib?number=20' vary)" "public, max-age=2 Accept"
    check "$balancer: text is not mistaken for JSON" is "$(get '/fib?number=20' -H 'Accept: text/plain')" 6765
    tag=$(field_of '/fib?number=20' etag)
    check "$balancer: 304 for who has it" is "$(status_of '/fib?number=20' -H "If-None-Match: $tag")" 304
    seen=$(for _ in 1 2 3; do field_of /session set-cookie; done | sort -u | wc -l)
    check "$balancer: a session is never from the edge" is "$seen" 3
    check "$balancer: nor are statistics and refusals" is \
      "$(for _ in 1 2; do edge_status /stats && edge_status '/item?id=x'; done | grep -c hit)" 0
    sleep 2.5
    check "$balancer: what is over is asked for again" contains "$(edge_status '/fib?number=20') $(sleep 0.5 && edge_status '/fib?number=20')" hit
    if [[ "$balancer" == nginx ]]; then
      seen=$(computed)
      seq 20 | xargs -P 20 -I{} curl -s -o /dev/null "$TARGET/fib?number=33"
      check "nginx: of twenty at once, one reaches a node" wait_until 5 computed_are "$((seen + 1))"
      cluster kill node1 --name t >/dev/null && cluster kill node2 --name t >/dev/null
      check "nginx: an old answer is better than none" is "$(status_of '/fib?number=20')" 200
    fi
    down
  done
}

# A firewall and a cache in one balancer: what is refused is refused before the cache is asked, and stays out of it.
test_edge_cache_waf() {
  local balancer attack="/fib?number=20&a=%3Cscript%3Ealert(1)"
  for balancer in haproxy nginx; do
    up --nodes 1 --unit-cpu none --balancer "$balancer" --edge-cache 10s --waf || return 1
    get '/fib?number=20' -o /dev/null
    check "$balancer with a firewall: a good answer is from the edge" is "$(edge_status '/fib?number=20')" hit
    check "$balancer with a firewall: an attack is refused each time" is "$(status_of "$attack") $(status_of "$attack")" "403 403"
    check "$balancer with a firewall: and says nothing of a cache" is "$(edge_status "$attack")" ""
    # HAProxy's short list looks at no such field.
    [[ "$balancer" == haproxy ]] || check "$balancer with a firewall: nor does an attacker get what is kept" is "$(status_of '/fib?number=20' -H "User-Agent: () { :; }; /bin/bash -c id")" 403
    check "$balancer with a firewall: the good answer is still there" is "$(edge_status '/fib?number=20')" hit
    down
  done
}

test_far() {
  local balancer before after
  for balancer in haproxy nginx; do
    up --nodes 1 --unit-cpu none --balancer "$balancer" --origin-delay 250ms --edge "$balancer" --edge-cache 30s || return 1
    check "$balancer at the edge: clients are answered once it is up" is "$(status_of '/fib?number=21')" 200
    before=$(get '/fib?number=20' -o /dev/null -w '%{time_total}')
    after=$(get '/fib?number=20' -o /dev/null -w '%{time_total}')
    check "$balancer at the edge: a miss takes the whole way" at_least "$before" 0.5
    check "$balancer at the edge: a hit does not" at_most "$after" 0.4
    check "$balancer at the edge: it and the way are services" is "$(field '[.services[] | .role] | join(" ")')" "relay edge"
    check "$balancer at the edge: the origin itself keeps nothing" is "$(grep -c 'cache edge' "$(field .balancer.config)")" 0
    cluster kill edge1 --name t >/dev/null && cluster start edge1 --name t >/dev/null
    check "$balancer at the edge: it comes back" wait_until 10 answers_ok
    down
  done
  check "an edge without a way is wrong usage" is "$(cluster up --name other --edge nginx --edge-cache 1s >/dev/null || echo $?)" 2
}
answers_ok() { [[ "$(status_of '/fib?number=20')" == 200 ]]; }
