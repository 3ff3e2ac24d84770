# shellcheck shell=bash disable=SC2034,SC2154 # the parts of cluster.sh share S, DIR and here
# nginx in front of the nodes. Whatever changes is written, tested (nginx -t) and taken over by a graceful reload:
# new workers start with the new configuration, the old ones finish the requests they have.

nginx_require() { need nginx nginx-light; }

nginx_version() { nginx -v 2>&1 | sed 's|.*nginx/\([0-9.]*\).*|\1|'; }

nginx_config_path() { printf '%s' "$DIR/balancer/nginx.conf"; }

nginx_write_config() {
  nginx_config >"$DIR/balancer/nginx.conf.new"
  nginx_check "$DIR/balancer/nginx.conf.new"
  mv -f -- "$DIR/balancer/nginx.conf.new" "$(nginx_config_path)"
}

# nginx_check FILE: refuses what nginx refuses, and what it warns about.
nginx_check() {
  local words
  words=$(nginx -t -q -p "$DIR/balancer" -e stderr -c "$1" 2>&1) || die "nginx refuses the configuration $1:
$words"
  [[ -z "$words" ]] || die "nginx is not content with the configuration $1: $words"
}

nginx_start() {
  nginx_write_config
  rm -f -- "$DIR/balancer/closing"
  # Its workers look for the file "closing" here, as another user; this folder is where they are, so nothing above need be open to them.
  chmod 711 "$DIR/balancer"
  (
    trap - EXIT INT TERM
    cd "$DIR/balancer" || exit
    exec 9<&- </dev/null >>"$DIR/balancer/log" 2>&1
    process_record "$DIR/balancer/process"
    exec setsid -- nginx -p "$DIR/balancer" -e log -c "$(nginx_config_path)"
  ) &
  wait_until 10 nginx_answers || {
    tail -n 5 "$DIR/balancer/log" >&2 || true
    die "nginx did not start"
  }
}

nginx_answers() { process_alive "$DIR/balancer/process" && http_ready "http://127.0.0.1:${S[stats_port]}/"; }

nginx_stop() { process_end "$DIR/balancer/process" 5 || warn "nginx does not end"; }

# nginx_workers: those that take new connections; a worker that is on its way out says so in its title.
nginx_workers() {
  local master child title
  master=$(process_pid "$DIR/balancer/process") || return 0
  for child in $(<"/proc/$master/task/$master/children"); do
    { title=$(tr '\0' ' ' <"/proc/$child/cmdline"); } 2>/dev/null || continue
    [[ "$title" == *'shutting down'* ]] || printf '%s\n' "$child"
  done
}

# nginx_reload: returns when only workers with the new configuration take connections.
nginx_reload() {
  nginx_write_config
  NGINX_OLD=$(nginx_workers)
  # See @closing in the configuration: who is connected now gets one more answer, and with it the end of the connection.
  : >"$DIR/balancer/closing"
  NGINX_CLIENTS=$(nginx_clients)
  sleep 0.1
  # Whoever stays for two seconds asks nothing, or waits for a long answer.
  wait_until 2 nginx_clients_gone || true
  process_signal "$DIR/balancer/process" HUP || die "nginx is not running"
  wait_until 15 nginx_reloaded || die "nginx did not take over the new configuration; see $DIR/balancer/log"
  rm -f -- "$DIR/balancer/closing"
  step "nginx: configuration written, tested (nginx -t), taken over (kill -HUP); workers $(paste -sd ' ' <<<"$NGINX_OLD"), now $(nginx_workers | paste -sd ' ')"
}

# nginx_clients: the addresses of those that are connected, as the kernel writes them (column 3; state 01 is ESTABLISHED).
nginx_clients() {
  local files=(/proc/net/tcp) ports
  [[ -r /proc/net/tcp6 ]] && files+=(/proc/net/tcp6)
  printf -v ports '%04X %04X' "${S[port]}" "${S[tls_port]:-0}"
  awk -v ports="$ports" '$4 == "01" && index(ports, substr($2, length($2) - 3)) { print $3 }' "${files[@]}"
}

nginx_clients_gone() { ! nginx_clients | grep -qxF -f <(printf '%s' "$NGINX_CLIENTS"); }

nginx_reloaded() {
  local worker now
  now=$(nginx_workers)
  [[ -n "$now" ]] || return 1
  for worker in $now; do
    [[ $'\n'"$NGINX_OLD"$'\n' != *$'\n'"$worker"$'\n'* ]] || return 1
  done
}

# nginx_settled: the workers from before the reload have finished their last request and ended.
nginx_settled() {
  local worker
  for worker in $NGINX_OLD; do
    ! process_start_time "$worker" >/dev/null || return 1
  done
}

# --- live changes, by reload -------------------------------------------------------------------------------------

nginx_add() { nginx_reload; }

nginx_drain() {
  nginx_reload
  wait_until "${S[drain_timeout]}" nginx_settled || warn "requests are still in flight after ${S[drain_timeout]} seconds"
}

nginx_ready() { nginx_reload; }

# nginx_await: it tries a node again by itself, two seconds after its last failure.
nginx_await() { :; }

# nginx_shares: stub_status knows no nodes.
nginx_shares() { :; }

# nginx_delete: the drain has marked the nodes `down` already; without their lines the file means the same.
nginx_delete() { :; }

nginx_remember() { nginx_write_config; }
