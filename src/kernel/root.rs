//! Where the kernel's files are, and what can go wrong when one is read.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// What a reader gives: the counters, or why there are none.
pub type Reading<T> = Result<T, ReadError>;

/// Why a source gave no figure. Its text names the path, so that it can stand under `unavailable` as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadError {
    /// The file that was asked for.
    pub path: PathBuf,
    /// What was wrong with it, in words.
    pub problem: String,
}

impl ReadError {
    /// The file is there, but does not hold what it should.
    pub fn malformed(path: impl Into<PathBuf>, problem: impl Into<String>) -> Self {
        Self { path: path.into(), problem: problem.into() }
    }

    fn io(path: PathBuf, error: &io::Error) -> Self {
        let problem = match error.kind() {
            io::ErrorKind::NotFound => "no such file on this machine".to_owned(),
            io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
            // EOPNOTSUPP: what /proc/pressure answers when the kernel was built with PSI and booted with psi=0.
            _ if error.raw_os_error() == Some(libc::EOPNOTSUPP) => "turned off in this kernel".to_owned(),
            _ => error.to_string(),
        };
        Self { path, problem }
    }
}

impl fmt::Display for ReadError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.path.display(), self.problem)
    }
}

impl std::error::Error for ReadError {}

/// The folder that `/proc` and `/sys` are looked up in: `/` on a real machine, a temporary folder in a test.
#[derive(Clone, Debug)]
pub struct Root(PathBuf);

impl Root {
    /// The running machine.
    pub fn real() -> Self {
        Self(PathBuf::from("/"))
    }

    /// A tree of files below `folder`, which then holds `proc/` and `sys/`.
    pub fn at(folder: impl Into<PathBuf>) -> Self {
        Self(folder.into())
    }

    /// Whether this is the running machine, where system calls may add what files do not say.
    pub fn is_real(&self) -> bool {
        self.0 == Path::new("/")
    }

    /// The place of an absolute path such as `/proc/stat` under this root.
    pub fn path(&self, absolute: impl AsRef<Path>) -> PathBuf {
        let absolute = absolute.as_ref();
        self.0.join(absolute.strip_prefix("/").unwrap_or(absolute))
    }

    /// The whole text of a file. Bytes that are not UTF-8 are replaced.
    ///
    /// # Errors
    /// When it cannot be opened or read; the error names the path.
    pub fn read(&self, absolute: impl AsRef<Path>) -> Reading<String> {
        let path = self.path(absolute);
        // One large buffer: the files of /proc say length 0, and each further read call costs.
        let mut bytes = Vec::with_capacity(16 * 1024);
        match File::open(&path).and_then(|mut file| file.read_to_end(&mut bytes)) {
            Ok(_) => Ok(match String::from_utf8(bytes) {
                Ok(text) => text,
                Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
            }),
            Err(error) => Err(ReadError::io(path, &error)),
        }
    }

    /// The file's single number, such as `cpu.cfs_period_us`.
    ///
    /// # Errors
    /// When it cannot be read, or is not a number.
    pub fn read_number<T: std::str::FromStr>(&self, absolute: impl AsRef<Path>) -> Reading<T> {
        let absolute = absolute.as_ref();
        let text = self.read(absolute)?;
        let text = text.trim();
        text.parse().map_err(|_| ReadError::malformed(self.path(absolute), format!("'{}' is not a number", clip(text))))
    }
}

/// The rows of a table that has a line for each device, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table<Row> {
    /// The lines that were understood.
    pub rows: BTreeMap<String, Row>,
    /// The beginning of each line that was not: it costs that line, not the table.
    pub unread: Vec<String>,
}

impl<Row> Table<Row> {
    /// Takes every line apart by `parse`; a row that it maps to `None` is left out on purpose.
    ///
    /// # Errors
    /// When there are lines and none of them is understood: then `path` holds something else.
    pub fn parse<'a>(
        path: PathBuf,
        lines: impl Iterator<Item = &'a str>,
        parse: impl Fn(&'a str) -> Option<(&'a str, Option<Row>)>,
    ) -> Reading<Self> {
        let mut table = Self { rows: BTreeMap::new(), unread: Vec::new() };
        let mut understood = 0;
        for line in lines {
            let Some((name, row)) = parse(line) else {
                table.unread.push(clip(line.trim()).to_owned());
                continue;
            };
            understood += 1;
            table.rows.extend(row.map(|row| (name.to_owned(), row)));
        }
        match table.unread.first() {
            Some(line) if understood == 0 => Err(ReadError::malformed(path, format!("bad line '{line}'"))),
            _ => Ok(table),
        }
    }
}

/// The lines that were written to their end: a file cut short may end in half a number, which would be believed.
pub fn complete_lines(text: &str) -> impl Iterator<Item = &str> {
    let end = text.rfind('\n').map_or(0, |last| last + 1);
    text[..end].lines()
}

/// The first 40 characters, for error texts.
pub fn clip(text: &str) -> &str {
    text.char_indices().nth(40).map_or(text, |(end, _)| &text[..end])
}

/// A root for tests, with these files below it; it is gone with the folder.
#[cfg(test)]
pub(crate) fn fake_tree(files: &[(&str, &str)]) -> (tempfile::TempDir, Root) {
    let folder = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = folder.path().join(path.trim_start_matches('/'));
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let root = Root::at(folder.path());
    (folder, root)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_complete_lines_count() {
        assert_eq!(complete_lines("a 1\nb 2").collect::<Vec<_>>(), ["a 1"]);
        assert_eq!(complete_lines("a 1\nb 2\n").collect::<Vec<_>>(), ["a 1", "b 2"]);
        assert_eq!(complete_lines("a").count(), 0);
        assert_eq!(complete_lines("").count(), 0);
    }

    #[test]
    fn an_error_names_its_path() {
        let error = Root::at("/nowhere").read("/proc/stat").unwrap_err();
        assert_eq!(error.to_string(), "/nowhere/proc/stat: no such file on this machine");
    }

    #[test]
    fn clip_respects_characters() {
        assert_eq!(clip("short"), "short");
        assert_eq!(clip(&"é".repeat(50)), "é".repeat(40));
    }
}
