#!/usr/bin/env bash
# Installs webapp as a systemd service, or takes it away again.
# shellcheck disable=SC1091 # .shellcheckrc says where to find what this sources
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
source "$here/scripts/lib/common.sh"

usage() {
  cat <<'HELP'
Installs webapp under systemd: the binary, its units, and a file of settings. Safe to run twice: what is unchanged is
left alone, settings are never overwritten, and a running node is restarted only when something changed.

usage: scripts/install.sh [--bin FILE] [--listen ADDRESS[:PORT]] [--now] [--root FOLDER]
   scripts/install.sh --uninstall [--purge] [--root FOLDER]

  --bin FILE        the binary to install (default: $WEBAPP_BIN, else the one that scripts/build.sh made)
  --listen ADDRESS  where webapp listens: 0.0.0.0, 192.168.56.11 or 127.0.0.1:8080 (default: 127.0.0.1:3000);
                    the instances webapp@PORT listen on the same address, each on its own port
  --now             starts webapp now and at every boot
  --uninstall       stops every node (and the balancer of scripts/provision.sh), removes what was installed, keeps /etc/webapp
  --purge           with --uninstall: /etc/webapp too
  --root FOLDER     works on the system whose root is FOLDER (an image, a container), and starts nothing

  sudo scripts/install.sh --now && curl http://127.0.0.1:3000/whoami
HELP
}

units=(webapp.service webapp@.service webapp.socket webapp@.socket webapp.slice)
help_wanted "$@"
bin=${WEBAPP_BIN:-} listen='' root='' now=false uninstall=false purge=false

while (($#)); do
  case $1 in
  --bin | --listen | --root)
    [[ -n ${2:-} ]] || usage_error "$1 needs a value"
    declare "${1#--}=$2"
    shift
    ;;
  --now) now=true ;;
  --uninstall) uninstall=true ;;
  --purge) purge=true ;;
  *) usage_error "unknown option '$1'" ;;
  esac
  shift
done
root=${root%/}
unit_folder=$root/usr/local/lib/systemd/system
settings=$root/etc/webapp

# True where the systemd of this very system runs, so that it can be told.
live() { [[ -z $root && -d /run/systemd/system ]]; }

# put_listen UNIT VALUE: the drop-in that gives a socket unit its address.
put_listen() {
  put_text "$root/etc/systemd/system/$1.d/listen.conf" <<TEXT
# Written by scripts/install.sh --listen
[Socket]
ListenStream=
ListenStream=$2
TEXT
}

remove() {
  local unit instance
  if live; then
    mapfile -t instances < <(systemctl list-units --all --plain --no-legend 'webapp@*' 2>/dev/null | awk '{print $1}')
    for instance in webapp.socket webapp.service webapp-balancer.service "${instances[@]}"; do
      systemctl disable --now "$instance" >/dev/null 2>&1 || true
      systemctl stop "$instance" >/dev/null 2>&1 || true
    done
    # What `systemctl set-property` kept.
    rm -rf /etc/systemd/system.control/webapp{,@*}.{service,slice,socket}.d /run/systemd/system.control/webapp{,@*}.{service,slice,socket}.d
  fi
  for unit in "${units[@]}" webapp-balancer.service; do
    rm -f "$unit_folder/$unit"
    rm -f "$root/etc/systemd/system/$unit.d/listen.conf"
    rmdir "$root/etc/systemd/system/$unit.d" 2>/dev/null || true
  done
  rm -f "$root/etc/systemd/system"/*.wants/webapp{,@*,-balancer}.{service,socket} "$root/usr/local/bin/webapp"
  # The scripts that scripts/provision.sh left on a node.
  rm -rf "$root/usr/local/lib/webapp"
  rm -rf "$root/var/cache/private"/webapp{,-*} "$root/var/cache"/webapp{,-*}
  if $purge; then rm -rf "$settings"; fi
  if live; then
    systemctl daemon-reload
    systemctl reset-failed 'webapp*' 2>/dev/null || true
  fi
  if [[ -d $settings ]]; then say "removed; $settings is kept (--purge removes it too)"; else say "removed"; fi
}

check_binary() {
  [[ -n $bin ]] || bin=$(built_binary "$here")
  [[ -f $bin && -x $bin ]] || die "no binary at ${bin:-target/}; make it with scripts/build.sh, or name one with --bin FILE"
  "$bin" --version >/dev/null 2>&1 || die "$bin does not run on this machine ($(uname -m)); build it for this architecture"
}

install_all() {
  local unit address port
  if [[ -n $listen ]]; then
    [[ $listen =~ ^(([0-9]{1,3}\.){3}[0-9]{1,3}|\[[0-9a-fA-F:]+\])(:([0-9]{1,5}))?$ ]] ||
      die "--listen '$listen' is not an address; write for instance 0.0.0.0, 192.168.56.11:3000 or [::1]:3000"
    address=${BASH_REMATCH[1]} port=$((10#${BASH_REMATCH[4]:-3000}))
    ((port >= 1 && port <= 65535)) || die "--listen '$listen': a port is 1 to 65535"
  fi
  check_binary
  put 755 "$bin" "$root/usr/local/bin/webapp"
  for unit in "${units[@]}"; do put 644 "$here/systemd/$unit" "$unit_folder/$unit"; done
  [[ -e $settings/webapp.env ]] || put 644 "$here/systemd/webapp.env" "$settings/webapp.env"
  if [[ -n $listen ]]; then
    put_listen webapp.socket "$address:$port"
    put_listen webapp@.socket "$address:%i"
  fi
}

# Makes systemd take up what was installed. Nodes that ran drain and go on with it; clients wait in the socket's queue
# meanwhile, unless the socket itself changed.
refresh() {
  local running unit
  systemctl daemon-reload
  ((${#CHANGED[@]})) || return 0
  mapfile -t running < <(systemctl list-units --plain --no-legend --state=active webapp.service 'webapp@*.service' | awk '{print $1}')
  for unit in "${running[@]}"; do
    say "restarting $unit"
    if [[ "${CHANGED[*]}" == *.socket* ]]; then systemctl stop "${unit%.service}.socket" "$unit"; fi
    systemctl restart "$unit"
  done
}

[[ -n $root || $EUID -eq 0 ]] || die "needs root: sudo $0 $*"
if $uninstall; then
  remove
  exit 0
fi
install_all
if live; then
  refresh
  if $now; then
    systemctl enable --quiet webapp.socket webapp.service
    systemctl start webapp.service || { systemctl status --no-pager --lines 20 webapp.service >&2 || true; die "webapp did not start"; }
    say "webapp runs at $(systemctl show -P Listen webapp.socket)"
  fi
elif $now; then
  systemctl ${root:+--root="$root"} enable --quiet webapp.socket webapp.service
  say "systemd does not run here: webapp is enabled and starts at the next boot"
fi
((${#CHANGED[@]})) || say "nothing to change"
