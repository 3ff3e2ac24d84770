//! Flame graphs: which functions a program spends its time in, as one picture that needs no network.
//!
//! [`read`] takes what `perf script` prints, folded stacks, or a picture of ours; [`draw`] makes the picture of one
//! recording, [`compare`] that of two side by side; [`table`] and [`difference`] say the same in lines of text. All of it is
//! functions of text: who records is the command line.
//!
//! The form is Brendan Gregg's ("The Flame Graph", Communications of the ACM 59(6), 2016): each box is a function, it stands on the
//! one that called it, and it is as wide as its share of the samples. The order from left to right is that of the alphabet, not of
//! time.

mod boxes;
mod embedded;
mod error;
mod graph;
mod kind;
mod page;
mod perf;
mod read;
mod stacks;
mod symbol;
mod table;

pub use error::UnreadableStacks;
pub use page::{compare, draw};
pub use read::read;
pub use stacks::{FunctionShare, Sampled, Stacks};
pub use table::{difference, table};
