#!/usr/bin/env bash
# Checks the files of deploy/ that need programs which this project does not bring. See --help.
# shellcheck disable=SC1091 # .shellcheckrc says where to find what this sources
set -euo pipefail

root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P)
source "$root/scripts/lib/common.sh"
source "$root/scripts/lib/network.sh"
source "$root/scripts/lib/checks.sh"
source "$root/tests/cluster/common.sh"
source "$root/tests/deploy/driver.sh"

usage() {
  cat <<'TEXT'
Checks the Kubernetes manifests against the schemas of the last three versions that the checker carries, and the Prometheus files with
promtool and its unit tests; and scripts/kubernetes-driver.sh with processes of this machine in place of pods. No control plane is
asked: that a manifest is valid does not say that it was run.

usage: scripts/test-deploy.sh [--help]

The checker is kubernetes-validate, from PyPI into target/; without a network it is skipped, and said to be.
TEXT
}

help_wanted "$@"
(($# == 0)) || usage_error "there is no option $1"
need promtool=prometheus haproxy jq curl python3
WEBAPP_BIN=$(tested_binary "$root")
export WEBAPP_BIN
cd -- "$root/deploy"

check "prometheus: prometheus.yaml" promtool check config prometheus/prometheus.yaml
# Debian's promtool is built without what finds pods.
if [[ "$(promtool check config prometheus/kubernetes.yaml 2>&1)" == *"kubernetes_sd_configs not found"* ]]; then
  skip "prometheus: kubernetes.yaml: this promtool knows nothing of Kubernetes"
else
  check "prometheus: kubernetes.yaml" promtool check config prometheus/kubernetes.yaml
fi
check "prometheus: rules.yaml" promtool check rules prometheus/rules.yaml
check "prometheus: rules.test.yaml" promtool test rules prometheus/rules.test.yaml
check "grafana: webapp.json is JSON" python3 -c 'import json, sys; json.load(open("grafana/webapp.json"))'

# VERSION is pinned: what the manifests were checked against is the same tomorrow.
checker=$root/target/kubernetes-validate
if [[ ! -x "$checker/bin/kubernetes-validate" ]] && ! { python3 -m venv "$checker" && timeout 90 "$checker/bin/pip" install --quiet kubernetes-validate==1.37.0; } >/dev/null 2>&1; then
  rm -rf -- "$checker"
  skip "kubernetes: kubernetes-validate could not be installed (python3-venv, and a network)"
else
  mapfile -t manifests < <(grep -rL '^kind: Kustomization' kubernetes --include '*.yaml' | sort)
  for version in 1.35 1.36 1.37; do
    check "kubernetes $version: ${#manifests[@]} manifests" "$checker/bin/kubernetes-validate" --kubernetes-version "$version" --strict "${manifests[@]}"
  done
fi

note() { echo "      $1"; }
work=$(mktemp -d "${TMPDIR:-/tmp}/webapp-deploy-test.XXXXXX")
log=$work/messages
export WEBAPP_STATE_DIR=$work/state KUBE_FOLDER=$work/pods
mkdir -p -- "$KUBE_FOLDER" "$work/bin"
ln -s "$root/tests/deploy/kubectl" "$work/bin/kubectl"
# Whatever happens, no pod and no balancer outlives this script.
trap 'driver down >/dev/null; rm -rf -- "$work"' EXIT
trap 'exit 130' INT TERM
echo "== the driver, with processes as pods"
test_driver || {
  fail "the driver could not be tried"
  sed 's/^/      /' "$log"
}
checks_end
