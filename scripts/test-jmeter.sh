#!/usr/bin/env bash
# Runs the plans of docs/jmeter with a real JMeter, and compares it with "webapp load". See --help.
# shellcheck disable=SC1091 # .shellcheckrc says where to find what this sources
set -euo pipefail

root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P)
source "$root/scripts/lib/common.sh"
source "$root/scripts/lib/checks.sh"
source "$root/tests/jmeter/jmeter.sh"

usage() {
  cat <<'TEXT'
Runs docs/jmeter/*.jmx with JMeter 5.5 and the same load with "webapp load": closed, at a paced rate, and with a node that is
stopped for a second, side by side.

usage: scripts/test-jmeter.sh

The node is the program that WEBAPP_BIN names, else a fresh debug build. JMeter is the one that JMETER_HOME names, else its jars
from PyPI, kept in ${XDG_CACHE_HOME:-~/.cache}/webapp. Where neither can be had, that is said and skipped. Run it alone.
TEXT
}

help_wanted "$@"
(($# == 0)) || usage_error "there is no option $1"
jmeter_tests
checks_end
