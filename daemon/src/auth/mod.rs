//! Who is calling over TCP: tokens ([`jwt`]), logins and their refreshing ([`login`], [`session`]), passwords
//! ([`password`]), and how often somebody may try ([`throttle`]).
//!
//! Tokens are this machine's own: it signs them, and it alone takes them. A login needs central, where the password
//! hashes are; what follows does not, so that a machine that was online once goes on offline until its tokens end. That a
//! user was locked or changed the password comes here with the next round, and voids what was issued before.

pub(crate) mod jwt;
pub(crate) mod login;
pub(crate) mod password;
pub(crate) mod session;
pub(crate) mod throttle;

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, PoisonError, RwLock};

use jwt::{Claims, JwtKey, TokenError};
use sync::StoreError;
use sync::local::ReadTx;
use throttle::Throttle;

use crate::server::guard::Scopes;

/// What a user of that role may do.
pub(crate) fn scopes_of(role: &str) -> Scopes {
    match role {
        "admin" => Scopes::ALL,
        "tech" => Scopes { read: true, write: true, admin: false },
        _ => Scopes { read: true, write: false, admin: false },
    }
}

/// Takes and gives tokens.
pub(crate) struct Authority {
    key: JwtKey,
    /// This machine's name, in every token.
    machine: String,
    /// By e-mail address: the version of tokens that counts; None for one who may not log in.
    users: RwLock<HashMap<String, Option<i64>>>,
    /// Users that the replica had at some time since the start.
    seen: Mutex<HashSet<String>>,
    /// Logins that were ended, with the moment at which their last access token ends by itself.
    ended: RwLock<HashMap<String, u64>>,
    pub(crate) throttle: Throttle,
    /// Passwords are checked one at a time: each check takes memory and a core.
    pub(crate) turn: tokio::sync::Semaphore,
}

impl Authority {
    pub(crate) fn new(key: JwtKey, machine: String) -> Authority {
        Authority {
            key,
            machine,
            users: RwLock::default(),
            seen: Mutex::default(),
            ended: RwLock::default(),
            throttle: Throttle::default(),
            turn: tokio::sync::Semaphore::new(1),
        }
    }

    /// A token with these claims; its `machine` is this one.
    pub(crate) fn issue(&self, claims: Claims) -> Result<String, TokenError> {
        self.key.sign(&Claims { machine: self.machine.clone(), ..claims })
    }

    /// The claims of a token that holds now.
    pub(crate) fn check(&self, token: &str, now_us: u64) -> Result<Claims, TokenError> {
        let claims = self.key.verify(token, now_us / 1_000_000)?;
        let is_ended = |login: &String| self.ended.read().unwrap_or_else(PoisonError::into_inner).contains_key(login);
        let users = self.users.read().unwrap_or_else(PoisonError::into_inner);
        let is_void = match (users.get(&claims.sub), claims.version) {
            (Some(counts), Some(version)) => *counts != Some(version),
            _ => false,
        };
        if claims.machine != self.machine {
            return Err(TokenError::Foreign);
        }
        if is_void || claims.login.as_ref().is_some_and(is_ended) {
            return Err(TokenError::Revoked);
        }
        Ok(claims)
    }

    /// Nothing of this login holds any more.
    pub(crate) fn end_login(&self, login: &str, now_us: u64) {
        let mut ended = self.ended.write().unwrap_or_else(PoisonError::into_inner);
        ended.retain(|_, until| *until > now_us);
        ended.insert(login.to_owned(), now_us + jwt::ACCESS_SECONDS * 1_000_000);
    }

    /// Reads who may log in, and which logins were ended, from the replica.
    pub(crate) fn learn(&self, users: HashMap<String, Option<i64>>, ended: Vec<String>, now_us: u64) {
        // Who was deleted on another machine has no row any more, and no rights. One who never had a row here was made
        // elsewhere a moment ago.
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.extend(users.keys().cloned());
        let gone: Vec<String> = seen.iter().filter(|user| !users.contains_key(*user)).cloned().collect();
        drop(seen);
        let counts = gone.into_iter().map(|user| (user, None)).chain(users).collect();
        *self.users.write().unwrap_or_else(PoisonError::into_inner) = counts;
        let until = now_us + jwt::ACCESS_SECONDS * 1_000_000;
        let mut known = self.ended.write().unwrap_or_else(PoisonError::into_inner);
        for login in ended {
            known.entry(login).or_insert(until);
        }
        known.retain(|_, until| *until > now_us);
    }

    /// A user as central has it now: the replica hears of it later.
    pub(crate) fn note_user(&self, email: &str, counts: Option<i64>) {
        self.users.write().unwrap_or_else(PoisonError::into_inner).insert(email.to_owned(), counts);
    }
}

/// The users of the replica, as [`Authority::learn`] takes them.
pub(crate) fn users_here(tx: &ReadTx<'_>) -> Result<HashMap<String, Option<i64>>, StoreError> {
    let mut statement = tx.connection().prepare_cached("SELECT email, is_active, token_version FROM users")?;
    let found = statement.query_map([], |row| {
        let (is_active, version): (bool, i64) = (row.get(1)?, row.get(2)?);
        Ok((row.get(0)?, is_active.then_some(version)))
    })?;
    Ok(found.collect::<Result<_, _>>()?)
}
