//! Fit, limits, cost and charts: pure functions of what `bench` wrote.

pub mod analysis;
pub mod findings;
pub mod number;
pub mod points;
pub mod statistics;
pub mod table;
pub mod usl;
mod usl_text;

pub use usl_text::describe_fit;
