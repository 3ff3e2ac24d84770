//! CPU that was used by none of those who belong to a run. A run beside it measures the machine's other work, too.

/// An exact clock that runs behind the ticks by more than this share of the machine does not count everything.
const BEHIND: f64 = 0.05;

/// What the machine's clocks say of a window, all in cores (CPU seconds for each second).
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Clocks {
    /// Processors of the machine.
    pub cores: Option<f64>,
    /// Neither idle nor waiting for I/O by the ticks of `/proc/stat`, with what was stolen.
    pub busy_by_ticks: Option<f64>,
    /// Stolen by the hypervisor.
    pub stolen: Option<f64>,
    /// Ran tasks, by an exact clock.
    pub busy_exactly: Option<f64>,
}

/// A part of a run: what it used, or why that is not known.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum CpuPart {
    /// So many cores of this machine.
    Used(f64),
    /// On this machine, but nobody knows how much.
    Unknown,
}

impl CpuPart {
    /// The sum of several.
    pub fn sum(parts: impl IntoIterator<Item = Self>) -> Self {
        parts.into_iter().fold(Self::Used(0.0), |sum, part| match (sum, part) {
            (Self::Used(a), Self::Used(b)) => Self::Used(a + b),
            (Self::Unknown, _) | (_, Self::Unknown) => Self::Unknown,
        })
    }

    /// The cores, where they are known.
    pub fn cores(self) -> Option<f64> {
        match self {
            Self::Used(cores) => Some(cores),
            Self::Unknown => None,
        }
    }
}

/// CPU of the machine that was in use, in cores, with what was stolen from it.
pub fn busy(clocks: &Clocks) -> Option<f64> {
    let exactly = clocks.busy_exactly.map(|busy| busy + clocks.stolen.unwrap_or(0.0));
    match (exactly, clocks.busy_by_ticks, clocks.cores) {
        (Some(exactly), Some(ticks), Some(cores)) if exactly < ticks - BEHIND * cores => Some(ticks),
        (Some(exactly), _, _) => Some(exactly),
        (None, ticks, _) => ticks,
    }
}

/// What is left of `busy` when all `parts` are taken away. `None` where a part is not known.
pub fn foreign(busy: Option<f64>, parts: &[CpuPart]) -> Option<f64> {
    let known = CpuPart::sum(parts.iter().copied()).cores()?;
    Some((busy? - known).max(0.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exact_clock_unless_it_misses_something() {
        let clocks = |exactly, ticks| Clocks {
            cores: Some(2.0),
            busy_by_ticks: ticks,
            stolen: Some(0.1),
            busy_exactly: exactly,
        };
        assert_eq!(busy(&clocks(Some(1.0), Some(1.13))), Some(1.1));
        assert_eq!(busy(&clocks(Some(1.0), Some(0.9))), Some(1.1));
        assert_eq!(busy(&clocks(Some(0.5), Some(1.0))), Some(1.0), "of a part of the machine only");
        assert_eq!(busy(&clocks(None, Some(0.9))), Some(0.9));
        assert_eq!(busy(&clocks(None, None)), None);
    }

    #[test]
    fn what_is_left_is_foreign() {
        use CpuPart::{Unknown, Used};
        assert_eq!(foreign(Some(1.5), &[Used(0.5), Used(0.25)]), Some(0.75));
        assert_eq!(foreign(Some(0.5), &[Used(0.6)]), Some(0.0), "clocks differ a little");
        assert_eq!(foreign(Some(1.5), &[Used(0.5), Unknown]), None);
        assert_eq!(foreign(None, &[Used(0.5)]), None);
        assert_eq!(foreign(Some(0.5), &[]), Some(0.5));
    }
}
