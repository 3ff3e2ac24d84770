#!/usr/bin/env bash
# Tests image, compose files and the driver for containers with a real engine. See --help.
# shellcheck disable=SC1091,SC2034 # what it sources uses them
set -euo pipefail

root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P)
source "$root/scripts/lib/common.sh"
source "$root/scripts/lib/network.sh"
source "$root/scripts/lib/checks.sh"
source "$root/scripts/lib/driver.sh"
source "$root/scripts/lib/docker.sh"
source "$root/tests/cluster/common.sh"
source "$root/tests/cluster/hosts.sh"
source "$root/tests/docker/engine.sh"
source "$root/tests/docker/image.sh"
source "$root/tests/docker/compose.sh"
source "$root/tests/docker/drivers.sh"

usage() {
  cat <<'TEXT'
Tests deploy/ and scripts/docker-driver.sh with a Docker engine of its own, which it starts in namespaces of its own and ends: no other engine, port, firewall rule or image of this machine is touched.

usage: scripts/test-docker.sh [PATTERN…]

  PATTERN   only the tests whose name contains one of the patterns: image, compose, driver
  --list    the names

The node is the program that WEBAPP_BIN names, else a fresh debug build. Without root, namespaces or dockerd it is skipped, and
says so. No image is pulled: those of nginx, HAProxy, Redis and memcached are made of this machine's programs.
TEXT
}

note() { echo "      $1"; }
fails() { ! "$@"; }
names() { declare -F | sed -n 's/^declare -f test_//p'; }

help_wanted "$@"
patterns=()
for word in "$@"; do
  case $word in
    --list) names && exit 0 ;;
    -*) usage_error "there is no option $word" ;;
    *) patterns+=("$word") ;;
  esac
done

# Outside: what is needed, and the namespaces, in which this script starts again.
if [[ -z "${WEBAPP_TEST_DOCKER:-}" ]]; then
  need curl jq haproxy nginx=nginx-light redis-server memcached openssl ip=iproute2
  WEBAPP_BIN=$(tested_binary "$root")
  export WEBAPP_BIN WEBAPP_CLUSTER_BIN=$WEBAPP_BIN
  if reason=$(engine_missing); then
    for name in $(names); do skip "docker, ${name//_/ }: $reason"; done
    checks_end
    exit
  fi
  WEBAPP_TEST_DOCKER=$(mktemp -d "${TMPDIR:-/tmp}/webapp-docker-test.XXXXXX")
  export WEBAPP_TEST_DOCKER CGROUP_PARENT=/webapp-docker-$$ DOCKER_CONFIG=$WEBAPP_TEST_DOCKER/client
  # Here, since there is no network inside. Without it, what needs it is skipped.
  compose_v2 "$DOCKER_CONFIG" || true
  code=0
  unshare --net --mount --propagation private --pid --fork --kill-child --mount-proc -- "${BASH_SOURCE[0]}" "${patterns[@]}" || code=$?
  # The namespaces ended with every process in them; control groups and files are left.
  find /sys/fs/cgroup -depth -type d -path "*$CGROUP_PARENT*" -exec rmdir {} + 2>/dev/null || true
  rm -rf -- "$WEBAPP_TEST_DOCKER"
  exit "$code"
fi

work=$WEBAPP_TEST_DOCKER
log=$work/messages
export WEBAPP_STATE_DIR=$work/state DOCKER_HOST=unix://$work/main/socket TMPDIR=$work DOCKER_BUILDKIT=0 COMPOSE_PROJECT_NAME=webapp-test
# The client of the engine's own package, not a newer one that may not speak with it.
[[ ! -x /usr/bin/docker ]] || PATH=/usr/bin:$PATH
unset XDG_RUNTIME_DIR
trap 'exit 130' INT TERM

ip link set lo up
ip route add unreachable default
if ! reason=$(engine_start main 2>&1); then
  for name in $(names); do skip "docker, ${name//_/ }: dockerd does not start here: ${reason##*$'\n'}"; done
  checks_end
  exit
fi
echo "== engine $(docker version --format '{{.Server.Version}}'), image of $WEBAPP_BIN"
WEBAPP_IMAGE=webapp-test
export WEBAPP_IMAGE
check "the image builds" docker_build "$WEBAPP_BIN" "$WEBAPP_IMAGE"
image_of_program test-nginx "$(command -v nginx)" '["nginx","-g","daemon off;"]'
image_of_program test-haproxy "$(command -v haproxy)" '["haproxy"]'
image_of_program test-redis "$(command -v redis-server)" '["redis-server"]'
image_of_program test-memcached "$(command -v memcached)" '["memcached","-u","nobody"]'

wanted() {
  local pattern
  ((${#patterns[@]})) || return 0
  for pattern in "${patterns[@]}"; do
    [[ "$1" != *"$pattern"* ]] || return 0
  done
  return 1
}

TARGET=http://127.0.0.1
for name in $(names); do
  wanted "$name" || continue
  echo "== ${name//_/ }"
  : >"$log"
  started=$SECONDS
  "test_$name" || {
    fail "${name//_/ } could not be carried out"
    sed 's/^/      /' "$log"
  }
  TARGET=http://127.0.0.1
  note "$((SECONDS - started)) s"
done
kill "$(cat "$work/main/pid")"
checks_end
