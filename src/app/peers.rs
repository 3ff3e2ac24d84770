//! Which nodes belong to the cluster that the page shows: named once, or by a file that may change while nodes come and go.

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::SystemTime;

use crate::http::url::Origin;

/// Most nodes that one page shows.
pub const MAX_PEERS: usize = 64;

/// Largest file of peers that is read, bytes.
const MAX_FILE_BYTES: u64 = 64 * 1024;

/// The value of `--peers`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Peers {
    /// `URL,URL…`
    Fixed(Vec<Origin>),
    /// `@FILE`: an address a line; read again when it changes.
    File(PathBuf),
}

impl Default for Peers {
    fn default() -> Peers {
        Peers::Fixed(Vec::new())
    }
}

impl FromStr for Peers {
    type Err = String;

    fn from_str(text: &str) -> Result<Peers, String> {
        match text.strip_prefix('@') {
            Some("") => Err("@ takes the name of a file".into()),
            Some(path) => Ok(Peers::File(path.into())),
            None => Ok(Peers::Fixed(origins(text.split(','))?)),
        }
    }
}

impl Peers {
    /// The nodes as they are named now.
    ///
    /// # Errors
    /// The file cannot be read or names what is not an address; the sentence says which.
    pub fn read(&self) -> Result<Vec<Origin>, String> {
        match self {
            Peers::Fixed(origins) => Ok(origins.clone()),
            Peers::File(path) => read(path).map_err(|error| format!("--peers @{}: {error}", path.display())),
        }
    }

    /// When the file last changed; `None` for a list, and while the file cannot be seen.
    pub fn changed_at(&self) -> Option<SystemTime> {
        match self {
            Peers::Fixed(_) => None,
            Peers::File(path) => std::fs::metadata(path).and_then(|data| data.modified()).ok(),
        }
    }
}

fn read(path: &Path) -> Result<Vec<Origin>, String> {
    let size = std::fs::metadata(path).map_err(|error| error.to_string())?.len();
    if size > MAX_FILE_BYTES {
        return Err(format!("{size} bytes; at most {MAX_FILE_BYTES} are read"));
    }
    let text = std::fs::read_to_string(path).map_err(|error| error.to_string())?;
    origins(text.lines().map(|line| line.split('#').next().unwrap_or_default()))
}

/// Each once, in their order; empty parts are left out.
fn origins<'a>(parts: impl Iterator<Item = &'a str>) -> Result<Vec<Origin>, String> {
    let mut origins = Vec::new();
    for part in parts.map(str::trim).filter(|part| !part.is_empty()) {
        let origin = Origin::parse(part).map_err(|error| error.to_string())?;
        if !origins.contains(&origin) {
            origins.push(origin);
        }
    }
    if origins.len() > MAX_PEERS {
        return Err(format!("{} nodes; at most {MAX_PEERS} fit on one page", origins.len()));
    }
    Ok(origins)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(origins: &[Origin]) -> String {
        origins.iter().map(Origin::to_string).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn lists() {
        for (text, expected) in
            [("", ""), ("http://a:1", "http://a:1"), ("http://a:1, http://b:2/,http://a:1,", "http://a:1 http://b:2")]
        {
            assert_eq!(shown(&text.parse::<Peers>().unwrap().read().unwrap()), expected);
        }
        let many = (0..65).map(|port| format!("http://a:{}", port + 1)).collect::<Vec<_>>().join(",");
        for text in ["a:1", "@", "http://a:1;http://b:2", many.as_str()] {
            assert!(text.parse::<Peers>().is_err(), "{text}");
        }
    }

    #[test]
    fn files() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("peers");
        let peers: Peers = format!("@{}", path.display()).parse().unwrap();
        assert!(peers.read().unwrap_err().contains("peers"), "a missing file is named");
        std::fs::write(&path, "# the nodes\nhttp://a:1\n\nhttp://b:2 # the second\n").unwrap();
        assert_eq!(shown(&peers.read().unwrap()), "http://a:1 http://b:2");
        assert!(peers.changed_at().is_some());
        std::fs::write(&path, "nonsense\n").unwrap();
        assert!(peers.read().is_err());
    }
}
