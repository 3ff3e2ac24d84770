//! Who may log in: a file of names and hashes, `NAME:HASH` a line, where a hash is a PHC string of Argon2id (RFC 9106).

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use anyhow::{Context, anyhow, bail};
use argon2::password_hash::{PasswordHash, PasswordHashString, PasswordVerifier, SaltString};
use argon2::{Algorithm, Argon2, Params, PasswordHasher, Version};

use crate::lock::lock;

/// Longest name, bytes.
const LONGEST_NAME: usize = 64;
/// Shortest password, characters, and longest, bytes: from a length on, hashing it would be an attack.
const PASSWORD: (usize, usize) = (8, 1_024);

/// What a hash costs.
#[derive(Clone, Copy, Debug)]
pub struct HashCost {
    /// Memory of one hash, KiB.
    pub memory_kib: u32,
    /// Passes over it.
    pub passes: u32,
}

/// The least that OWASP's Password Storage Cheat Sheet asks of Argon2id: 19 MiB, two passes, one lane.
impl Default for HashCost {
    fn default() -> Self {
        Self { memory_kib: 19 * 1_024, passes: 2 }
    }
}

/// Refuses a name that a file or a cookie could not hold.
///
/// # Errors
/// Says what a name is.
pub fn check_name(name: &str) -> anyhow::Result<()> {
    let plain = |character: char| !character.is_control() && !character.is_whitespace() && character != ':';
    if name.is_empty() || name.len() > LONGEST_NAME || !name.chars().all(plain) {
        bail!("a user's name has 1 to {LONGEST_NAME} bytes, without spaces and without ':'");
    }
    Ok(())
}

/// A line of the file for a new user.
///
/// # Errors
/// When name, password or cost are not what they may be.
pub fn new_line(name: &str, password: &str, cost: HashCost) -> anyhow::Result<String> {
    check_name(name)?;
    if password.chars().count() < PASSWORD.0 || password.len() > PASSWORD.1 {
        bail!("a password has at least {} characters and at most {} bytes", PASSWORD.0, PASSWORD.1);
    }
    Ok(format!("{name}:{}\n", hash(password, cost)?.as_str()))
}

fn hash(password: &str, cost: HashCost) -> anyhow::Result<PasswordHashString> {
    let params = Params::new(cost.memory_kib, cost.passes, 1, None)
        .map_err(|error| anyhow!("that is not a cost of Argon2: {error}"))?;
    let salt = SaltString::encode_b64(&super::secrets::random::<16>()?).map_err(|error| anyhow!("no salt: {error}"))?;
    let hasher = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let hash = hasher.hash_password(password.as_bytes(), &salt).map_err(|error| anyhow!("cannot hash: {error}"))?;
    Ok(hash.serialize())
}

/// Who may log in.
pub struct Users {
    hashes: HashMap<String, Arc<PasswordHashString>>,
    /// Checked for a name that is not there, so that this takes the same time. Of a password that nobody knows.
    nobody: Arc<PasswordHashString>,
    /// How many hashes may be under way at once: each fills a core and its memory.
    permits: Mutex<usize>,
    returned: Condvar,
}

impl Users {
    /// Reads a file of users; `at_once` hashes are computed at a time.
    ///
    /// # Errors
    /// Names the line that is not what it should be, without what it holds.
    pub fn read(path: &Path, at_once: usize) -> anyhow::Result<Self> {
        let text =
            std::fs::read_to_string(path).with_context(|| format!("cannot read the users in {}", path.display()))?;
        Self::parse(&text, at_once).with_context(|| format!("the users in {}", path.display()))
    }

