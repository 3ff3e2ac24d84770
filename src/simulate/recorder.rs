//! Counts and times of a run, slice by slice. The slices are the batches of the statistics.

use std::collections::BTreeMap;

use super::outcome::{RequestFailure, Slice};
use super::statistics::{BATCHES, Meter};

/// Fewest measured requests of a slice.
const FEWEST_OF_SLICE: u64 = 10;

/// Where slices end, in arrivals since the start.
pub(super) struct Boundaries {
    warmup: u64,
    requests: u64,
    warmup_slices: u64,
    slices: u64,
    /// The slice that ends next, from 1.
    index: u64,
    next: Option<u64>,
}

impl Boundaries {
    pub fn new(warmup: u64, requests: u64) -> Self {
        let most = BATCHES as u64;
        let slices = (requests / FEWEST_OF_SLICE).clamp(1, most);
        let wanted = u128::from(warmup) * u128::from(slices) / u128::from(requests);
        let warmup_slices = if warmup == 0 { 0 } else { (wanted as u64).clamp(1, most.min(warmup)) };
        let mut boundaries = Self { warmup, requests, warmup_slices, slices, index: 1, next: None };
        boundaries.next = boundaries.find_next();
        boundaries
    }

    /// The number of the arrival with which the present slice ends; none after the last.
    #[inline]
    pub fn next(&self) -> Option<u64> {
        self.next
    }

    fn find_next(&self) -> Option<u64> {
        let part = |whole: u64, index: u64, of: u64| (u128::from(whole) * u128::from(index) / u128::from(of)) as u64;
        match self.index.checked_sub(self.warmup_slices) {
            None | Some(0) => (self.warmup > 0).then(|| part(self.warmup, self.index, self.warmup_slices)),
            Some(index) if index <= self.slices => Some(self.warmup + part(self.requests, index, self.slices)),
            Some(_) => None,
        }
    }

    /// Whether the slice that ends next is the last one.
    pub fn is_last(&self) -> bool {
        self.index == self.warmup_slices + self.slices
    }

    pub fn advance(&mut self) {
        self.index += 1;
        self.next = self.find_next();
    }

    /// Whether the slice that ends next is behind the warm-up.
    pub fn measured(&self) -> bool {
        self.index > self.warmup_slices
    }
}

/// Requests and tries.
#[derive(Clone, Default)]
pub(super) struct Counts {
    pub completed: u64,
    pub tries: u64,
    pub lost: [u64; RequestFailure::ALL.len()],
    pub failed_tries: [u64; RequestFailure::ALL.len()],
}

impl Counts {
    /// By failure, without those that did not happen.
    pub fn by_failure(counts: &[u64; RequestFailure::ALL.len()]) -> BTreeMap<RequestFailure, u64> {
        RequestFailure::ALL.into_iter().zip(*counts).filter(|pair| pair.1 > 0).collect()
    }
}

/// What happened in a slice, whenever the requests arrived.
#[derive(Default)]
struct Now {
    arrived: u64,
    tries: u64,
    completed: u64,
    lost: u64,
}

/// What a slice brings on average, where that is the same for all.
pub(super) struct Expected {
    /// Requests a second.
    pub rate: f64,
    /// Seconds of a task.
    pub work: f64,
}

pub(super) struct SimulationRecorder {
    pub boundaries: Boundaries,
    /// From a request's first try to its answer.
    pub system: Meter,
    pub queue: Meter,
    pub store_queue: Meter,
    /// Of the measured requests.
    pub counts: Counts,
    pub slices: Vec<Slice>,
    /// Use of all nodes in each measured slice.
    pub utilizations: Vec<f64>,
    /// How much more work than was to be expected came in each measured slice, as a share.
    pub excess: Vec<f64>,
    expected: Option<Expected>,
    /// Work of the tasks of this slice, in seconds, and how many they are.
    work: (f64, u64),
    begin: f64,
    now: Now,
}

