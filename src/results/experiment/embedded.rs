//! The product's own experiments, carried in the binary.

use super::{Experiment, Size};
use crate::results::plan::Plan;

/// Name of [`default`].
pub const DEFAULT: &str = "vertical-horizontal";

macro_rules! experiments {
    ($($name:literal),* $(,)?) => {
        /// Name and text of each, in the order of the course.
        pub const EMBEDDED: &[(&str, &str)] =
            &[$(($name, include_str!(concat!("../../../experiments/", $name, ".toml")))),*];
    };
}

experiments![
    "vertical-horizontal",
    "a-a",
    "sync-async",
    "threads",
    "workers",
    "balancer",
    "https",
    "algorithm",
    "waf",
    "store",
    "connections",
    "index",
    "shards",
    "replicas",
    "bigger-store",
    "cache",
    "edge",
    "stale",
    "sessions",
    "login",
    "recursion",
    "binary",
    "autoscale",
    "nested",
    "containers",
];

/// The experiment of this name. `None` where there is no such.
pub fn embedded(name: &str) -> Option<Experiment> {
    let (name, text) = EMBEDDED.iter().find(|(known, _)| *known == name)?;
    let file = format!("experiments/{name}.toml");
    // The tests read each of them: what is carried in the binary is never wrong.
    #[allow(clippy::expect_used)]
    Some(Experiment::parse(&file, text).expect("an embedded experiment is right"))
}

/// What `webapp bench` runs when it is told nothing.
pub fn default() -> Experiment {
    #[allow(clippy::expect_used)] // a test holds the list against the folder
    embedded(DEFAULT).expect("the default experiment is in the list")
}

impl Plan {
    /// The default: one big node against many small ones at three unit counts, in three minutes.
    pub fn quick() -> Self {
        default().plan(Size::Quick)
    }

    /// For a figure to publish: more points, more blocks, longer windows, the open ladder everywhere.
    pub fn full() -> Self {
        default().plan(Size::Full)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::results::experiment::Size;

    #[test]
    fn the_list_is_the_folder() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/experiments");
        let files: BTreeSet<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().to_str().unwrap().trim_end_matches(".toml").to_owned())
            .collect();
        let list: BTreeSet<String> = EMBEDDED.iter().map(|(name, _)| (*name).to_owned()).collect();
        assert_eq!(list, files, "experiments/ and EMBEDDED differ");
        assert_eq!(EMBEDDED[0].0, DEFAULT);
    }

    #[test]
    fn each_is_right_and_quick() {
        for (name, _) in EMBEDDED {
            let experiment = embedded(name).unwrap();
            assert!(!experiment.look_at.is_empty(), "{name}: say what to look at");
            let quick = experiment.plan(Size::Quick);
            // Four kinds of stores at four numbers of nodes: each block is sixteen clusters. A day takes each arm a minute.
            let most = match quick.profile {
                Some(_) => 420.0,
                None if *name == "store" => 240.0,
                None => 175.0,
            };
            assert!((30.0..=most).contains(&quick.seconds()), "{name}: {} s", quick.seconds());
            // Ceilings say how high a load that changes shall be; they are not the question then.
            let enough = quick.closed_blocks() >= 6 || quick.profile.is_some();
            assert!(enough, "{name}: fewer than six blocks decide hardly anything");
            assert!(experiment.plan(Size::Full).seconds() > quick.seconds(), "{name}");
        }
        assert_eq!(embedded("nothing"), None);
    }
}
