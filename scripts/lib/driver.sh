# shellcheck shell=bash disable=SC2034 # for the scripts that source it
# What the drivers share: options, the balancer before the nodes, and the answer.
#
# The balancer is "webapp cluster" on this machine, with the driver's nodes behind it (--backend): one configuration for every kind of
# node. Its folder is "webapp cluster"'s.

DRIVER_ROOT=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd -P)

NAME=webapp TOPOLOGY=horizontal UNITS=2 UNIT_CPU=25 BALANCER=haproxy MODEL=async PORT='' BIND='' COMMAND='' OPERAND='' NODE_ARGUMENTS=()

# driver_parse WHERE OPTIONS WORD…: fills the variables above. WHERE is for messages; OPTIONS are those that the driver has, such as
# "--name --units". With "--" among them, what follows it is for the nodes.
driver_parse() {
  local where=$1 options=" $2 " setting
  shift 2
  while (($#)); do
    case $1 in
      --)
        [[ "$options" == *' -- '* ]] || usage_error "nodes take no further arguments $where"
        NODE_ARGUMENTS=("${@:2}")
        break
        ;;
      --*=*)
        set -- "${1%%=*}" "${1#*=}" "${@:2}"
        continue
        ;;
      -*)
        [[ "$options" == *" $1 "* ]] || usage_error "there is no option $1 $where (other options of scripts/cluster.sh belong to clusters of processes)"
        [[ $# -ge 2 ]] || usage_error "$1 needs a value"
        setting=${1#--}
        # As scripts/cluster.sh has it: so many small nodes.
        [[ "$setting" != nodes ]] || setting=units
        setting=${setting//-/_}
        printf -v "${setting^^}" %s "$2"
        shift
        ;;
      *)
        if [[ -z "$COMMAND" ]]; then
          COMMAND=$1
        elif [[ "$COMMAND" == @(kill|scale|load) && -z "$OPERAND" ]]; then
          OPERAND=$1
        else
          usage_error "one command at a time: $COMMAND or $1"
        fi
        ;;
    esac
    shift
  done
  [[ "$NAME" =~ ^[a-z0-9][a-z0-9-]{0,31}$ ]] || usage_error "--name is '$NAME', but may have up to 32 small letters, digits and dashes"
  is_units "$UNITS" || usage_error "--units is '$UNITS', but must be a whole number from 1 to 64"
  [[ "$TOPOLOGY" == horizontal || "$TOPOLOGY" == vertical ]] || usage_error "--topology is '$TOPOLOGY', but may be: horizontal vertical"
  [[ "$MODEL" == async || "$MODEL" == sync ]] || usage_error "--model is '$MODEL', but may be: async sync"
  [[ "$UNIT_CPU" == none ]] || is_count "$UNIT_CPU" || usage_error "--unit-cpu is '$UNIT_CPU', but must be percent of one core, or none"
  [[ -z "$PORT" ]] || is_port "$PORT" || usage_error "--port is '$PORT', but must be a port"
}

# driver_run COMMAND…: runs the command that was given, if it is one of these.
driver_run() {
  [[ -n "$COMMAND" ]] || usage_error "a command is missing"
  [[ " $* " == *" $COMMAND "* ]] || usage_error "there is no command '$COMMAND'"
  "command_$COMMAND"
}

is_units() { is_count "$1" && (($1 <= 64)); }

# wanted_units: the operand of scale.
wanted_units() {
  is_units "$OPERAND" || usage_error "scale needs a whole number of units from 1 to 64"
  printf '%s' "$OPERAND"
}

# check_victim: the operand of kill is a node's name.
check_victim() { [[ "$OPERAND" =~ ^node[0-9]+$ ]] || usage_error "kill needs the name of a node, such as node1"; }

# cores UNITS: what so many units are, in cores with two decimals.
cores() {
  local hundredths=$(($1 * UNIT_CPU))
  printf '%d.%02d' "$((hundredths / 100))" "$((hundredths % 100))"
}

webapp_program() { find_binary "$DRIVER_ROOT"; }

# The balancer's commands; what they say for people goes on to people.
balancer() { "$(webapp_program)" cluster "$@" --name "$NAME"; }

# balancer_up ADDRESS…: before these nodes.
balancer_up() { balancer up --balancer "$BALANCER" --backend "$(joined "$@")" ${PORT:+--port "$PORT"} ${BIND:+--bind "$BIND"} >/dev/null; }

# enough_nodes N: so many run, and answer. The driver's read_nodes fills NODES and ADDRESSES.
enough_nodes() {
  local address
  read_nodes
  ((${#NODES[@]} == $1)) || return 1
  for address in "${ADDRESSES[@]}"; do ready "$address" || return 1; done
}

# tell_balancer: it gets the list of the nodes that answer. One on a host that died is the engine's to replace, and runs for it until then.
tell_balancer() {
  local address answering=()
  [[ "$TOPOLOGY" == horizontal ]] || return 0
  for address in "${ADDRESSES[@]}"; do
    if ready "$address"; then answering+=("$address"); fi
  done
  ((${#answering[@]} == 0)) || balancer backends "$(joined "${answering[@]}")" >/dev/null
}

# need_balancer: the program of --balancer is there afterwards. The binary knows which there are.
need_balancer() {
  local missing command package
  missing=$("$(webapp_program)" cluster --print-missing up --balancer "$BALANCER") || exit 2
  while read -r command package; do
    [[ -z "$command" ]] || need "$command=$package"
  done <<<"$missing"
  export PATH
}

# ready ADDRESS: it takes requests.
ready() { "$(webapp_program)" healthcheck "http://$1/readyz" --timeout 1s 2>/dev/null; }

# all_ready SECONDS ADDRESS…
all_ready() {
  local seconds=$1 address
  shift
  for address in "$@"; do wait_until "$seconds" ready "$address" || die "the node at $address does not answer"; done
}

# joined WORD…: with commas.
joined() {
  local IFS=,
  printf '%s' "$*"
}

# json_field NAME: of the one line on stdin, the first text or number of that name.
json_field() { sed -nE "s/.*\"$1\":\"?([^\",}]*).*/\1/p" | head -n 1; }

# balancer_name ADDRESS: what the balancer calls the node there: its own numbers, which are others once a node was taken out.
balancer_name() { balancer status --json | grep -oE '"name":"[^"]*","url":"http://[^"]*"' | sed -nE "s|^\"name\":\"([^\"]*)\",\"url\":\"http://$1\"\$|\1|p"; }

# describe_cluster MECHANISM TARGET WORD…: the contract's answer; the words are --node, --pid and --ask of `webapp cluster describe`.
describe_cluster() {
  local mechanism=$1 target=$2 words=() status balancer
  shift 2
  [[ "$UNIT_CPU" == none ]] || words=(--unit-cpu "$UNIT_CPU")
  if [[ "$TOPOLOGY" == horizontal ]]; then
    status=$(balancer status --json)
    target=$(json_field target <<<"$status")
    # Of the whole line, the part about the balancer.
    balancer=${status#*\"balancer\":}
    words+=(--balancer "$(sed -nE 's/^\{"kind":"([^"]*)".*/\1/p' <<<"$balancer")" --balancer-version "$(sed -nE 's/^[^}]*"version":"([^"]*)".*/\1/p' <<<"$balancer")")
    balancer=$(sed -nE 's/^[^}]*"pid":([0-9]+).*/\1/p' <<<"$balancer")
    [[ -z "$balancer" ]] || words+=(--balancer-pid "$balancer")
  fi
  "$(webapp_program)" cluster describe --name "$NAME" --topology "$TOPOLOGY" --units "$UNITS" --mechanism "$mechanism" --target "$target" "${words[@]}" "$@"
}
