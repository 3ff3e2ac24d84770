//! Looks for a text in the bodies of answers.

use memchr::memmem::Finder;

/// Looks for a text in a body that comes in pieces; keeps only as much as a match can span.
pub(super) struct BodySearch {
    finder: Finder<'static>,
    tail: Vec<u8>,
    found: bool,
}

impl BodySearch {
    /// Looks for this text; an empty one is found in every body.
    pub fn new(text: &str) -> Self {
        Self { finder: Finder::new(text).into_owned(), tail: Vec::new(), found: text.is_empty() }
    }

    /// Whether the text was found.
    pub fn is_found(&self) -> bool {
        self.found
    }

    /// Makes ready for the next body.
    pub fn start(&mut self) {
        self.tail.clear();
        self.found = self.finder.needle().is_empty();
    }

    /// Takes the next part of the body.
    pub fn feed(&mut self, part: &[u8]) {
        if self.found {
            return;
        }
        let keep = self.finder.needle().len() - 1;
        // A match across the border lies within the old tail and as many bytes of the new part.
        self.tail.extend_from_slice(&part[..keep.min(part.len())]);
        self.found = self.finder.find(&self.tail).is_some() || self.finder.find(part).is_some();
        if part.len() > keep {
            self.tail.clear();
            self.tail.extend_from_slice(&part[part.len() - keep..]);
        } else {
            self.tail.drain(..self.tail.len().saturating_sub(keep));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_found_across_pieces() {
        let body = b"the quick brown fox jumps over the lazy dog";
        for (needle, expected) in
            [("fox", true), ("the quick", true), ("dog", true), ("cat", false), ("", true), ("y d", true)]
        {
            let mut search = BodySearch::new(needle);
            for piece in 1..=body.len() {
                search.start();
                body.chunks(piece).for_each(|part| search.feed(part));
                assert_eq!(search.found, expected, "{needle} {piece}");
                assert!(search.tail.len() < needle.len().max(1) * 2);
            }
        }
    }
}