impl SimulationRecorder {
    pub fn new(warmup: u64, requests: u64, expected: Option<Expected>) -> Self {
        Self {
            excess: Vec::new(),
            expected,
            work: (0.0, 0),
            boundaries: Boundaries::new(warmup, requests),
            system: Meter::new(),
            queue: Meter::new(),
            store_queue: Meter::new(),
            counts: Counts::default(),
            slices: Vec::new(),
            utilizations: Vec::new(),
            begin: 0.0,
            now: Now::default(),
        }
    }

    /// A task is sent.
    #[inline]
    pub fn task(&mut self, work: f64) {
        self.work.0 += work;
        self.work.1 += 1;
    }

    #[inline]
    pub fn arrive(&mut self) {
        self.now.arrived += 1;
    }

    #[inline]
    pub fn try_once(&mut self, measured: bool) {
        self.now.tries += 1;
        self.counts.tries += u64::from(measured);
    }

    pub fn fail(&mut self, measured: bool, failure: RequestFailure) {
        self.counts.failed_tries[failure as usize] += u64::from(measured);
    }

    pub fn lose(&mut self, measured: bool, failure: RequestFailure) {
        self.now.lost += 1;
        self.counts.lost[failure as usize] += u64::from(measured);
    }

    /// A request is answered. In the warm-up the meters show those that are not measured, and forget them at its end.
    #[inline]
    pub fn complete(&mut self, measured: bool, seconds: f64) {
        self.now.completed += 1;
        self.counts.completed += u64::from(measured);
        if self.shows(measured) {
            self.system.record(seconds);
        }
    }

    /// Whether the times of a request are recorded now.
    #[inline]
    pub fn shows(&self, measured: bool) -> bool {
        measured || !self.boundaries.measured()
    }

    /// Ends a slice; the meters go on until [`SimulationRecorder::end_batch`].
    pub fn end_slice(&mut self, now: f64, utilization: Option<f64>, nodes: usize) {
        let measured = self.boundaries.measured();
        let Now { arrived, tries, completed, lost } = std::mem::take(&mut self.now);
        let figures = self.system.batch_figures();
        self.slices.push(Slice {
            begin_seconds: self.begin,
            end_seconds: now,
            measured,
            arrived,
            tries,
            completed,
            lost,
            mean_seconds: figures.map(|figures| figures[0]),
            p50_seconds: figures.map(|figures| figures[1]),
            p99_seconds: figures.map(|figures| figures[2]),
            utilization,
            nodes,
        });
        let (work, tasks) = std::mem::take(&mut self.work);
        if measured {
            self.utilizations.extend(utilization);
            if let Some(expected) = &self.expected {
                let rate = arrived as f64 / (now - self.begin) / expected.rate;
                self.excess.push(rate * (work / tasks as f64 / expected.work) - 1.0);
            }
        }
        self.begin = now;
    }

    /// Ends the batch of the slice that ended last. Returns whether the measured part begins now.
    pub fn end_batch(&mut self) -> bool {
        let measured = self.boundaries.measured();
        for meter in [&mut self.system, &mut self.queue, &mut self.store_queue] {
            meter.end_batch(measured);
        }
        self.boundaries.advance();
        !measured && self.boundaries.measured()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(warmup: u64, requests: u64) -> (Vec<u64>, usize) {
        let mut boundaries = Boundaries::new(warmup, requests);
        let (mut ends, mut measured) = (Vec::new(), 0);
        while let Some(end) = boundaries.next() {
            ends.push(end);
            measured += usize::from(boundaries.measured());
            boundaries.advance();
        }
        (ends, measured)
    }

    #[test]
    fn slices_cover_the_run() {
        for (warmup, requests, measured) in
            [(0, 1, 1), (1, 1, 1), (100, 1000, 32), (7, 1001, 32), (0, 55, 5), (5_000, 100, 10), (1 << 60, 1 << 62, 32)]
        {
            let (ends, count) = all(warmup, requests);
            assert_eq!((ends.last().copied(), count), (Some(warmup + requests), measured), "{warmup} {requests}");
            assert!(ends.is_sorted() && (warmup == 0 || ends.contains(&warmup)), "{ends:?}");
            assert!(ends.windows(2).all(|pair| pair[0] < pair[1]), "{ends:?}");
        }
    }
}
