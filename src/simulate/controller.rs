//! What watches the system and changes the number of nodes, on the simulated clock: an autoscaler.

/// Asked at fixed intervals of simulated time.
pub trait Controller {
    /// Seconds from one question to the next, above 0. Asked after each answer, so it may change.
    fn interval_seconds(&self) -> f64;

    /// Sees what happened since the last question, and says what is to change.
    fn decide(&mut self, sample: &ControlSample<'_>) -> Orders;
}

/// What a controller sees.
#[derive(Clone, Copy, Debug)]
pub struct ControlSample<'a> {
    /// Simulated seconds since the start.
    pub now_seconds: f64,
    /// Since the last question.
    pub interval_seconds: f64,
    /// All nodes that are ordered and not gone, in the order in which they came.
    pub nodes: &'a [SimulatedNode],
    /// New requests in the interval; retries are not among them.
    pub arrived: u64,
    /// Requests answered in it.
    pub completed: u64,
    /// Requests lost in it.
    pub lost: u64,
    /// Of the requests answered in it: 99 % took at most so many seconds.
    pub p99_seconds: Option<f64>,
}

/// One node in the interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SimulatedNode {
    /// Its number, from 0; numbers are not used again.
    pub node: usize,
    /// Where it is in its life.
    pub state: LifeState,
    /// Since it was ordered.
    pub age_seconds: f64,
    /// CPU (or threads) it used of what it may use, 0 to 1; `None` while it is not there.
    pub utilization: Option<f64>,
    /// Tasks that a thread works on.
    pub running: u32,
    /// Tasks that wait for one.
    pub queued: u32,
    /// Tasks it finished in the interval.
    pub completed: u64,
}

/// Where a node is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LifeState {
    /// Ordered, and not there yet.
    Starting,
    /// Takes requests.
    Ready,
    /// Takes no new requests, and goes when the last is answered.
    Draining,
    /// Died.
    Dead,
    /// Not there any more.
    Gone,
}

/// What is to change; `None` leaves it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Orders {
    /// So many nodes that start or are ready. New ones take requests after the model's start time; of too many, those that
    /// start go first, then the newest, each after its last answer. At least one stays.
    pub nodes: Option<usize>,
    /// So many cores for each node; of use only for nodes with a quota.
    pub quota_cores: Option<f64>,
}

/// What happened in an interval, over all nodes.
#[derive(Default)]
pub(super) struct Interval {
    pub arrived: u64,
    pub completed: u64,
    pub lost: u64,
    /// Seconds of the answered requests.
    pub times: Vec<f64>,
}

impl Interval {
    pub fn complete(&mut self, seconds: f64) {
        self.completed += 1;
        self.times.push(seconds);
    }

    /// 99 % are at most this.
    pub fn p99(&mut self) -> Option<f64> {
        let last = self.times.len().checked_sub(1)?;
        let place = ((self.times.len() as f64 * 0.99).ceil() as usize).saturating_sub(1).min(last);
        Some(*self.times.select_nth_unstable_by(place, f64::total_cmp).1)
    }
}
