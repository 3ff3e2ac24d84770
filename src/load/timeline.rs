//! What became of the requests of each second, for a load that changes.
//!
//! A request belongs to the second in which it was due, whenever its answer came: so the counts of a second add up, and a
//! slow second shows where it was slow, not where it ended. Memory grows with the length of the run: some hundred bytes a
//! second and thread.

use std::collections::BTreeMap;

use hdrhistogram::Histogram;

use super::histograms::{histogram, note_times};
use super::percentiles::rounded;
use crate::results::histogram::{EncodedHistogram, NoHistogram};
use crate::results::load::{ErrorKind, TimelineSecond};

/// Bits of a time that are kept: a bucket is at most 1.6 % wide.
const MANTISSA_BITS: u32 = 6;

/// Longest timeline that is read back: a week.
const MOST_SECONDS: usize = 7 * 24 * 3600;

#[derive(Clone, Debug, Default)]
struct SecondTally {
    offered: u64,
    answered: u64,
    errors: [u64; ErrorKind::ALL.len()],
    /// Correct answers by bucket of their response time.
    times: BTreeMap<u16, u64>,
    /// Whole answers by node.
    nodes: BTreeMap<String, u64>,
}

/// The seconds of a run, as one thread saw them.
#[derive(Clone, Debug, Default)]
pub(super) struct Timeline {
    seconds: Vec<SecondTally>,
}

impl Timeline {
    /// A request due `nanoseconds` after the window began was handed out.
    pub fn offer(&mut self, nanoseconds: u64) {
        self.second(nanoseconds).offered += 1;
    }

    /// It ended: with a correct answer after some nanoseconds, or for a reason without one.
    pub fn end(&mut self, nanoseconds: u64, result: Result<u64, ErrorKind>, node: Option<&str>) {
        let second = self.second(nanoseconds);
        match result {
            Ok(latency) => {
                second.answered += 1;
                *second.times.entry(bucket(latency)).or_default() += 1;
            }
            Err(kind) => second.errors[kind as usize] += 1,
        }
        if let Some(node) = node.filter(|node| !node.is_empty()) {
            match second.nodes.get_mut(node) {
                Some(count) => *count += 1,
                None => _ = second.nodes.insert(node.to_owned(), 1),
            }
        }
    }

    fn second(&mut self, nanoseconds: u64) -> &mut SecondTally {
        let index = (nanoseconds / 1_000_000_000) as usize;
        if index >= self.seconds.len() {
            self.seconds.resize_with(index + 1, SecondTally::default);
        }
        &mut self.seconds[index]
    }

    /// The way back from a report, `shift` seconds later. What would lie before the beginning is left out.
    ///
    /// # Errors
    /// When a histogram in it cannot be read.
    pub fn read(report: &[TimelineSecond], shift: i64) -> Result<Self, NoHistogram> {
        let mut timeline = Self::default();
        for second in report {
            let at = i64::try_from(second.second).ok().and_then(|at| at.checked_add(shift));
            let Some(at) = at.and_then(|at| usize::try_from(at).ok()).filter(|at| *at <= MOST_SECONDS) else {
                continue;
            };
            if at >= timeline.seconds.len() {
                timeline.seconds.resize_with(at + 1, SecondTally::default);
            }
            timeline.seconds[at] = SecondTally::read(second)?;
        }
        Ok(timeline)
    }

    /// Adds what another thread saw.
    pub fn merge(&mut self, other: &Self) {
        if self.seconds.len() < other.seconds.len() {
            self.seconds.resize_with(other.seconds.len(), SecondTally::default);
        }
        for (mine, theirs) in self.seconds.iter_mut().zip(&other.seconds) {
            mine.offered += theirs.offered;
            mine.answered += theirs.answered;
            mine.errors.iter_mut().zip(theirs.errors).for_each(|(mine, theirs)| *mine += theirs);
            theirs.times.iter().for_each(|(bucket, count)| *mine.times.entry(*bucket).or_default() += count);
            theirs.nodes.iter().for_each(|(node, count)| *mine.nodes.entry(node.clone()).or_default() += count);
        }
    }

    /// The seconds as they are reported. What was handed out and never ended was unfinished.
    pub fn report(&self) -> Vec<TimelineSecond> {
        self.seconds.iter().enumerate().map(|(second, tally)| tally.report(second as u64)).collect()
    }
}

impl SecondTally {
    fn report(&self, second: u64) -> TimelineSecond {
        let kinds = ErrorKind::ALL.into_iter().zip(self.errors);
        let mut errors: BTreeMap<ErrorKind, u64> = kinds.filter(|(_, count)| *count > 0).collect();
        let ended = self.answered + self.errors.iter().sum::<u64>();
        if self.offered > ended {
            *errors.entry(ErrorKind::Unfinished).or_default() += self.offered - ended;
        }
        TimelineSecond {
            second,
            offered: self.offered,
            answered: self.answered,
            errors,
            p50_milliseconds: self.percentile(50),
            p99_milliseconds: self.percentile(99),
            nodes: self.nodes.clone(),
            histogram: EncodedHistogram::of(&self.histogram()),
        }
    }

    /// The middles of the buckets. A middle is kept to a tenth of a percent, so it comes back to its bucket.
    fn histogram(&self) -> Histogram<u64> {
        let mut all = histogram();
        self.times.iter().for_each(|(bucket, count)| note_times(&mut all, middle(*bucket).round() as u64, *count));
        all
    }

