# shellcheck shell=bash disable=SC2034 # for the scripts that source it
# The machines of the Vagrantfile: where they are, and a way to speak with them that costs a second and not five.
#
#   vagrant_address MACHINE         its address on the private network
#   vagrant_url MACHINE             where its node, or its balancer, answers
#   vagrant_run ARGUMENT…           vagrant in this clone; what it prints goes to stderr
#   vagrant_start MACHINE…          those of them that do not answer are brought up
#   vagrant_root MACHINE WORD…      runs the script on stdin there, as root

VAGRANT_ROOT=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd -P)
VAGRANT_STATE=${VAGRANT_STATE:-$VAGRANT_ROOT/target/vagrant}
VAGRANT_PORT=3000
# The Vagrantfile's own settings, with its defaults; it checks them.
VAGRANT_NODES=${NODES:-2}
VAGRANT_NODE_CPUS=${NODE_CPUS:-1}
VAGRANT_NETWORK=${WEBAPP_NETWORK:-192.168.56}
{ is_count "$VAGRANT_NODES" && is_count "$VAGRANT_NODE_CPUS"; } || die "NODES=$VAGRANT_NODES and NODE_CPUS=$VAGRANT_NODE_CPUS must be whole numbers from 1"
export NODES=$VAGRANT_NODES
# As big as all nodes together, so that no point of a ladder needs a reload.
export VERTICAL_CPUS=${VERTICAL_CPUS:-$((VAGRANT_NODES * VAGRANT_NODE_CPUS))}

vagrant_address() {
  case $1 in
    balancer) printf '%s.10' "$VAGRANT_NETWORK" ;;
    vertical) printf '%s.9' "$VAGRANT_NETWORK" ;;
    node*) printf '%s.%s' "$VAGRANT_NETWORK" "$((10 + ${1#node}))" ;;
  esac
}

vagrant_url() {
  local port=$VAGRANT_PORT
  [[ "$1" != balancer ]] || port=80
  printf 'http://%s:%s' "$(vagrant_address "$1")" "$port"
}

# Its helpers must not keep the caller's lock.
vagrant_run() {
  have vagrant || die "vagrant is not there; install it, and VirtualBox or libvirt: sudo apt-get install vagrant vagrant-libvirt libvirt-daemon-system"
  (cd -- "$VAGRANT_ROOT" && vagrant "$@" >&2 9<&-) || die "vagrant $* failed"
}

# vagrant_alone ARGUMENT…: vagrant_run, one at a time: each packs the file that goes to the machines anew.
vagrant_alone() { (flock 8 && vagrant_run "$@") 8>"$VAGRANT_STATE/lock"; }

# vagrant_answers MACHINE [--fail]: its node, or its balancer, answers within a second: anything at all, or, with --fail, 2xx.
vagrant_answers() { curl -s ${2:+"$2"} -m 1 -o /dev/null "$(vagrant_url "$1")/readyz"; }

vagrant_start() {
  local machine missing=()
  for machine in "$@"; do
    vagrant_answers "$machine" || missing+=("$machine")
  done
  ((${#missing[@]})) || return 0
  step "starting ${missing[*]}"
  vagrant_run up "${missing[@]}"
}

# vagrant_way MACHINE [again]: prints the path of a file that tells ssh how to reach the machine. vagrant, which takes seconds,
# is asked only when the machine has been made since, or when the way does not lead there any more.
vagrant_way() {
  local machine=$1 file=$VAGRANT_STATE/ssh/$1 made=${VAGRANT_DOTFILE_PATH:-$VAGRANT_ROOT/.vagrant}/machines/$1
  if [[ -n "${2-}" || ! -s "$file" || -n "$(find "$made" -name id -newer "$file" 2>/dev/null)" ]]; then
    mkdir -p -- "${file%/*}"
    (cd -- "$VAGRANT_ROOT" && vagrant ssh-config --host "$machine" "$machine" 9<&-) | write_file "$file"
    [[ -s "$file" ]] || die "vagrant knows no way to $machine: is it running? (vagrant status)"
  fi
  printf '%s' "$file"
}

# vagrant_root MACHINE WORD…: the script on stdin, as root, with these words as its arguments.
vagrant_root() {
  local machine=$1 script way code=0
  shift
  script=$(cat)
  way=$(vagrant_way "$machine") || return 1
  vagrant_ssh "$way" "$machine" "$@" <<<"$script" || code=$?
  # 255 is ssh's own: the machine may have moved since (another address, another key).
  ((code == 255)) || return "$code"
  way=$(vagrant_way "$machine" again) || return 1
  vagrant_ssh "$way" "$machine" "$@" <<<"$script"
}

vagrant_ssh() {
  local way=$1 machine=$2
  shift 2
  ssh -F "$way" -T -o BatchMode=yes -o ConnectTimeout=20 -o ServerAliveInterval=10 -o LogLevel=ERROR "$machine" "sudo bash -s --${*:+ ${*@Q}}" 9<&-
}
