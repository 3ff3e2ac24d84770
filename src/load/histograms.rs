//! Histograms of nanoseconds, with three digits.

use hdrhistogram::Histogram;

/// Histograms grow with the largest value they saw, so an unused one is small.
pub(super) fn histogram() -> Histogram<u64> {
    Histogram::new(3).unwrap_or_else(|error| unreachable!("three digits are within the library's range: {error}"))
}

/// Largest time that is kept, in nanoseconds: three hundred years.
pub(super) const LONGEST: u64 = 10_u64.pow(19);

/// Records a time; the histogram grows with it.
pub(super) fn note(histogram: &mut Histogram<u64>, nanoseconds: u64) {
    note_times(histogram, nanoseconds, 1);
}

/// Records a time as often as it came.
pub(super) fn note_times(histogram: &mut Histogram<u64>, nanoseconds: u64, times: u64) {
    let recorded = histogram.record_n(nanoseconds.min(LONGEST), times);
    recorded.unwrap_or_else(|error| unreachable!("a growing histogram takes any value: {error}"));
}

pub(super) fn add(to: &mut Histogram<u64>, from: &Histogram<u64>) {
    // Cannot fail: `to` grows as needed.
    to.add(from).unwrap_or_else(|error| unreachable!("a growing histogram takes any other: {error}"));
}
