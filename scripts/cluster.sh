#!/usr/bin/env bash
# A cluster of nodes behind a real balancer, on this machine or as the balancer of a VM. See --help.
set -euo pipefail

here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P)
source "$here/lib/common.sh"
source "$here/lib/process.sh"
source "$here/lib/limits.sh"
source "$here/lib/state.sh"
source "$here/lib/cluster-answer.sh"
source "$here/lib/tls.sh"
source "$here/lib/node.sh"
source "$here/lib/haproxy-config.sh"
source "$here/lib/haproxy.sh"
source "$here/lib/nginx-config.sh"
source "$here/lib/nginx.sh"
source "$here/lib/cluster-up.sh"
source "$here/lib/cluster-live.sh"

usage() {
  cat <<'TEXT'
A cluster of webapp nodes, each under its own CPU quota, behind a real HAProxy or nginx.

usage: scripts/cluster.sh COMMAND [options] [-- further arguments of "webapp serve"]

  up                start the cluster; run again, it repairs what is missing
  status            what is there
  scale N           N units, live: nodes come and go without a lost request; a vertical cluster gets another quota
  kill NODE         kill -9, as an accident would
  drain NODE        no more requests for it; returns when it has none left
  start NODE        the way back from kill and from drain
  rolling-restart   all nodes, one after the other, without a lost request
  logs [NODE]       the end of what nodes and balancer wrote (or of one: node2, balancer); --follow, --lines N
  config            the balancer's configuration
  down              end it, and leave nothing behind

options of all commands:
  --name NAME       which cluster (webapp); two of different names live side by side
  --quiet           say only what goes wrong
  --json            the answer as one line of JSON, as a program gets it, on a terminal too
options of up, the nodes:
  --nodes N         N small nodes behind a balancer (2); the same as --topology horizontal --units N
  --topology T      horizontal: a node for each unit, behind a balancer; vertical: one node that has all units
  --units N         how many units of CPU (2)
  --unit-cpu P      a unit, in percent of one core (25), or none: no quota
  --model M         async (default) or sync: how a node spends its threads
  --drain-timeout S seconds a node may take to finish what it has (30)
options of up, the balancer:
  --balancer B      haproxy (default; 2.6 or newer) or nginx
  --behind-balancer put the one node of a vertical cluster behind a balancer, too
  --backend A:P,…   start no nodes, but be the balancer of these; drain and start work on them, too
  --algorithm A     roundrobin (default), leastconn or random
  --port PORT       where clients connect (8080, or the next free one when you do not say)
  --bind ADDRESS    on which address (127.0.0.1; * is all of this machine's)
  --maxconn N       requests a node gets at once; more wait in HAProxy's queue (1000)
  --tls             https://dev.acme.com.ar as well, by a local authority (mkcert, else openssl)
  --http2           HTTP/2 towards the client; needs, and means, --tls
  --tls-port PORT   where (8443, or the next free one)
  --redirect        plain HTTP only sends the client to HTTPS
  --authority DIR   keep the local authority there, so that it is trusted once and not for each cluster
  --limit-requests N     requests a second from one source; above it 429
  --limit-connections N  connections at once from one source (layer 4: scripts/protect.sh)

The answer goes to stdout: a table on a terminal, else one line of JSON. What is done goes to stderr. State lives in $WEBAPP_STATE_DIR, else $XDG_RUNTIME_DIR/webapp-UID, else
/tmp/webapp-UID. The node is the program that WEBAPP_BIN names, else the one that scripts/build.sh made.

example: scripts/cluster.sh up --nodes 4 && curl http://127.0.0.1:8080/whoami; scripts/cluster.sh down
TEXT
}

# --- the command line ---------------------------------------------------------------------------------------------

# What was said on the command line, by settings' names; what was not said stays unset.
declare -A ASKED=()
FURTHER=()
WORDS=()

# take SETTING FLAG VALUE…: notes the flag's value, which must be there.
take() {
  [[ $# -ge 3 ]] || usage_error "$2 needs a value"
  ASKED[$1]=$3
}

parse() {
  while (($#)); do
    case $1 in
      --*=*)
        set -- "${1%%=*}" "${1#*=}" "${@:2}"
        continue
        ;;
      --name) take name "$@" && shift ;;
      --nodes) take nodes "$@" && shift ;;
      --topology) take topology "$@" && shift ;;
      --units) take units "$@" && shift ;;
      --unit-cpu) take unit_cpu "$@" && shift ;;
      --behind-balancer) ASKED[behind_balancer]=yes ;;
      --balancer) take balancer "$@" && shift ;;
      --algorithm) take algorithm "$@" && shift ;;
      --port) take port "$@" && shift ;;
      --bind) take bind "$@" && shift ;;
      --model) take model "$@" && shift ;;
      --maxconn) take maxconn "$@" && shift ;;
      --drain-timeout) take drain_timeout "$@" && shift ;;
      --tls) ASKED[tls]=yes ;;
      --http2) ASKED[http2]=yes ASKED[tls]=yes ;;
      --redirect) ASKED[redirect]=yes ASKED[tls]=yes ;;
      --tls-port) take tls_port "$@" && shift ;;
      --authority) take authority "$@" && shift ;;
      --backend) take backend "$@" && shift ;;
      --limit-requests) take limit_requests "$@" && shift ;;
      --limit-connections) take limit_connections "$@" && shift ;;
      --follow) ASKED[follow]=yes ;;
      --lines) take lines "$@" && shift ;;
      --quiet) VERBOSE=0 ;;
      --json) ASKED[json]=yes ;;
      -h | --help)
        usage
        exit 0
        ;;
      --)
        shift
        FURTHER=("$@")
        return 0
        ;;
      -*) usage_error "there is no option $1" ;;
      *) WORDS+=("$1") ;;
    esac
    shift
  done
}

