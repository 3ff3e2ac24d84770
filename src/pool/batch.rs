//! Questions that one thread answers together.

use std::convert::Infallible;

/// How a thread answers several questions that wait behind each other at once, where that costs less than one after the other:
/// many questions in one packet.
pub trait Batch: Send + Sync + 'static {
    /// What is asked.
    type Question: Send + 'static;
    /// What is answered.
    type Answer: Send + 'static;

    /// Most questions that are answered at once, at least 1.
    fn most(&self) -> usize;

    /// An answer to each question, in the same order.
    fn answer(&self, questions: Vec<Self::Question>) -> Vec<Self::Answer>;
}

/// The pool has jobs only, which are done one by one.
pub struct OneByOne;

impl Batch for OneByOne {
    type Question = Infallible;
    type Answer = Infallible;

    fn most(&self) -> usize {
        1
    }

    fn answer(&self, questions: Vec<Infallible>) -> Vec<Infallible> {
        questions
    }
}
