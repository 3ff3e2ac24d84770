# shellcheck shell=bash
# Ports of this machine, by nothing but bash and awk.

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
