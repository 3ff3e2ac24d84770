# shellcheck shell=bash disable=SC2034,SC2154 # the parts of cluster.sh share S, DIR and here
# A local authority and its certificate, for https://dev.acme.com.ar on this machine.

tls_folder() { printf '%s' "${S[authority]:-$DIR/tls}"; }

tls_json() {
  [[ -n "${S[tls]}" ]] || {
    printf null
    return 0
  }
  printf '{"target":"https://%s:%s","authority":%s,"http2":%s}' "$TLS_NAME" "${S[tls_port]}" \
    "$(json_string "$(tls_folder)/authority.pem")" "$([[ -n "${S[http2]}" ]] && printf true || printf false)"
}
