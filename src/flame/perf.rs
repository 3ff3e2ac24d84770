//! Reads what `perf script` prints.
//!
//! On the CPU: a block a sample, its first line with thread and time, then a line a frame, the innermost first. Off the CPU: blocks of
//! the event `context-switches`, taken as a thread leaves its CPU, and lines `PERF_RECORD_SWITCH` as it leaves and comes back
//! (`perf record -e context-switches --switch-events`). Those lines tell exactly how long each thread waited. The blocks may be of
//! every third time only: what a thread waited is shared out among its stacks as the times of those.

use std::collections::BTreeMap;

use super::stacks::{Sampled, Stacks};
use super::symbol;

/// The event that is taken as a thread leaves its CPU.
const OFF_CPU_EVENT: &str = "context-switches";

/// Whether the text has frames as `perf script` writes them.
pub fn is_perf_script(text: &str) -> bool {
    text.lines().any(|line| frame(line).is_some())
}

/// The stacks of all samples; what is not understood is left out.
pub fn read(text: &str) -> Stacks {
    let off_cpu = text.lines().filter_map(Header::read).any(|header| header.event.contains(OFF_CPU_EVENT));
    let mut reader = Reader {
        stacks: Stacks::new(if off_cpu { Sampled::OffCpu } else { Sampled::Cpu(None) }),
        threads: BTreeMap::new(),
        sample: None,
        frames: Vec::new(),
    };
    let mut last = 0.0_f64;
    for line in text.lines() {
        if let Some(name) = frame(line) {
            reader.frames.push(name);
            continue;
        }
        reader.end_sample();
        let Some(header) = Header::read(line) else { continue };
        last = last.max(header.seconds);
        match header.event.strip_prefix("PERF_RECORD_SWITCH ") {
            Some(change) if change.starts_with("IN") => reader.thread(&header).comes_back(header.seconds),
            Some(_) => reader.thread(&header).leaves(header.seconds),
            None => reader.sample = Some(header),
        }
    }
    reader.end_sample();
    reader.end(last)
}

/// The first line of a block: `pool-0 26120 55245.725339: 1 cpu-clock: `.
struct Header<'a> {
    name: &'a str,
    thread: u64,
    seconds: f64,
    event: &'a str,
}

impl<'a> Header<'a> {
    fn read(line: &'a str) -> Option<Self> {
        // The time is the first word with a point that ends in a colon; before it stands the thread, perhaps with its CPU.
        let is_time = |word: &str| word.strip_suffix(':').filter(|time| time.contains('.'))?.parse::<f64>().ok();
        let (at, seconds) = words(line).find_map(|(at, word)| Some((at, is_time(word)?)))?;
        let before = line[..at].trim_end();
        let before =
            before.strip_suffix(']').map_or(before, |cpu| cpu.rsplit_once('[').map_or(before, |(rest, _)| rest));
        let (name, thread) = before.trim_end().rsplit_once(char::is_whitespace)?;
        // With the process before it: 26101/26120.
        let thread = thread.rsplit('/').next()?.parse().ok()?;
        let event = line[at..].split_once(char::is_whitespace).map_or("", |(_, event)| event.trim());
        // Some have a count before the event.
        let event = match event.split_once(char::is_whitespace) {
            Some((count, event)) if count.parse::<u64>().is_ok() => event.trim(),
            Some(_) | None => event,
        };
        Some(Self { name: name.trim(), thread, seconds, event })
    }
}

/// The words of a line, and where they begin.
fn words(line: &str) -> impl Iterator<Item = (usize, &str)> {
    line.split_whitespace().map(move |word| (word.as_ptr() as usize - line.as_ptr() as usize, word))
}

/// The name of a frame, of a line such as `\t fdd76b webapp::app::fib::fib+0x1f (/opt/webapp)`.
fn frame(line: &str) -> Option<String> {
    let indented = line.starts_with([' ', '\t']);
    let (address, rest) = line.trim().split_once(' ').filter(|_| indented)?;
    if address.is_empty() || !address.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let (symbol, object) = rest.rsplit_once(" (").unwrap_or((rest, ""));
    Some(symbol::name(symbol, object.trim_end_matches(')')))
}

struct Reader<'a> {
    stacks: Stacks,
    threads: BTreeMap<u64, ThreadWaits>,
    sample: Option<Header<'a>>,
    /// Of the sample, the innermost first.
    frames: Vec<String>,
}

/// What one thread waited, in seconds.
#[derive(Default)]
struct ThreadWaits {
    name: String,
    /// Since when it is off its CPU.
    since: Option<f64>,
    /// All of it.
    total: f64,
    /// The stack with which it is about to leave.
    stack: Option<String>,
    /// Of the times whose stack is known.
    sampled: Vec<(String, f64)>,
}

impl ThreadWaits {
    fn leaves(&mut self, seconds: f64) {
        self.since = Some(seconds);
    }

