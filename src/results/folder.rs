//! The results folder: `manifest.json`, then `runs.jsonl`, a line a run, written as it ends.
//!
//! A bench that is killed at any moment leaves a folder that can be read: a line that was not finished is not a line.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};

use super::manifest::{FORMAT, Manifest};
use super::run::Run;

/// Name of the manifest in the folder.
pub const MANIFEST: &str = "manifest.json";
/// Name of the file of runs in the folder.
pub const RUNS: &str = "runs.jsonl";

/// A results folder that is being written.
pub struct ResultsFolder {
    path: PathBuf,
    runs: File,
}

/// What a results folder holds.
#[derive(Clone, Debug, PartialEq)]
pub struct Results {
    /// Where, with what and how it was measured.
    pub manifest: Manifest,
    /// Everything that was measured to its end, in order.
    pub runs: Vec<Run>,
}

impl ResultsFolder {
    /// Makes a new folder (with its parents). One that already holds something is refused.
    ///
    /// # Errors
    /// When there is something already, or nothing can be written there: said before anything is measured.
    pub fn create(path: &Path) -> anyhow::Result<Self> {
        fs::create_dir_all(path).with_context(|| format!("cannot make the folder {}", path.display()))?;
        let mut entries = fs::read_dir(path).with_context(|| format!("cannot read {}", path.display()))?;
        ensure!(
            entries.next().is_none(),
            "{} is not empty; choose another folder with --out, or go on where it ended with --resume",
            path.display()
        );
        Self::open_runs(path)
    }

    /// Opens a folder to go on: an unfinished last line is cut off.
    ///
    /// # Errors
    /// When the folder cannot be read as results, or not be written.
    pub fn resume(path: &Path) -> anyhow::Result<(Self, Results)> {
        let results = read(path)?;
        let file = path.join(RUNS);
        if let Ok(text) = fs::read(&file) {
            let whole = text.iter().rposition(|&byte| byte == b'\n').map_or(0, |position| position + 1);
            let opened = OpenOptions::new().write(true).open(&file);
            opened
                .and_then(|opened| opened.set_len(whole as u64))
                .with_context(|| format!("cannot write {}", file.display()))?;
        }
        Ok((Self::open_runs(path)?, results))
    }

    fn open_runs(path: &Path) -> anyhow::Result<Self> {
        let file = path.join(RUNS);
        let runs = OpenOptions::new().create(true).append(true).open(&file);
        Ok(Self { path: path.to_owned(), runs: runs.with_context(|| format!("cannot write {}", file.display()))? })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes the manifest.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write_manifest(&self, manifest: &Manifest) -> anyhow::Result<()> {
        write_whole(&self.path.join(MANIFEST), &format!("{}\n", serde_json::to_string_pretty(manifest)?))
    }

    /// Adds a run: one write, and on the disk before the next run begins.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn append(&mut self, run: &Run) -> anyhow::Result<()> {
        let line = format!("{}\n", serde_json::to_string(run)?);
        self.runs
            .write_all(line.as_bytes())
            .and_then(|()| self.runs.sync_data())
            .with_context(|| format!("cannot write {}", self.path.join(RUNS).display()))
    }
}

/// Writes a file so that it is there whole or not at all: under another name first, which a kill may leave and the next
/// writer takes over.
///
/// # Errors
/// When it cannot be written.
pub fn write_whole(file: &Path, content: &str) -> anyhow::Result<()> {
    let unfinished = file.with_extension("unfinished");
    fs::write(&unfinished, content)
        .and_then(|()| fs::rename(&unfinished, file))
        .with_context(|| format!("cannot write {}", file.display()))
}

/// Reads a results folder. A last line without its end was being written when the bench was killed; it is left out.
///
/// # Errors
/// When there is no manifest, the format is newer than this program, or a finished line cannot be understood.
pub fn read(path: &Path) -> anyhow::Result<Results> {
    let file = path.join(MANIFEST);
    let text = match fs::read_to_string(&file) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => bail!(
            "{} holds no {MANIFEST}: it is not a results folder of 'webapp bench', or the bench ended before its first run",
            path.display()
        ),
        text => text.with_context(|| format!("cannot read {}", file.display()))?,
    };
    let manifest: Manifest =
        serde_json::from_str(&text).with_context(|| format!("cannot understand {}", file.display()))?;
    ensure!(
        manifest.format <= FORMAT,
        "{} has format {}, this program knows {FORMAT}: use the version that wrote it, or a newer one",
        file.display(),
        manifest.format
    );
    let file = path.join(RUNS);
    let text = match fs::read(&file) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
        text => text.with_context(|| format!("cannot read {}", file.display()))?,
    };
    let whole = text.iter().rposition(|&byte| byte == b'\n').map_or(0, |position| position + 1);
    let runs = text[..whole]
        .split(|&byte| byte == b'\n')
        .enumerate()
        .filter(|(_, line)| !line.is_empty())
        .map(|(index, line)| {
            serde_json::from_slice(line)
                .with_context(|| format!("cannot understand line {} of {}", index + 1, file.display()))
        })
        .collect::<anyhow::Result<Vec<Run>>>()?;
    Ok(Results { manifest, runs })
}
