# shellcheck shell=bash disable=SC2034 # for the scripts that source it
# What the drivers for containers share: options, the image, the balancer before the nodes, and the answer.
#
# The balancer is "webapp cluster" on this machine, with the containers as its nodes (--backend): one configuration for every kind of
# node. What is known of a cluster is in Docker's own labels; the balancer's folder is "webapp cluster"'s.

DOCKER_ROOT=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd -P)
# The port of a node in its container.
DOCKER_PORT=3000

NAME=webapp TOPOLOGY=horizontal UNITS=2 UNIT_CPU=25 BALANCER=haproxy MODEL=async PORT='' COMMAND='' OPERAND='' NODE_ARGUMENTS=()

# docker_parse WHERE WORD…: fills the variables above.
docker_parse() {
  local where=$1 setting
  shift
  while (($#)); do
    case $1 in
      --)
        NODE_ARGUMENTS=("${@:2}")
        break
        ;;
      --nodes=* | --nodes)
        # As scripts/cluster.sh has it: so many small nodes.
        [[ "$1" == *=* ]] || { [[ $# -ge 2 ]] || usage_error "$1 needs a value"; }
        if [[ "$1" == *=* ]]; then UNITS=${1#*=}; else
          UNITS=$2
          shift
        fi
        ;;
      --*=*)
        set -- "${1%%=*}" "${1#*=}" "${@:2}"
        continue
        ;;
      --name | --topology | --units | --unit-cpu | --balancer | --model | --port)
        [[ $# -ge 2 ]] || usage_error "$1 needs a value"
        setting=${1#--}
        setting=${setting//-/_}
        printf -v "${setting^^}" %s "$2"
        shift
        ;;
      -*) usage_error "there is no option $1 $where (other options of scripts/cluster.sh belong to clusters of processes)" ;;
      *)
        if [[ -z "$COMMAND" ]]; then
          COMMAND=$1
        elif [[ "$COMMAND" == @(kill|scale) && -z "$OPERAND" ]]; then
          OPERAND=$1
        else
          usage_error "one command at a time: $COMMAND or $1"
        fi
        ;;
    esac
    shift
  done
  [[ "$NAME" =~ ^[a-z0-9][a-z0-9-]{0,31}$ ]] || usage_error "--name is '$NAME', but may have up to 32 small letters, digits and dashes"
  docker_is_units "$UNITS" || usage_error "--units is '$UNITS', but must be a whole number from 1 to 64"
  [[ "$TOPOLOGY" == horizontal || "$TOPOLOGY" == vertical ]] || usage_error "--topology is '$TOPOLOGY', but may be: horizontal vertical"
  [[ "$MODEL" == async || "$MODEL" == sync ]] || usage_error "--model is '$MODEL', but may be: async sync"
  [[ "$UNIT_CPU" == none ]] || is_count "$UNIT_CPU" || usage_error "--unit-cpu is '$UNIT_CPU', but must be percent of one core, or none"
  [[ -z "$PORT" ]] || is_port "$PORT" || usage_error "--port is '$PORT', but must be a port"
}

docker_is_units() { is_count "$1" && (($1 <= 64)); }

# docker_require: there is a client, and an engine that answers.
docker_require() {
  local said
  have docker || die "docker is not there; install it: sudo apt-get install docker.io"
  said=$(docker version --format '{{.Server.Version}}' 2>&1) || die "no Docker engine answers: ${said##*$'\n'}"
}

# cores UNITS: what so many units are, as Docker's --cpus takes it.
cores() {
  local hundredths=$(($1 * UNIT_CPU))
  printf '%d.%02d' "$((hundredths / 100))" "$((hundredths % 100))"
}

webapp_program() { find_binary "$DOCKER_ROOT"; }

# The balancer's commands; what they say for people goes on to people.
balancer() { "$(webapp_program)" cluster "$@" --name "$NAME"; }

# need_balancer: the program of --balancer is there afterwards. The binary knows which there are.
need_balancer() {
  local missing command package
  missing=$("$(webapp_program)" cluster --print-missing up --balancer "$BALANCER") || exit 2
  while read -r command package; do
    [[ -z "$command" ]] || need "$command=$package"
  done <<<"$missing"
  export PATH
}

# docker_image: prints the name of an image with the program, made now if there is none. WEBAPP_IMAGE names another one.
docker_image() {
  local program sum image
  if [[ -n "${WEBAPP_IMAGE:-}" ]]; then
    printf '%s' "$WEBAPP_IMAGE"
    return 0
  fi
  program=$(webapp_program)
  sum=$(sha256sum <"$program")
  image=webapp:${sum:0:12}
  if ! docker image inspect "$image" >/dev/null 2>&1; then
    step "building the image $image of $program"
    docker_build "$program" "$image" >/dev/null
  fi
  printf '%s' "$image"
}

# docker_build PROGRAM IMAGE: the image with that program.
docker_build() {
  local folder=$DOCKER_ROOT/target/docker
  [[ "$(ldd "$1" 2>&1)" == *static* || "$(ldd "$1" 2>&1)" == *"not a dynamic"* ]] ||
    die "$1 needs the C library of this machine, and the image has none; scripts/build.sh makes a static one"
  mkdir -p -- "$folder"
  # Without symbols it is a tenth smaller; what a node prints when it panics names functions all the same where they are kept.
  (
    exec 8<"$folder"
    flock 8
    if have strip; then strip --strip-all -o "$folder/webapp.new" "$1"; else cp -- "$1" "$folder/webapp.new"; fi
    mv -f -- "$folder/webapp.new" "$folder/webapp"
    docker build --quiet --file "$DOCKER_ROOT/deploy/Dockerfile" --target binary --tag "$2" "$DOCKER_ROOT" 8<&-
  ) >&2 || die "the image $2 could not be built"
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