    fn parse(text: &str, at_once: usize) -> anyhow::Result<Self> {
        let mut hashes = HashMap::new();
        let mut dearest: Option<Params> = None;
        for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            let number = index + 1;
            let wrong = || {
                anyhow!("line {number} is not NAME:HASH with a hash of Argon2id; 'webapp users add' writes such lines")
            };
            let (name, hash) = line.split_once(':').ok_or_else(wrong)?;
            check_name(name).with_context(|| format!("line {number}"))?;
            let hash = PasswordHashString::new(hash.trim()).map_err(|_| wrong())?;
            if hash.algorithm() != Algorithm::Argon2id.ident() {
                return Err(wrong());
            }
            let params = Params::try_from(&hash.password_hash()).map_err(|_| wrong())?;
            let cost = |params: &Params| u64::from(params.m_cost()) * u64::from(params.t_cost());
            if dearest.as_ref().is_none_or(|dearest| cost(dearest) < cost(&params)) {
                dearest = Some(params);
            }
            if hashes.insert(name.to_owned(), Arc::new(hash)).is_some() {
                bail!("line {number} has a name that was there before");
            }
        }
        let dearest = dearest.ok_or_else(|| anyhow!("there are none; 'webapp users add FILE NAME' adds one"))?;
        let cost = HashCost { memory_kib: dearest.m_cost(), passes: dearest.t_cost() };
        let nobody = hash(&super::secrets::hex(&super::secrets::random::<16>()?), cost)?;
        Ok(Self { hashes, nobody: Arc::new(nobody), permits: Mutex::new(at_once.max(1)), returned: Condvar::new() })
    }

    /// Whether that is the user's password. Takes the time of a hash, also for a name that is not there; for a thread of the
    /// worker pool.
    pub fn check(&self, name: &str, password: &str) -> bool {
        let known = self.hashes.get(name);
        let hash = known.unwrap_or(&self.nobody);
        let right = {
            let _permit = self.permit();
            password.len() <= PASSWORD.1 && verify(&hash.password_hash(), password)
        };
        right && known.is_some()
    }

    fn permit(&self) -> Permit<'_> {
        let mut permits = lock(&self.permits);
        while *permits == 0 {
            permits = self.returned.wait(permits).unwrap_or_else(PoisonError::into_inner);
        }
        *permits -= 1;
        Permit(self)
    }
}

fn verify(hash: &PasswordHash<'_>, password: &str) -> bool {
    Argon2::default().verify_password(password.as_bytes(), hash).is_ok()
}

/// The right to compute a hash, given back when it ends, however it ends.
struct Permit<'u>(&'u Users);

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        *lock(&self.0.permits) += 1;
        self.0.returned.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHEAP: HashCost = HashCost { memory_kib: 64, passes: 1 };

    #[test]
    fn only_the_right_name_and_password_are_let_in() {
        let text = new_line("ana", "correct horse", CHEAP).unwrap() + &new_line("josé", "otra clave", CHEAP).unwrap();
        let users = Users::parse(&text, 1).unwrap();
        for (name, password, right) in [
            ("ana", "correct horse", true),
            ("josé", "otra clave", true),
            ("ana", "otra clave", false),
            ("ana", "correct hors", false),
            ("ana", "", false),
            ("Ana", "correct horse", false),
            ("nobody", "correct horse", false),
            ("", "", false),
        ] {
            assert_eq!(users.check(name, password), right, "{name}");
        }
        assert!(!text.contains("correct horse"));
        assert_ne!(new_line("ana", "correct horse", CHEAP).unwrap(), new_line("ana", "correct horse", CHEAP).unwrap());
    }

    #[test]
    fn the_hash_for_nobody_costs_what_the_dearest_does() {
        let dear = HashCost { memory_kib: 128, passes: 3 };
        let text = new_line("ana", "correct horse", CHEAP).unwrap() + &new_line("eva", "correct horse", dear).unwrap();
        let users = Users::parse(&text, 1).unwrap();
        let params = Params::try_from(&users.nobody.password_hash()).unwrap();
        assert_eq!((params.m_cost(), params.t_cost()), (128, 3));
    }

    #[test]
    fn names_and_passwords_have_bounds() {
        for (name, password) in [
            ("", "correct horse"),
            ("a b", "correct horse"),
            ("a:b", "correct horse"),
            ("ana", "short"),
            ("a\n", "long enough"),
        ] {
            assert!(new_line(name, password, CHEAP).is_err(), "{name}");
        }
        assert!(new_line("ana", &"x".repeat(1_025), CHEAP).is_err());
        assert!(new_line("ana", "correct horse", HashCost { memory_kib: 1, passes: 0 }).is_err());
    }

    #[test]
    fn a_bad_line_is_named_and_not_shown() {
        let good = new_line("ana", "correct horse", CHEAP).unwrap();
        for text in [
            String::new(),
            "ana".to_owned(),
            "ana:hunter2".to_owned(),
            format!("{good}{good}"),
            good.replace("argon2id", "argon2i"),
            "ana:$2b$12$R9h/cIPz0gi.URNNX3kh2OPST9/PgBkqquzi.Ss7KIUgO2t0jWMUW".to_owned(),
        ] {
            let refusal = format!("{:#}", Users::parse(&text, 1).err().unwrap());
            assert!(!refusal.contains("hunter2") && !refusal.contains('$'), "{refusal}");
        }
    }
}
