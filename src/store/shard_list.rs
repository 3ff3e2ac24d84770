//! The file that tells nodes which shards a store has: written by who runs the servers, followed by nodes while they serve.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::layout::Layout;
use super::shard::ShardChange;
use super::target::Target;

/// What is in the file, as JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShardList {
    /// One higher with each change.
    pub generation: u64,
    /// All of them, each as `serve --store` takes one: its URL, or `@FILE`, which holds it.
    pub servers: Vec<String>,
    /// How many of them have the rows, from the first on.
    pub from: usize,
    /// How many shall have them; another number while rows move.
    pub to: usize,
    /// Whether rows move already.
    pub begun: bool,
}

impl ShardList {
    /// Reads the file.
    ///
    /// # Errors
    /// When it cannot be read, or is something else.
    pub fn read(path: &Path) -> Result<Self, String> {
        let wrong = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
        let text = std::fs::read_to_string(path).map_err(|error| wrong(&error))?;
        serde_json::from_str(&text).map_err(|error| wrong(&error))
    }

    /// The servers, whose targets `targets` are, by this list.
    ///
    /// # Errors
    /// When they cannot be shards of one store.
    pub fn layout(&self, targets: Vec<Target>) -> Result<Layout, String> {
        Layout::resharding(targets, ShardChange { from: self.from, to: self.to, begun: self.begun })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_read_as_it_was_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("shards");
        let list = ShardList { generation: 7, servers: vec!["redis://a".into()], from: 1, to: 1, begun: false };
        std::fs::write(&path, serde_json::to_string(&list).unwrap()).unwrap();
        assert_eq!(ShardList::read(&path), Ok(list.clone()));
        assert!(matches!(list.layout(vec!["redis://a".parse().unwrap()]), Ok(Layout::One(_))));
        for text in ["", "redis://a", "{}"] {
            std::fs::write(&path, text).unwrap();
            assert!(ShardList::read(&path).unwrap_err().contains("shards"), "{text}");
        }
    }
}