    /// The way back from a report.
    fn read(report: &TimelineSecond) -> Result<Self, NoHistogram> {
        let mut tally = Self { offered: report.offered, answered: report.answered, ..Self::default() };
        report.errors.iter().for_each(|(kind, count)| tally.errors[*kind as usize] += count);
        tally.nodes.clone_from(&report.nodes);
        if let Some(encoded) = &report.histogram {
            let histogram = encoded.decode()?;
            for step in histogram.iter_recorded() {
                *tally.times.entry(bucket(step.value_iterated_to())).or_default() += step.count_at_value();
            }
        }
        Ok(tally)
    }

    /// So many percent of the correct answers took at most this, in milliseconds.
    fn percentile(&self, percent: u64) -> Option<f64> {
        let rank = (self.answered * percent).div_ceil(100).max(1);
        let mut before = 0;
        let found = self.times.iter().find(|(_, count)| {
            before += **count;
            before >= rank
        });
        found.map(|(bucket, _)| rounded(middle(*bucket) / 1e6))
    }
}

/// The bucket of a time: its highest bits and how many follow.
fn bucket(nanoseconds: u64) -> u16 {
    let shift = (u64::BITS - nanoseconds.leading_zeros()).saturating_sub(MANTISSA_BITS + 1);
    ((u64::from(shift) << MANTISSA_BITS) + (nanoseconds >> shift)) as u16
}

/// The time in the middle of a bucket, in nanoseconds.
fn middle(bucket: u16) -> f64 {
    let bucket = u64::from(bucket);
    // From 2 · 64 on, each 64 buckets have one shift more.
    let shift = (bucket >> MANTISSA_BITS).saturating_sub(1);
    let lowest = bucket - (shift << MANTISSA_BITS);
    (lowest as f64 + 0.5) * (1_u64 << shift) as f64 - 0.5
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    #[test]
    fn a_bucket_is_narrow_and_its_middle_lies_in_it() {
        for time in (0..200).chain((0..60).flat_map(|bits| [1 << bits, (1 << bits) + 1, (3 << bits) - 1, 5 << bits])) {
            let found = middle(bucket(time));
            assert!((found - time as f64).abs() <= time as f64 / 127.0, "{time}: {found}");
            assert_eq!(bucket(found.round() as u64), bucket(time), "{time}");
        }
        assert!(bucket(u64::MAX) > bucket(u64::MAX / 2));
    }

    #[test]
    fn a_second_holds_what_was_due_in_it() {
        let mut one = Timeline::default();
        for number in 0..100 {
            one.offer(number);
            one.end(number, Ok((number + 1) * 1_000_000), Some("node1"));
        }
        let mut other = Timeline::default();
        for at in [2 * SECOND, 2 * SECOND + 1, 3 * SECOND - 1] {
            other.offer(at);
        }
        other.end(2 * SECOND, Err(ErrorKind::TimedOut), None);
        other.end(2 * SECOND + 1, Err(ErrorKind::UnexpectedStatus), Some("node2"));
        one.merge(&other);
        let report = one.report();
        assert_eq!(report.len(), 3);
        assert_eq!((report[0].offered, report[0].answered), (100, 100));
        let near = |found: Option<f64>, expected: f64| (found.unwrap() / expected - 1.0).abs() < 0.01;
        assert!(near(report[0].p50_milliseconds, 50.0) && near(report[0].p99_milliseconds, 99.0), "{:?}", report[0]);
        assert_eq!(report[0].nodes, BTreeMap::from([("node1".to_owned(), 100)]));
        assert_eq!(report[1], TimelineSecond { second: 1, ..TimelineSecond::default() });
        assert_eq!((report[2].offered, report[2].answered, report[2].p99_milliseconds), (3, 0, None));
        let errors = [ErrorKind::TimedOut, ErrorKind::UnexpectedStatus, ErrorKind::Unfinished].map(|kind| (kind, 1));
        assert_eq!(report[2].errors, BTreeMap::from(errors));
        assert_eq!(report[2].nodes, BTreeMap::from([("node2".to_owned(), 1)]));
        // Read back, it is the same; and two of them are as one that saw all.
        assert_eq!(Timeline::read(&report, 0).unwrap().report(), report);
        let mut twice = Timeline::read(&report, 0).unwrap();
        twice.merge(&Timeline::read(&report, 1).unwrap());
        let twice = twice.report();
        assert_eq!((twice[0].offered, twice[1].offered, twice[2].offered, twice[3].offered), (100, 100, 3, 3));
        assert_eq!(twice[1].p99_milliseconds, report[0].p99_milliseconds);
        assert_eq!(Timeline::read(&report, -2).unwrap().report().len(), 1);
    }

    #[test]
    fn every_bucket_comes_back() {
        let mut tally = SecondTally::default();
        for time in (0..200).chain((0..62).flat_map(|bits| [1 << bits, (3 << bits) / 2, (7 << bits) / 4])) {
            *tally.times.entry(bucket(time)).or_default() += 1;
        }
        tally.answered = tally.times.values().sum();
        assert_eq!(SecondTally::read(&tally.report(0)).unwrap().times, tally.times);
    }
}
