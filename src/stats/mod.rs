//! Sample (raw counters) -> window (rates from two samples) -> bottleneck (judgement).
