//! Logging in with a password, at central: what it needs, and what it costs whoever guesses.

use std::sync::Arc;

use axum::http::StatusCode;
use sync::central::{Central, UserError, UserRow};

use super::password::{self, Checked, HashError};
use super::session::{self, Traded};
use super::{Authority, note};
use crate::api::problem::Problem;
use crate::app::App;
use crate::central_link::LinkError;
use crate::phase::Core;
use crate::secret::SecretText;

/// Who wants in.
pub(crate) struct Credentials {
    email: String,
    password: SecretText,
}

impl Credentials {
    pub(crate) fn new(email: &str, password: SecretText) -> Credentials {
        Credentials { email: folded(email), password }
    }
}

/// An e-mail address, as it is kept.
pub(crate) fn folded(email: &str) -> String {
    email.trim().to_lowercase()
}

/// Why users cannot be asked for.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AskError {
    #[error(transparent)]
    Link(#[from] LinkError),
    #[error(transparent)]
    User(#[from] UserError),
    #[error(transparent)]
    Hash(#[from] HashError),
}

impl From<AskError> for Problem {
    fn from(error: AskError) -> Problem {
        let detail = error.to_string();
        match error {
            AskError::Link(LinkError::Unconfigured) => Problem::central_unavailable(
                format!("users are kept at central: {detail}"),
                "name one: claudetools setup --central URL",
            ),
            AskError::Link(LinkError::Central(error)) | AskError::User(UserError::Central(error)) => {
                Problem::central_unavailable(detail, error.hint().unwrap_or("try again when central can be reached"))
            }
            AskError::User(UserError::Taken) => Problem::new(StatusCode::CONFLICT, detail, "").coded("DUPLICATE_KEY"),
            AskError::User(UserError::Unlimited) => {
                Problem::new(StatusCode::CONFLICT, detail, "bring it up to date: claudetools central migrate")
                    .coded("CENTRAL_OLDER")
            }
            AskError::User(UserError::Foreign(_)) => {
                Problem::new(StatusCode::CONFLICT, detail, "tokens for scripts need no user: claudetools token")
                    .coded("FOREIGN_TABLE")
            }
            AskError::Hash(_) => Problem::new(StatusCode::INTERNAL_SERVER_ERROR, detail, ""),
        }
    }
}

/// Checks a password. Whatever is wrong, the answer and its cost are the same.
pub(crate) async fn log_in(app: &App, core: &Core, credentials: Credentials) -> Result<UserRow, Problem> {
    let Credentials { email, password } = credentials;
    app.authority.throttle.attempt(&email, app.clock.now_us()).map_err(too_many)?;
    let found = at_central(app, &email).await?;
    let admitted = hashing(&app.authority, move || admit(found, |stored| password::check(password.expose(), stored)));
    let Some((user, renewed)) = admitted.await? else {
        tracing::warn!("a login was refused");
        return Err(Problem::unauthenticated("e-mail address or password is wrong"));
    };
    let logged_in =
        async |central: &Central| Ok::<_, AskError>(central.note_login(&user.id, renewed.as_deref()).await?);
    app.central_link.with(logged_in).await?;
    app.authority.throttle.succeeded(&email);
    note(app, core, user.clone()).await?;
    Ok(user)
}

/// The user, if the password is right, with the hash that is to be kept from now on if that is another. Exactly one check
/// is made, whoever it is: of a user that may not log in or does not exist, against a hash of nobody.
fn admit(
    user: Option<UserRow>,
    check: impl FnOnce(Option<&str>) -> Result<Checked, HashError>,
) -> Result<Option<(UserRow, Option<String>)>, HashError> {
    let user = user.filter(|user| user.is_active);
    let checked = check(user.as_ref().map(|user| user.password_hash.as_str()))?;
    Ok(match checked {
        Checked::Wrong => None,
        Checked::Right => user.map(|user| (user, None)),
        Checked::Renewed(hash) => user.map(|user| (user, Some(hash))),
    })
}

async fn at_central(app: &App, email: &str) -> Result<Option<UserRow>, Problem> {
    Ok(app.central_link.with(async |central| Ok::<_, AskError>(central.user(email).await?)).await?)
}

/// Trades a refresh token in. Of a user who came to central a moment ago this machine may not have heard yet, and of one
/// who is gone it hears no more: then central is asked.
pub(crate) async fn refresh(app: &App, core: &Core, token: SecretText) -> Result<Traded, Problem> {
    let token = Arc::new(token);
    let trade = || {
        let token = Arc::clone(&token);
        core.store.write_async(move |tx| session::trade(tx, token.expose()))
    };
    let first = trade().await?;
    let Traded::Unheard(email) = &first else { return Ok(first) };
    let Some(user) = at_central(app, email).await? else {
        let token = Arc::clone(&token);
        core.store.write_async(move |tx| session::end_of(tx, token.expose())).await?;
        return Ok(Traded::Unknown);
    };
    note(app, core, user).await?;
    Ok(trade().await?)
}

/// Sets another password, for who knows the present one; all that was issued to the user is void.
pub(crate) async fn change_password(
    app: &App,
    core: &Core,
    credentials: Credentials,
    new: SecretText,
) -> Result<(), Problem> {
    if let Some(why) = password::objection(new.expose()) {
        return Err(Problem::field("new_password", why));
    }
    let mut user = log_in(app, core, credentials).await?;
    user.password_hash = hashing(&app.authority, move || password::hash(new.expose())).await?;
    user.token_version += 1;
    store(app, core, &user).await
}

/// Stores a user; what was issued to another version of it is void at once on this machine.
pub(crate) async fn store(app: &App, core: &Core, user: &UserRow) -> Result<(), Problem> {
    app.central_link.with(async |central| Ok::<_, AskError>(central.store_user(user).await?)).await?;
    Ok(note(app, core, user.clone()).await?)
}

/// Removes a user; what was issued is void at once on this machine.
pub(crate) async fn remove(app: &App, core: &Core, mut user: UserRow) -> Result<(), Problem> {
    app.central_link.with(async |central| Ok::<_, AskError>(central.remove_user(&user.id).await?)).await?;
    (user.is_active, user.token_version) = (false, user.token_version + 1);
    Ok(note(app, core, user).await?)
}

/// Hashes on a thread for blocking work, one at a time.
pub(crate) async fn hashing<T: Send + 'static>(
    authority: &Authority,
    job: impl FnOnce() -> Result<T, HashError> + Send + 'static,
) -> Result<T, AskError> {
    let _turn = authority.turn.acquire().await;
    let stopped = |_| HashError::stopped();
    Ok(tokio::task::spawn_blocking(job).await.map_err(stopped)??)
}

fn too_many(seconds: u16) -> Problem {
    let hint = format!("try again in {seconds} s");
    Problem::new(StatusCode::TOO_MANY_REQUESTS, "too many attempts to log in", hint).retry_after(seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(is_active: bool) -> UserRow {
        let text = |text: &str| text.to_owned();
        UserRow {
            id: text("i"),
            email: text("a@b.c"),
            full_name: text("A"),
            password_hash: text("hash"),
            role: text("tech"),
            is_active,
            token_version: 0,
            client_ids: None,
        }
    }

    /// Of whom nobody may learn whether they exist, what is checked, and how often.
    #[test]
    fn an_unknown_user_a_locked_one_and_a_wrong_password_are_checked_alike() {
        for (found, against) in [(None, None), (Some(user(false)), None), (Some(user(true)), Some("hash"))] {
            let mut checked = Vec::new();
            let admitted = admit(found, |stored| {
                checked.push(stored.map(str::to_owned));
                Ok(Checked::Wrong)
            });
            assert_eq!((admitted.unwrap(), checked), (None, vec![against.map(str::to_owned)]));
        }
    }

    #[test]
    fn only_who_may_log_in_gets_in_with_the_right_password() {
        for right in [Checked::Right, Checked::Renewed("new".to_owned())] {
            let renewed = if right == Checked::Right { None } else { Some("new".to_owned()) };
            let given = || match &right {
                Checked::Renewed(hash) => Ok(Checked::Renewed(hash.clone())),
                _ => Ok(Checked::Right),
            };
            assert_eq!(admit(Some(user(true)), |_| given()).unwrap(), Some((user(true), renewed)));
            assert_eq!(admit(Some(user(false)), |_| given()).unwrap(), None);
        }
    }
}
