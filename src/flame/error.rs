//! What cannot be read as stacks, and what to give instead.

use std::fmt;

/// Why a text holds no stacks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UnreadableStacks {
    /// There is not one sample in it.
    Nothing,
    /// A line, from 1, that does not end in a count.
    NotFolded(usize),
    /// A picture, but not one with stacks in it.
    NotOurs,
}

impl fmt::Display for UnreadableStacks {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing => {
                write!(
                    out,
                    "there is not one sample in it: the process did nothing while it was watched; load it meanwhile"
                )
            }
            Self::NotFolded(line) => write!(
                out,
                "line {line} is neither of perf script nor a folded stack; a folded stack is written outer;inner;innermost COUNT"
            ),
            Self::NotOurs => write!(
                out,
                "this picture has no stacks in it; give one that webapp flame drew of one recording, not a comparison"
            ),
        }
    }
}

impl std::error::Error for UnreadableStacks {}
