# shellcheck shell=bash disable=SC2034,SC2154 # the parts of cluster.sh share S, DIR and here
# The text of haproxy.cfg. Each block says why it is there.

haproxy_config() {
  haproxy_config_global
  haproxy_config_defaults
  haproxy_config_statistics
  haproxy_config_frontend
  haproxy_config_backend
}

haproxy_config_global() {
  cat <<TEXT
# The balancer of the cluster "${S[name]}". Written by ${0##*/}: change it there, or your change is gone with its next command.

global
TEXT
  haproxy_config_process
  cat <<'TEXT'
    # TLS 1.2 and 1.3 only, and of 1.2 only what has forward secrecy and authenticated encryption (Mozilla's "intermediate").
    # No tickets: whoever gets hold of their key reads what was recorded before.
    ssl-default-bind-options ssl-min-ver TLSv1.2 no-tls-tickets
    ssl-default-bind-ciphers ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305
    ssl-default-bind-ciphersuites TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256
TEXT
}

haproxy_config_process() {
  cat <<TEXT
    # Errors and changes of a node's state; descriptor 3 is balancer/log.
    log fd@3 format iso local0
    # The runtime interface, for the owner of this folder only: nodes come, drain and go through it without a reload.
    stats socket unix@haproxy.sock mode 600 level admin
    stats timeout 30s
    # Two descriptors a connection: what the limit of open files allows, 20000 at most.
    maxconn $(haproxy_max_connections)
TEXT
  if [[ $EUID -eq 0 ]] && getent passwd haproxy >/dev/null; then
    cat <<'TEXT'
    # Root is needed for nothing once the ports are open.
    user haproxy
    group haproxy
TEXT
  fi
}

# haproxy_max_connections: from the hard limit of open files, less what checks, log and listeners need.
haproxy_max_connections() {
  local files
  files=$(ulimit -Hn)
  [[ "$files" != unlimited ]] || files=1000000
  files=$(((files - 200) / 2))
  ((files < 20000)) || files=20000
  ((files > 50)) || files=50
  printf '%s' "$files"
}

haproxy_config_defaults() {
  cat <<'TEXT'

defaults
    mode http
    log global
    # Only what went wrong: a line for each good request would be the slowest part of the balancer.
    option httplog
    option dontlognull
    option dontlog-normal

    # A client that sends its request byte by byte holds a connection for ten seconds at most.
    timeout http-request 10s
    timeout http-keep-alive 60s
    # A dead machine sends no refusal: give up early, another node is there.
    timeout connect 1s
    timeout check 2s
    # Better a clear 503 than a client that waits in the queue for ever.
    timeout queue 10s
    # /sleep?min=… answers after minutes, by design.
    timeout server 15m
    timeout client 15m

    # A node that refuses, or that dies with our request in its hands, is no failed request for the client: the next
    # attempt goes to another node at once. Which requests may be repeated is said in the frontend.
    retries 3
    option redispatch 1
    retry-on conn-failure empty-response

    # Errors of the balancer look like those of the nodes: problem details (RFC 9457).
    http-error status 429 content-type application/problem+json string '{"type":"about:blank","title":"Too Many Requests","status":429,"detail":"this address sends more than the balancer allows for one source"}' hdr Retry-After 10
    http-error status 502 content-type application/problem+json string '{"type":"about:blank","title":"Bad Gateway","status":502,"detail":"the node ended before its answer was complete, and the request may not be repeated"}'
    http-error status 503 content-type application/problem+json string '{"type":"about:blank","title":"Service Unavailable","status":503,"detail":"the balancer has no node that can take this request now"}' hdr Retry-After 1
    http-error status 504 content-type application/problem+json string '{"type":"about:blank","title":"Gateway Timeout","status":504,"detail":"the node did not answer in time"}'
TEXT
}

haproxy_config_statistics() {
  cat <<TEXT

# What the balancer sees: a page for people, /;csv for programs$(haproxy_has_prometheus && printf ', /metrics for Prometheus'). Local only: it tells much.
frontend statistics
    bind 127.0.0.1:${S[stats_port]}
TEXT
  if haproxy_has_prometheus; then
    echo '    http-request use-service prometheus-exporter if { path /metrics }'
  fi
  cat <<'TEXT'
    stats enable
    stats uri /
    stats refresh 2s
    stats show-legends
TEXT
}

haproxy_has_prometheus() { [[ "$(haproxy -vv)" == *prometheus-exporter* ]]; }

