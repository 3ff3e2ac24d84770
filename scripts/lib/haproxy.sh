# shellcheck shell=bash disable=SC2034,SC2154 # the parts of cluster.sh share S, DIR and here
# HAProxy in front of the nodes. Needs 2.6 or newer: from there on a server that is added at run time may have health checks
# and a slow start, and may be deleted again.

# Settings of every server line. `add server` knows nothing of default-server: both must say the same.
# The weight is the same for all; as 100 instead of 1, `show stat` can tell how far a slow start has come.
haproxy_server_options() {
  printf 'weight 100 check inter 1s fastinter 250ms downinter 500ms fall 2 rise 2 observe layer4 error-limit 5 slowstart 3s maxconn %s ' "${S[maxconn]}"
  # What local nodes believe; see state.sh.
  ! nodes_are_local || printf 'source %s' "$BALANCER_SOURCE"
}

haproxy_version() { haproxy -v | awk 'NR == 1 { sub(/-.*/, "", $3); print $3 }'; }

haproxy_config_path() { printf '%s' "$DIR/balancer/haproxy.cfg"; }

# haproxy_require: the program, new enough.
haproxy_require() {
  need haproxy
  local version
  version=$(haproxy_version)
  printf '2.6\n%s\n' "$version" | sort -CV || die "HAProxy $version is too old: this needs 2.6 or newer"
}

haproxy_write_config() {
  haproxy_config >"$DIR/balancer/haproxy.cfg.new"
  haproxy_check "$DIR/balancer/haproxy.cfg.new"
  mv -f -- "$DIR/balancer/haproxy.cfg.new" "$(haproxy_config_path)"
}

# haproxy_check FILE: refuses what HAProxy refuses, and what it warns about.
haproxy_check() {
  local words
  words=$(cd "$DIR/balancer" && haproxy -c -f "$1" 2>&1) || die "HAProxy refuses the configuration $1:
$words"
  ! grep -iE 'warning|alert' <<<"$words" >&2 || die "HAProxy is not content with the configuration $1"
}

haproxy_start() {
  haproxy_write_config
  (
    trap - EXIT INT TERM
    cd "$DIR/balancer" || exit
    exec 9<&- </dev/null >>"$DIR/balancer/log" 2>&1 3>&1
    process_record "$DIR/balancer/process"
    # -db: stay one process in the foreground; the caller has detached it already.
    # -q: once it runs, it says what happens by its log alone, and not a second time, without the time, on stderr.
    exec setsid -- haproxy -q -db -f "$(haproxy_config_path)"
  ) &
  wait_until 10 haproxy_answers || {
    tail -n 5 "$DIR/balancer/log" >&2 || true
    die "HAProxy did not start"
  }
}

haproxy_answers() { [[ "$(haproxy_ask 'show info' 2>/dev/null)" == *Name:* ]]; }

haproxy_stop() {
  # SIGUSR1 would wait for the last client, for as long as that stays: the cluster goes down, so the balancer goes at once.
  process_end "$DIR/balancer/process" 5 || warn "HAProxy does not end"
}

# haproxy_ask COMMAND: one command to the runtime interface. The folder is entered because a socket's path may have 107 bytes at most.
haproxy_ask() (
  cd "$DIR/balancer" && if have socat; then
    socat -t 5 - unix-connect:haproxy.sock <<<"$1"
  else
    need perl
    # perl-base is on every Debian.
    perl -MIO::Socket::UNIX -e '
      my $s = IO::Socket::UNIX->new(Peer => "haproxy.sock") or die "haproxy.sock: $!\n";
      print $s "$ARGV[0]\n"; $s->flush; shutdown $s, 1; print while <$s>;' "$1"
  fi
)

# haproxy_tell COMMAND [EXPECTED]: one command; its answer must be empty, or contain EXPECTED.
haproxy_tell() {
  local answer
  step "haproxy.sock: $1"
  answer=$(haproxy_ask "$1") || die "HAProxy's runtime interface does not answer: $1"
  [[ -z "${answer//[$'\n']/}" || (-n "${2:-}" && "$answer" == *"$2"*) ]] || die "HAProxy refused '$1': $answer"
}

