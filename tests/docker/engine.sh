# shellcheck shell=bash disable=SC2034,SC2154 # test-docker.sh sets root, work and log
# A Docker engine of this test alone, in namespaces of its own: ports 80, 3001 and 3002 are free there, its firewall rules are not
# this machine's, and with the namespaces everything of it ends.

# engine_missing: the reason why there can be none, if there is one.
engine_missing() {
  [[ $EUID -eq 0 ]] || { echo "it needs root" && return 0; }
  unshare --net --mount --pid --fork true 2>/dev/null || { echo "namespaces are not permitted here" && return 0; }
  if ! have dockerd || ! have iptables || ! have docker-compose; then
    may_install || { echo "dockerd or docker-compose is missing; run: sudo apt-get install docker.io docker-compose iptables" && return 0; }
    say "installing docker.io, docker-compose and iptables"
    # The service of the package is not started: this engine is another one.
    apt_install docker.io docker-compose iptables >/dev/null || { echo "apt-get could not install docker.io" && return 0; }
  fi
  return 1
}

# compose_v2 CONFIG: Compose v2 for the client of that DOCKER_CONFIG. Debian 12 has none, so it comes from the package of Debian 13, which
# is unpacked there and not installed.
compose_v2() {
  local folder=$1/apt options
  [[ ! -x /usr/libexec/docker/cli-plugins/docker-compose ]] || return 0
  mkdir -p "$folder"/{lists/partial,cache/archives/partial,root} "$1/cli-plugins"
  options=(-qq -o "Dir::Etc::sourcelist=$folder/sources.list" -o Dir::Etc::sourceparts=/dev/null -o "Dir::State::lists=$folder/lists"
    -o "Dir::Cache=$folder/cache" -o Acquire::Retries=1 -o Acquire::http::Timeout=15 -o APT::Sandbox::User=root)
  echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/debian trixie main" >"$folder/sources.list"
  (cd -- "$folder" && apt-get "${options[@]}" update && apt-get "${options[@]}" download docker-compose && dpkg -x docker-compose_*.deb root) >&2 || return 1
  mv -- "$folder/root/usr/libexec/docker/cli-plugins/docker-compose" "$1/cli-plugins/"
  rm -rf -- "$folder"
}

# engine_start NAME [COMMAND…]: an engine whose files are in $work/NAME; it is started by COMMAND, for instance in another network.
# Sets ENGINE_PID. Its socket is $work/NAME/socket.
engine_start() {
  local folder=$work/$1
  shift
  mkdir -p -- "$folder"
  "$@" dockerd --data-root "$folder/data" --exec-root "$folder/exec" --pidfile "$folder/pid" --host "unix://$folder/socket" \
    --cgroup-parent "$CGROUP_PARENT" >"$folder/log" 2>&1 &
  ENGINE_PID=$!
  wait_until 30 engine_answers "$folder" || { tail -n 5 "$folder/log" && return 1; }
}

engine_answers() { docker --host "unix://$1/socket" version >/dev/null 2>&1; }

# image_of_program NAME PROGRAM COMMAND…: an image with a program of this machine, the libraries it names, and what a server needs
# to find: no image can be pulled here. COMMAND is a list in JSON.
image_of_program() {
  local name=$1 program=$2 command=$3 tree=$work/tree file
  rm -rf -- "$tree"
  mkdir -p "$tree"/{etc/nginx,tmp,run,var/log/nginx,var/lib/nginx,var/run,usr/sbin,usr/bin}
  chmod 1777 "$tree/tmp"
  cp -- "$program" "$tree/usr/sbin/"
  while read -r file; do
    mkdir -p "$tree${file%/*}"
    cp -L -- "$file" "$tree$file"
  done < <(ldd "$program" | grep -oE '/[^ ]+')
  printf '%s\n' root:x:0:0::/: www-data:x:33:33::/: nobody:x:65534:65534::/: >"$tree/etc/passwd"
  printf '%s\n' root:x:0: www-data:x:33: nogroup:x:65534: >"$tree/etc/group"
  echo 'hosts: files dns' >"$tree/etc/nsswitch.conf"
  tar --create --directory "$tree" . | docker import --change "CMD $command" - "$name" >/dev/null
}
