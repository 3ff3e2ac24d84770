# shellcheck shell=bash
# Counting checks: each says what holds, and the script ends with "N passed, N failed, N skipped".
#
#   check "what must hold" COMMAND…   passes if the command succeeds; its output is shown only if it fails
#   pass TEXT, fail TEXT, skip TEXT   for a verdict reached otherwise; a skip says why, and is never a pass
#   checks_end                        the closing line; fails if a check failed

CHECKS_PASSED=0 CHECKS_FAILED=0 CHECKS_SKIPPED=0

pass() { CHECKS_PASSED=$((CHECKS_PASSED + 1)) && echo "ok    $1"; }
fail() { CHECKS_FAILED=$((CHECKS_FAILED + 1)) && echo "FAIL  $1"; }
skip() { CHECKS_SKIPPED=$((CHECKS_SKIPPED + 1)) && echo "skip  $1"; }

check() {
    local text=$1 output
    shift
    if output=$("$@" 2>&1); then pass "$text"; else
        fail "$text"
        # shellcheck disable=SC2001 # every line gets its indent
        sed 's/^/      /' <<<"$output"
    fi
}

checks_end() {
    echo "$CHECKS_PASSED passed, $CHECKS_FAILED failed, $CHECKS_SKIPPED skipped"
    ((CHECKS_FAILED == 0))
}
