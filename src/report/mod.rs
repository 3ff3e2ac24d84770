//! Fit, limits, cost and charts: pure functions of what `bench` wrote.
