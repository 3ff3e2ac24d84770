#!/usr/bin/env bash
# What measuring costs: CPU of the sampler at one sample a second, and of an answer of /stats against one of /whoami.
# shellcheck disable=SC1091 # .shellcheckrc says where to find what this sources
set -euo pipefail
source "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
need wrk

rounds 7 2
IDLE_SECONDS=${IDLE_SECONDS:-15}

# percent NANOSECONDS SECONDS: of one core
percent() { awk -v n="$1" -v s="$2" 'BEGIN { printf "%.4f\n", n / s / 1e7 }'; }

start_node sampled 0,1 --sample-interval 1s
sampled=$NODE_PID
# Its first window ends after 200 ms; then it never samples.
start_node asleep 0,1 --sample-interval 24h
asleep=$NODE_PID
sleep 2
for ((round = 0; round < ROUNDS; round++)); do
  a=$(cpu_nanoseconds "$sampled") b=$(cpu_nanoseconds "$asleep") s=$(cpu_nanoseconds "$sampled" sampler)
  sleep "$IDLE_SECONDS"
  a=$(($(cpu_nanoseconds "$sampled") - a)) b=$(($(cpu_nanoseconds "$asleep") - b)) s=$(($(cpu_nanoseconds "$sampled" sampler) - s))
  percent $((a - b)) "$IDLE_SECONDS" >>"$WORK/more"
  percent "$s" "$IDLE_SECONDS" >>"$WORK/sampler"
done
echo "CPU of an idle node that samples once a second, medians of $ROUNDS windows of $IDLE_SECONDS s:"
row "beyond one that does not sample, beside it" "$(median <"$WORK/more")" "% of core" 0.3
row "of its sampler thread" "$(median <"$WORK/sampler")" "% of core" 0.3

start_node busy 0 --workers 1 --pool-threads 1
url=$NODE_URL

for ((round = 0; round < ROUNDS; round++)); do
  for path in stats whoami; do
    before=$(cpu_nanoseconds "$NODE_PID")
    requests=$(taskset -c 1 wrk -t1 -c32 -d"$SECONDS_EACH"s "$url/$path" | awk '/requests in/ { print $1 }')
    after=$(cpu_nanoseconds "$NODE_PID")
    awk -v t=$((after - before)) -v n="$requests" 'BEGIN { printf "%.4f\n", t / 1e3 / n }' >>"$WORK/$path"
  done
done
paste "$WORK/stats" "$WORK/whoami" | awk '{ print $1 / $2 }' >"$WORK/ratios"
echo "CPU an answer over keep-alive, 32 connections, medians of $ROUNDS interleaved runs of $SECONDS_EACH s:"
printf '  %-62s %8.2f µs\n' /whoami "$(median <"$WORK/whoami")" /stats "$(median <"$WORK/stats")"
row "/stats / /whoami" "$(printf %.3f "$(median <"$WORK/ratios")")" x 3