haproxy_config_frontend() {
  cat <<TEXT

# Where clients come in.
frontend public
    bind ${S[bind]}:${S[port]}
TEXT
  if [[ -n "${S[tls]}" ]]; then
    local protocols=http/1.1
    [[ -z "${S[http2]}" ]] || protocols=h2,http/1.1
    cat <<TEXT
    # TLS ends here: one certificate, and the nodes' processor time is for their work.
    bind ${S[bind]}:${S[tls_port]} ssl crt $(tls_folder)/server.pem alpn $protocols
TEXT
  fi
  haproxy_config_limits
  cat <<'TEXT'

    # The nodes trust these from us alone: what a client says about itself is thrown away.
    http-request del-header Forwarded
    http-request set-header X-Forwarded-For %[src]
    http-request set-header X-Forwarded-Proto https if { ssl_fc }
    http-request set-header X-Forwarded-Proto http unless { ssl_fc }

    # Only methods that change nothing may be sent twice (RFC 9110, 9.2.1). METH_GET means GET and HEAD.
    http-request disable-l7-retry if !METH_GET !METH_OPTIONS
TEXT
  if [[ -n "${S[redirect]}" ]]; then
    cat <<TEXT

    # Nothing travels in clear.
    http-request redirect location https://%[req.hdr(host),field(1,:)]:${S[tls_port]}%[capture.req.uri] code 308 unless { ssl_fc }
TEXT
    if tls_may_be_strict; then
      cat <<'TEXT'
    # And a browser that was here once asks in TLS from its first word on.
    http-response set-header Strict-Transport-Security "max-age=31536000" if { ssl_fc }
TEXT
    fi
  fi
  cat <<'TEXT'

    default_backend nodes
TEXT
}

# haproxy_config_limits: layer 7's share of the protection; layer 4's is scripts/protect.sh.
haproxy_config_limits() {
  [[ -n "${S[limit_requests]}${S[limit_connections]}" ]] || return 0
  cat <<'TEXT'

    # What one source may take. IPv4 addresses fit into the table as mapped IPv6 ones; idle entries go after half a minute.
    stick-table type ipv6 size 100k expire 30s store conn_cur,http_req_rate(10s)
TEXT
  if [[ -n "${S[limit_connections]}" ]]; then
    cat <<TEXT
    # Too many connections at once: refused before anything is read from them.
    tcp-request connection track-sc0 src
    tcp-request connection reject if { sc_conn_cur(0) gt ${S[limit_connections]} }
TEXT
  else
    echo '    tcp-request connection track-sc0 src'
  fi
  local requests=${S[limit_requests]}
  if [[ -n "$requests" ]]; then
    cat <<TEXT
    # More than $requests requests a second, as a mean over ten: 429, answered by the balancer; no node hears of it.
    http-request deny deny_status 429 if { sc_http_req_rate(0) gt $((requests * 10)) }
TEXT
  fi
}

haproxy_config_backend() {
  cat <<TEXT

# Where their requests go.
backend nodes
    # $(algorithm_words)
    balance ${S[algorithm]}

    # A node takes requests while its /readyz says 200. One that says no, but says something, drains: it gets nothing new, and
    # finishes what it has (state NOLB, hence L7OKC). One that says nothing is down.
    option httpchk
    http-check send meth GET uri /readyz ver HTTP/1.1 hdr Host nodes
    http-check expect error-status L7OKC status 200

    # Every second, four times a second once something looks wrong (failed connections of clients count too); two in
    # a row decide. maxconn holds back what a node could not work on anyway: it waits here, where any node may take it.
    # A node that comes back gets its share slowly: its caches are cold, and its queue is empty only once.$(! nodes_are_local || printf '\n    # source: not the address from which clients of this machine come, so that nodes can tell us from them.')
    default-server $(haproxy_server_options)
TEXT
  nodes_are_local || cat <<'TEXT'

    # A machine that loses its power closes no connection: who waits for its answer is told after six seconds without a sign
    # of life. (on-marked-down shutdown-sessions would tell them at once, but also those whose node only finishes what it has.)
    option srvtcpka
    srvtcpka-idle 3s
    srvtcpka-intvl 1s
    srvtcpka-cnt 3

TEXT
  haproxy_config_servers
}

# algorithm_words: why one would choose it; for nginx, too.
algorithm_words() {
  case ${S[algorithm]} in
    roundrobin) printf 'In turn: fair as long as requests are alike.' ;;
    leastconn) printf 'To whom has the fewest requests in flight: for requests of very different length.' ;;
    random) printf 'To the less busy of two chosen by lot: for several balancers that do not know of each other.' ;;
  esac
}

haproxy_config_servers() {
  local node out
  for node in $(nodes); do
    out=
    [[ "$(node_place "$node")" == in ]] || out=' disabled'
    printf '    server %s %s%s\n' "$node" "$(node_address "$node")" "$out"
  done
}
