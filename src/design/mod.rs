//! What the live page and the pages of results share: colours, type, cards, bars and tables, and texts in two languages.

mod text;

pub(crate) use text::both;
pub use text::{Part, Text, spanish_numbers, unbroken};

/// The style sheet; each page adds what it alone has.
pub const BASE: &str = include_str!("base.css");
