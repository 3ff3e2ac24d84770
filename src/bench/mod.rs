//! Topologies x levels -> measured runs.
