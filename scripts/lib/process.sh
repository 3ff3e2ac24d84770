# shellcheck shell=bash
# Processes that outlive the script that started them, known by process id *and* start time:
# the kernel gives a process id to somebody else one day, but never with the same start time.

# process_start_time PID: clock ticks after boot (proc_pid_stat(5), field 22); fails for the dead and for zombies.
process_start_time() {
  local stat fields
  { read -r stat <"/proc/$1/stat"; } 2>/dev/null || return 1
  # The second field, the name, may hold spaces and brackets: count from behind its last bracket.
  read -r -a fields <<<"${stat##*) }"
  [[ "${fields[0]}" != Z && "${fields[0]}" != X ]] || return 1
  printf '%s' "${fields[19]}"
}

# process_record FILE: the caller's own shell is written down; an exec afterwards keeps both numbers.
process_record() {
  # Not "$BASHPID" inside the brackets below: there it would be another shell's.
  local pid=$BASHPID start
  start=$(process_start_time "$pid")
  echo "$pid $start" >"$1"
}

# process_pid FILE: the recorded process id, if that very process still lives.
process_pid() {
  local pid start
  [[ -s "$1" ]] || return 1
  read -r pid start <"$1" || return 1
  [[ "$(process_start_time "$pid")" == "$start" ]] || return 1
  printf '%s' "$pid"
}

process_alive() { process_pid "$1" >/dev/null; }
process_gone() { ! process_alive "$1"; }

# process_signal FILE SIGNAL: true if the recorded process was there to get it.
process_signal() {
  local pid
  pid=$(process_pid "$1") || return 1
  kill "-$2" "$pid" 2>/dev/null
}

# process_end FILE SECONDS: asks it to stop, waits, then insists. True when nothing is left.
process_end() {
  process_signal "$1" TERM || return 0
  wait_until "$2" process_gone "$1" && return 0
  local pid
  pid=$(process_pid "$1") || return 0
  # Each of ours leads its own session (setsid): its children, if it has any, go with it.
  kill -KILL -- "-$pid" 2>/dev/null || kill -KILL "$pid" 2>/dev/null || true
  wait_until 10 process_gone "$1"
}

# port_free PORT: nobody listens on it, on any address of this machine.
port_free() {
  local hex files=(/proc/net/tcp)
  [[ -r /proc/net/tcp6 ]] && files+=(/proc/net/tcp6)
  printf -v hex ':%04X' "$1"
  # Column 2 is the local address, column 4 the state; 0A is LISTEN.
  ! awk -v port="$hex" '$4 == "0A" && substr($2, length($2) - 4) == port { found = 1 } END { exit !found }' "${files[@]}"
}

# free_port: a port nobody listens on, below the range from which the kernel takes ports for outgoing
# connections: a node that restarts must find its port again, even while thousands of connections come and go.
free_port() {
  local lowest=10000 highest port attempt
  read -r highest _ </proc/sys/net/ipv4/ip_local_port_range
  ((highest > lowest + 1000)) || highest=32768
  for ((attempt = 0; attempt < 200; attempt++)); do
    port=$((lowest + (RANDOM * 32768 + RANDOM) % (highest - lowest)))
    port_free "$port" && {
      printf '%s' "$port"
      return 0
    }
  done
  die "found no free port between $lowest and $highest"
}

# http_status URL: the status code of a GET without any program but bash; fails when nobody answers within a second.
http_status() {
  local address=${1#http://} path line
  path=/${address#*/}
  [[ "$address" == */* ]] || path=/
  address=${address%%/*}
  # shellcheck disable=SC2016 # the inner shell expands it
  line=$(
    timeout 1 bash -c '
      exec 3<>"/dev/tcp/$1/$2" || exit 1
      printf "GET %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n" "$3" "$1:$2" >&3
      read -r line <&3 && printf "%s" "$line"
    ' http_status "${address%:*}" "${address##*:}" "$path" 2>/dev/null
  ) || return 1
  [[ "$line" =~ ^HTTP/1\.[01]\ ([0-9]{3}) ]] || return 1
  printf '%s' "${BASH_REMATCH[1]}"
}

http_ready() { [[ "$(http_status "$1")" == 2?? ]]; }
