//! The load generator: schedule, client, recorder, verdict.
