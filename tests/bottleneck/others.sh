# shellcheck shell=bash disable=SC2034,SC2154 # test-bottleneck.sh sets root, work, group, record and wanted
# Resources that need nothing but a node, or a cluster.

drive_cpu() {
  node --pool-threads "$(nproc)"
  burden '/fib?number=32' "$(($(nproc) * 2))"
  expect cpu
}

drive_cpu-quota() {
  local answer cluster=(env WEBAPP_STATE_DIR="$work/state" WEBAPP_BIN="$WEBAPP_BIN" WEBAPP_CLUSTER_BIN="$WEBAPP_BIN" "$root/scripts/cluster.sh")
  answer=$("${cluster[@]}" up --quiet --name "$group" --topology vertical --units 1 --unit-cpu 25 -- --log-level error 2>"$work/why") || {
    grep -q 'no CPU quota can be set' "$work/why" || die "the node did not start: $(cat "$work/why")"
    stands_in cpu-quota "$(cat "$work/why")"
    return 0
  }
  later "${cluster[@]}" down --quiet --name "$group"
  url=$(jq -r .target <<<"$answer")
  burden '/fib?number=25' 4
  expect cpu-quota
}

drive_io() {
  local folder place='' kind
  for folder in "${TMPDIR:-/tmp}" "$root/target" /var/tmp; do
    kind=$(stat -f -c %T -- "$folder" 2>/dev/null) || continue
    [[ $kind == tmpfs || $kind == ramfs ]] && continue
    place=$folder
    break
  done
  [[ -n $place ]] || { stands_in io "every folder for files is in memory"; return 0; }
  # Many small files: more waiting for syncs than copying, so that no CPU binds before the disk does.
  node --io-dir "$place" --pool-threads 8
  burden '/io?mb=1' 8
  expect io
}

drive_pool() {
  node --model sync --pool-threads 4
  burden '/sleep?seg=0.2' 16
  expect pool
}

drive_store() {
  if ! command -v redis-server >/dev/null; then
    stands_in store "there is no redis-server here"
    return 0
  fi
  redis_start "$work"
  started+=("$REDIS_PID")
  "$WEBAPP_BIN" store seed "$REDIS_URL" --rows 20000 >/dev/null
  node --store "$REDIS_URL" --store-connections 2 --store-timeout 30s
  burden '/item?id=7' 16
  # Held nine tenths of the time, as a CPU quota holds: the store is slow, and the machine has nothing to do.
  while kill -STOP "$REDIS_PID" && sleep 0.09 && kill -CONT "$REDIS_PID"; do sleep 0.01; done 2>/dev/null &
  started+=("$!")
  expect store
  end_processes "$!"
  kill -CONT "$REDIS_PID"
}
