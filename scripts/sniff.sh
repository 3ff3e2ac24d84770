#!/usr/bin/env bash
# Shows what the wire shows: the same login, over HTTP and over HTTPS, and what its cookie is worth to a thief. See --help.
# shellcheck disable=SC1091,SC2317,SC2329 # lib/common.sh calls usage
set -euo pipefail

here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P)
source "$here/lib/common.sh"

usage() {
  cat <<'TEXT'
Logs in to a cluster over HTTP and over HTTPS, and shows what somebody who listens on the way reads: password and cookie in one
case, noise in the other. With the cookie that was read on the way it then asks /session, as a thief would: the node takes the
thief for the user.

usage: sudo scripts/sniff.sh [--name NAME]

  --name NAME   listen to this cluster, which must be up with --tls; without it, a cluster of one node is started and ended.
                A cluster without the user of this script refuses the login: then there is a password on the wire, and no cookie

It captures on the loopback interface, and there nothing but the two ports of that cluster. Exit code 0 says: the password
was on the wire with HTTP, and was not with HTTPS; and so was the cookie, which let its thief in.
TEXT
}

readonly FORM_USER=alumna FORM_PASSWORD=correct-horse-battery-staple

help_wanted "$@"
name=''
while (($#)); do
  case $1 in
    --name)
      [[ $# -ge 2 ]] || usage_error "--name needs a value"
      name=$2
      shift 2
      ;;
    *) usage_error "there is no option $1" ;;
  esac
done
[[ $EUID -eq 0 ]] || die "listening on an interface needs root: sudo $0"
need tcpdump curl jq

own='' listener='' folder=$(mktemp -d)
# shellcheck disable=SC2317,SC2329 # the trap calls it
leave() {
  [[ -z "$listener" ]] || kill "$listener" 2>/dev/null || true
  [[ -z "$own" ]] || "$here/cluster.sh" down --name "$own" --quiet
  rm -rf -- "$folder"
}
trap leave EXIT
trap 'exit 130' INT TERM

if [[ -z "$name" ]]; then
  own=sniff-$$ name=$own
  binary=$(find_binary "${here%/*}")
  "$binary" users add "$folder/users" "$FORM_USER" <<<"$FORM_PASSWORD" >/dev/null
  "$here/cluster.sh" up --name "$own" --nodes 1 --unit-cpu none --tls --quiet -- --users "$folder/users" >/dev/null 2>"$folder/up.log" || die "no cluster to listen to:
$(cat "$folder/up.log")"
fi
answer=$("$here/cluster.sh" status --name "$name" --json)
read -r plain secure authority < <(jq -r '[.target, .tls.target // "-", .tls.authority // "-"] | join(" ")' <<<"$answer")
[[ "$secure" != - ]] || die "the cluster $name speaks no TLS; start one: scripts/cluster.sh up --name other --tls"
[[ "$(curl -s -o /dev/null -w '%{http_code}' --max-time 5 "$plain/readyz")" != 308 ]] ||
  die "the cluster $name answers HTTP with a redirection only; there is nothing to compare"
# http://ADDRESS:PORT and https://NAME:PORT
http_port=${plain##*:} https_port=${secure##*:} address=${plain#http://} tls_name=${secure#https://}
address=${address%:*} tls_name=${tls_name%:*}

# capture FILE PORT URL: one login over the URL while tcpdump listens; returns when the whole exchange is in the file. The cookie that
# the client got is then in FILE.cookie.
capture() {
  local file=$1 port=$2 url=$3
  # -U: each packet is written at once. -Z root: it may not give up root before it opens a file in our folder.
  tcpdump -i lo -U -Z root -s 0 -w "$file" "tcp port $port" </dev/null >/dev/null 2>"$folder/tcpdump.log" &
  listener=$!
  wait_until 5 grep -q 'listening on' "$folder/tcpdump.log" || die "tcpdump does not listen: $(cat "$folder/tcpdump.log")"
  # --http1.1: so that the form looks the same in both; a fresh connection, closed afterwards.
  curl -sS --http1.1 -o /dev/null -D "$file.head" --max-time 5 --cacert "$authority" --resolve "$tls_name:$https_port:$address" \
    --data "name=$FORM_USER&password=$FORM_PASSWORD" "$url" || die "the login form could not be posted"
  cookie_in "$file.head" >"$file.cookie"
  wait_until 5 capture_complete "$file" || die "the capture is not complete: $(cat "$folder/tcpdump.log")"
  kill "$listener"
  wait "$listener" || true
  listener=''
}

# cookie_in FILE: the session's cookie in a text, as the client sends it; nothing where there is none.
cookie_in() { grep -a -m 1 -o 'session=[0-9a-f]\{32,\}' "$1" || true; }

# capture_complete FILE: the connection has been closed, so everything before that is in the file.
# shellcheck disable=SC2317,SC2329 # wait_until calls it
capture_complete() { [[ -n "$(tcpdump -n -r "$1" 'tcp[tcpflags] & (tcp-fin|tcp-rst) != 0' 2>/dev/null)" ]]; }

# sent FILE PORT: the bytes of every packet towards the port that carries any, as a person at tcpdump would see them.
sent() {
  tcpdump -n -r "$1" -X "tcp dst port $2 and (ip[2:2] - ((ip[0] & 0xf) << 2) - ((tcp[12] & 0xf0) >> 2)) > 0" 2>/dev/null
}

# answered FILE PORT: the same of the packets from the port.
answered() {
  tcpdump -n -r "$1" -X "tcp src port $2 and (ip[2:2] - ((ip[0] & 0xf) << 2) - ((tcp[12] & 0xf0) >> 2)) > 0" 2>/dev/null
}

# last_packets N: of what `sent` and `answered` print.
last_packets() { awk -v n="$1" '/^[0-9]/ { count++ } { text[count] = text[count] $0 "\n" } END { for (i = count - n + 1; i <= count; i++) printf "%s", text[i] }'; }

# readable FILE: what of the capture is text.
readable() { tr -c '[:print:]\n' '\n' <"$1"; }

capture "$folder/http.pcap" "$http_port" "$plain/login"
capture "$folder/https.pcap" "$https_port" "$secure/login"

echo "== HTTP, port $http_port: what a listener reads"
sent "$folder/http.pcap" "$http_port" | last_packets 1
answered "$folder/http.pcap" "$http_port" | last_packets 1
echo
echo "== HTTPS, port $https_port: the same form, and the goodbye"
sent "$folder/https.pcap" "$https_port" | last_packets 2
echo

result=0
if readable "$folder/http.pcap" | grep -q "password=$FORM_PASSWORD"; then
  echo "HTTP:  the password is there, in clear: $(readable "$folder/http.pcap" | grep -m 1 -o "name=.*password=$FORM_PASSWORD")"
else
  echo "HTTP:  the password was not found; this should not be"
  result=1
fi
if readable "$folder/https.pcap" | grep -qE "$FORM_PASSWORD|$FORM_USER"; then
  echo "HTTPS: user or password is there, in clear; this should not be"
  result=1
else
  echo "HTTPS: neither user nor password; of $(wc -c <"$folder/https.pcap") bytes captured, a listener learns who talks to whom, when, how much, and the name $tls_name (in the first packet)"
fi
readable "$folder/http.pcap" >"$folder/http.text"
readable "$folder/https.pcap" >"$folder/https.text"
stolen=$(cookie_in "$folder/http.text")
if [[ -z "$(<"$folder/http.pcap.cookie")" ]]; then
  echo "There is no cookie to steal: the cluster $name refused the login."
  [[ -z "$own" ]] || result=1
elif [[ -z "$stolen" ]]; then
  echo "HTTP:  the cookie was not found; this should not be"
  result=1
else
  # The thief's own client: it never knew the password.
  user=$(curl -sS --max-time 5 -H "Cookie: $stolen" "$plain/session" | jq -r .user)
  if [[ "$user" == "$FORM_USER" ]]; then
    echo "HTTP:  the cookie is there, too; who sends it is taken for $user, without the password"
  else
    echo "HTTP:  the cookie was read, but the node does not take it for $FORM_USER; this should not be"
    result=1
  fi
fi
if [[ -n "$(cookie_in "$folder/https.text")" ]] ||
  { [[ -s "$folder/https.pcap.cookie" ]] && grep -qFf "$folder/https.pcap.cookie" "$folder/https.text"; }; then
  echo "HTTPS: the cookie is there, in clear; this should not be"
  result=1
else
  echo "HTTPS: no cookie to be read"
fi
exit "$result"
