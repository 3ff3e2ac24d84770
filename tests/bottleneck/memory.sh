# shellcheck shell=bash disable=SC2034,SC2154 # test-bottleneck.sh sets root, work, group, record and wanted
# A memory limit, and a node that takes nearly all of it.

# memory_group 1|2: the folder of this process in the cgroup hierarchy of that version which has the controller memory.
memory_group() {
  local kind=cgroup2 line='^0::' path
  [[ $1 == 2 ]] || { kind=cgroup line='^[0-9]*:(.*,)?memory(,.*)?:'; }
  path=$(grep -E "$line" /proc/self/cgroup | cut -d: -f3-) || return 1
  findmnt -nr -t "$kind" -o TARGET,OPTIONS | awk -v path="${path%/}" -v all="$1" 'all == 2 || $2 ~ /(^|,)memory(,|$)/ { print $1 path; exit }'
}

# group_remove FOLDER: the kernel refuses while a process in it is still on its way out.
group_remove() { wait_until 5 rmdir "$1" 2>/dev/null || warn "could not remove the control group $1"; }

# enter_group FOLDER COMMAND…: runs it in that control group. Called in the background, so the exec is the child's.
enter_group() {
  echo "$BASHPID" >"$1/cgroup.procs"
  shift
  exec "$@"
}

# memory_place BYTES: fills enter with what starts a command under a memory limit; fails when nothing can.
memory_place() {
  local folder
  if [[ -d /run/systemd/system ]] && have systemd-run && systemd-run --scope --quiet --collect --unit="$group-probe" -p "MemoryMax=$1" -- true 2>/dev/null; then
    enter=(systemd-run --scope --quiet --collect --unit="$group" -p "MemoryMax=$1" --)
    return 0
  fi
  if folder=$(memory_group 2); then
    # A group that holds processes cannot hand the controller down: look upwards.
    while [[ -r "$folder/cgroup.controllers" ]]; do
      if { echo +memory >"$folder/cgroup.subtree_control"; } 2>/dev/null && mkdir "$folder/$group" 2>/dev/null; then
        later group_remove "$folder/$group"
        { echo "$1" >"$folder/$group/memory.max"; } 2>/dev/null || return 1
        enter=(enter_group "$folder/$group")
        return 0
      fi
      folder=${folder%/*}
    done
  fi
  folder=$(memory_group 1) && mkdir "$folder/$group" 2>/dev/null || return 1
  later group_remove "$folder/$group"
  { echo "$1" >"$folder/$group/memory.limit_in_bytes"; } 2>/dev/null || return 1
  enter=(enter_group "$folder/$group")
}

drive_memory() {
  memory_place $((128 * 1024 * 1024)) || { stands_in memory "no memory limit can be set here"; return 0; }
  node
  # What the node may take so that 97 % of the limit is in use, and no process is killed.
  wait_until 20 jq_stats '.window_seconds != null' || die "the first window did not end"
  local free
  free=$(jq '.cgroup | (.memory_binding_limit_bytes * 0.97 - .memory_working_set_bytes) / 1e6 | floor' "$work/stats")
  curl -fsS --max-time 120 -o /dev/null "$url/memory?mb=$free&seg=100" 2>/dev/null &
  started+=("$!")
  expect memory
}

jq_stats() { stats && jq -e "$1" "$work/stats" >/dev/null; }
