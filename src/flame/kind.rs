//! Whose function it is: the colour of a box.

use super::symbol::KERNEL_MARK;

/// Where a function comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FunctionKind {
    /// The name of a thread, or of all of them.
    Thread,
    /// A demo address of this program.
    Endpoint,
    /// The rest of this program.
    Program,
    /// Another library in Rust or C++: its names have paths.
    Library,
    /// C: libc, mostly.
    System,
    /// The kernel.
    Kernel,
}

impl FunctionKind {
    /// All, in the order of the legend.
    pub const ALL: [Self; 6] = [Self::Endpoint, Self::Program, Self::Library, Self::System, Self::Kernel, Self::Thread];

    /// Of the function with this name; `depth` 0 is everything, 1 are the threads.
    pub fn of(name: &str, depth: usize) -> Self {
        let path = name.trim_start_matches('<');
        if depth <= 1 {
            Self::Thread
        } else if name.ends_with(KERNEL_MARK) {
            Self::Kernel
        } else if path.starts_with("webapp::app::") {
            Self::Endpoint
        } else if path.starts_with("webapp::") {
            Self::Program
        } else if path.contains("::") {
            Self::Library
        } else {
            Self::System
        }
    }

    /// Its class in the style sheet.
    pub fn class(self) -> &'static str {
        match self {
            Self::Thread => "thread",
            Self::Endpoint => "endpoint",
            Self::Program => "program",
            Self::Library => "library",
            Self::System => "system",
            Self::Kernel => "kernel",
        }
    }

    /// Its words in the legend.
    pub fn words(self) -> &'static str {
        match self {
            Self::Thread => "thread",
            Self::Endpoint => "webapp::app",
            Self::Program => "other webapp",
            Self::Library => "library",
            Self::System => "C",
            Self::Kernel => "kernel",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_whose_they_are() {
        for (name, depth, kind) in [
            ("all", 0, FunctionKind::Thread),
            ("webapp", 1, FunctionKind::Thread),
            ("webapp::app::fib::fib", 9, FunctionKind::Endpoint),
            ("webapp::pool::Shared::work", 2, FunctionKind::Program),
            ("<webapp::http::Peer as core::Drop>::drop", 2, FunctionKind::Program),
            ("<alloc::boxed::Box<F> as core::FnOnce>::call_once", 2, FunctionKind::Library),
            ("__clone3", 2, FunctionKind::System),
            ("schedule_[k]", 2, FunctionKind::Kernel),
        ] {
            assert_eq!(FunctionKind::of(name, depth), kind, "{name}");
        }
        assert!(FunctionKind::ALL.iter().all(|kind| !kind.words().is_empty() && !kind.class().is_empty()));
    }
}
