//! Logins of this machine: refresh tokens, each good for one use, in families that are revoked as a whole.
//!
//! A token that was traded in already and is shown again has been stolen from its owner, or by whom it is shown: nobody
//! can tell which, so that nothing of that login holds any more.

use rusqlite::{OptionalExtension, params};
use sha2::{Digest, Sha256};
use sync::StoreError;
use sync::local::{WriteTx, new_id};
use zeroize::Zeroizing;

use super::standing;
use crate::secret::SecretText;
use crate::server::guard::hex;

/// How long a refresh token holds: 30 days.
const REFRESH_US: u64 = 30 * 24 * 3_600_000_000;

/// Who is logged in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Login {
    /// Its name: that of its family of refresh tokens.
    pub(crate) id: String,
    pub(crate) email: String,
    pub(crate) role: String,
    /// The user's `token_version`.
    pub(crate) version: i64,
    /// The clients that the user is limited to, if it is.
    pub(crate) clients: Option<Vec<String>>,
}

/// What became of a refresh token that was shown.
pub(crate) enum Traded {
    /// The login goes on with this one.
    Next(Login, SecretText),
    /// It was used before: the login was ended.
    Reused(String),
    /// This machine has not heard of its user, whose e-mail address this is: central knows. The token is as it was.
    Unheard(String),
    /// There is none, it has expired, or its login was ended.
    Unknown,
}

/// Begins a login.
pub(crate) fn begin(
    tx: &WriteTx<'_>,
    email: &str,
    role: &str,
    version: i64,
) -> Result<(Login, SecretText), StoreError> {
    tx.connection()
        .prepare_cached("DELETE FROM ct_auth_refresh WHERE expires_us < ?1")?
        .execute([tx.now_us().cast_signed()])?;
    let (email, role) = (email.to_owned(), role.to_owned());
    let login = Login { id: new_id(tx.now_us()), email, role, version, clients: None };
    let token = next(tx, &login)?;
    Ok((login, token))
}

/// Trades a refresh token in.
pub(crate) fn trade(tx: &WriteTx<'_>, token: &str) -> Result<Traded, StoreError> {
    let sql = "SELECT family, email, role, token_version, used, revoked OR expires_us < ?2 FROM ct_auth_refresh WHERE token_hash = ?1";
    let found =
        tx.connection().prepare_cached(sql)?.query_row(params![hashed(token), tx.now_us().cast_signed()], |row| {
            let (id, email, role) = (row.get(0)?, row.get(1)?, row.get(2)?);
            let login = Login { id, email, role, version: row.get(3)?, clients: None };
            Ok((login, row.get::<_, bool>(4)?, row.get::<_, bool>(5)?))
        });
    match found.optional()? {
        None | Some((_, _, true)) => Ok(Traded::Unknown),
        Some((login, true, false)) => {
            end(tx, &login.id)?;
            Ok(Traded::Reused(login.id))
        }
        Some((mut login, false, false)) => {
            let Some(user) = standing::all(&tx.reading(), tx.now_us())?.remove(&login.email) else {
                return Ok(Traded::Unheard(login.email));
            };
            if user.counts != Some(login.version) {
                end(tx, &login.id)?;
                return Ok(Traded::Unknown);
            }
            (login.role, login.clients) = (user.role, user.clients);
            let sql = "UPDATE ct_auth_refresh SET used = 1 WHERE token_hash = ?1";
            tx.connection().prepare_cached(sql)?.execute([hashed(token)])?;
            let token = next(tx, &login)?;
            Ok(Traded::Next(login, token))
        }
    }
}

/// Ends the login of a refresh token; its name, when there was one.
pub(crate) fn end_of(tx: &WriteTx<'_>, token: &str) -> Result<Option<String>, StoreError> {
    let sql = "SELECT family FROM ct_auth_refresh WHERE token_hash = ?1";
    let family: Option<String> =
        tx.connection().prepare_cached(sql)?.query_row([hashed(token)], |row| row.get(0)).optional()?;
    if let Some(family) = &family {
        end(tx, family)?;
    }
    Ok(family)
}

/// The logins that were ended.
pub(crate) fn ended(db: &rusqlite::Connection) -> Result<Vec<String>, StoreError> {
    let mut statement = db.prepare_cached("SELECT DISTINCT family FROM ct_auth_refresh WHERE revoked")?;
    let found = statement.query_map([], |row| row.get(0))?;
    Ok(found.collect::<Result<_, _>>()?)
}

fn end(tx: &WriteTx<'_>, family: &str) -> Result<(), StoreError> {
    let sql = "UPDATE ct_auth_refresh SET revoked = 1 WHERE family = ?1";
    tx.connection().prepare_cached(sql)?.execute([family])?;
    Ok(())
}

fn next(tx: &WriteTx<'_>, login: &Login) -> Result<SecretText, StoreError> {
    let mut random = Zeroizing::new([0; 32]);
    getrandom::fill(&mut *random).map_err(|error| StoreError::other(error.to_string()))?;
    let token = Zeroizing::new(hex(&*random));
    let sql = "INSERT INTO ct_auth_refresh (token_hash, family, email, role, token_version, expires_us) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    let expires = tx.now_us().saturating_add(REFRESH_US).cast_signed();
    let values = params![hashed(&token), login.id, login.email, login.role, login.version, expires];
    tx.connection().prepare_cached(sql)?.execute(values)?;
    Ok(SecretText::new(token))
}

fn hashed(token: &str) -> String {
    hex(&Sha256::digest(token))
}
