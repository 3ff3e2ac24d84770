//! The columns of the tables of points: the terminal shows those that fit, the page shows all.

use super::addresses::AddressUse;
use super::analysis::{DeathResult, LatencyPoint, Point};
use crate::results::arm::PointKey;
use crate::results::number::{figure as figure_of, milliseconds, or_dash, percent, plain};

/// A column of a table whose rows are made of `T`.
pub struct Column<T> {
    /// Its head on the page.
    pub head: &'static str,
    /// Its head on a terminal; `None`: the page alone shows it.
    pub short: Option<&'static str>,
    /// True for words, which stand at the left of their column.
    pub words: bool,
    /// What a row says there.
    pub cell: fn(&T) -> String,
}

/// A column of figures.
pub const fn figure<T>(head: &'static str, short: Option<&'static str>, cell: fn(&T) -> String) -> Column<T> {
    Column { head, short, words: false, cell }
}

/// A column of words.
pub const fn words<T>(head: &'static str, short: Option<&'static str>, cell: fn(&T) -> String) -> Column<T> {
    Column { head, short, words: true, cell }
}

/// What the mark at a ceiling without a valid run means.
pub const NOT_VALID: &str = "✗ marks a figure that is not valid: no valid run stands behind it.";

/// A ceiling, marked where it is a lower bound, and where no valid run stands behind it ([`NOT_VALID`]).
pub fn ceiling(point: &Point) -> String {
    let bound = if point.is_limit { "" } else { "≥ " };
    let invalid = if point.valid { "" } else { " ✗" };
    format!("{bound}{}{invalid}", plain(point.ceiling_per_second.median))
}

/// The CPU of an answer, in milliseconds: microseconds, too, where it is hardly more than those.
pub fn cpu_milliseconds(value: f64) -> String {
    if value < 0.1 { figure_of(value) } else { format!("{value:.2}") }
}

/// What each point did.
pub const POINTS: &[Column<Point>] = &[
    words("arm", Some("arm"), |point| point.key.arm.clone()),
    figure("scale", Some("scale"), |point| point.key.scale.to_string()),
    figure("requests/s", Some("req/s"), ceiling),
    figure("lowest block", None, |point| plain(point.ceiling_per_second.low)),
    figure("highest block", None, |point| plain(point.ceiling_per_second.high)),
    figure("± %", Some("±%"), |point| format!("{:.1}", point.spread_percent / 2.0)),
    figure("connections", None, |point| point.connections.to_string()),
    figure("p50 ms", Some("p50 ms"), |point| or_dash(point.p50_milliseconds, milliseconds)),
    figure("p99 ms", Some("p99 ms"), |point| or_dash(point.p99_milliseconds, milliseconds)),
    figure("CPU %", Some("CPU %"), |point| or_dash(point.used.cpu_percent, percent)),
    figure("throttled %", Some("throttled %"), |point| or_dash(point.used.throttled_percent, percent)),
    figure("pool %", Some("pool %"), |point| or_dash(point.used.pool_percent, percent)),
    figure("balancer CPU %", None, |point| or_dash(point.used.balancer_cpu_percent, percent)),
    figure("generator CPU %", None, |point| or_dash(point.used.generator_cpu_percent, percent)),
    figure("CPU of others, cores", None, |point| or_dash(point.used.foreign_cores, |cores| format!("{cores:.2}"))),
    figure("efficiency %", Some("eff. %"), |point| or_dash(point.efficiency_percent, percent)),
    words("answered by each node", Some("  served by each"), |point| {
        let answers = point.served.values().map(u64::to_string).collect::<Vec<_>>();
        format!("  {}", answers.join(" "))
    }),
];

/// What stopped each point, and the ceiling that its CPU allows.
pub const LIMITS: &[Column<Point>] = &[
    words("arm", Some("arm"), |point| point.key.arm.clone()),
    figure("scale", Some("scale"), |point| point.key.scale.to_string()),
    figure("CPU ms a request", Some("CPU ms/req"), |point| {
        or_dash(point.demand_milliseconds, |demand| cpu_milliseconds(demand.median))
    }),
    figure("lowest", None, |point| or_dash(point.demand_milliseconds, |demand| cpu_milliseconds(demand.low))),
    figure("highest", None, |point| or_dash(point.demand_milliseconds, |demand| cpu_milliseconds(demand.high))),
    figure("CPU allows/s", Some("allows/s"), |point| or_dash(point.predicted_per_second, plain)),
    figure("reached/s", Some("reached/s"), ceiling),
    words("stopped by", Some("stopped by"), |point| {
        format!("{}: {}", point.binding.resource.name(), point.binding.evidence)
    }),
];

/// Microseconds of CPU; a dash where there is no such part, or where it is not known.
fn microseconds(value: Option<f64>) -> String {
    or_dash(value.filter(|&part| part > 0.0), plain)
}

/// The CPU of an answer, by who used it.
pub const ANSWER_CPU: &[Column<Point>] = &[
    words("arm", Some("arm"), |point| point.key.arm.clone()),
    figure("scale", Some("scale"), |point| point.key.scale.to_string()),
    figure("nodes µs", Some("nodes µs"), |point| microseconds(point.answer_cpu.nodes_microseconds)),
    figure("balancers µs", Some("balancers µs"), |point| microseconds(point.answer_cpu.balancers_microseconds)),
    figure("stores and caches µs", Some("stores and caches µs"), |point| {
        microseconds(point.answer_cpu.services_microseconds)
    }),
    figure("all that serve µs", Some("all that serve µs"), |point| {
        microseconds(point.answer_cpu.serving_microseconds())
    }),
    figure("generator µs", Some("generator µs"), |point| microseconds(point.answer_cpu.generator_microseconds)),
];

