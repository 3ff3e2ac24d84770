//! Where the boxes of a picture stand.

use std::collections::BTreeMap;

use super::stacks::Stacks;

/// A box narrower than this share of the whole is not drawn: half a pixel of 1,200.
const NARROWEST: f64 = 0.0004;

/// A function above the one that called it. Places are shares of the whole, from 0 to 1.
#[derive(Clone, Debug, PartialEq)]
pub struct FlameBox {
    /// The name of the function; of all threads together at depth 0.
    pub name: String,
    /// How many stand below it.
    pub depth: usize,
    /// Where it begins.
    pub left: f64,
    /// How wide it is.
    pub width: f64,
    /// Its weight.
    pub weight: u64,
    /// The part of its weight in which nothing stood above it.
    pub own: u64,
    /// The functions below it and itself, with semicolons: the same in another picture is the same call.
    pub path: String,
}

#[derive(Default)]
struct Call {
    weight: u64,
    own: u64,
    callees: BTreeMap<String, Call>,
}

/// The boxes of a picture, callers before callees, in the order of the alphabet.
pub fn of(stacks: &Stacks) -> Vec<FlameBox> {
    let mut root = Call::default();
    for (stack, weight) in stacks.iter() {
        let mut call = &mut root;
        call.weight += weight;
        for name in stack.split(';') {
            call = call.callees.entry(name.to_owned()).or_default();
            call.weight += weight;
        }
        call.own += weight;
    }
    let mut boxes = Vec::new();
    let total = root.weight.max(1) as f64;
    // An explicit list of what is to do: a stack may be deep.
    let mut open = vec![("all".to_owned(), String::new(), 0_usize, 0.0_f64, root)];
    while let Some((name, path, depth, left, call)) = open.pop() {
        let width = call.weight as f64 / total;
        if width < NARROWEST {
            continue;
        }
        let mut start = left;
        let mut above = Vec::new();
        for (callee, inner) in call.callees {
            let share = inner.weight as f64 / total;
            above.push((callee.clone(), format!("{path};{callee}"), depth + 1, start, inner));
            start += share;
        }
        open.extend(above.into_iter().rev());
        boxes.push(FlameBox { name, depth, left, width, weight: call.weight, own: call.own, path });
    }
    boxes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn callees_stand_on_their_caller() {
        let stacks = Stacks::parse("pool;work;fib;fib 6\npool;work;drop 2\nwebapp;send 2\n").unwrap();
        let seen: Vec<_> = of(&stacks)
            .into_iter()
            .map(|one| (one.path, one.depth, (one.left * 10.0).round(), (one.width * 10.0).round(), one.own))
            .collect();
        let wanted = [
            ("", 0, 0.0, 10.0, 0),
            (";pool", 1, 0.0, 8.0, 0),
            (";pool;work", 2, 0.0, 8.0, 0),
            (";pool;work;drop", 3, 0.0, 2.0, 2),
            (";pool;work;fib", 3, 2.0, 6.0, 0),
            (";pool;work;fib;fib", 4, 2.0, 6.0, 6),
            (";webapp", 1, 8.0, 2.0, 0),
            (";webapp;send", 2, 8.0, 2.0, 2),
        ];
        assert_eq!(seen, wanted.map(|(path, depth, left, width, own)| (path.to_owned(), depth, left, width, own)));
    }

    #[test]
    fn what_nobody_could_see_is_left_out() {
        let stacks = Stacks::parse("a;b 99999\na;c 1\n").unwrap();
        assert_eq!(of(&stacks).len(), 3);
    }
}
