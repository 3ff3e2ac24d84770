#!/usr/bin/env bash
# The lab guide as its reader runs it: every command, in order. See --help.
# shellcheck disable=SC1091 # .shellcheckrc says where to find what this sources
set -euo pipefail

usage() {
    cat <<'HELP'
Runs the commands of docs/lab-guide.md that need nothing beyond this computer, in order, in namespaces of their own, and looks at
whether they show what the guide says. Compares the commands of the Spanish guide with them. Needs root.

usage: scripts/test-guide.sh [--show]

  --show   the commands and all they print, at full length (this is how the guide's outputs were made)

The binary is the one that WEBAPP_BIN names, else the one that scripts/build.sh made.
HELP
}

here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
source "$here/scripts/lib/common.sh"
source "$here/scripts/lib/checks.sh"
show=false
help_wanted "$@"
case ${1:-} in
'') ;;
--show) show=true ;;
*) usage_error "there is no option $1" ;;
esac
cd "$here"
guide=docs/lab-guide.md spanish=docs/guia-de-laboratorio.md

# blocks FILE KIND: the commands of its fenced blocks "sh" (KIND run), or "sh" and "sh skip" (KIND all); before each, its line.
blocks() {
    awk -v kind="$2" '
        /^```/ { if (inside) inside = 0; else { inside = $0 == "```sh" || (kind == "all" && $0 == "```sh skip"); if (inside && kind == "run") printf "at=%d\n", NR } next }
        inside' "$1"
}

same_commands() { diff <(blocks "$guide" all) <(blocks "$spanish" all); }
# linked FILE: every file and every heading that it links to is there.
linked() {
    local link ok=0
    while read -r link; do
        case $link in
        http*) ;;
        '#'*) grep -E '^#' "$1" | sed 's/^#* //' | tr '[:upper:]' '[:lower:]' | sed 's/[^[:alnum:] -]//g; s/ /-/g' | grep -qxF "${link#\#}" || { echo "no heading $link"; ok=1; } ;;
        *) [[ -e docs/${link%%#*} ]] || { echo "no file $link"; ok=1; } ;;
        esac
    done < <(grep -oE '\]\([^)]+\)' "$1" | sed 's/^](//; s/)$//')
    return "$ok"
}

check "both languages have the same commands" same_commands
check "every link of $guide leads somewhere" linked "$guide"
check "every link of $spanish leads somewhere" linked "$spanish"

if [[ $EUID -ne 0 ]] || ! unshare --net --pid --mount --fork true 2>/dev/null; then
    skip "the commands of the guide: needs root and namespaces (try: sudo $0)"
    checks_end
    exit
fi
need haproxy iostat=sysstat jq curl
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
WEBAPP_BIN=$(find_binary "$here")
export WEBAPP_BIN WEBAPP_STATE_DIR=$work/state
mkdir "$work/bin" "$work/lab"
ln -s "$(realpath "$WEBAPP_BIN")" "$work/bin/webapp"

# Files in a folder of this test; unless shown, loads that nothing waits beside are short.
prepare() {
    sed "s|\$(dirname \"\$(scripts/build.sh --quiet)\")|$work/bin|; s|rm -rf target/lab|:|; s|target/lab|$work/lab|g" |
        if $show; then cat; else sed '/ & load=/!s/--duration [0-9]*s/--duration 1s/; s/--duration 8s/--duration 6s/'; fi
}

{
    # 3 is not a failure of a command: a generator that says that it was the limit.
    # shellcheck disable=SC2016 # expanded there
    echo 'trap '\''code=$?; ((code == 3)) || echo "line $at: $BASH_COMMAND: exit code $code" >>"$failures"'\'' ERR'
    if $show; then echo 'set -v'; fi
    blocks "$guide" run | prepare
} >"$work/commands"

run_guide() {
    export failures=$work/failures
    : >"$failures"
    $show || export WEBAPP_LOAD_WARMUP=200ms
    timeout 400 setpriv --pdeathsig KILL unshare --net --pid --mount --fork --kill-child --mount-proc \
        bash -c "ip link set lo up; exec bash '$work/commands'" </dev/null >"$work/output" 2>&1 || { tail -n 20 "$work/output"; return 1; }
    [[ ! -s $failures ]] || { cat "$failures"; tail -n 40 "$work/output"; return 1; }
}

result() { jq -e "$2" "$work/lab/$1.json"; }

check "every command of the guide does its work" run_guide
! $show || cat "$work/output"
check "step 7: a node killed under load costs no request" result kill '.requests_ok == .requests_total and .requests_total > 400'
check "step 7: a rolling restart costs no request" result rolling '.requests_ok == .requests_total and .requests_total > 400'
check "step 9: most of a flood is answered 429" result limited '.status["429"] > 0 and .requests_ok > 0'
check "step 11: the one big node takes everything with it" result vertical '.requests_ok < 0.8 * .requests_total and .requests_ok > 0'
check "step 11: of four nodes one dies, and no request fails" result horizontal '.requests_ok == .requests_total and (.nodes | length) == 4'
checks_end