# one_of NAME VALUE CHOICE…
one_of() {
  local choice
  for choice in "${@:3}"; do
    [[ "$2" != "$choice" ]] || return 0
  done
  usage_error "$1 is '$2', but may be: ${*:3}"
}

# check_asked: everything that can be wrong with the words alone.
check_asked() {
  local flag
  [[ "${ASKED[name]-webapp}" =~ ^[a-z0-9][a-z0-9-]{0,31}$ ]] ||
    usage_error "--name is '${ASKED[name]}', but may have up to 32 small letters, digits and dashes"
  for flag in nodes units maxconn drain_timeout limit_requests limit_connections lines; do
    is_count "${ASKED[$flag]-1}" || usage_error "--${flag//_/-} is '${ASKED[$flag]}', but must be a whole number from 1"
  done
  ((${ASKED[nodes]-1} <= 64 && ${ASKED[units]-1} <= 64)) || usage_error "at most 64 nodes or units"
  [[ "${ASKED[unit_cpu]-none}" == none ]] || { is_count "${ASKED[unit_cpu]}" && ((ASKED[unit_cpu] <= 6400)); } ||
    usage_error "--unit-cpu is '${ASKED[unit_cpu]}', but must be percent of one core from 1 to 6400, or none"
  one_of --topology "${ASKED[topology]-vertical}" vertical horizontal
  one_of --balancer "${ASKED[balancer]-haproxy}" haproxy nginx
  one_of --algorithm "${ASKED[algorithm]-roundrobin}" roundrobin leastconn random
  one_of --model "${ASKED[model]-async}" async sync
  for flag in port tls_port; do
    is_port "${ASKED[$flag]-1}" || usage_error "--${flag//_/-} is '${ASKED[$flag]}', but must be 1 to 65535"
  done
  [[ -z "${ASKED[tls_port]-}${ASKED[authority]-}" || -n "${ASKED[tls]-}" || "${WORDS[0]-}" != up ]] || usage_error "--tls-port and --authority need --tls"
  [[ "${ASKED[backend]-h:1}" =~ ^[A-Za-z0-9.-]+:[0-9]{1,5}(,[A-Za-z0-9.-]+:[0-9]{1,5})*$ ]] ||
    usage_error "--backend is '${ASKED[backend]}', but must be addresses like 192.168.56.11:3000,192.168.56.12:3000"
  [[ "${ASKED[authority]-/}" == /* ]] || ASKED[authority]=$PWD/${ASKED[authority]}
  [[ "${ASKED[bind]-*}" == '*' || "${ASKED[bind]}" =~ ^[0-9a-fA-F.:]+$ ]] || usage_error "--bind is '${ASKED[bind]}', but must be an IP address, or *"
}

main() {
  parse "$@"
  check_asked
  ((${#WORDS[@]})) || {
    usage >&2
    exit 2
  }
  S[name]=${ASKED[name]-webapp}
  local command=${WORDS[0]}
  case $command in
    up | status | rolling-restart | config | down) ((${#WORDS[@]} == 1)) || usage_error "$command takes no further words: ${WORDS[*]:1}" ;;
    scale | kill | drain | start) ((${#WORDS[@]} == 2)) || usage_error "$command needs one word behind it" ;;
    logs) ((${#WORDS[@]} <= 2)) || usage_error "logs takes one name at most" ;;
    *) usage_error "there is no command '$command'" ;;
  esac
  state_open "${S[name]}"
  "command_${command//-/_}" "${WORDS[@]:1}"
}

command_status() {
  must_be_up
  answer with-up
}

command_down() {
  state_exists || [[ -d "$DIR" ]] || {
    step "there is no cluster ${S[name]}"
    return 0
  }
  state_lock
  if state_exists; then
    settings_load
    cluster_down
  else
    state_forget
  fi
  step "the cluster ${S[name]} is down"
}

main "$@"
