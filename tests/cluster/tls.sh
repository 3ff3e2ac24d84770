# shellcheck shell=bash disable=SC2154 # see common.sh
# TLS ends at the balancer: which versions, whose authority, HTTP/2, the redirection; and what somebody on the wire reads.

# tls_get PATH [curl options]: as a client that trusts the local authority and has the name in its hosts file.
tls_get() {
  curl -sS --max-time 20 --cacert "$(field .tls.authority)" --resolve "dev.acme.com.ar:$TLS_PORT:127.0.0.1" "${@:2}" "https://dev.acme.com.ar:$TLS_PORT$1"
}

# tls_hello OPTIONS…: one handshake, by a client that would itself agree to anything; prints what it came to.
tls_hello() {
  OPENSSL_CONF=/dev/null timeout 10 openssl s_client -connect "127.0.0.1:$TLS_PORT" -servername dev.acme.com.ar -CAfile "$(field .tls.authority)" \
    "$@" </dev/null 2>&1 || true
}

tls_speaks() {
  local balancer=$1 words
  TLS_PORT=$(free_port)
  up --nodes 2 --unit-cpu none --balancer "$balancer" --http2 --tls-port "$TLS_PORT" || return 1
  words=$(cat "$log")
  check "$balancer: the line for the hosts file is printed" contains "$words" "127.0.0.1 dev.acme.com.ar"
  check "$balancer: and how to trust the authority" contains "$words" "update-ca-certificates"
  check "$balancer: verified by the authority, and HTTP/2" is "$(tls_get / -o /dev/null -w '%{http_version} %{ssl_verify_result} %{http_code}')" "2 0 200"
  check "$balancer: HTTP/1.1 for who wants that" is "$(tls_get /whoami --http1.1 -o /dev/null -w '%{http_version}')" 1.1
  check "$balancer: the node knows that it was https" is "$(tls_get /whoami | jq -r .scheme)" https
  check "$balancer: without the authority nobody is fooled" is "$(curl -s -o /dev/null "https://127.0.0.1:$TLS_PORT/" || echo $?)" 60
  check "$balancer: TLS 1.3" contains "$(tls_hello -tls1_3)" "New, TLSv1.3"
  check "$balancer: TLS 1.2" contains "$(tls_hello -tls1_2)" "New, TLSv1.2"
  # The server's own alert, number 70: the client did ask.
  check "$balancer: TLS 1.1 is refused" contains "$(tls_hello -tls1_1 -cipher ALL:@SECLEVEL=0)" "alert protocol version"
  check "$balancer: TLS 1.0 is refused" contains "$(tls_hello -tls1 -cipher ALL:@SECLEVEL=0)" "alert protocol version"
  check "$balancer: so is TLS 1.2 without forward secrecy" contains "$(tls_hello -tls1_2 -cipher AES128-GCM-SHA256:AES128-SHA)" "alert handshake failure"
  check "$balancer: the plain port is still there" is "$(get /whoami | jq -r .scheme)" http
}

test_tls_haproxy() { tls_speaks haproxy; }
test_tls_nginx() { tls_speaks nginx; }

tls_redirects() {
  local balancer=$1 place
  TLS_PORT=$(free_port)
  up --nodes 1 --unit-cpu none --balancer "$balancer" --redirect --tls-port "$TLS_PORT" --authority "$work/authority" || return 1
  place=$(curl -s -o /dev/null -w '%{http_code} %{redirect_url}' -H 'Host: dev.acme.com.ar:1' -X POST "$TARGET/login?a=1&b=2")
  check "$balancer: --redirect sends the client to HTTPS, with method and question" is "$place" "308 https://dev.acme.com.ar:$TLS_PORT/login?a=1&b=2"
  check "$balancer: without --http2 there is none" is "$(tls_get /whoami --http2 -o /dev/null -w '%{http_version} %{http_code}')" "1.1 200"
  check "$balancer: no browser is told to keep away from the plain ports of this name" is "$(tls_get / -o /dev/null -D - | grep -ci strict-transport || true)" 0
}

