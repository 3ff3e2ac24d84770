//! The bounded worker pool and its counters.