    fn comes_back(&mut self, seconds: f64) {
        let Some(since) = self.since.take() else { return };
        let waited = (seconds - since).max(0.0);
        self.total += waited;
        if let Some(stack) = self.stack.take() {
            self.sampled.push((stack, waited));
        }
    }
}

impl<'a> Reader<'a> {
    fn thread(&mut self, header: &Header<'a>) -> &mut ThreadWaits {
        let waits = self.threads.entry(header.thread).or_default();
        waits.name = symbol::thread(header.name);
        waits
    }

    fn end_sample(&mut self) {
        let frames = std::mem::take(&mut self.frames);
        let Some(header) = self.sample.take() else { return };
        if frames.is_empty() {
            return;
        }
        let thread = std::iter::once(symbol::thread(header.name));
        let stack = thread.chain(frames.into_iter().rev()).collect::<Vec<_>>().join(";");
        match self.stacks.sampled {
            Sampled::Cpu(_) => self.stacks.add(&stack, 1),
            Sampled::OffCpu => self.thread(&header).stack = Some(stack),
        }
    }

    /// Who still waits at the end has waited until then.
    fn end(mut self, seconds: f64) -> Stacks {
        for (_, mut waits) in std::mem::take(&mut self.threads) {
            waits.comes_back(seconds);
            let known: f64 = waits.sampled.iter().map(|(_, waited)| waited).sum();
            let microseconds = |waited: f64| (waited * 1e6).round() as u64;
            if known > 0.0 {
                for (stack, waited) in &waits.sampled {
                    self.stacks.add(stack, microseconds(waited * waits.total / known));
                }
            } else if microseconds(waits.total) > 0 {
                self.stacks.add(&format!("{};[unknown]", waits.name), microseconds(waits.total));
            }
        }
        self.stacks
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_of_the_cpu() {
        let text = "pool-1 26121 55245.723219: cpu-clock: \n\
            \t          fdd76b webapp::app::fib::fib (/opt/webapp)\n\
            \t          fdd76a webapp::app::fib::fib+0x1f (/opt/webapp)\n\
            \t        14dc86b <core::panic::AssertUnwindSafe<F> as core::FnOnce<()>>::call_once (/opt/webapp)\n\
            \t        1cc163b __clone3 (/opt/webapp)\n\
            \n\
            pool-0 26101/26120 [001] 55245.725339:   10101010 cpu-clock:ppp: \n\
            \tffffffff82266833 schedule+0x23 ([kernel.kallsyms])\n\
            \t          315ad9 [unknown] (/usr/lib/libc.so.6)\n\
            \n\
            my thread 7   100.000001:          1 cpu-clock: \n\
            \n";
        assert!(is_perf_script(text));
        let stacks = read(text);
        let all: Vec<_> = stacks.iter().collect();
        assert_eq!(
            all,
            [
                ("pool;[libc.so.6];schedule_[k]", 1),
                (
                    "pool;__clone3;<core::panic::AssertUnwindSafe<F> as core::FnOnce<()>>::call_once;\
                     webapp::app::fib::fib;webapp::app::fib::fib",
                    1
                ),
            ]
        );
        assert_eq!(stacks.sampled, Sampled::Cpu(None));
    }

    #[test]
    fn time_off_the_cpu() {
        let text = "reaper 318 10.000000: PERF_RECORD_SWITCH IN         \n\
            reaper 318 10.100000:          3 context-switches: \n\
            \tffffffff82266833 schedule ([kernel.kallsyms])\n\
            \t           cf503 nap (/opt/webapp)\n\
            \n\
            reaper 318 10.100000: PERF_RECORD_SWITCH OUT        \n\
            pool-0 319 10.200000:          3 context-switches: \n\
            \t           cf503 wait (/opt/webapp)\n\
            \n\
            pool-0 319 10.200000: PERF_RECORD_SWITCH OUT        \n\
            pool-0 319 10.300000: PERF_RECORD_SWITCH IN         \n\
            idle 320 10.300000: PERF_RECORD_SWITCH OUT        \n\
            reaper 318 10.350000: PERF_RECORD_SWITCH IN         \n\
            pool-0 319 10.400000: PERF_RECORD_SWITCH OUT preempt\n\
            pool-0 319 10.500000: PERF_RECORD_SWITCH IN         \n";
        let stacks = read(text);
        let all: Vec<_> = stacks.iter().collect();
        // Twice 0.1 s, of which one has its stack; and 0.2 s of which none has.
        assert_eq!(all, [("idle;[unknown]", 200_000), ("pool;wait", 200_000), ("reaper;nap;schedule_[k]", 250_000)]);
        assert_eq!(stacks.sampled, Sampled::OffCpu);
    }

    #[test]
    fn other_texts_are_not_of_perf() {
        for text in ["", "a;b;c 12\nd 1\n", "  two words\n", "pool-1 26121 55245.723219: cpu-clock: \n"] {
            assert!(!is_perf_script(text), "{text}");
        }
    }
}
