#!/usr/bin/env bash
# Makes a machine part of the laboratory: a node, or the balancer. The Vagrantfile calls it; it serves any Debian machine.
set -euo pipefail

usage() {
    cat <<'HELP'
Makes this machine part of the laboratory. Safe to run twice; works offline where haproxy or nginx is installed already.

usage: scripts/provision.sh NAME node [ADDRESS[:PORT]]
       scripts/provision.sh NAME balancer haproxy|nginx ADDRESS:PORT[,ADDRESS:PORT…]

  NAME       the machine's host name from now on, and the node's name in its answers
  node       installs webapp with scripts/install.sh, listening on ADDRESS (default 0.0.0.0:3000)
  balancer   installs the balancer as webapp-balancer.service: port 80, in front of the nodes at the given addresses

  sudo scripts/provision.sh node1 node
  sudo scripts/provision.sh balancer balancer haproxy 192.168.56.11:3000,192.168.56.12:3000
HELP
}

fail() {
    echo "provision.sh: $*" >&2
    exit 1
}

say() { echo "provision.sh: $*" >&2; }

# The static binary comes in bin/ beside the scripts when the Vagrantfile packs them, else from the build.
here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
if [[ -z ${WEBAPP_BIN:-} && -x $here/bin/webapp ]]; then export WEBAPP_BIN=$here/bin/webapp; fi

set_name() {
    local name=$1
    if [[ $(cat /etc/hostname 2>/dev/null) != "$name" ]]; then echo "$name" >/etc/hostname; fi
    if [[ $(uname -n) != "$name" ]]; then
        # The kernel's name at once, without a dialogue with services that may not run.
        echo "$name" >/proc/sys/kernel/hostname 2>/dev/null || hostname "$name" 2>/dev/null || say "the name $name is effective after a reboot"
    fi
    # Replaced in place: it may be a mount.
    if ! grep -qw "$name" /etc/hosts; then echo "127.0.1.1 $name" >>/etc/hosts; fi
}

# need COMMAND PACKAGE: installs a package unless its command is there.
need() {
    command -v "$1" >/dev/null && return 0
    say "installing $2"
    export DEBIAN_FRONTEND=noninteractive
    # Offline, it fails soon.
    local quietly=(-q -o Acquire::Retries=1 -o Acquire::http::Timeout=15)
    local install=(apt-get install "${quietly[@]}" -y --no-install-recommends "$2")
    "${install[@]}" >&2 && return 0
    apt-get update "${quietly[@]}" >&2 && "${install[@]}" >&2
}

# keep_scripts: a copy of the scripts stays on the machine; true if it was another one before.
keep_scripts() {
    local library=/usr/local/lib/webapp
    if diff -rq "$here/scripts" "$library/scripts" >/dev/null 2>&1; then return 1; fi
    mkdir -p "$library"
    rm -rf "$library/scripts.new"
    cp -r "$here/scripts" "$library/scripts.new"
    rm -rf "$library/scripts"
    mv "$library/scripts.new" "$library/scripts"
}

node() {
    local tool
    set_name "$1"
    keep_scripts || true
    # For scripts/compare.sh, which sets /stats beside top and iostat; the node itself needs nothing.
    for tool in "iostat sysstat" "jq jq" "curl curl"; do
        # shellcheck disable=SC2086 # a command and its package
        need $tool || say "without ${tool#* }, scripts/compare.sh does not run here"
    done
    "$here/scripts/install.sh" --listen "${2:-0.0.0.0:3000}" --now
    # The service notifies systemd once it answers: that it is active means that it is ready.
    systemctl is-active --quiet webapp.service || fail "webapp does not run; see journalctl -u webapp"
}

# put TARGET < TEXT: writes a file if it differs, and says so by success.
put() {
    local text
    text=$(cat)
    [[ -f $1 && $(cat "$1") == "$text" ]] && return 1
    mkdir -p "${1%/*}"
    printf '%s\n' "$text" >"$1"
}

balancer() {
    local name=$1 kind=$2 backends=$3 changed=false package=$2
    if [[ $kind == nginx ]]; then package=nginx-light; fi
    set_name "$name"
    need "$kind" "$package" || fail "$kind is not installed, and no package registry can be reached"
    # The distribution starts its own on port 80.
    systemctl disable --quiet --now haproxy.service 2>/dev/null || true
    systemctl disable --quiet --now nginx.service 2>/dev/null || true
    if keep_scripts; then changed=true; fi
    if [[ -n ${WEBAPP_BIN:-} ]] && ! cmp -s "$WEBAPP_BIN" /usr/local/bin/webapp; then
        install -m 755 "$WEBAPP_BIN" /usr/local/bin/webapp.new
        mv -f /usr/local/bin/webapp.new /usr/local/bin/webapp
    fi
    if put /etc/webapp/balancer.env <<SETTINGS; then changed=true; fi
# The balancer of this laboratory, written by scripts/provision.sh. After a change: systemctl restart webapp-balancer
WEBAPP_BALANCER=$kind
WEBAPP_BIND=0.0.0.0
WEBAPP_PORT=80
WEBAPP_BACKENDS=$backends
SETTINGS
    if put /usr/local/lib/systemd/system/webapp-balancer.service <"$here/systemd/webapp-balancer.service"; then changed=true; fi
    systemctl daemon-reload
    systemctl enable --quiet webapp-balancer.service
    if $changed; then systemctl restart webapp-balancer.service; else systemctl start webapp-balancer.service; fi ||
        { journalctl --no-pager --lines 30 --unit webapp-balancer.service >&2 || true; fail "the balancer did not start"; }
    say "$kind listens on port 80 in front of $backends"
}

case ${1:-} in -h | --help) usage; exit 0 ;; esac
(($# >= 2)) || { usage >&2; exit 2; }
[[ $EUID -eq 0 ]] || fail "needs root: sudo $0 $*"
[[ $1 =~ ^[a-z0-9]([a-z0-9-]*[a-z0-9])?$ ]] || fail "'$1' is no host name"
case $2 in
node) node "$1" "${3:-}" ;;
balancer)
    [[ ${3:-} == haproxy || ${3:-} == nginx ]] || fail "the balancer is haproxy or nginx, not '${3:-}'"
    [[ ${4:-} =~ ^[0-9.]+:[0-9]+(,[0-9.]+:[0-9]+)*$ ]] || fail "'${4:-}' is no list of nodes; write for instance 192.168.56.11:3000,192.168.56.12:3000"
    balancer "$1" "$3" "$4"
    ;;
*) usage >&2; exit 2 ;;
esac
