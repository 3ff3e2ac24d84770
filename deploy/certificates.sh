#!/usr/bin/env bash
# Makes the certificate of https://dev.acme.com.ar for compose.https.yaml: by mkcert where that is, else by openssl.
# shellcheck disable=SC1091 # .shellcheckrc says where to find what this sources
set -euo pipefail

here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P)
source "$here/../scripts/lib/common.sh"

usage() {
  cat <<'TEXT'
Makes deploy/tls/server.pem, the certificate of dev.acme.com.ar and its key, and prints how to trust and to try it.

usage: deploy/certificates.sh [--help]

With mkcert on the PATH, its authority signs; `mkcert -install` makes browsers trust it. Else openssl makes an authority that may
sign names of this laboratory only. Run again, it keeps a certificate that is good for another month.
TEXT
}

help_wanted "$@"
(($# == 0)) || usage_error "there is no option $1"
tls=$here/tls
name=dev.acme.com.ar
umask 077
mkdir -p -- "$tls"
cd -- "$tls"

good() { openssl x509 -noout -checkend 2592000 -in server.pem >/dev/null 2>&1; }

by_mkcert() {
  mkcert -ecdsa -cert-file server.crt -key-file server.key "$name" localhost 127.0.0.1 ::1 >&2
  cp -- "$(mkcert -CAROOT)/rootCA.pem" authority.pem
  say "browsers of this machine trust it after: mkcert -install"
}

by_openssl() {
  local key=(-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes)
  need openssl
  # An authority that a laptop trusts is a danger if its key leaks: this one may sign names of this laboratory only.
  openssl req -x509 -new "${key[@]}" -keyout authority.key -out authority.pem -days 825 -subj "/O=webapp laboratory/CN=webapp local authority" \
    -addext basicConstraints=critical,CA:TRUE,pathlen:0 -addext keyUsage=critical,keyCertSign,cRLSign \
    -addext "nameConstraints=critical,permitted;DNS:$name,permitted;DNS:localhost,permitted;IP:127.0.0.0/255.0.0.0" 2>/dev/null
  openssl req -new "${key[@]}" -keyout server.key -out server.csr -subj "/CN=$name" 2>/dev/null
  openssl x509 -req -in server.csr -CA authority.pem -CAkey authority.key -CAcreateserial -out server.crt -days 397 -extfile <(
    printf '%s\n' 'basicConstraints = critical,CA:FALSE' 'keyUsage = critical,digitalSignature' 'extendedKeyUsage = serverAuth' \
      "subjectAltName = DNS:$name,DNS:localhost,IP:127.0.0.1"
  ) 2>/dev/null
  rm -f -- server.csr authority.srl
  say "this machine trusts it after: sudo cp $tls/authority.pem /usr/local/share/ca-certificates/webapp.crt && sudo update-ca-certificates"
}

if good; then
  say "$tls/server.pem is there, and good for another month"
elif have mkcert; then
  by_mkcert
else
  by_openssl
fi
if [[ ! -s server.pem || server.crt -nt server.pem ]]; then cat server.crt server.key >server.pem; fi
# Readable for the balancer, which is not root in its container; the folder itself stays closed to others of this machine.
chmod 644 server.pem
printf '%s\n' "curl --cacert $tls/authority.pem --resolve $name:443:127.0.0.1 https://$name/whoami"
