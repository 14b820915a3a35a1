//! Passwords: Argon2id, as PHC strings that name their own cost.
//!
//! Argon2id, since it resists both guessing on graphics cards (it needs memory) and attacks by timing on the same host.
//! A hash of another cost than today's is still checked, by the cost that it names, and made anew at the next login, so
//! that [`COST`] can be raised without anybody having to choose a new password.

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};

/// Memory in KiB, passes, lanes: 19 MiB, two passes, one lane, which OWASP gives as the least for Argon2id where memory is
/// shared with other work. RFC 9106's second choice, 64 MiB and three passes, is for servers that do little else. A check
/// takes some 30 ms, for a person who logs in once a day nothing, for who guesses 30 a second on each core; one is made at a
/// time, so that logins cannot fill a workstation's memory, and ten a minute for one account.
const COST: (u32, u32, u32) = (19 * 1024, 2, 1);

/// A hash of a password that nobody has, of the same cost: who tries a user that does not exist waits as long.
const NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5LWlzLWhlcmU$3m1m0mXo3gPZ8T1zv8nq0Hf5mJq0l0hE0m3c1uK2Q2E";

/// How a check went.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Checked {
    /// It is not the password, or there is no such user.
    Wrong,
    /// It is.
    Right,
    /// It is, and the hash was of another cost: this one is to be kept instead.
    Renewed(String),
}

/// Why no hash could be made.
#[derive(Debug, thiserror::Error)]
#[error("hash a password: {0}")]
pub(crate) struct HashError(String);

impl HashError {
    /// The daemon is stopping.
    pub(super) fn stopped() -> HashError {
        HashError("the daemon is stopping".to_owned())
    }
}

/// Hashes a password that is to be set.
pub(crate) fn hash(password: &str) -> Result<String, HashError> {
    let mut salt = [0; 16];
    getrandom::fill(&mut salt).map_err(|error| HashError(error.to_string()))?;
    let hashed = hasher().and_then(|argon2| {
        argon2.hash_password_with_salt(password.as_bytes(), &salt).map_err(|error| HashError(error.to_string()))
    });
    Ok(hashed?.to_string())
}

/// Checks a password against a user's hash; without a user, or with a hash that is none, it takes as long.
pub(crate) fn check(password: &str, stored: Option<&str>) -> Result<Checked, HashError> {
    let argon2 = hasher()?;
    check_by(stored, |wanted| argon2.verify_password(password.as_bytes(), wanted).is_ok(), || hash(password))
}

/// The check, which verifies exactly once, whatever is stored.
fn check_by(
    stored: Option<&str>,
    verify: impl FnOnce(&PasswordHash) -> bool,
    renew: impl FnOnce() -> Result<String, HashError>,
) -> Result<Checked, HashError> {
    let readable = stored.and_then(|stored| PasswordHash::new(stored).ok());
    let is_somebody = readable.is_some();
    let wanted = readable.map_or_else(|| PasswordHash::new(NOBODY), Ok).map_err(|e| HashError(e.to_string()))?;
    if !verify(&wanted) || !is_somebody {
        return Ok(Checked::Wrong);
    }
    let (memory, passes, lanes) = COST;
    let is_current =
        stored.is_some_and(|stored| stored.starts_with(&format!("$argon2id$v=19$m={memory},t={passes},p={lanes}$")));
    if is_current { Ok(Checked::Right) } else { renew().map(Checked::Renewed) }
}

/// Why a password is not taken; None when it is.
pub(crate) fn objection(password: &str) -> Option<&'static str> {
    match password.chars().count() {
        ..12 => Some("must have 12 characters at least"),
        129.. => Some("must have 128 characters at most"),
        _ => None,
    }
}

fn hasher() -> Result<Argon2<'static>, HashError> {
    let (memory, passes, lanes) = COST;
    let params = Params::new(memory, passes, lanes, None).map_err(|error| HashError(error.to_string()))?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_known_again_and_no_other() {
        let stored = hash("four words in a row").unwrap();
        assert!(stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{stored}");
        assert_ne!(stored, hash("four words in a row").unwrap());
        assert_eq!(check("four words in a row", Some(&stored)).unwrap(), Checked::Right);
        assert_eq!(check("four words in a line", Some(&stored)).unwrap(), Checked::Wrong);
        assert_eq!(check("four words in a row", Some("rubbish")).unwrap(), Checked::Wrong);
    }

    #[test]
    fn nobody_has_no_password_and_costs_as_much() {
        assert!(PasswordHash::new(NOBODY).is_ok());
        assert!(NOBODY.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
        assert_eq!(check("nobody", None).unwrap(), Checked::Wrong);
    }

    /// Counted, not timed: whatever is stored, one hash of today's cost is verified.
    #[test]
    fn every_check_verifies_once_and_at_the_same_cost() {
        let stored = hash("four words in a row").unwrap();
        for (stored, passes) in [(None, false), (None, true), (Some("rubbish"), true), (Some(stored.as_str()), false)] {
            let mut costs = Vec::new();
            let verify = |wanted: &PasswordHash| {
                costs.push(wanted.to_string().split('$').nth(3).unwrap().to_owned());
                passes
            };
            let checked = check_by(stored, verify, || panic!("nothing is to be renewed")).unwrap();
            assert_eq!((checked, costs), (Checked::Wrong, vec!["m=19456,t=2,p=1".to_owned()]), "{stored:?}");
        }
    }

    #[test]
    fn a_hash_of_another_cost_is_renewed() {
        let params = Params::new(8192, 1, 1, None).unwrap();
        let weak = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let stored = weak.hash_password_with_salt(b"four words in a row", b"saltsaltsaltsalt").unwrap().to_string();
        let Checked::Renewed(new) = check("four words in a row", Some(&stored)).unwrap() else { panic!("it was kept") };
        assert_eq!(check("four words in a row", Some(&new)).unwrap(), Checked::Right);
    }
}
