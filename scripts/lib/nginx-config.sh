# shellcheck shell=bash disable=SC2034,SC2154 # the parts of cluster.sh share S, DIR and here
# The text of nginx.conf. Each block says why it is there.

nginx_config() {
  nginx_config_main
  nginx_config_upstream
  nginx_config_public
  nginx_config_statistics
  echo '}'
}

nginx_config_main() {
  cat <<TEXT
# The balancer of the cluster "${S[name]}". Written by ${0##*/}: change it there, or your change is gone with its next command.

TEXT
  if [[ $EUID -eq 0 ]]; then
    cat <<TEXT
# Root is needed for nothing once the ports are open.
user $(nginx_user);
TEXT
  fi
  cat <<TEXT
# In the foreground, as cluster.sh keeps its process; whatever it writes is in this folder.
daemon off;
pid nginx.pid;
error_log log warn;
# One a core; each serves connections of its own.
worker_processes auto;
# A reload waits for requests in flight, but not for ever.
worker_shutdown_timeout ${S[drain_timeout]}s;

events {
    # Two for each client: its own and the one to the node.
    worker_connections $(($(haproxy_max_connections) * 2));
}

http {
    # A line for each good request would be the slowest part of the balancer.
    access_log off;
    # Clients need not know which version might have which hole.
    server_tokens off;
    # The places compiled in are for the machine's own nginx.
    client_body_temp_path temporary;
    proxy_temp_path temporary;
    fastcgi_temp_path temporary;
    uwsgi_temp_path temporary;
    scgi_temp_path temporary;
TEXT
}

# nginx_user: www-data is Debian's, nginx the one of nginx.org's packages.
nginx_user() {
  local user
  for user in www-data nginx nobody; do
    getent passwd "$user" >/dev/null && {
      printf '%s' "$user"
      return 0
    }
  done
  die "there is none of the users www-data, nginx, nobody to run nginx as"
}

nginx_config_upstream() {
  local node down
  cat <<'TEXT'

    upstream nodes {
        # All workers count in one place; each for itself, the shares would not come out even.
        zone nodes 256k;
TEXT
  case ${S[algorithm]} in
    roundrobin) echo "        # $(algorithm_words) (nginx's default, hence no directive.)" ;;
    leastconn) printf '        # %s\n        least_conn;\n' "$(algorithm_words)" ;;
    random) printf '        # %s\n        random two least_conn;\n' "$(algorithm_words)" ;;
  esac
  cat <<TEXT
        # nginx, unlike NGINX Plus, has no health checks of its own: a node that fails two requests is left alone for two
        # seconds, and the requests go elsewhere (proxy_next_upstream below). It has no slow start and no queue either.
TEXT
  for node in $(nodes); do
    down=
    [[ "$(node_place "$node")" == in ]] || down=' down'
    printf '        server %s max_fails=2 fail_timeout=2s max_conns=%s%s; # %s\n' "$(node_address "$node")" "${S[maxconn]}" "$down" "$node"
  done
  cat <<'TEXT'
        # Idle connections kept open for the next request, in each worker; closed before a node would.
        keepalive 64;
        keepalive_timeout 15s;
    }
TEXT
}

