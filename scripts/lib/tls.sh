# shellcheck shell=bash disable=SC2034,SC2154 # the parts of cluster.sh share S, DIR and here
# A local authority and its certificate for https://dev.acme.com.ar on this machine: by mkcert where that is, else openssl.
#
#   authority.pem     what a client has to trust
#   authority.key     openssl's authority only; mkcert keeps its own
#   server.pem        certificate and key, as HAProxy and nginx read them

readonly TLS_NAME=dev.acme.com.ar

tls_folder() { printf '%s' "${S[authority]:-$DIR/tls}"; }

# tls_prepare: afterwards server.pem is there and good for another month.
tls_prepare() {
  local folder
  folder=$(tls_folder)
  (umask 077 && mkdir -p -- "$folder")
  if [[ ! -s "$folder/server.pem" ]] || ! tls_still_good "$folder"; then
    if have mkcert; then
      tls_by_mkcert "$folder"
    else
      need openssl
      tls_by_openssl "$folder"
    fi
  fi
}

# tls_still_good FOLDER: the certificate lasts, and the authority is the one that signed it.
tls_still_good() {
  have openssl || return 0
  openssl x509 -in "$1/server.pem" -noout -checkend 2592000 >/dev/null 2>&1 &&
    openssl verify -CAfile "$1/authority.pem" "$1/server.pem" >/dev/null 2>&1
}

tls_by_mkcert() {
  local folder=$1 root
  # The authority that this user's browsers trust already, if there is one; else a new one beside the certificate.
  root=$(mkcert -CAROOT)
  [[ -s "$root/rootCA.pem" ]] || root=$folder
  (
    umask 077
    cd "$folder" || exit
    CAROOT=$root mkcert -ecdsa -cert-file server.crt -key-file server.key "$TLS_NAME" localhost 127.0.0.1 ::1 >mkcert.log 2>&1 ||
      die "mkcert failed: $(cat mkcert.log)"
    cat "$root/rootCA.pem" >authority.pem
    cat server.crt server.key >server.pem
    rm -f server.crt server.key mkcert.log
  )
  TLS_TRUST="CAROOT=$root mkcert -install"
}

tls_by_openssl() {
  local folder=$1
  (
    umask 077
    cd "$folder" || exit
    # An authority that a laptop trusts is a danger if its key leaks: this one may sign names of this laboratory only.
    [[ -s authority.key && -s authority.pem ]] || openssl req -x509 -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
      -keyout authority.key -out authority.pem -days 825 -subj "/O=webapp laboratory/CN=webapp local authority of ${USER:-$UID}@${HOSTNAME:-localhost}" \
      -addext 'basicConstraints=critical,CA:TRUE,pathlen:0' -addext 'keyUsage=critical,keyCertSign,cRLSign' \
      -addext "nameConstraints=critical,permitted;DNS:$TLS_NAME,permitted;DNS:localhost,permitted;IP:127.0.0.0/255.0.0.0,permitted;IP:0:0:0:0:0:0:0:1/ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff" \
      2>openssl.log || die "openssl failed: $(cat openssl.log)"
    cat >server.cnf <<TEXT
basicConstraints = critical,CA:FALSE
keyUsage = critical,digitalSignature
extendedKeyUsage = serverAuth
subjectAltName = DNS:$TLS_NAME,DNS:localhost,IP:127.0.0.1,IP:::1
authorityKeyIdentifier = keyid
TEXT
    openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout server.key -subj "/CN=$TLS_NAME" -out server.csr 2>openssl.log ||
      die "openssl failed: $(cat openssl.log)"
    openssl x509 -req -in server.csr -CA authority.pem -CAkey authority.key -set_serial "0x$(openssl rand -hex 16)" -days 397 -sha256 \
      -extfile server.cnf -out server.crt 2>openssl.log || die "openssl failed: $(cat openssl.log)"
    cat server.crt server.key >server.pem
    rm -f server.crt server.key server.csr server.cnf openssl.log
  )
  TLS_TRUST="sudo cp $folder/authority.pem /usr/local/share/ca-certificates/webapp.crt && sudo update-ca-certificates"
}

# tls_may_be_strict: Strict-Transport-Security holds for every port of a name (RFC 6797, 8.3). On another port than 443 it would
# keep browsers from the plain port for a year, of this cluster and of every other with the same name.
tls_may_be_strict() { [[ "${S[tls_port]}" == 443 ]]; }

# tls_explain: what a person does once, so that a browser shows a lock.
tls_explain() {
  [[ "${VERBOSE:-1}" != 0 ]] || return 0
  say "  https://$TLS_NAME:${S[tls_port]}/ needs one line in /etc/hosts:"
  say "      $(reachable_address) $TLS_NAME"
  say "  and trust in the local authority $(tls_folder)/authority.pem:"
  say "      ${TLS_TRUST:-sudo cp $(tls_folder)/authority.pem /usr/local/share/ca-certificates/webapp.crt && sudo update-ca-certificates}"
  say "  (Firefox: Settings, Certificates, Authorities, Import.) Without either:"
  say "      curl --cacert $(tls_folder)/authority.pem --resolve $TLS_NAME:${S[tls_port]}:$(reachable_address) https://$TLS_NAME:${S[tls_port]}/whoami"
  [[ -n "${S[authority]}" ]] || say "  This authority goes with the cluster; --authority FOLDER keeps one for the next."
}

tls_json() {
  if [[ -z "${S[tls]}" ]]; then
    printf null
    return 0
  fi
  printf '{"target":"https://%s:%s","authority":%s,"http2":%s}' "$TLS_NAME" "${S[tls_port]}" \
    "$(json_string "$(tls_folder)/authority.pem")" "$([[ -n "${S[http2]}" ]] && printf true || printf false)"
}
