//! Who is calling over TCP: tokens ([`jwt`]), logins and their refreshing ([`login`], [`session`]), passwords
//! ([`password`]), who may log in at all ([`standing`]), and how often somebody may try ([`throttle`]).
//!
//! Tokens are this machine's own: it signs them, and it alone takes them. A login needs central, where the password
//! hashes are; what follows does not, so that a machine that was online once goes on offline until its tokens end. That a
//! user was locked, deleted or changed the password comes here with the next round, and voids what was issued before.

pub(crate) mod jwt;
pub(crate) mod login;
pub(crate) mod password;
pub(crate) mod session;
mod standing;
pub(crate) mod throttle;

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

use jwt::{Claims, JwtKey, TokenError};
use standing::Standing;
use sync::StoreError;
use sync::central::UserRow;
use throttle::Throttle;

use crate::app::App;
use crate::phase::Core;
use crate::server::guard::Scopes;

/// What a user of that role may do.
pub(crate) fn scopes_of(role: &str) -> Scopes {
    match role {
        "admin" => Scopes::ALL,
        "tech" => Scopes { read: true, write: true, admin: false },
        _ => Scopes { read: true, write: false, admin: false },
    }
}

/// The clients of a column `client_ids`. What cannot be read limits to none: nobody sees more by a mistake.
pub(crate) fn clients_of(json: &str) -> Vec<String> {
    serde_json::from_str(json).unwrap_or_default()
}

/// Takes and gives tokens.
pub(crate) struct Authority {
    key: JwtKey,
    /// This machine's name, in every token.
    machine: String,
    /// By e-mail address. Absent until they were read.
    users: RwLock<Option<HashMap<String, Standing>>>,
    /// Held while users are read or noted, so that what was read earlier does not undo what was noted later.
    learning: tokio::sync::Mutex<()>,
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
            learning: tokio::sync::Mutex::default(),
            ended: RwLock::default(),
            throttle: Throttle::default(),
            turn: tokio::sync::Semaphore::new(1),
        }
    }

    /// A token with these claims; its `machine` is this one.
    pub(crate) fn issue(&self, claims: Claims) -> Result<String, TokenError> {
        self.key.sign(&Claims { machine: self.machine.clone(), ..claims })
    }

    /// The claims of a token that holds now. A user's token does not hold while the replica does not know the user.
    pub(crate) fn check(&self, token: &str, now_us: u64) -> Result<Claims, TokenError> {
        let claims = self.key.verify(token, now_us / 1_000_000)?;
        if claims.machine != self.machine {
            return Err(TokenError::Foreign);
        }
        let is_ended = |login: &String| self.ended.read().unwrap_or_else(PoisonError::into_inner).contains_key(login);
        let users = self.users.read().unwrap_or_else(PoisonError::into_inner);
        let is_void = match (users.as_ref(), claims.version) {
            (_, None) => false,
            (None, Some(_)) => return Err(TokenError::Unlearned),
            (Some(users), Some(version)) => users.get(&claims.sub).and_then(|user| user.counts) != Some(version),
        };
        if is_void || claims.login.as_ref().is_some_and(is_ended) {
            return Err(TokenError::Revoked);
        }
        Ok(claims)
    }

    /// The clients that the bearer of a token is limited to, if any: those of its user, and of them those that the token
    /// names, if it was made for a script.
    pub(crate) fn limit(&self, claims: &Claims) -> Option<Vec<String>> {
        let users = self.users.read().unwrap_or_else(PoisonError::into_inner);
        let user = users.as_ref().and_then(|users| users.get(&claims.sub));
        match (user.map(|user| user.clients.as_ref()), claims.clients.as_ref()) {
            // What a login was told is what its user had then.
            (Some(clients), _) if claims.login.is_some() => clients.cloned(),
            (Some(Some(clients)), Some(given)) => {
                Some(clients.iter().filter(|client| given.contains(client)).cloned().collect())
            }
            (Some(Some(clients)), None) | (_, Some(clients)) => Some(clients.clone()),
            (_, None) => None,
        }
    }

    /// Nothing of this login holds any more.
    pub(crate) fn end_login(&self, login: &str, now_us: u64) {
        let mut ended = self.ended.write().unwrap_or_else(PoisonError::into_inner);
        ended.retain(|_, until| *until > now_us);
        ended.insert(login.to_owned(), now_us + jwt::ACCESS_SECONDS * 1_000_000);
    }

    fn learned(&self, users: HashMap<String, Standing>, ended: Vec<String>, now_us: u64) {
        *self.users.write().unwrap_or_else(PoisonError::into_inner) = Some(users);
        let until = now_us + jwt::ACCESS_SECONDS * 1_000_000;
        let mut known = self.ended.write().unwrap_or_else(PoisonError::into_inner);
        for login in ended {
            known.entry(login).or_insert(until);
        }
        known.retain(|_, until| *until > now_us);
    }
}

/// Reads who may log in, and which logins were ended, from the replica.
pub(crate) async fn learn(app: &App, core: &Core) -> Result<(), StoreError> {
    let _turn = app.authority.learning.lock().await;
    read(app, core).await
}

/// Notes a user as central has it now: the replica hears of it later.
pub(crate) async fn note(app: &App, core: &Core, user: UserRow) -> Result<(), StoreError> {
    let _turn = app.authority.learning.lock().await;
    core.store.write_async(move |tx| standing::note(tx, &user)).await?;
    read(app, core).await
}

async fn read(app: &App, core: &Core) -> Result<(), StoreError> {
    let now_us = app.clock.now_us();
    let read = core.store.read_async(move |tx| Ok((standing::all(tx, now_us)?, session::ended(tx.connection())?)));
    let (users, ended) = read.await?;
    app.authority.learned(users, ended, now_us);
    Ok(())
}