nginx_config_public() {
  nginx_config_limits
  cat <<TEXT

    # Where clients come in.
    server {
        listen $(nginx_address "${S[port]}");
TEXT
  if [[ -n "${S[redirect]}" ]]; then
    cat <<TEXT
        # Nothing travels in clear.
        return 308 https://\$host:${S[tls_port]}\$request_uri;
    }

    server {
TEXT
  fi
  [[ -z "${S[tls]}" ]] || nginx_config_tls
  cat <<TEXT
        # By whatever name they call us.
        server_name _;

        # A client that sends its request byte by byte holds a connection for ten seconds at most.
        client_header_timeout 10s;
        client_body_timeout 10s;
        keepalive_timeout 60s;
        # Not after a thousand requests, as is the default: a client under load would lose one for each connection that ends.
        keepalive_requests 1000000;
        # Bodies stay in memory, answers are passed on as they come: the disk is the nodes' business.
        client_max_body_size 1m;
        client_body_buffer_size 1m;
        proxy_max_temp_file_size 0;

        # Without these two there is no keep-alive towards the nodes.
        proxy_http_version 1.1;
        proxy_set_header Connection "";
        # The name that the client asked for.
        proxy_set_header Host \$http_host;
        # The nodes trust these from us alone: what a client says about itself is thrown away.
        proxy_set_header X-Forwarded-For \$remote_addr;
        proxy_set_header X-Forwarded-Proto \$scheme;
        proxy_set_header Forwarded "";
$(! nodes_are_local || printf '        # Not the address from which clients of this machine come, so that nodes can tell us from them.\n        proxy_bind %s;\n' "$BALANCER_SOURCE")

        # A node that refuses, that does not accept within a second, or that dies with our request in its hands, is no failed
        # request for the client: the next attempt goes to another node. nginx does so for methods that change nothing, not
        # for POST. Who has waited for an answer for the whole of proxy_read_timeout does not wait again: hence 14 minutes.
        proxy_next_upstream error timeout;
        proxy_next_upstream_tries 4;
        proxy_next_upstream_timeout 14m;
        proxy_connect_timeout 1s;
        # /sleep?min=… answers after minutes, by design.
        proxy_read_timeout 15m;
        proxy_send_timeout 60s;

        location / {
            proxy_pass http://nodes;
        }

        # A worker that a reload ends closes its clients' connections, even one on which the next request is on its way;
        # that request is lost. So the file "closing" is there for a while before each reload: then every answer says
        # "Connection: close", and whoever has more to ask opens a new connection, which the next worker takes.
        recursive_error_pages on;
        error_page 418 = @closing;
        if (-f closing) {
            return 418;
        }
        location @closing {
            keepalive_timeout 0;
            proxy_pass http://nodes;
        }

        # Errors of the balancer look like those of the nodes: problem details (RFC 9457).
        error_page 429 @too_many;
        error_page 502 @no_node;
        error_page 504 @no_answer;
        location @too_many {
            default_type application/problem+json;
            add_header Retry-After 10 always;
            return 429 '{"type":"about:blank","title":"Too Many Requests","status":429,"detail":"this address sends more than the balancer allows for one source"}';
        }
        location @no_node {
            default_type application/problem+json;
            add_header Retry-After 1 always;
            return 502 '{"type":"about:blank","title":"Bad Gateway","status":502,"detail":"no node can take this request now, or one ended before its answer was complete and the request may not be repeated"}';
        }
        location @no_answer {
            default_type application/problem+json;
            return 504 '{"type":"about:blank","title":"Gateway Timeout","status":504,"detail":"the node did not answer in time"}';
        }
    }
TEXT
}

# nginx_address PORT: what `listen` takes.
nginx_address() {
  case ${S[bind]} in
    '*') printf '%s' "$1" ;;
    *:*) printf '[%s]:%s' "${S[bind]}" "$1" ;;
    *) printf '%s:%s' "${S[bind]}" "$1" ;;
  esac
}

nginx_config_tls() {
  local http2=''
  # From 1.25.1 on HTTP/2 is a directive of its own, and a warning as a word of `listen`.
  if [[ -n "${S[http2]}" ]] && nginx_older_than 1.25.1; then
    http2=' http2'
  fi
  cat <<TEXT
        # TLS ends here: one certificate, and the nodes' processor time is for their work.
        listen $(nginx_address "${S[tls_port]}") ssl$http2;
$([[ -z "${S[http2]}" || -n "$http2" ]] || echo '        http2 on;')
        ssl_certificate $(tls_folder)/server.pem;
        ssl_certificate_key $(tls_folder)/server.pem;
        # TLS 1.2 and 1.3 only, and of 1.2 only what has forward secrecy and authenticated encryption (Mozilla's "intermediate").
        ssl_protocols TLSv1.2 TLSv1.3;
        ssl_ciphers ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305;
        # No tickets: whoever gets hold of their key reads what was recorded before. Sessions are remembered here instead.
        ssl_session_tickets off;
        ssl_session_cache shared:tls:10m;
TEXT
  [[ -z "${S[redirect]}" ]] || ! tls_may_be_strict || echo '        add_header Strict-Transport-Security "max-age=31536000" always;'
}

nginx_older_than() { ! printf '%s\n%s\n' "$1" "$(nginx_version)" | sort -CV; }

# nginx_config_limits: layer 7's share of the protection; layer 4's is scripts/protect.sh.
nginx_config_limits() {
  local requests=${S[limit_requests]} connections=${S[limit_connections]}
  [[ -n "$requests$connections" ]] || return 0
  cat <<'TEXT'

    # What one source may take; 16 bytes of address and state each, 10 MB hold some 160,000 sources.
    limit_req_status 429;
    limit_conn_status 429;
TEXT
  if [[ -n "$requests" ]]; then
    cat <<TEXT
    limit_req_zone \$binary_remote_addr zone=requests:10m rate=${requests}r/s;
    limit_req zone=requests burst=$((requests * 2)) nodelay;
TEXT
  fi
  if [[ -n "$connections" ]]; then
    cat <<TEXT
    limit_conn_zone \$binary_remote_addr zone=connections:10m;
    limit_conn connections $connections;
TEXT
  fi
}

nginx_config_statistics() {
  cat <<TEXT

    # Connections and requests, in clear text. Local only.
    server {
        listen 127.0.0.1:${S[stats_port]};
        location / {
            stub_status;
        }
    }
TEXT
}
