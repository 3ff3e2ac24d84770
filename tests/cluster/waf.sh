# shellcheck shell=bash disable=SC2154 # see common.sh
# The firewall at the balancer: what it refuses, what it lets through, what it writes down; and whom attack.sh attacks.

# attacked LIST: how many of that list were refused, of the answer in the file "attacked".
attacked() { jq "[.$1[] | select(.end != \"node\" and .end != \"detected\")] | length" "$work/attacked"; }

test_waf_nginx() {
  local answer firewall=$WEBAPP_STATE_DIR/t/balancer/firewall
  up --nodes 1 --unit-cpu none --balancer nginx --waf || return 1
  cluster attack --name t --json >"$work/attacked" || return 1
  check "nginx: of 35 attacks, at least 30 are refused" at_least "$(attacked attacks)" 30
  check "nginx: of 20 in disguise, at least 16" at_least "$(attacked evasions)" 16
  check "nginx: of 20 honest requests, none" is "$(jq -r '.honest[] | select(.end != "node") | .line' "$work/attacked")" ""
  answer=$(get "/whoami?a=%3Cscript%3Ealert(1)" -o "$work/body" -w '%{http_code} %{content_type}')
  check "nginx: a refusal is a problem detail" is "$answer $(jq -r .status "$work/body")" "403 application/problem+json 403"
  check "nginx: its number leads to the rule that refused" contains "$(grep "$(jq -r '.instance | split(":")[2]' "$work/body")" "$firewall")" '[id "941110"]'
  check "nginx: what the node itself refuses is still its own answer" is "$(status_of '/item?id=1' -X DELETE) $(status_of /nowhere) $(status_of '/item?id=1' -X PUT -d new)" "405 404 200"
  check "nginx: a refused login" is "$(status_of /login -d "name=a&password=secret' or 1=1--" -b "session=0123456789abcdef")" 403
  check "nginx: stands in no log with its password, nor with its cookie" is "$(grep -c 'secret\|0123456789abcdef' "$firewall" "$WEBAPP_STATE_DIR/t/balancer/log" | grep -v ':0$')" ""
  cluster scale 2 --name t >/dev/null || return 1
  check "nginx: after a reload it still refuses" is "$(status_of "/whoami?a=%3Cscript%3Ealert(1)")" 403
}

test_waf_detect() {
  up --nodes 1 --unit-cpu none --balancer nginx --waf detect || return 1
  check "nginx, --waf detect: an attack gets its answer" is "$(status_of "/whoami?a=%3Cscript%3Ealert(1)") $(field .balancer.waf)" "200 detect"
  check "and is written down" contains "$(cat "$WEBAPP_STATE_DIR/t/balancer/firewall")" '[id "949110"]'
}

test_waf_haproxy() {
  up --nodes 1 --unit-cpu none --waf || return 1
  cluster attack --name t --json >"$work/attacked" || return 1
  check "haproxy: the short list refuses some attacks" at_least "$(attacked attacks)" 20
  check "haproxy: and no honest request" is "$(attacked honest)" 0
  check "haproxy: --waf detect is wrong usage" is "$(cluster up --name other --waf detect >/dev/null || echo $?)" 2
}

test_waf_attack_script() {
  local words
  words=$("$root/scripts/attack.sh" http://example.com/ 2>&1) && return 1
  check "attack.sh: an address elsewhere is refused" contains "$words" "nowhere else: http://example.com/ is none of them"
  up --backend 192.0.2.1:80 || return 1
  words=$(cluster attack --name t 2>&1) && return 1
  check "attack.sh: so is a cluster whose nodes are elsewhere" contains "$(cat "$log")" "has a node on 192.0.2.1:80"
}
