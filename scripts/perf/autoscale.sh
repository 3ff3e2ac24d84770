#!/usr/bin/env bash
# The autoscaler: a week of a day's load replayed and simulated; with RESULTS, what its simulation of an experiment is off by.
# shellcheck disable=SC1091 # .shellcheckrc says where to find what this sources
set -euo pipefail
source "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

# A week, a decision every 15 s, six nodes whose use follows the day.
awk 'BEGIN {
  for (at = 0; at < 7 * 86400; at += 15) {
    use = 45 + 35 * sin(6.2832 * at / 86400)
    printf "{\"at\": %d, \"nodes\": [", at
    for (node = 1; node <= 6; node++)
      printf "%s{\"name\": \"node%d\", \"cpu\": %.1f, \"queue\": %.2f}", (node > 1) ? ", " : "", node, use, use / 30
    print "]}"
  }
}' >"$WORK/week.jsonl"
for _ in 1 2 3 4 5; do
  /usr/bin/time -a -o "$WORK/seconds" -f %e "$WEBAPP_BIN" autoscale --replay "$WORK/week.jsonl" --metric cpu=60 --metric queue=2 >"$WORK/decisions"
done
[[ $(wc -l <"$WORK/decisions") == 40320 ]] || die "there are $(wc -l <"$WORK/decisions") decisions, not 40320"
row "a week of samples replayed (median of 5)" "$(median <"$WORK/seconds")" s 2

# The same rules on the simulator's clock: each request arrives, waits and is answered, and nodes take 20 s to start.
WEEK=$(example simulated_week)
for _ in 1 2 3 4 5; do
  "$WEEK" >>"$WORK/week"
done
read -r _ requests decisions <"$WORK/week"
row "a week simulated: $requests requests, $decisions decisions (median of 5)" "$(cut -d ' ' -f 1 "$WORK/week" | median)" s 2

if [[ -n "${RESULTS:-}" ]]; then
  echo "simulated against measured unit-seconds of $RESULTS:"
  "$WEBAPP_BIN" report "$RESULTS" >/dev/null || (($? == 3)) || die "there is no report of $RESULTS"
  while read -r arm off; do
    row "$arm, off by" "$off" % 10
  done < <(jq -r '.followed.arms[] | select(.simulated_unit_seconds) |
    [.arm, ((.simulated_unit_seconds / .unit_seconds - 1) * 1000 | fabs | round / 10)] | @tsv' "$RESULTS/report.json")
fi
