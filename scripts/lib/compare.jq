# The report of one window of scripts/compare.sh: a table, and a line "missed …" for each figure that is too far away.
# $before, $after: /stats at its two ends; $memory: /stats between two runs of free; $tools: what the tools said.

def cell($width): tostring | " " * ([$width - length, 0] | max) + .;
def fixed($digits):
  if . == null then "-" else
    pow(10; $digits) as $scale
    | (. * $scale | round) as $scaled
    | ($scaled | fabs) as $whole
    | (if $scaled < 0 then "-" else "" end) + ($whole / $scale | floor | tostring)
      + (if $digits > 0 then "." + ("0" * $digits + ($whole % $scale | tostring) | .[-$digits:]) else "" end)
  end;
def row($cells): "  " + ($cells[0] | . + " " * (14 - length)) + ($cells[1:] | map(cell(11)) | join(""));

($before[0].raw.cpu) as $first
| ($after[0].raw.cpu) as $last
| ($last | with_entries(.value = ([(.value // 0) - ($first[.key] // 0), 0] | max))) as $ticks
| ($ticks | add) as $all
| [$ticks.user + $ticks.nice, $ticks.system, $ticks.iowait, $ticks.irq + $ticks.softirq, $ticks.steal, $ticks.idle]
| map(100 * . / $all) as $shares
| ($after[0].raw.monotonic_seconds - $before[0].raw.monotonic_seconds) as $length
| ($memory[0].memory | [.total_bytes, .available_bytes, .used_bytes]) as $bytes
# The sample was taken between the two: the nearer one is the fair one.
| ($tools.free | min_by(.[1] - $bytes[1] | fabs)) as $free
| $after[0].pool as $pool
| [["user", "system", "iowait", "interrupts", "steal", "idle"] | to_entries[]
    | .key as $index
    | {name: .value, unit: "points", allowed: $points, difference: ($shares[$index] - $tools.mpstat[$index]),
        cells: [([$tools.mpstat, $tools.iostat, $tools.top] | map(.[$index] | if . == null then "(system)" else fixed(1) end)[]),
          ($shares[$index] | fixed(1))]}] as $states
| [["total", "available", "used"] | to_entries[]
    | .key as $index
    | {name: .value, unit: "%", allowed: $percent, difference: (100 * ($bytes[$index] / $free[$index] - 1)),
        cells: [($free[$index] / 1e6 | fixed(0)), ($bytes[$index] / 1e6 | fixed(0))]}] as $amounts
| "\($load): " + (if $target == "" then $look else "GET \($target), again and again on \($connections) connections\n  \($look)" end),
  "",
  row(["CPU %", "mpstat", "iostat", "top", "/stats", "difference"]),
  ($states[] | row([.name] + .cells + [.difference | fixed(2)])),
  row(["memory, MB", "free", "", "", "/stats", "difference"]),
  ($amounts[] | row([.name, .cells[0], "", "", .cells[1], (.difference | fixed(2)) + " %"])),
  "",
  "  /stats alone: \($pool.active) of \($pool.threads) pool threads at work, \($pool.queued) requests waiting for one",
  ($after[0].network[] | select(.utilization != null)
    | "  on the wire:  \(.interface) sends \(.transmit_bytes_per_second * 8e-6 | fixed(1)) of the \(.speed_bytes_per_second * 8e-6 | fixed(0)) Mbit/s of its link"),
  "  and it says:  \($after[0].bottleneck.evidence)",
  "",
  (if ($length - $seconds | fabs) > 0.1 * $seconds
    then "missed \($load): the window of /stats was \($length | fixed(2)) s long; its --sample-interval must divide \($seconds) s" else empty end),
  ($states + $amounts | .[] | select((.difference | fabs) > .allowed)
    | "missed \($load) \(.name): \(.difference | fixed(2)) \(.unit)")
