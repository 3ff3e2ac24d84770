# shellcheck shell=bash disable=SC2154,SC2034 # test-deploy.sh sets root, work and log; tests/cluster/common.sh reads TARGET
# scripts/kubernetes-driver.sh with pods that are processes of this machine (tests/deploy/kubectl): the driver, the balancer and the
# nodes are real, the control plane is not.

driver() { PATH=$work/bin:$PATH "$root/scripts/kubernetes-driver.sh" "$@" 2>>"$log"; }

# quota_asked: the limit of the pods that run, as the Deployment has it.
cpu_asked() { jq -r '.deployment.spec.template.spec.containers[0].resources | [.requests.cpu, .limits.cpu] | join(" ")' "$KUBE_FOLDER/state.json"; }

test_driver() {
  local pods
  JSON=$(driver up --units 2 --port "$(free_port)" -- --max-fib 30) || return 1
  TARGET=$(jq -r .target <<<"$JSON")
  check "up: two pods behind HAProxy" is "$(jq -c '[(.nodes | length), .balancer.kind, .limited.mechanism, .limited.total_quota_cores]' <<<"$JSON")" '[2,"haproxy","kubernetes",0.5]'
  check "a pod has its unit as request and limit" is "$(cpu_asked)" '250m 250m'
  check "arguments of the nodes reach them" is "$(status_of '/fib?number=31')" 400
  if have kubectl; then
    check "kubectl makes the same of the overlay" is "$(kubectl kustomize "$root/target/kubernetes/webapp" | sed -n '/^kind: Deployment/,/^---/p' | grep -E '^ *(replicas|cpu|- --max-fib):?' | sed 's/^ *//' | paste -sd ' ')" \
      'replicas: 2 - --max-fib cpu: 250m cpu: 250m'
  else
    skip "kubectl makes the same of the overlay: there is no kubectl"
  fi
  check "another cluster waits for the namespace" is "$(driver up --name other >/dev/null; echo $?)" 1
  load_start 8 '/fib?number=20'
  check "scale 2 -> 4 under load" driver scale 4
  check "scale 4 -> 1 under load" driver scale 1
  check "arguments of the nodes are kept" is "$(status_of '/fib?number=31')" 400
  load_end || return 1
  check "scale under load: no request failed" load_is_faultless
  check "four pods took part" is "$(jq '.nodes | length' <<<"$LOAD")" 4
  note "$(jq .requests_total <<<"$LOAD") requests, errors $(jq -c .errors <<<"$LOAD")"
  pods=$(driver status | jq -r '.nodes[].name')
  check "kill" driver kill "$pods"
  check "another pod comes for the dead one" wait_until 20 other_pod "$pods"
  check "a pod that does not run cannot be killed" is "$(driver kill "$pods" >/dev/null; echo $?)" 2
  check "down" driver down
  JSON=$(driver up --topology vertical --units 2 --unit-cpu 10) || return 1
  check "vertical: one pod with all units" is "$(jq -c '[(.nodes | length), .balancer, .units]' <<<"$JSON") $(cpu_asked)" '[1,null,2] 200m 200m'
  check "vertical: scale" driver scale 5
  check "vertical: a pod of the new size" is "$(driver status | jq -c '[(.nodes | length), .units]') $(cpu_asked)" '[1,5] 500m 500m'
  check "down again" driver down
  JSON=$(driver up --units 1 --unit-cpu none --port "$(free_port)") || return 1
  check "without a quota" is "$(cpu_asked | tr -d ' ')" ''
  check "down for the last time" driver down
  check "nothing is left" is "$(jq -c '[.deployment, .pods]' "$KUBE_FOLDER/state.json") $(processes_of "$KUBE_FOLDER")" '[null,[]] '
}

# other_pod NAME: one pod answers, of another name.
other_pod() { [[ "$(driver status 2>/dev/null | jq -r '.nodes | map(select(.state == "ready").name) | join(" ")')" == webapp-*([^ ]) && "$(driver status 2>/dev/null | jq -r '.nodes[0].name')" != "$1" ]]; }
