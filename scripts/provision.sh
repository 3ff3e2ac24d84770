#!/usr/bin/env bash
# Makes a machine part of the laboratory: a node, or the balancer. The Vagrantfile calls it; it serves any Debian machine.
# shellcheck disable=SC1091 # .shellcheckrc says where to find what this sources
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
source "$here/scripts/lib/common.sh"

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

# The static binary comes in bin/ beside the scripts when the Vagrantfile packs them, else from the build.
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

# keep_scripts: a copy of the scripts stays on a node, for scripts/compare.sh.
keep_scripts() {
  local library=/usr/local/lib/webapp
  if diff -rq "$here/scripts" "$library/scripts" >/dev/null 2>&1; then return 0; fi
  mkdir -p "$library"
  rm -rf "$library/scripts.new"
  cp -r "$here/scripts" "$library/scripts.new"
  rm -rf "$library/scripts"
  mv "$library/scripts.new" "$library/scripts"
}

node() {
  local tool
  set_name "$1"
  keep_scripts
  # For scripts/compare.sh, which compares /stats with top and iostat; the node itself needs nothing.
  for tool in iostat=sysstat jq curl; do
    (need "$tool") || say "without ${tool#*=}, scripts/compare.sh does not run here"
  done
  "$here/scripts/install.sh" --listen "${2:-0.0.0.0:3000}" --now
  # The service notifies systemd once it answers: that it is active means that it is ready.
  systemctl is-active --quiet webapp.service || die "webapp does not run; see journalctl -u webapp"
}

balancer() {
  local name=$1 kind=$2 backends=$3 bin=${WEBAPP_BIN:-$(built_binary "$here")}
  [[ -x $bin ]] || die "no webapp binary; make it with scripts/build.sh, or name one with WEBAPP_BIN"
  set_name "$name"
  # The binary is all that stays on this machine; it knows what it needs.
  local program package
  while read -r program package; do
    [[ -z $program ]] || (need "$program=$package") || die "$program is not installed, and no package registry can be reached"
  done < <("$bin" cluster --print-missing up --backend "$backends" --balancer "$kind")
  # The distribution starts its own on port 80.
  systemctl disable --quiet --now haproxy.service 2>/dev/null || true
  systemctl disable --quiet --now nginx.service 2>/dev/null || true
  put 755 "$bin" /usr/local/bin/webapp
  put_text /etc/webapp/balancer.env <<SETTINGS
# The balancer of this laboratory, written by scripts/provision.sh. After a change: systemctl restart webapp-balancer
WEBAPP_BALANCER=$kind
WEBAPP_BIND=0.0.0.0
WEBAPP_PORT=80
WEBAPP_BACKENDS=$backends
SETTINGS
  put 644 "$here/systemd/webapp-balancer.service" /usr/local/lib/systemd/system/webapp-balancer.service
  systemctl daemon-reload
  systemctl enable --quiet webapp-balancer.service
  if ((${#CHANGED[@]})); then systemctl restart webapp-balancer.service; else systemctl start webapp-balancer.service; fi ||
    { journalctl --no-pager --lines 30 --unit webapp-balancer.service >&2 || true; die "the balancer did not start"; }
  say "$kind listens on port 80 in front of $backends"
}

help_wanted "$@"
(($# >= 2)) || { usage >&2; exit 2; }
[[ $EUID -eq 0 ]] || die "needs root: sudo $0 $*"
[[ $1 =~ ^[a-z0-9]([a-z0-9-]*[a-z0-9])?$ ]] || die "'$1' is not a host name"
case $2 in
node) node "$1" "${3:-}" ;;
balancer)
  [[ ${3:-} =~ ^[a-z]+$ ]] || die "the balancer is haproxy or nginx, not '${3:-}'"
  [[ ${4:-} =~ ^[0-9.]+:[0-9]+(,[0-9.]+:[0-9]+)*$ ]] || die "'${4:-}' is not a list of nodes; write for instance 192.168.56.11:3000,192.168.56.12:3000"
  balancer "$1" "$3" "$4"
  ;;
*) usage >&2; exit 2 ;;
esac
