//! Making MariaDB servers replicas, by GTID (MariaDB Knowledge Base, "Global Transaction ID").

use std::time::{Duration, Instant};

use mysql::prelude::Queryable;
use mysql::{Conn, Row};

use super::{Mysql, failure, options, sequence};
use crate::store::client::{Client, Failure, Standing};
use crate::store::operator::Operator;
use crate::store::target::{Remote, Target};

impl Mysql {
    /// Connects as somebody who has rights to operate, and none to the rows.
    pub fn connect_to_operate(remote: &Remote, timeout: Duration) -> Result<Self, Failure> {
        let connection = Conn::new(options(remote, timeout, false)).map_err(failure)?;
        Ok(Self { connection })
    }

    fn run(&mut self, statement: &str) -> Result<(), Failure> {
        self.connection.query_drop(statement).map_err(failure)
    }

    /// Columns of SHOW SLAVE STATUS, as text; `None` where the server follows nobody.
    fn replication<const N: usize>(&mut self, columns: [&str; N]) -> Result<Option<[String; N]>, Failure> {
        let row: Option<Row> = self.connection.query_first("SHOW SLAVE STATUS").map_err(failure)?;
        let text = |row: &Row, column: &str| row.get_opt(column).and_then(Result::ok).unwrap_or_default();
        Ok(row.map(|row| columns.map(|column| text(&row, column))))
    }
}

/// A text between quotes.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}

impl Operator for Mysql {
    /// Of one that takes no writes, too, its own last one: who was the primary a moment ago has repeated nobody's.
    fn standing(&mut self, by: Instant) -> Result<Standing, Failure> {
        let part = Client::standing(self, by)?.part;
        let last: Option<String> = self.connection.query_first("SELECT @@global.gtid_current_pos").map_err(failure)?;
        Ok(Standing { part, position: sequence(&last.unwrap_or_default()) })
    }

    fn follow(&mut self, primary: &Target) -> Result<(), Failure> {
        let Target::Mysql(Remote { host, port, user, password, .. }) = primary else {
            return Err(Failure::Refused("a MariaDB server follows a MariaDB server".to_owned()));
        };
        let user = quoted(user.as_deref().unwrap_or_default());
        let password = quoted(password.as_ref().map_or("", |password| password.reveal()));
        let host = quoted(host);
        self.run("STOP SLAVE")?;
        self.run("SET GLOBAL read_only = 1")?;
        // Of one that was a primary, what it wrote itself is where it goes on from.
        self.run("SET GLOBAL gtid_slave_pos = @@global.gtid_current_pos")?;
        self.run(&format!(
            "CHANGE MASTER TO MASTER_HOST = {host}, MASTER_PORT = {port}, MASTER_USER = {user}, MASTER_PASSWORD = {password}, \
             MASTER_USE_GTID = slave_pos, MASTER_CONNECT_RETRY = 1"
        ))?;
        self.run("START SLAVE")
    }

    fn following(&mut self) -> Result<Option<u64>, Failure> {
        let columns = ["Slave_IO_Running", "Slave_SQL_Running", "Last_IO_Error", "Last_SQL_Error"];
        let Some([receives, repeats, receive_error, repeat_error]) = self.replication(columns)? else {
            return Ok(None);
        };
        if repeats == "No" || (receives == "No" && !receive_error.is_empty()) {
            return Err(Failure::Refused(format!("it does not follow: {receive_error}{repeat_error}")));
        }
        let position: Option<String> =
            self.connection.query_first("SELECT @@global.gtid_slave_pos").map_err(failure)?;
        Ok(position.filter(|_| receives == "Yes").map(|position| sequence(&position)))
    }

    fn has_repeated_all(&mut self) -> Result<bool, Failure> {
        let Some([received]) = self.replication(["Gtid_IO_Pos"])? else { return Ok(true) };
        let repeated: Option<String> =
            self.connection.query_first("SELECT @@global.gtid_slave_pos").map_err(failure)?;
        Ok(sequence(&repeated.unwrap_or_default()) >= sequence(&received))
    }

    /// Until it is told otherwise.
    fn stop_writes(&mut self, _at_least: Duration) -> Result<(), Failure> {
        self.run("SET GLOBAL read_only = 1")
    }

    fn allow_writes(&mut self) -> Result<(), Failure> {
        self.run("SET GLOBAL read_only = 0")
    }

    fn promote(&mut self) -> Result<(), Failure> {
        self.run("STOP SLAVE")?;
        if let Err(failure) = self.run("RESET SLAVE ALL") {
            // It goes on as it was.
            self.run("START SLAVE")?;
            return Err(failure);
        }
        self.run("SET GLOBAL read_only = 0")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_do_not_end_a_text() {
        assert_eq!(quoted(r"a'b\c"), r"'a\'b\\c'");
    }
}