test_tls_redirect() {
  local first
  tls_redirects haproxy || return 1
  first=$(openssl x509 -noout -fingerprint -in "$work/authority/authority.pem")
  tls_redirects nginx || return 1
  check "--authority: the same one serves the next cluster" is "$(openssl x509 -noout -fingerprint -in "$work/authority/authority.pem")" "$first"
  if [[ -s "$work/authority/authority.key" ]]; then
    tls_forge "$work/authority" www.example.com
    check "the authority that a laptop trusts can vouch for this laboratory only" contains \
      "$(openssl verify -CAfile "$work/authority/authority.pem" "$work/forged.pem" 2>&1 || true)" "permitted subtree violation"
  fi
  check "its key is for its owner only" is "$(find "$work/authority" -name '*.key' -perm /077)" ""
}

test_tls_mkcert() {
  local folder=$work/mkcert words
  mkdir -p "$folder"
  # Beside the PATH of everything else: the other tests are about the authority that openssl makes.
  if ! (cd "$folder" && apt-get download mkcert && dpkg-deb -x mkcert_*.deb .) >/dev/null 2>&1; then
    skip "mkcert is not to be had here"
    return 0
  fi
  TLS_PORT=$(free_port)
  PATH=$folder/usr/bin:$PATH CAROOT=$folder/root up --nodes 1 --unit-cpu none --tls --tls-port "$TLS_PORT" || return 1
  words=$(cat "$log")
  check "mkcert, where that is: verified by its authority" is "$(tls_get /whoami -o /dev/null -w '%{ssl_verify_result} %{http_code}')" "0 200"
  check "which it made" contains "$(openssl x509 -noout -issuer -in "$(field .tls.authority)")" "mkcert"
  check "and which it can make this machine trust" contains "$words" "mkcert -install"
}

# tls_forge FOLDER NAME: forged.pem, what a thief of the key would make of it.
tls_forge() {
  openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$work/forged.key" -subj "/CN=$2" -out "$work/forged.csr" 2>>"$log"
  openssl x509 -req -in "$work/forged.csr" -CA "$1/authority.pem" -CAkey "$1/authority.key" -set_serial 7 -days 1 \
    -extfile <(echo "subjectAltName = DNS:$2") -out "$work/forged.pem" 2>>"$log"
}

test_sniff() {
  local code=0
  if [[ $EUID -ne 0 ]]; then
    skip "capturing needs root"
    return 0
  fi
  "$root/scripts/sniff.sh" >"$work/sniffed" 2>>"$log" || code=$?
  check "sniff.sh: HTTP shows the password, HTTPS does not" is "$code" 0
  check "the password is on the wire with HTTP" contains "$(sed '/== HTTPS/,$d' "$work/sniffed" | cut -c 52- | tr -d '\n')" "password=correct-horse-battery-staple"
  check "and with HTTPS there is something, but no form" is "$(sed -n '/== HTTPS/,/^$/p' "$work/sniffed" | cut -c 52- | tr -d '\n' | awk '{ print (length > 100), index($0, "horse"), index($0, "alumna") }')" "1 0 0"
  check "its own cluster is gone" test ! -e "$WEBAPP_STATE_DIR"
  up --nodes 1 --unit-cpu none || return 1
  check "a cluster without TLS: a clear error" contains "$("$root/scripts/sniff.sh" --name t 2>&1 || true)" "speaks no TLS"
  up --nodes 1 --unit-cpu none --tls --tls-port "$(free_port)" --balancer nginx || return 1
  check "sniff.sh listens to a cluster that is there already, nginx too" contains "$("$root/scripts/sniff.sh" --name t 2>>"$log")" "HTTPS: neither user nor password"
  check "and leaves it there" is "$(status_of /whoami)" 200
  check "no tcpdump is left" is "$(pgrep -P 1 -x tcpdump || true)" ""
}
