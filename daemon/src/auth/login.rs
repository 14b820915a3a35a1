//! Logging in with a password, at central: what it needs, and what it costs whoever guesses.

use axum::http::StatusCode;
use sync::central::{UserError, UserRow};
use zeroize::Zeroizing;

use super::Authority;
use super::password::{self, Checked, HashError};
use crate::api::problem::Problem;
use crate::central_link::{CentralLink, LinkError};
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
            AskError::User(UserError::Foreign(_)) => {
                Problem::new(StatusCode::CONFLICT, detail, "tokens for scripts need no user: claudetools token")
                    .coded("FOREIGN_TABLE")
            }
            AskError::Hash(_) => Problem::new(StatusCode::INTERNAL_SERVER_ERROR, detail, ""),
        }
    }
}

/// Checks a password. Whatever is wrong, the answer and its cost are the same.
pub(crate) async fn log_in(
    central: &CentralLink,
    authority: &Authority,
    credentials: Credentials,
    now_us: u64,
) -> Result<UserRow, Problem> {
    let Credentials { email, password } = credentials;
    authority.throttle.attempt(&email, now_us).map_err(too_many)?;
    let user = central.with(async |central| Ok::<_, AskError>(central.user(&email).await?)).await?;
    let user = user.filter(|user| user.is_active);
    let stored = user.as_ref().map(|user| Zeroizing::new(user.password_hash.clone()));
    let checked =
        hashing(authority, move || password::check(password.expose(), stored.as_deref().map(String::as_str))).await?;
    let renewed = match checked {
        Checked::Wrong => None,
        Checked::Right => Some(None),
        Checked::Renewed(hash) => Some(Some(hash)),
    };
    let (Some(user), Some(renewed)) = (user, renewed) else {
        tracing::warn!("a login was refused");
        return Err(Problem::unauthenticated("e-mail address or password is wrong"));
    };
    central.with(async |central| Ok::<_, AskError>(central.note_login(&user.id, renewed.as_deref()).await?)).await?;
    authority.throttle.succeeded(&email);
    authority.note_user(&user.email, Some(user.token_version));
    Ok(user)
}

/// Sets another password, for who knows the present one; all that was issued to the user is void.
pub(crate) async fn change_password(
    central: &CentralLink,
    authority: &Authority,
    credentials: Credentials,
    new: SecretText,
    now_us: u64,
) -> Result<(), Problem> {
    if let Some(why) = password::objection(new.expose()) {
        return Err(Problem::field("new_password", why));
    }
    let mut user = log_in(central, authority, credentials, now_us).await?;
    user.password_hash = hashing(authority, move || password::hash(new.expose())).await?;
    user.token_version += 1;
    store(central, authority, &user).await
}

/// Stores a user; what was issued to another version of it is void at once on this machine.
pub(crate) async fn store(central: &CentralLink, authority: &Authority, user: &UserRow) -> Result<(), Problem> {
    central.with(async |central| Ok::<_, AskError>(central.store_user(user).await?)).await?;
    authority.note_user(&user.email, user.is_active.then_some(user.token_version));
    Ok(())
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
