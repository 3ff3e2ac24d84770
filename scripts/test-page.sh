#!/usr/bin/env bash
# Tests the live page in a real Chromium, on a real node and on a real cluster behind HAProxy. See --help.
# shellcheck disable=SC1091 # .shellcheckrc says where to find what this sources
set -euo pipefail

here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P)
root=${here%/*}
source "$here/lib/common.sh"

usage() {
  cat <<'TEXT'
Tests the live page in a real Chromium: one node, and a cluster of four behind HAProxy.

usage: scripts/test-page.sh [--screenshots [DIR]]

  --screenshots [DIR]  take the pictures of the README as well (docs/screenshots); some six minutes on an idle machine
  --help               this

Needs Node.js 20 or newer, npm, chromium and haproxy; as root it installs what is missing with apt.
The node is the program that WEBAPP_BIN names, else a fresh debug build.
TEXT
}

help_wanted "$@"
screenshots=
while (($#)); do
  case $1 in
    --screenshots)
      screenshots=$root/docs/screenshots
      if [[ -n "${2:-}" && "$2" != --* ]]; then
        mkdir -p -- "$2"
        screenshots=$(cd -- "$2" && pwd -P)
        shift
      fi
      ;;
    *) usage_error "there is no option $1" ;;
  esac
  shift
done

need node=nodejs npm
[[ $(node -p "process.versions.node.split('.').map(Number)[0] >= 20") == true ]] || die "Node.js is $(node --version); the browser's driver needs version 20 or newer"
need haproxy jq "${CHROMIUM:-chromium}=chromium"
# Pictures look the same everywhere with the same font.
[[ -z "$screenshots" ]] || compgen -G '/usr/share/fonts/*/inter*' >/dev/null || apt_install fonts-inter ||
  warn "no font Inter: the pictures take the system's"
WEBAPP_BIN=$(tested_binary "$root")
export WEBAPP_BIN
cd -- "$root/tests/page"
npm ci --ignore-scripts --no-audit --no-fund --silent
node --test --test-concurrency=1 ./*.test.mjs
if [[ -n "$screenshots" ]]; then
  need pngquant
  node screenshots.mjs "$screenshots"
  # 256 colours are plenty for a page, and a third of the bytes.
  pngquant --force --ext .png --strip "$screenshots"/*.png
fi
