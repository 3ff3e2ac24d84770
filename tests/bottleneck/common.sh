# shellcheck shell=bash disable=SC2034,SC2154 # test-bottleneck.sh sets root, work, group, record and wanted
# A node in its place, load on it, and the name in its /stats.

started=() undo=()

# later COMMAND…: done by calm, the last one first.
later() { undo+=("$(printf '%q ' "$@")"); }

# calm: ends what the last resource needed.
calm() {
  local index
  for ((index = ${#started[@]} - 1; index >= 0; index--)); do end_processes "${started[index]}"; done
  for ((index = ${#undo[@]} - 1; index >= 0; index--)); do eval "${undo[index]}" || true; done
  started=() undo=() enter=() inside=()
}

enter=()  # what starts the node in its place
inside=() # what reaches the node's network

# node [arguments of serve]: starts a node; sets url.
node() {
  local address=127.0.0.1:0
  ((${#inside[@]} == 0)) || address=$LINK_NODE:0
  rm -f -- "$work/out"
  "${enter[@]}" "${inside[@]}" "$WEBAPP_BIN" serve --listen "$address" --log-level error --drain-timeout 1s "$@" >"$work/out" 2>"$work/log" &
  started+=("$!")
  url=$(node_url "$work/out" "$work/log")
}

# burden TARGET CONNECTIONS [COMMAND…]: asks again and again, from where COMMAND leads, until calm.
burden() {
  local target=$1 connections=$2
  shift 2
  "$@" "$WEBAPP_BIN" load "$url$target" --connections "$connections" --warmup 0s --duration 300s --timeout 120s >/dev/null 2>&1 &
  started+=("$!")
}

stats() { "${inside[@]}" curl -fsS --max-time 20 "$url/stats" >"$work/stats"; }

# named RESOURCE: the last window and the one before it both name it.
named() {
  local before=${seen:-}
  stats || return 1
  [[ $(jq -r .sampled_at "$work/stats") != "$before" ]] || return 1
  seen=$(jq -r .sampled_at "$work/stats")
  [[ $(jq -r .bottleneck.resource "$work/stats") == "$1" ]] || {
    streak=0
    return 1
  }
  ((++streak >= 2))
}

# expect RESOURCE: waits with patience until /stats names it, and shows the evidence.
expect() {
  local seen='' streak=0
  if wait_until 90 named "$1"; then
    pass "$(jq -r .bottleneck.evidence "$work/stats")"
    [[ $record == no ]] || {
      mkdir -p "$WINDOWS"
      jq '{kernel: .node.kernel} + del(.node, .raw, .unavailable)' "$work/stats" >"$WINDOWS/$1.json"
    }
  else
    fail "$1 does not bind; the last word: $(jq -r .bottleneck.evidence "$work/stats")"
    jq -c '{cpu, cgroup, pressure, disks, network, pool, store}' "$work/stats" >&2
  fi
}

stands_in() {
  [[ -s "$WINDOWS/$1.json" ]] || { fail "$1: $2, and no window was recorded"; return 0; }
  skip "$1: $2; the window recorded in tests/windows/$1.json stands in"
}
