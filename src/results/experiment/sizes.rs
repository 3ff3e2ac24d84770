//! How large an experiment is: a quick look, or a figure to publish.

use super::super::arm::Scale;
use super::super::plan::Workload;

/// Which of the two sizes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    /// Ends within some three minutes.
    Quick,
    /// For a figure to publish: more points, more blocks, longer windows.
    Full,
}

impl Size {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Quick, Self::Full];

    /// Its name, in files and plans.
    pub fn name(self) -> &'static str {
        match self {
            Self::Quick => "quick",
            Self::Full => "full",
        }
    }
}

/// Everything that differs between the two sizes.
#[derive(Clone, Debug, PartialEq)]
pub struct Sizes {
    /// Steps of the scale, in order.
    pub scales: Vec<Scale>,
    /// A block measures every arm once at every scale.
    pub blocks: u32,
    /// Then so many blocks at the last scale alone.
    pub further_blocks: u32,
    /// Before each window.
    pub warmup_seconds: f64,
    /// Window of a closed run.
    pub closed_seconds: f64,
    /// Window of an open run.
    pub open_seconds: f64,
    /// Window of the open run in which the event happens.
    pub event_seconds: f64,
    /// The closed ladder, rising.
    pub connections: Vec<u32>,
    /// True: so many for each unit of the scale.
    pub connections_per_unit: bool,
    /// The open ladder: shares of the ceiling, rising.
    pub fractions: Vec<f64>,
    /// Where the open ladder is climbed.
    pub open_scales: Vec<Scale>,
    /// How often.
    pub open_blocks: u32,
    /// Length of a load that changes.
    pub profile_seconds: f64,
    /// How often every arm meets it.
    pub profile_blocks: u32,
}

impl Sizes {
    /// What holds where a file says nothing. `workload` knows how many connections it needs.
    pub fn default_of(size: Size, scales: &[Scale], workload: Option<Workload>) -> Self {
        let full = size == Size::Full;
        let per_unit = workload.map(|workload| workload.connections_per_unit(full));
        // Six blocks or more where the verdict is: with fewer, the spread that an interval is made of is hardly known. Where
        // a quick look has several scales, it has time for that at the last one (examples/design.rs).
        let (blocks, further_blocks) = if scales.len() > 1 { (3, 7) } else { (8, 0) };
        let common = Self {
            scales: scales.to_vec(),
            blocks,
            further_blocks,
            warmup_seconds: 0.4,
            // Multiples of the quota period of 100 ms: each window then holds the same number of periods.
            closed_seconds: 1.2,
            open_seconds: 1.8,
            event_seconds: 3.0,
            connections_per_unit: per_unit.is_some(),
            connections: per_unit.unwrap_or_else(|| vec![8, 16, 32, 64]),
            fractions: vec![0.5, 0.7, 0.8, 0.9, 1.0, 1.1],
            open_scales: open_scales(size, scales),
            open_blocks: 1,
            profile_seconds: 60.0,
            profile_blocks: 1,
        };
        match size {
            Size::Quick => common,
            Size::Full => Self {
                blocks: 10,
                further_blocks: 0,
                warmup_seconds: 1.0,
                closed_seconds: 4.0,
                open_seconds: 8.0,
                event_seconds: 12.0,
                profile_seconds: 240.0,
                profile_blocks: 3,
                ..common
            },
        }
    }
}

/// Where the open ladder is climbed unless a file or a flag says so: a quick look has time for the last step alone.
pub fn open_scales(size: Size, scales: &[Scale]) -> Vec<Scale> {
    match size {
        Size::Quick => scales.last().cloned().into_iter().collect(),
        Size::Full => scales.to_vec(),
    }
}
