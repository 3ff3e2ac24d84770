//! Stores and caches that the nodes share: what every kind of them can do, and the list of those that a cluster has.
//!
//! A kind is a file beside this one with its [`Service`], and a line in [`of`]. Today there is no kind yet, so the list of
//! every cluster is empty.

use std::path::PathBuf;

use super::contract::ServiceAnswer;
use super::settings::Settings;
use super::state::Folder;
use super::wait::Interrupt;

/// A store or a cache beside the nodes. It starts before them, since they ask it, and ends after them.
pub trait Service {
    /// Its name within the cluster.
    fn name(&self) -> &str;

    /// Starts its process under its quota; one that runs is let alone. Returns when it takes commands.
    ///
    /// # Errors
    /// When it does not come up, or a signal came.
    fn start(&self, interrupt: &Interrupt) -> anyhow::Result<()>;

    /// Ends its process and removes its quota; one that does not run is fine.
    ///
    /// # Errors
    /// When something of it stays.
    fn stop(&self) -> anyhow::Result<()>;

    /// What it is, and whether it takes commands.
    fn answer(&self) -> ServiceAnswer;

    /// The file that it logs to.
    fn log(&self) -> PathBuf;
}

/// The services of a cluster, in the order in which they start.
pub fn of(_settings: &Settings, _folder: &Folder) -> Vec<Box<dyn Service>> {
    Vec::new()
}
