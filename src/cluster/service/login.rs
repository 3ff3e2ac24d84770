//! Users for a load that logs in: many names with one password, which is made for the cluster and stays in its folder.

use super::secrets;
use crate::app::users::{self, HashCost};
use crate::cluster::shared::{LoginCost, USERS};
use crate::cluster::state::{ClusterFolder, write_file};

/// The file with the body that a load sends, among the secrets.
pub const BODY: &str = "login.body";
/// Names are user1, user2 …: so many that hardly two logins of the same name are under way at once, which a node takes for guesses.
const COUNT: u32 = 1000;

/// Makes the users and what a load sends; what is there already stays.
///
/// # Errors
/// When a file cannot be written, or nothing can be hashed.
pub fn prepare(folder: &ClusterFolder, cost: LoginCost) -> anyhow::Result<()> {
    let password = secrets::password(folder, "login")?;
    let of = secrets::folder(folder);
    if !of.join(USERS).is_file() {
        write_file(&of.join(USERS), &lines(&password, cost)?)?;
    }
    write_file(&of.join(BODY), &format!("name=user{{uniform 1..{COUNT}}}&password={password}"))
}

/// All users have one hash: with salts of their own it would take a minute to make them, and nobody shall keep this file.
fn lines(password: &str, cost: LoginCost) -> anyhow::Result<String> {
    let first = users::new_line("user1", password, HashCost { memory_kib: cost.memory_kib, passes: cost.passes })?;
    let hash = first.trim_end().trim_start_matches("user1:");
    Ok((1..=COUNT).map(|number| format!("user{number}:{hash}\n")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_has_the_hash_of_that_cost() {
        let text = lines("hunter2hunter2", LoginCost { memory_kib: 8, passes: 3 }).unwrap();
        assert_eq!(text.lines().count(), 1000);
        assert!(text.lines().all(|line| line.contains(":$argon2id$v=19$m=8,t=3,p=1$")), "{text}");
        assert!(text.starts_with("user1:") && text.contains("\nuser1000:") && !text.contains("hunter2"));
    }
}
