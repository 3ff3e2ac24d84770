# shellcheck shell=bash
# A CPU quota for each node, by the first of systemd, cgroup v2 and cgroup v1 that works on this machine.
# "Works" is tried, not guessed: a group is made and a process put into it before the first node starts.
# The quota is 100 ms periods, as systemd's default, so that the three ways measure alike.

readonly QUOTA_PERIOD_MICROSECONDS=100000

# cgroup_folder 1|2 PID [CONTROLLER]: the folder of the process in the cgroup hierarchy of that version (1: the one with
# the controller, "cpu" if none is named).
cgroup_folder() {
  local version=$1 pid=$2 named=,${3:-cpu}, mount root path
  if [[ "$version" == 2 ]]; then
    read -r root mount < <(awk '{ for (i = 7; $i != "-"; i++); if ($(i + 1) == "cgroup2") { print $4, $5; exit } }' /proc/self/mountinfo) || return 1
    path=$(awk -F: '$1 == 0 { sub(/^0::/, ""); print; exit }' "/proc/$pid/cgroup") || return 1
  else
    read -r root mount < <(awk -v named="$named" '{ for (i = 7; $i != "-"; i++); if ($(i + 1) == "cgroup" && index("," $(i + 3) ",", named)) { print $4, $5; exit } }' /proc/self/mountinfo) || return 1
    path=$(awk -F: -v named="$named" 'index("," $2 ",", named) { sub(/^[^:]*:[^:]*:/, ""); print; exit }' "/proc/$pid/cgroup") || return 1
  fi
  [[ -n "$path" ]] || return 1
  # In a container the mount shows only a part of the hierarchy: its root is not ours to name.
  [[ "$root" == / ]] || path=${path#"$root"}
  path=$mount/${path#/}
  printf '%s' "${path%/}"
}

# quota_of_process PID: its quota in cores as the kernel has it, or "none".
quota_of_process() {
  local folder quota period
  if folder=$(cgroup_folder 2 "$1" 2>/dev/null) && [[ -r "$folder/cpu.max" ]]; then
    read -r quota period <"$folder/cpu.max"
    [[ "$quota" != max ]] || quota=-1
  elif folder=$(cgroup_folder 1 "$1" 2>/dev/null) && [[ -r "$folder/cpu.cfs_quota_us" ]]; then
    quota=$(<"$folder/cpu.cfs_quota_us")
    period=$(<"$folder/cpu.cfs_period_us")
  else
    quota=-1
  fi
  if ((quota < 0)); then
    printf none
  else
    cores_of "$quota" "$period"
  fi
}

# cores_of QUOTA PERIOD: the quotient with as many decimals as it needs.
cores_of() { awk -v q="$1" -v p="$2" 'BEGIN { printf "%.6g", q / p }'; }

quota_write() {
  local version=$1 folder=$2 percent=$3
  local quota=$((percent * QUOTA_PERIOD_MICROSECONDS / 100))
  if [[ "$version" == 2 ]]; then
    echo "$quota $QUOTA_PERIOD_MICROSECONDS" >"$folder/cpu.max"
  else
    echo "$QUOTA_PERIOD_MICROSECONDS" >"$folder/cpu.cfs_period_us" && echo "$quota" >"$folder/cpu.cfs_quota_us"
  fi
}

# group_try 1|2 FOLDER: makes FOLDER and proves that a process can be limited below it; undone when it cannot.
group_try() {
  local version=$1 folder=$2
  mkdir "$folder" 2>/dev/null || return 1
  if {
    [[ "$version" == 1 ]] || echo +cpu >"$folder/cgroup.subtree_control"
  } 2>/dev/null && mkdir "$folder/probe" 2>/dev/null && quota_write "$version" "$folder/probe" 50 2>/dev/null &&
    (echo "$BASHPID" >"$folder/probe/cgroup.procs") 2>/dev/null; then
    group_remove "$folder/probe"
    return 0
  fi
  [[ ! -d "$folder/probe" ]] || group_remove "$folder/probe"
  group_remove "$folder"
  return 1
}

# group_remove FOLDER: the kernel refuses while a process in it is still on its way out.
group_remove() {
  [[ -d "$1" ]] || return 0
  wait_until 5 rmdir "$1" 2>/dev/null || warn "could not remove the control group $1"
}

# limits_choose GROUP: prints "MECHANISM FOLDER" for a cluster whose group is called GROUP.
limits_choose() {
  local group=$1 folder
  if [[ -d /run/systemd/system ]] && have systemd-run; then
    # A user's manager takes the property also where it was not given the cpu controller, and then nothing holds: look.
    # shellcheck disable=SC2046 # no word for the system's manager, one for the user's
    if [[ "$(systemd-run $(systemd_manager) --scope --quiet --collect --unit="$group-probe" -p CPUQuota=50% \
      -- bash -c "$(declare -f cgroup_folder cores_of quota_of_process); quota_of_process self" 2>/dev/null)" == 0.5 ]]; then
      printf 'systemd -'
      return 0
    fi
  fi
  if folder=$(cgroup_folder 2 self 2>/dev/null); then
    # The own group may hold processes, and then none of its children may have controllers: look upwards.
    while [[ -r "$folder/cgroup.controllers" ]]; do
      if [[ " $(<"$folder/cgroup.controllers") " == *" cpu "* ]]; then
        { [[ " $(<"$folder/cgroup.subtree_control") " == *" cpu "* ]] || echo +cpu >"$folder/cgroup.subtree_control"; } 2>/dev/null &&
          group_try 2 "$folder/$group" && {
          printf 'cgroup-v2 %s' "$folder/$group"
          return 0
        }
      fi
      folder=${folder%/*}
    done
  fi
  if folder=$(cgroup_folder 1 self 2>/dev/null) && group_try 1 "$folder/$group"; then
    printf 'cgroup-v1 %s' "$folder/$group"
    return 0
  fi
  die "no CPU quota can be set here (tried systemd-run, cgroup v2, cgroup v1): run as root or in a login session of systemd, or go without by --unit-cpu none"
}

systemd_manager() { [[ $EUID -eq 0 ]] || printf -- --user; }

limits_scope() { printf '%s-%s.scope' "$1" "$2"; }

# limits_prepare MECHANISM FOLDER GROUP NODE PERCENT: the place for the node, before it starts.
limits_prepare() {
  local mechanism=$1 folder=$2 node=$4 percent=$5
  case $mechanism in
    cgroup-v1 | cgroup-v2)
      mkdir -p "$folder/$node"
      quota_write "${mechanism#cgroup-v}" "$folder/$node" "$percent" ||
        die "the kernel refused a quota of $percent % for $node (a group above may allow less: see $folder)"
      ;;
  esac
}

# limits_enter MECHANISM FOLDER NODE: called in the child, before exec, so that no instruction of the node runs unlimited.
limits_enter() {
  case $1 in
    cgroup-v1 | cgroup-v2) echo "$BASHPID" >"$2/$3/cgroup.procs" ;;
  esac
}

# limits_set MECHANISM FOLDER GROUP NODE PERCENT: changes the quota of a running node.
limits_set() {
  local mechanism=$1 folder=$2 group=$3 node=$4 percent=$5
  case $mechanism in
    systemd)
      # shellcheck disable=SC2046
      systemctl $(systemd_manager) set-property --runtime "$(limits_scope "$group" "$node")" "CPUQuota=$percent%"
      ;;
    cgroup-v1 | cgroup-v2) quota_write "${mechanism#cgroup-v}" "$folder/$node" "$percent" ;;
  esac
}

# limits_where MECHANISM FOLDER GROUP NODE: where a person finds the quota.
limits_where() {
  case $1 in
    cgroup-v1) printf '%s' "$2/$4/cpu.cfs_quota_us" ;;
    cgroup-v2) printf '%s' "$2/$4/cpu.max" ;;
    systemd) printf 'systemctl show -p CPUQuotaPerSecUSec %s' "$(limits_scope "$3" "$4")" ;;
  esac
}

# limits_remove MECHANISM FOLDER NODE: after the node's end. systemd removes its scopes by itself.
limits_remove() {
  case $1 in
    cgroup-v1 | cgroup-v2) group_remove "$2/$3" ;;
  esac
}
