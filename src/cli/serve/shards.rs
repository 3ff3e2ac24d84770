//! `--store-shards FILE`: which shards there are, followed while the node serves.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};
use std::time::Duration;

use anyhow::Context;

use crate::cli::store;
use crate::store::{Layout, ShardList, Store};

/// From one look at the file to the next.
const LOOK: Duration = Duration::from_millis(100);

/// The number of the list in the file, and what it says.
///
/// # Errors
/// When file or servers cannot be read; no message repeats a URL.
pub fn read(path: &Path) -> anyhow::Result<(u64, Layout)> {
    let list = ShardList::read(path).map_err(anyhow::Error::msg)?;
    let targets = list.servers.iter().map(|text| store::target(text)).collect::<anyhow::Result<_>>();
    let layout = list.layout(targets?).map_err(anyhow::Error::msg).with_context(|| path.display().to_string())?;
    Ok((list.generation, layout))
}

/// Lets `store` follow the file from the list `generation` on, for as long as somebody has the store. A list that cannot be
/// followed is logged, and the one before holds.
///
/// # Errors
/// When the system gives no thread.
pub fn follow(path: PathBuf, store: &Arc<Store>, generation: u64) -> std::io::Result<()> {
    let store = Arc::downgrade(store);
    let thread = std::thread::Builder::new().name("store-shards".into());
    thread.spawn(move || watch(&path, &store, generation)).map(drop)
}

fn watch(path: &Path, store: &Weak<Store>, mut generation: u64) {
    let mut said = String::new();
    loop {
        std::thread::sleep(LOOK);
        let Some(store) = store.upgrade() else { return };
        match read(path) {
            Ok((new, _)) if new == generation => said.clear(),
            Ok((new, layout)) => match store.follow(new, layout) {
                Ok(()) => {
                    log::info!("the store is {} now (list {new})", store.whole_name());
                    generation = new;
                }
                Err(error) => say(&mut said, format!("cannot follow list {new} of the shards: {error}")),
            },
            Err(error) => say(&mut said, format!("the list of the shards stays as it was: {error:#}")),
        }
    }
}

/// Logs a text once.
fn say(said: &mut String, text: String) {
    if *said != text {
        log::warn!("{text}");
        *said = text;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_of_a_list_may_lie_in_files_and_are_never_repeated() {
        let folder = tempfile::tempdir().unwrap();
        let (path, url) = (folder.path().join("shards"), folder.path().join("store1"));
        std::fs::write(&url, "redis://:hunter2@127.0.0.1:7000/0").unwrap();
        let servers = vec![format!("@{}", url.display()), "redis://127.0.0.1:7001/0".to_owned()];
        let list = ShardList { generation: 3, servers, from: 1, to: 2, begun: true };
        let write = |list: &ShardList| std::fs::write(&path, serde_json::to_string(list).unwrap()).unwrap();
        write(&list);
        let (generation, layout) = read(&path).unwrap();
        assert!(generation == 3 && matches!(layout, Layout::Resharding { .. }));
        write(&ShardList { to: 9, ..list.clone() });
        let refusal = format!("{:#}", read(&path).unwrap_err());
        assert!(refusal.contains("shards") && !refusal.contains("hunter2"), "{refusal}");
        std::fs::write(&url, "postgres://:hunter2@db").unwrap();
        write(&list);
        let refusal = format!("{:#}", read(&path).unwrap_err());
        assert!(refusal.contains("store1") && !refusal.contains("hunter2"), "{refusal}");
    }
}
