//! `/api/users`: the people who may log in. They are kept at central, so that central is needed for all of it.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use sync::central::UserRow;
use sync::local::new_id;

use super::api_error::ApiError;
use crate::app::App;
use crate::auth::login::{self, AskError, folded, hashing};
use crate::auth::password;
use crate::secret::SecretText;

/// A user, as the API shows it: never with the hash.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct User {
    pub(crate) id: String,
    pub(crate) email: String,
    pub(crate) full_name: String,
    /// `admin`, `tech` or `viewer`
    pub(crate) role: String,
    pub(crate) is_active: bool,
}

impl From<UserRow> for User {
    fn from(row: UserRow) -> User {
        let UserRow { id, email, full_name, role, is_active, .. } = row;
        User { id, email, full_name, role, is_active }
    }
}

/// All of them.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Users {
    pub(crate) total: usize,
    pub(crate) items: Vec<User>,
}

/// A user to be made.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewUser {
    pub(crate) email: String,
    pub(crate) full_name: String,
    pub(crate) password: SecretText,
    pub(crate) role: String,
}

/// What is to be changed.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct UserChange {
    full_name: Option<String>,
    password: Option<SecretText>,
    role: Option<String>,
    is_active: Option<bool>,
}

const ROLES: [&str; 3] = ["admin", "tech", "viewer"];

pub(super) async fn list(State(app): State<Arc<App>>) -> Result<Json<Users>, ApiError> {
    let rows = app.central_link.with(async |central| Ok::<_, AskError>(central.users().await?)).await?;
    let items: Vec<User> = rows.into_iter().map(User::from).collect();
    Ok(Json(Users { total: items.len(), items }))
}

pub(super) async fn create(
    State(app): State<Arc<App>>,
    Json(request): Json<NewUser>,
) -> Result<(StatusCode, Json<User>), ApiError> {
    let NewUser { email, full_name, password, role } = request;
    let email = folded(&email);
    if !email.contains('@') || email.len() > 255 || email.contains(char::is_whitespace) {
        return Err(ApiError::invalid("email", "must be an e-mail address"));
    }
    check(&full_name, &role, Some(&password))?;
    let password_hash = hashing(&app.authority, move || password::hash(password.expose())).await?;
    let id = new_id(app.clock.now_us());
    let user = UserRow { id, email, full_name, password_hash, role, is_active: true, token_version: 0 };
    login::store(&app.central_link, &app.authority, &user).await?;
    Ok((StatusCode::CREATED, Json(user.into())))
}

pub(super) async fn get(State(app): State<Arc<App>>, Path(id): Path<String>) -> Result<Json<User>, ApiError> {
    Ok(Json(find(&app, &id).await?.into()))
}

pub(super) async fn change(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    Json(change): Json<UserChange>,
) -> Result<Json<User>, ApiError> {
    let mut user = find(&app, &id).await?;
    let UserChange { full_name, password, role, is_active } = change;
    let (full_name, role) = (full_name.unwrap_or(user.full_name), role.unwrap_or(user.role));
    check(&full_name, &role, password.as_ref())?;
    (user.full_name, user.role) = (full_name, role);
    user.is_active = is_active.unwrap_or(user.is_active);
    if let Some(password) = password {
        user.password_hash = hashing(&app.authority, move || password::hash(password.expose())).await?;
    }
    // Whatever was changed: what was issued before says it no more.
    user.token_version += 1;
    login::store(&app.central_link, &app.authority, &user).await?;
    Ok(Json(user.into()))
}

pub(super) async fn remove(State(app): State<Arc<App>>, Path(id): Path<String>) -> Result<StatusCode, ApiError> {
    let user = find(&app, &id).await?;
    app.central_link.with(async |central| Ok::<_, AskError>(central.remove_user(&user.id).await?)).await?;
    app.authority.note_user(&user.email, None);
    Ok(StatusCode::NO_CONTENT)
}

async fn find(app: &App, id: &str) -> Result<UserRow, ApiError> {
    let id = id.to_ascii_lowercase();
    let user = app.central_link.with(async |central| Ok::<_, AskError>(central.user_of_id(&id).await?)).await?;
    user.ok_or_else(|| ApiError::not_found("user"))
}

fn check(full_name: &str, role: &str, password: Option<&SecretText>) -> Result<(), ApiError> {
    if full_name.trim().is_empty() || full_name.chars().count() > 255 {
        return Err(ApiError::invalid("full_name", "must have 1 to 255 characters"));
    }
    if !ROLES.contains(&role) {
        return Err(ApiError::invalid("role", "must be one of admin, tech, viewer"));
    }
    match password.and_then(|password| password::objection(password.expose())) {
        Some(why) => Err(ApiError::invalid("password", why)),
        None => Ok(()),
    }
}
