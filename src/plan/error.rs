//! Why a results folder, or a goal, gives no plan, and what to do about it.

use std::fmt;

/// Why there is no plan.
#[derive(Clone, Debug, PartialEq)]
pub enum PlanError {
    /// No run of this arm may be used.
    NothingValid {
        /// Which arm.
        arm: String,
    },
    /// No arm has this name.
    NoSuchArm {
        /// What was asked for.
        arm: String,
        /// What there is.
        arms: Vec<String>,
    },
    /// Several arms have nodes that grow with the scale.
    SeveralArms {
        /// They.
        arms: Vec<String>,
    },
    /// The number of nodes, or their size, does not grow in any arm.
    NothingGrows {
        /// What the scale counts.
        scale: String,
    },
    /// The nodes were the limit at one size only, or were measured at one only.
    OneSize {
        /// Which arm.
        arm: String,
        /// Sizes at which something else was the limit, in words.
        left_out: Vec<String>,
    },
    /// No size was measured twice.
    NoRepeats {
        /// Which arm.
        arm: String,
    },
    /// A number that the goal may not have.
    Goal(&'static str),
    /// The objective is not met at the lowest load that is known.
    Unreachable {
        /// The objective.
        objective: String,
        /// That load, as a share of the ceiling.
        fraction: f64,
        /// What was measured or simulated there, in milliseconds.
        milliseconds: f64,
    },
    /// More nodes than anybody could count.
    TooLarge,
    /// There is nothing to check a prediction against.
    NothingToCheck(&'static str),
}

impl fmt::Display for PlanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NothingValid { arm } => write!(
                f,
                "no run of '{arm}' is valid, so nothing can be planned from it; 'webapp report DIR' says why; measure again when the \
                 machine is idle"
            ),
            Self::NoSuchArm { arm, arms } => write!(f, "there is no arm '{arm}'; the arms are {}", arms.join(", ")),
            Self::SeveralArms { arms } => {
                write!(f, "which way to build it shall be planned? Choose one with --arm: {}", arms.join(", "))
            }
            Self::NothingGrows { scale } => write!(
                f,
                "neither the number of nodes nor their size grows with {scale} in this experiment, so it says nothing about other sizes; \
                 measure one that does: webapp bench, or webapp bench --experiment store"
            ),
            Self::OneSize { arm, left_out } => {
                write!(f, "'{arm}' has one size only at which its nodes were the limit, and growth needs two or more")?;
                for words in left_out {
                    write!(f, "; {words}")?;
                }
                write!(f, "; measure more sizes: webapp bench --units 1,2,4")
            }
            Self::NoRepeats { arm } => write!(
                f,
                "no size of '{arm}' was measured twice, so there is no interval; measure more: webapp bench --out DIR --resume --blocks 3"
            ),
            Self::Goal(what) => write!(f, "{what}"),
            Self::Unreachable { objective, fraction, milliseconds } => write!(
                f,
                "{objective} is missed even at {:.0} % of the ceiling, where it is {milliseconds:.1} ms. More nodes do not make a request \
                 faster: relax --slo, or make the work of a request smaller",
                100.0 * fraction
            ),
            Self::TooLarge => write!(f, "this takes more than 4 thousand million nodes: check --rate and its unit"),
            Self::NothingToCheck(why) => write!(f, "there is nothing to check a prediction against: {why}"),
        }
    }
}

impl std::error::Error for PlanError {}
