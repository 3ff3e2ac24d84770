//! Stacks from a text, in any of the forms that are known.

use super::error::UnreadableStacks;
use super::stacks::Stacks;
use super::{embedded, perf};

/// Reads what `perf script` prints, folded stacks, or a picture of one recording.
///
/// # Errors
/// [`UnreadableStacks`].
pub fn read(text: &str) -> Result<Stacks, UnreadableStacks> {
    let stacks = if text.trim_start().starts_with("<svg") {
        embedded::read(text)?
    } else if perf::is_perf_script(text) {
        perf::read(text)
    } else {
        Stacks::parse(text)?
    };
    if stacks.total() == 0 { Err(UnreadableStacks::Nothing) } else { Ok(stacks) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_holds_no_stacks_is_said() {
        for (text, wrong) in [
            ("", UnreadableStacks::Nothing),
            ("a;b 0", UnreadableStacks::Nothing),
            ("a;b 1\nwhat is this", UnreadableStacks::NotFolded(2)),
            ("a;b", UnreadableStacks::NotFolded(1)),
            ("a;b -1", UnreadableStacks::NotFolded(1)),
            ("<svg xmlns=\"http://www.w3.org/2000/svg\"/>", UnreadableStacks::NotOurs),
        ] {
            assert_eq!(read(text).unwrap_err(), wrong, "{text}");
            assert!(!wrong.to_string().is_empty());
        }
    }

    #[test]
    fn every_form_is_known() {
        for text in ["pool;fib 1\n", "pool-1 2 3.5: cpu-clock: \n\t fdd fib (/opt/webapp)\n"] {
            assert_eq!(read(text).unwrap().iter().collect::<Vec<_>>(), [("pool;fib", 1)]);
        }
    }
}
