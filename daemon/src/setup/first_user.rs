//! The first user: where there is a central and nobody may log in yet, setup makes an administrator, or says how.

use std::io::{self, BufRead, IsTerminal};

use hooks::home::Home;
use zeroize::Zeroizing;

use super::steps::Done;
use crate::api::special::users::{NewUser, Role, User, Users};
use crate::cli::{Failure, ask, print};
use crate::client::{self, ClientError};
use crate::secret::SecretText;

/// How somebody is made to log in.
pub(crate) const HOW: &str = "claudetools users add EMAIL --role admin";
const STEP: &str = "user";
const WHAT: &str = "password of the first user";

/// Who is asked for, and how.
pub(crate) struct Wish {
    /// None: whoever sits at the terminal is asked.
    pub(crate) email: Option<String>,
    pub(crate) full_name: Option<String>,
    /// The password is the first line of stdin.
    pub(crate) password_on_stdin: bool,
    /// Nobody is to be asked.
    pub(crate) is_quiet: bool,
}

/// Makes the first user, if there is none and one is named. Whether people log in over HTTP does not keep setup from all
/// else: what stands in the way is said.
pub(crate) fn make(home: &Home, wish: &Wish) -> Result<Done, Failure> {
    let users = match client::get::<Users>(home, "/api/users?limit=1000", client::LONG) {
        Ok(users) => users.items,
        Err(error) if wish.email.is_some() => return Err(failure(&error)),
        Err(error) => return Ok(Done::new(STEP, format!("who may log in is not known: {error}"), false)),
    };
    if !users.is_empty() {
        return Ok(Done::new(STEP, as_it_is(&users, wish), false));
    }
    let Some(email) = wish.email.clone().or_else(|| asked(wish.is_quiet)) else {
        return Ok(Done::new(STEP, format!("nobody may log in over HTTP yet; make an administrator: {HOW}"), false));
    };
    let password = if wish.password_on_stdin { from_stdin()? } else { ask::for_new_secret(WHAT, ask::USER_PASSWORD)? };
    let full_name = wish.full_name.clone().unwrap_or_else(|| email.clone());
    let user = NewUser { id: None, email, full_name, password, role: Role::Admin, client_ids: None };
    let made: User = client::post(home, "/api/users", &user, client::LONG).map_err(|error| failure(&error))?;
    Ok(Done::new(STEP, format!("{} may log in, as an administrator", made.email), true))
}

fn as_it_is(users: &[User], wish: &Wish) -> String {
    let is_there = |email: &String| users.iter().any(|user| user.email == email.trim().to_lowercase());
    match &wish.email {
        Some(email) if is_there(email) => format!("{email} may log in"),
        Some(email) => format!("there are users already, so {email} was not made; to add one: {HOW}"),
        None => format!("{} may log in", users.len()),
    }
}

fn asked(is_quiet: bool) -> Option<String> {
    if is_quiet || !io::stdin().is_terminal() {
        return None;
    }
    print("E-mail address of an administrator, who may log in over HTTP (empty: nobody for now): ");
    let mut line = String::new();
    let read = io::stdin().lock().read_line(&mut line);
    read.ok().map(|_| line.trim().to_owned()).filter(|email| !email.is_empty())
}

fn from_stdin() -> Result<SecretText, Failure> {
    let mut line = Zeroizing::new(String::new());
    let read = io::stdin().lock().read_line(&mut line);
    read.map_err(|error| Failure::new(format!("read the {WHAT}: {error}")))?;
    let password = line.trim_end_matches(['\r', '\n']);
    if password.is_empty() {
        return Err(Failure::usage(format!("the {WHAT} is not on stdin")).hint("give it as the first line"));
    }
    Ok(SecretText::new(Zeroizing::new(password.to_owned())))
}

fn failure(error: &ClientError) -> Failure {
    Failure::new(format!("make the first user: {error}")).hint(error.hint())
}
