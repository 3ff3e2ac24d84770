//! Stacks as they were sampled, each with its weight.

use std::collections::{BTreeMap, BTreeSet};

use super::error::UnreadableStacks;
use super::kind::FunctionKind;

/// What a weight counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sampled {
    /// Samples of a running process, so many a second and CPU where that is known.
    Cpu(Option<u32>),
    /// Microseconds in which a thread waited.
    OffCpu,
}

/// A recording.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stacks {
    /// What was recorded, in a few words.
    pub title: String,
    /// What the weights count.
    pub sampled: Sampled,
    /// By stack: its frames from the outermost to the innermost, with semicolons between them.
    weights: BTreeMap<String, u64>,
}

/// What one function took.
#[derive(Clone, Debug, PartialEq)]
pub struct FunctionShare {
    /// Its name.
    pub name: String,
    /// Share of the weight in whose stacks it stands, anywhere, in percent.
    pub total_percent: f64,
    /// Share of the weight in which it is the innermost (where threads wait: the innermost of this program), in percent.
    pub own_percent: f64,
}

impl Stacks {
    /// Without a sample yet.
    pub fn new(sampled: Sampled) -> Self {
        Self { title: String::new(), sampled, weights: BTreeMap::new() }
    }

    /// Reads folded stacks: `outer;inner 12`, one a line.
    ///
    /// # Errors
    /// At a line that is none.
    pub fn parse(text: &str) -> Result<Self, UnreadableStacks> {
        let mut stacks = Self::new(Sampled::Cpu(None));
        for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            let (stack, weight) = line.trim().rsplit_once(' ').ok_or(UnreadableStacks::NotFolded(index + 1))?;
            let weight = weight.parse().map_err(|_| UnreadableStacks::NotFolded(index + 1))?;
            stacks.add(stack.trim(), weight);
        }
        Ok(stacks)
    }

    /// Adds weight to a stack, its frames separated by semicolons.
    pub fn add(&mut self, stack: &str, weight: u64) {
        // What is not XML cannot stand in a picture.
        let stack: String = stack.chars().filter(|letter| !letter.is_control()).collect();
        let sum = self.weights.entry(stack).or_default();
        *sum = sum.saturating_add(weight);
    }

    /// Each stack with its weight, in the order of the alphabet.
    pub fn iter(&self) -> impl Iterator<Item = (&str, u64)> {
        self.weights.iter().map(|(stack, weight)| (stack.as_str(), *weight))
    }

    /// As [`Self::parse`] reads them.
    pub fn folded(&self) -> String {
        self.iter().map(|(stack, weight)| format!("{stack} {weight}\n")).collect()
    }

    /// The weight of all stacks.
    pub fn total(&self) -> u64 {
        self.weights.values().fold(0, |sum, weight| sum.saturating_add(*weight))
    }

    /// The weight in words: `745 samples, 7.5 s of CPU`.
    pub fn total_words(&self) -> String {
        let total = self.total();
        match self.sampled {
            Sampled::Cpu(Some(hertz)) if hertz > 0 => {
                format!("{total} samples, {:.1} s of CPU", total as f64 / f64::from(hertz))
            }
            Sampled::Cpu(_) => format!("{total} samples"),
            Sampled::OffCpu => format!("{:.1} s of waiting, all threads together", total as f64 / 1e6),
        }
    }

    /// The function to which the weight of a stack belongs: the innermost; where threads wait, the innermost of this program, since
    /// every wait ends in the scheduler.
    fn taker<'a>(&self, frames: &[&'a str]) -> Option<&'a str> {
        let of_program =
            |name: &&&str| matches!(FunctionKind::of(name, usize::MAX), FunctionKind::Endpoint | FunctionKind::Program);
        let own = match self.sampled {
            Sampled::Cpu(_) => None,
            Sampled::OffCpu => frames.iter().rfind(of_program),
        };
        own.or(frames.last()).copied()
    }

    /// What each function took, those first that took most themselves. A function that called itself counts once a stack. The
    /// names of the threads are left out.
    pub fn shares(&self) -> Vec<FunctionShare> {
        let mut sums: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
        for (stack, weight) in self.iter() {
            let frames: Vec<&str> = stack.split(';').skip(1).collect();
            for name in frames.iter().collect::<BTreeSet<_>>() {
                sums.entry(name).or_default().0 += weight;
            }
            if let Some(innermost) = self.taker(&frames) {
                sums.entry(innermost).or_default().1 += weight;
            }
        }
        let percent = |weight: u64| 100.0 * weight as f64 / self.total().max(1) as f64;
        let share = |(name, (total, own)): (&str, (u64, u64))| FunctionShare {
            name: name.to_owned(),
            total_percent: percent(total),
            own_percent: percent(own),
        };
        let mut shares: Vec<FunctionShare> = sums.into_iter().map(share).collect();
        let order = |share: &FunctionShare| (share.own_percent, share.total_percent);
        shares.sort_by(|a, b| order(b).partial_cmp(&order(a)).unwrap_or(std::cmp::Ordering::Equal));
        shares
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FOLDED: &str = "pool;work;fib;fib;fib 6\npool;work;fib 1\npool;work 1\n\nwebapp;send;schedule_[k] 2\n";

    #[test]
    fn shares_count_a_recursion_once() {
        let stacks = Stacks::parse(FOLDED).unwrap();
        assert_eq!(stacks.total(), 10);
        let shares = stacks.shares();
        let of = |name: &str| {
            let share = shares.iter().find(|share| share.name == name).unwrap();
            (share.total_percent, share.own_percent)
        };
        assert_eq!((of("fib"), of("work"), of("send")), ((70.0, 70.0), (80.0, 10.0), (20.0, 0.0)));
        assert_eq!(shares[0].name, "fib");
        assert!(!shares.iter().any(|share| share.name == "pool"));
    }

    #[test]
    fn a_wait_belongs_to_the_program() {
        let mut stacks =
            Stacks::parse("pool;webapp::app::sleep::wait;nanosleep;schedule_[k] 3\nx;poll;schedule_[k] 1\n").unwrap();
        stacks.sampled = Sampled::OffCpu;
        let own: Vec<_> = stacks.shares().into_iter().filter(|share| share.own_percent > 0.0).collect();
        let seen: Vec<_> = own.iter().map(|share| (share.name.as_str(), share.own_percent)).collect();
        assert_eq!(seen, [("webapp::app::sleep::wait", 75.0), ("schedule_[k]", 25.0)]);
    }

    #[test]
    fn totals_in_words() {
        let mut stacks = Stacks::parse("a;b 495").unwrap();
        assert_eq!(stacks.total_words(), "495 samples");
        stacks.sampled = Sampled::Cpu(Some(99));
        assert_eq!(stacks.total_words(), "495 samples, 5.0 s of CPU");
        stacks.sampled = Sampled::OffCpu;
        stacks.add("a;b", 2_000_000);
        assert_eq!(stacks.total_words(), "2.0 s of waiting, all threads together");
    }
}
