#!/usr/bin/env bash
# Sends attacks, disguised ones and honest texts to a cluster of one's own, and shows who refuses what. See --help.
# shellcheck disable=SC1091 # .shellcheckrc says where to find what this sources
set -euo pipefail

here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P)
source "$here/lib/common.sh"

usage() {
  cat <<'TEXT'
Sends 35 attacks, 20 disguised ones and 20 honest requests to a cluster on this machine (and to nothing else), and shows what was
refused by whom: the rules of the firewall, its engine, nginx or HAProxy itself; and what was refused wrongly.

usage: scripts/attack.sh [--name NAME | URL] [--attacks FILE] [--honest FILE] [--json]      a cluster that is up
       scripts/attack.sh [--attacks FILE] [--honest FILE] [--json] -- OPTIONS OF "cluster.sh up"   one that is started, and ended

Without a cluster, one is started with --balancer nginx --waf. The lists and their form: src/cluster/attack/*.txt

example: scripts/attack.sh -- --balancer nginx           the same without a firewall
         scripts/attack.sh -- --balancer haproxy --waf   HAProxy's short list, which is no firewall
TEXT
}

help_wanted "$@"
words=() up=() name=''
while (($#)); do
  case $1 in
    --) up=("${@:2}") && break ;;
    --name | --name=* | *://*) name=given ;;
  esac
  words+=("$1") && shift
done
[[ -z "$name" || ${#up[@]} == 0 ]] || usage_error "either a cluster that is up, or options for one that is to be started"
if [[ -z "$name" ]]; then
  name=attack-$$ words+=(--name "attack-$$") log=$(mktemp)
  trap '"$here/cluster.sh" down --name "$name" --quiet; rm -f -- "$log"' EXIT
  trap 'exit 130' INT TERM
  ((${#up[@]})) || up=(--balancer nginx --waf)
  "$here/cluster.sh" up --name "$name" --nodes 1 --unit-cpu none --quiet "${up[@]}" >/dev/null 2>"$log" || die "no cluster to attack: $(cat "$log")"
fi
"$here/cluster.sh" attack "${words[@]}"
