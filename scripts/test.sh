#!/usr/bin/env bash
# Runs every check of the project: format, lints, scripts, unit and integration tests.
# shellcheck disable=SC1091 # .shellcheckrc says where to find what this sources
set -euo pipefail
cd "$(dirname "$0")/.."

usage() {
  cat <<'EOF'
usage: scripts/test.sh [--help]

Runs every check of the project: cargo fmt, clippy with warnings as errors, shellcheck, and all tests
(the real binary, the real balancers). Installs what it needs with apt-get when it may.
EOF
}
source scripts/lib/common.sh
help_wanted "$@"
(($# == 0)) || usage_error "there is no option $1"
need cc=gcc c++=g++ curl jq shellcheck haproxy nginx=nginx-light ab=apache2-utils promtool=prometheus \
  mariadbd=mariadb-server-core mariadb=mariadb-client-core redis-server memcached

say "== format"
cargo fmt --all --check
say "== lints"
cargo clippy --all-targets --quiet -- -D warnings
say "== fuzz target"
cargo check --quiet --locked --manifest-path fuzz/Cargo.toml --target-dir target
say "== scripts"
mapfile -t scripts < <(git ls-files -z | xargs -0 grep -lE '^#!.*\bbash\b|^# shellcheck shell=bash')
shellcheck -x "${scripts[@]}"
say "== tests"
if cargo nextest --version >/dev/null 2>&1; then
  cargo nextest run --no-fail-fast
else
  cargo test --no-fail-fast
fi
# The scripts below talk to the program that was just tested; by themselves they would build it again.
WEBAPP_BIN=$(unset WEBAPP_BIN && tested_binary .)
export WEBAPP_BIN
say "== cluster: real balancers, under load"
scripts/test-cluster.sh
say "== jmeter: a real one, beside webapp load"
scripts/test-jmeter.sh
say "== systemd: a real one, in namespaces of its own"
scripts/test-systemd.sh
say "== vagrant: the Vagrantfile, for both providers"
scripts/test-vagrant.sh --validate
say "== docker: an engine of its own"
scripts/test-docker.sh
say "== deploy: manifests and rules against their schemas"
scripts/test-deploy.sh
say "== bottlenecks: a real node driven into each"
scripts/test-bottleneck.sh
say "== /stats beside mpstat, iostat, top and free"
# A breach is measured again: free and /stats read at two moments, and other work may move memory between them.
scripts/compare.sh --seconds 5 || scripts/compare.sh --seconds 5
say "== page: a real browser"
scripts/test-page.sh
