//! The same as a picture says, in lines of text.

use super::stacks::{FunctionShare, Stacks};

/// How many functions stand in a table.
pub const ROWS: usize = 15;

/// The functions in which the time was spent, with their shares.
pub fn table(stacks: &Stacks) -> String {
    let mut text = format!("{} ({})\n\n  itself   with what it called\n", stacks.title, stacks.total_words());
    for share in listed(&stacks.shares()) {
        text += &format!("{:6.1} %  {:6.1} %   {}\n", share.own_percent, share.total_percent, share.name);
    }
    text
}

/// Those that took most themselves.
pub fn listed(shares: &[FunctionShare]) -> Vec<&FunctionShare> {
    let took = shares.iter().filter(|share| share.own_percent >= 0.05);
    took.take(ROWS).collect()
}

/// A function in two recordings.
#[derive(Clone, Debug, PartialEq)]
pub struct FunctionChange {
    /// Its name.
    pub name: String,
    /// Its own share before, in percent.
    pub before_percent: f64,
    /// Its own share after, in percent.
    pub after_percent: f64,
}

impl FunctionChange {
    /// By how many points its share has grown.
    pub fn points(&self) -> f64 {
        self.after_percent - self.before_percent
    }
}

/// The functions whose own share changed most.
pub fn changes(before: &Stacks, after: &Stacks) -> Vec<FunctionChange> {
    let (old, new) = (before.shares(), after.shares());
    let own = |shares: &[FunctionShare], name: &str| {
        shares.iter().find(|share| share.name == name).map_or(0.0, |share| share.own_percent)
    };
    let gone = old.iter().filter(|share| !new.iter().any(|other| other.name == share.name));
    let mut changes: Vec<FunctionChange> = new
        .iter()
        .chain(gone)
        .map(|share| FunctionChange {
            name: share.name.clone(),
            before_percent: own(&old, &share.name),
            after_percent: own(&new, &share.name),
        })
        .filter(|change| change.points().abs() >= 0.05)
        .collect();
    changes.sort_by(|a, b| b.points().abs().total_cmp(&a.points().abs()));
    changes.truncate(ROWS);
    changes
}

/// Two recordings side by side: the functions whose own share changed most.
pub fn difference(before: &Stacks, after: &Stacks) -> String {
    let named = |word: &str, stacks: &Stacks| format!("{word} {} ({})\n", stacks.title, stacks.total_words());
    let mut text = named("before:", before) + &named("after: ", after) + "\n  before     after   change, points\n";
    for change in changes(before, after) {
        text += &format!(
            "{:6.1} %  {:6.1} %   {:+6.1}   {}\n",
            change.before_percent,
            change.after_percent,
            change.points(),
            change.name
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_as_lines() {
        let mut stacks = Stacks::parse("pool;work;fib;fib 3\npool;work;send_[k] 1\n").unwrap();
        stacks.title = "node1".into();
        assert_eq!(
            table(&stacks),
            "node1 (4 samples)\n\n  itself   with what it called\n  75.0 %    75.0 %   fib\n  25.0 %    25.0 %   send_[k]\n"
        );
    }

    #[test]
    fn what_came_and_what_went() {
        let before = Stacks::parse("pool;work;fib 9\npool;work 1\n").unwrap();
        let after = Stacks::parse("pool;work;fast 1\npool;work 1\n").unwrap();
        let seen: Vec<_> =
            changes(&before, &after).into_iter().map(|change| (change.name.clone(), change.points())).collect();
        assert_eq!(seen, [("fib".into(), -90.0), ("fast".into(), 50.0), ("work".into(), 40.0)]);
        assert!(
            difference(&before, &after).contains("  90.0 %     0.0 %    -90.0   fib\n"),
            "{}",
            difference(&before, &after)
        );
    }
}
