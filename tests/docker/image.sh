# shellcheck shell=bash disable=SC2154 # see engine.sh
# The image: what is in it, and how it starts and stops.

test_image() {
  local url
  check "nothing is in the image but the program, its licenses and the folder of /io" is \
    "$(docker create --name tested "$WEBAPP_IMAGE" >/dev/null && docker export tested | tar --list | grep -vE '^(dev|etc|proc|sys)/|^\.dockerenv$' | sort | paste -sd ' '; docker rm tested >/dev/null)" \
    "LICENSE-APACHE LICENSE-MIT io/ io/README webapp"
  check "it has no shell" fails docker run --rm --entrypoint /bin/sh "$WEBAPP_IMAGE" -c true
  check "it does not run as root" is "$(docker inspect --format '{{.Config.User}}' "$WEBAPP_IMAGE")" 65532:65532
  check "it says what it is" contains "$(docker inspect --format '{{json .Config.Labels}}' "$WEBAPP_IMAGE")" '"org.opencontainers.image.title":"webapp"'
  image_size
  docker run --detach --name tested --hostname web1 --cpus 0.25 --memory 64m --publish 127.0.0.1:3005:3000 --health-interval 1s \
    --read-only --cap-drop ALL --volume /io "$WEBAPP_IMAGE" >/dev/null
  url=http://127.0.0.1:3005
  wait_until 20 curl -sf -o /dev/null "$url/readyz" || { docker logs tested && return 1; }
  check "docker run: a node that is named by its container" is "$(curl -s "$url/whoami" -H 'Accept: text/plain')" web1:3000
  check "it reads its container's quota, and takes as many threads" is "$(curl -s "$url/stats" | jq -c '[.cgroup.cpu_quota_cores, .pool.threads]')" '[0.25,1]'
  check "/io writes in a container that is read-only" is "$(curl -s -o /dev/null -w '%{http_code}' "$url/io?mb=1")" 200
  check "HEALTHCHECK works without a shell" wait_until 15 health_is tested healthy
  check "docker run webapp load: the image is the whole program" contains \
    "$(docker run --rm --network host "$WEBAPP_IMAGE" load "$url/whoami" --connections 2 --duration 500ms --warmup 0s 2>&1)" "Errors       none"
  curl -s -o /dev/null -w '%{http_code}' "$url/sleep?seg=2" >"$work/in-flight" &
  sleep 0.5
  docker stop --time 20 tested >/dev/null
  wait $!
  check "docker stop: the request in flight is answered" is "$(cat "$work/in-flight")" 200
  check "and the node ends in order" is "$(docker inspect --format '{{.State.ExitCode}}' tested)" 0
  docker rm --volumes tested >/dev/null
}

health_is() { [[ "$(docker inspect --format '{{.State.Health.Status}}' "$1")" == "$2" ]]; }

# What a registry would send. A debug build says nothing about it.
image_size() {
  local bytes
  if [[ "$WEBAPP_BIN" != */release/webapp ]]; then
    skip "the size of the image: $WEBAPP_BIN is no release build"
    return 0
  fi
  bytes=$(docker save "$WEBAPP_IMAGE" | gzip | wc -c)
  check "compressed, as a registry sends it, it has at most 7 MB" at_most "$bytes" 7000000
  note "$bytes bytes compressed, $(docker inspect --format '{{.Size}}' "$WEBAPP_IMAGE") on the disk"
}

# A node under 25 % in a container, and the same program under the same quota as a process: in turn, so that the machine's own
# speed drops out.
test_quota() {
  local process container median
  docker run --detach --name tested --cpus 0.25 --no-healthcheck "$WEBAPP_IMAGE" >/dev/null
  container=http://$(docker inspect --format '{{.NetworkSettings.IPAddress}}' tested):3000
  process=$("$root/scripts/cluster.sh" up --name quota --topology vertical --units 1 --unit-cpu 25 2>>"$log" | jq -r .target)
  wait_until 20 curl -sf -o /dev/null "$container/readyz" || return 1
  median=$(median_ratio "$container" "$process")
  # Other work on the machine may fall into one of the windows: a breach is measured again.
  within "$median" || median=$(median_ratio "$container" "$process")
  check "a quarter of a core in a container does what it does for a process, within 10 %" within "$median"
  "$root/scripts/cluster.sh" down --name quota >/dev/null 2>>"$log"
  docker rm --force tested >/dev/null
}

within() { at_least "$1" 0.90 && at_most "$1" 1.10; }

# median_ratio A B: of five pairs of runs in turn.
median_ratio() {
  local ratios=() _
  for _ in 1 2 3 4 5; do ratios+=("$(awk -v a="$(throughput "$1")" -v b="$(throughput "$2")" 'BEGIN { printf "%.3f", a / b }')"); done
  note "container / process: ${ratios[*]}" >&2
  printf '%s\n' "${ratios[@]}" | sort -n | sed -n 3p
}

throughput() { "$WEBAPP_BIN" load "$1/fib?number=22" --connections 4 --warmup 300ms --duration 1500ms --json - 2>/dev/null | jq .throughput_per_second; }