# haproxy_field NODE FIELD: one column of `show stat`, by the name in its head line.
haproxy_field() {
  haproxy_ask 'show stat' | awk -F, -v node="$1" -v field="$2" '
    NR == 1 { sub(/^# /, ""); for (i = 1; i <= NF; i++) column[$i] = i }
    $1 == "nodes" && $2 == node { print $column[field] }'
}

# --- live changes, no reload -------------------------------------------------------------------------------------

haproxy_add() {
  local node
  for node in "$@"; do
    haproxy_tell "add server nodes/$node $(node_address "$node") $(haproxy_server_options)" registered
    haproxy_tell "enable health nodes/$node"
    haproxy_tell "enable server nodes/$node"
  done
  haproxy_await "$@"
  haproxy_write_config
}

# haproxy_drain NODE…: no new request goes there; returns when those in flight are done.
haproxy_drain() {
  local node
  for node in "$@"; do
    haproxy_tell "set server nodes/$node state drain"
  done
  for node in "$@"; do
    wait_until "${S[drain_timeout]}" haproxy_idle "$node" || warn "$node still has requests after ${S[drain_timeout]} seconds"
  done
  haproxy_write_config
}

# haproxy_ready NODE…: back into the rotation, and at their full weight when this returns.
haproxy_ready() {
  local node
  for node in "$@"; do
    # While it drained, the checks went on: wait until they have seen the new process.
    wait_until 15 haproxy_healthy "$node" || die "$node answers, but HAProxy's health checks do not see it"
    haproxy_tell "set server nodes/$node state ready"
  done
  haproxy_await "$@"
  haproxy_write_config
}

# haproxy_await NODE…: health checks have let them in, and their slow start is over. Who goes on before takes the next node from a
# cluster that is not whole yet.
haproxy_await() {
  local node
  for node in "$@"; do
    wait_until 15 haproxy_is_up "$node" || die "$node runs, but does not come up in HAProxy; ${0##*/} logs balancer --name ${S[name]}"
  done
  for node in "$@"; do
    wait_until 10 haproxy_full_weight "$node" || warn "$node is still in its slow start"
  done
}

haproxy_idle() { [[ "$(haproxy_field "$1" scur)" == 0 && "$(haproxy_field "$1" qcur)" == 0 ]]; }
haproxy_is_up() { [[ "$(haproxy_field "$1" status)" == UP ]]; }
haproxy_healthy() { [[ "$(haproxy_field "$1" check_status)" == L7OK && "$(haproxy_field "$1" status)" != DOWN* ]]; }
haproxy_full_weight() { [[ "$(haproxy_field "$1" weight)" == "$(haproxy_field "$1" uweight)" ]]; }

# haproxy_delete NODE…: after their processes have ended; HAProxy keeps a server as long as a connection to it is open.
haproxy_delete() {
  local node
  for node in "$@"; do
    haproxy_tell "set server nodes/$node state maint"
    step "haproxy.sock: del server nodes/$node"
    wait_until 15 haproxy_deleted "$node" || die "HAProxy does not let go of $node: $(haproxy_ask "del server nodes/$node")"
  done
}

# haproxy_shares: "NODE STATE REQUESTS" a line; a slow start is a share of the full weight.
haproxy_shares() {
  haproxy_ask 'show stat' | awk -F, '
    NR == 1 { sub(/^# /, ""); for (i = 1; i <= NF; i++) at[$i] = i }
    $1 == "nodes" && $2 != "BACKEND" {
      state = $at["status"]; gsub(/ /, "-", state)
      if (state == "UP" && $at["weight"] < $at["uweight"]) state = sprintf("UP-%d%%", 100 * $at["weight"] / $at["uweight"])
      print $2, state, $at["stot"] }'
}

haproxy_deleted() { [[ "$(haproxy_ask "del server nodes/$1")" == *eleted* ]]; }

# haproxy_remember: the file says what the process does, so that a start would change nothing.
haproxy_remember() { haproxy_write_config; }
