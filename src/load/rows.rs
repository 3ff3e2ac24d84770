//! A table whose rows go into requests: one row a request, or one a user.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context, bail, ensure};
use fastrand::Rng;

/// Which row a request has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RowOrder {
    /// The next one, from the first on; after the last the first again.
    #[default]
    Turn,
    /// Any, all alike.
    Random,
    /// That of its user: each user has one of its own.
    User,
}

/// A table with named columns.
#[derive(Clone, Debug, PartialEq)]
pub struct RowTable {
    /// The names, each once.
    pub columns: Vec<String>,
    records: Vec<csv::StringRecord>,
    /// Which row a request has.
    pub order: RowOrder,
}

impl RowTable {
    /// Reads a CSV file, whose first line has the names of the columns. Values are parted by commas; by semicolons or tabs, where
    /// the first line has no comma.
    ///
    /// # Errors
    /// When the file cannot be read, has no rows, or rows of another length; no value of it is told.
    pub fn read(file: &Path, order: RowOrder) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(file).with_context(|| format!("--csv: cannot read {}", file.display()))?;
        Self::parse(&text, order).with_context(|| format!("--csv: {}", file.display()))
    }

    pub(super) fn parse(text: &str, order: RowOrder) -> anyhow::Result<Self> {
        // Spreadsheets put a mark in front.
        let text = text.trim_start_matches('\u{feff}');
        let first = text.lines().next().unwrap_or_default();
        let delimiter = [b',', b';', b'\t'].into_iter().find(|mark| first.as_bytes().contains(mark)).unwrap_or(b',');
        let mut reader = csv::ReaderBuilder::new().delimiter(delimiter).from_reader(text.as_bytes());
        let columns: Vec<String> = reader.headers()?.iter().map(|name| name.trim().to_owned()).collect();
        for (index, name) in columns.iter().enumerate() {
            ensure!(
                !name.is_empty() && !name.contains(['{', '}', '+']) && !columns[..index].contains(name),
                "column {} of the first line must have a name of its own, without braces and '+'",
                index + 1
            );
        }
        let records = reader.records().collect::<Result<Vec<_>, _>>()?;
        ensure!(!records.is_empty(), "it has a first line with names, and no row below it");
        Ok(Self { columns, records, order })
    }

    /// How many rows there are; never none.
    pub fn count(&self) -> usize {
        self.records.len()
    }

    /// Refuses a column that a header field cannot hold.
    ///
    /// # Errors
    /// Names the first row with a control character there.
    pub fn check_header(&self, column: usize) -> anyhow::Result<()> {
        let is_wrong = |record: &csv::StringRecord| {
            record
                .get(column)
                .is_some_and(|value| value.bytes().any(|byte| byte != b'\t' && (byte < b' ' || byte == 0x7f)))
        };
        match self.records.iter().position(is_wrong) {
            None => Ok(()),
            Some(row) => bail!(
                "row {} has a control character in the column {}, which a header field cannot have",
                row + 1,
                self.columns[column]
            ),
        }
    }
}

/// The table while a run lasts.
pub(super) struct RowSource {
    rows: RowTable,
    next: AtomicUsize,
    next_user: AtomicUsize,
}

impl RowSource {
    pub fn new(rows: RowTable) -> Self {
        Self { rows, next: AtomicUsize::new(0), next_user: AtomicUsize::new(0) }
    }

    /// The row of a new user.
    pub fn of_user(&self) -> usize {
        self.next_user.fetch_add(1, Ordering::Relaxed) % self.rows.count()
    }

    /// The row of a request, for a user with that row.
    pub fn choose(&self, random: &mut Rng, of_user: usize) -> &csv::StringRecord {
        let count = self.rows.count();
        let index = match self.rows.order {
            RowOrder::Turn => self.next.fetch_add(1, Ordering::Relaxed) % count,
            RowOrder::Random => random.usize(..count),
            RowOrder::User => of_user,
        };
        &self.rows.records[index]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_read_as_spreadsheets_write_them() {
        for text in ["name,id\na b,1\n\"c,d\",2\n", "\u{feff}name;id\r\na b;1\r\nc,d;2\r\n", "name\tid\na b\t1\nc,d\t2"]
        {
            let rows = RowTable::parse(text, RowOrder::Turn).unwrap();
            assert_eq!(rows.columns, ["name", "id"], "{text}");
            let flat: Vec<Vec<&str>> = rows.records.iter().map(|record| record.iter().collect()).collect();
            assert_eq!(flat, [["a b", "1"], ["c,d", "2"]], "{text}");
        }
        assert_eq!(RowTable::parse("id\n7\n", RowOrder::Turn).unwrap().count(), 1);
        for (text, says) in [
            ("", "no row"),
            ("a,b\n", "no row"),
            ("a,\n1,2\n", "column 2"),
            ("a,a\n1,2\n", "column 2"),
            ("a,{b}\n1,2\n", "column 2"),
            ("a,b\n1,hunter2\n3\n", "2 fields"),
        ] {
            let error = format!("{:#}", RowTable::parse(text, RowOrder::Turn).unwrap_err());
            assert!(error.contains(says) && !error.contains("hunter2"), "{text}: {error}");
        }
        let rows = RowTable::parse("a,b\n1,\"x\ny\"\n", RowOrder::Turn).unwrap();
        assert!(rows.check_header(0).is_ok() && rows.check_header(1).unwrap_err().to_string().contains("row 1"));
    }

    #[test]
    fn rows_in_turn_at_random_and_one_a_user() {
        let source = |order| RowSource::new(RowTable::parse("id\n0\n1\n2\n", order).unwrap());
        let mut random = Rng::with_seed(1);
        let mut draw = |source: &RowSource, user, count: usize| -> Vec<usize> {
            (0..count).map(|_| source.choose(&mut random, user)[0].parse().unwrap()).collect()
        };
        assert_eq!(draw(&source(RowOrder::Turn), 2, 5), [0, 1, 2, 0, 1]);
        assert_eq!(draw(&source(RowOrder::User), 2, 3), [2, 2, 2]);
        let mut counts = [0; 3];
        draw(&source(RowOrder::Random), 2, 3000).into_iter().for_each(|row| counts[row] += 1);
        assert!(counts.iter().all(|count| (850..1150).contains(count)), "{counts:?}");
        let users = source(RowOrder::User);
        assert_eq!([(); 4].map(|()| users.of_user()), [0, 1, 2, 0]);
    }
}