/// Whether [`ANSWER_CPU`] says more than what the nodes used.
pub fn has_answer_cpu(points: &[Point]) -> bool {
    points.iter().any(|point| point.answer_cpu.has_parts())
}

/// A row of the table of latency.
pub struct LatencyRow {
    /// Arm and scale.
    pub key: PointKey,
    /// One rate of its open ladder.
    pub at: LatencyPoint,
}

/// All rows of the table of latency.
pub fn latency_rows(points: &[Point]) -> Vec<LatencyRow> {
    let rows = |point: &Point| {
        let key = point.key.clone();
        point.latency.iter().map(move |at| LatencyRow { key: key.clone(), at: at.clone() }).collect::<Vec<_>>()
    };
    points.iter().flat_map(rows).collect()
}

/// Response time over load.
pub const LATENCY: &[Column<LatencyRow>] = &[
    words("arm", Some("arm"), |row| row.key.arm.clone()),
    figure("scale", Some("scale"), |row| row.key.scale.to_string()),
    figure("load %", Some("load %"), |row| percent(100.0 * row.at.fraction)),
    figure("offered/s", Some("offered/s"), |row| plain(row.at.rate_per_second)),
    figure("answered/s", Some("answered/s"), |row| plain(row.at.goodput_per_second)),
    figure("p50 ms", Some("p50 ms"), |row| or_dash(row.at.p50_milliseconds, milliseconds)),
    figure("p99 ms", Some("p99 ms"), |row| or_dash(row.at.p99_milliseconds, milliseconds)),
    figure("failed %", Some("failed %"), |row| percent(row.at.failed_percent)),
    figure("CPU %", Some("CPU %"), |row| or_dash(row.at.used.cpu_percent, percent)),
    figure("throttled %", None, |row| or_dash(row.at.used.throttled_percent, percent)),
    figure("pool %", None, |row| or_dash(row.at.used.pool_percent, percent)),
    words("objective", Some(" objective"), |row| {
        let words = match (row.at.valid, row.at.met) {
            (false, _) => "not valid",
            (true, true) => "met",
            (true, false) => "missed",
        };
        format!(" {words}")
    }),
];

/// A row of the table of addresses.
pub struct AddressRow {
    /// Arm and scale.
    pub key: PointKey,
    /// One address there.
    pub at: AddressUse,
}

/// All rows of the table of addresses.
pub fn address_rows(points: &[Point]) -> Vec<AddressRow> {
    let rows = |point: &Point| {
        let key = point.key.clone();
        point.addresses.iter().map(move |at| AddressRow { key: key.clone(), at: at.clone() }).collect::<Vec<_>>()
    };
    points.iter().flat_map(rows).collect()
}

/// What each address of a mix did.
pub const ADDRESSES: &[Column<AddressRow>] = &[
    words("arm", Some("arm"), |row| row.key.arm.clone()),
    figure("scale", Some("scale"), |row| row.key.scale.to_string()),
    figure("answered/s", Some("answered/s"), |row| plain(row.at.goodput_per_second)),
    figure("p50 ms", Some("p50 ms"), |row| or_dash(row.at.p50_milliseconds, milliseconds)),
    figure("p99 ms", Some("p99 ms"), |row| or_dash(row.at.p99_milliseconds, milliseconds)),
    words("address", Some("  address"), |row| format!("  {}", row.at.address)),
];

/// What an accident under load did at one point.
pub const EVENTS: &[Column<EventRow>] = &[
    words("arm", Some("arm"), |row| row.key.arm.clone()),
    figure("scale", Some("scale"), |row| row.key.scale.to_string()),
    words("killed", Some("killed"), |row| row.death.node.clone()),
    figure("offered/s", Some("offered/s"), |row| plain(row.death.rate_per_second)),
    figure("after s", Some("after s"), |row| format!("{:.1} of {:.1}", row.death.at_seconds, row.death.window_seconds)),
    figure("requests", Some("requests"), |row| row.death.requests.to_string()),
    figure("failed", Some("failed"), |row| row.death.failed.to_string()),
    figure("users whose session was lost", Some("lost users"), |row| {
        or_dash(row.death.sessions, |sessions| format!("{} of {}", sessions.users_that_lost, sessions.users))
    }),
    figure("times a session was lost", None, |row| {
        or_dash(row.death.sessions, |sessions| sessions.lost_total.to_string())
    }),
    figure("p99 ms of the rest", Some("p99 ms"), |row| or_dash(row.death.p99_milliseconds, milliseconds)),
    words("valid", Some("  valid"), |row| if row.death.valid { "  yes" } else { "  no" }.to_owned()),
];

/// A row of the table of accidents.
pub struct EventRow {
    /// Arm and scale.
    pub key: PointKey,
    /// What happened.
    pub death: DeathResult,
}

/// All rows of the table of accidents.
pub fn event_rows(points: &[Point]) -> Vec<EventRow> {
    let row = |point: &Point| Some(EventRow { key: point.key.clone(), death: point.death.clone()? });
    points.iter().filter_map(row).collect()
}
