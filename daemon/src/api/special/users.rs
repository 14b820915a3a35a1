//! `/api/users`: the people who may log in. They are kept at central, so that central is needed for all of it.

use axum::http::{Method, StatusCode};
use clap::ValueEnum;
use migrations::Column;
use migrations::catalogue::USERS;
use schemars::{JsonSchema, SchemaGenerator};
use serde::{Deserialize, Deserializer, Serialize};
use sync::central::UserRow;
use sync::local::new_id;

use super::{bounds, page_parameters};
use crate::api::input::{Id, value};
use crate::api::output::etag_of;
use crate::api::problem::Problem;
use crate::api::route::{Call, Content, Parameter, Reply, Route, Scope, Work};
use crate::api::rows::{DeletePlan, check_etag, if_match};
use crate::auth::clients_of;
use crate::auth::login::{self, AskError, folded, hashing};
use crate::auth::password::{self, Checked};
use crate::secret::SecretText;

/// A user, as the API shows it: never with the hash.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub(crate) struct User {
    pub(crate) id: String,
    pub(crate) email: String,
    pub(crate) full_name: String,
    /// `admin`, `tech` or `viewer`
    pub(crate) role: String,
    /// False: may not log in.
    pub(crate) is_active: bool,
    /// The clients that a viewer or tech is limited to, by id; `null`: all.
    pub(crate) client_ids: Option<Vec<String>>,
}

impl From<UserRow> for User {
    fn from(row: UserRow) -> User {
        let UserRow { id, email, full_name, role, is_active, client_ids, .. } = row;
        User { id, email, full_name, role, is_active, client_ids: client_ids.as_deref().map(clients_of) }
    }
}

/// A page of users.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "UserPage")]
pub(crate) struct Users {
    /// All that there are.
    pub(crate) total: usize,
    pub(crate) skip: i64,
    pub(crate) limit: i64,
    /// By e-mail address.
    pub(crate) items: Vec<User>,
}

/// What a user may do.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, JsonSchema, ValueEnum)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub(crate) enum Role {
    #[value(help = "Read")]
    Viewer,
    #[value(help = "Read and write")]
    Tech,
    #[value(help = "Everything")]
    Admin,
}

impl Role {
    fn name(self) -> &'static str {
        match self {
            Role::Viewer => "viewer",
            Role::Tech => "tech",
            Role::Admin => "admin",
        }
    }
}

/// A user to be made.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "UserCreate")]
pub(crate) struct NewUser {
    /// With an id of the caller's it may be sent again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) id: Option<Id>,
    /// By which the user logs in; kept in lower case.
    #[schemars(length(max = 255), regex(pattern = r"^[^\s@]+@[^\s@]+$"), example = "ann@example.com")]
    pub(crate) email: String,
    #[schemars(length(min = 1, max = 255), regex(pattern = "\\S"), example = "Ann Example")]
    pub(crate) full_name: String,
    #[schemars(length(min = 12, max = 128))]
    pub(crate) password: SecretText,
    pub(crate) role: Role,
    /// The clients that a viewer or tech is limited to, by id; absent: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) client_ids: Option<Vec<Id>>,
}

/// What is to be changed of a user.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(rename = "UserUpdate")]
struct UserChange {
    #[serde(deserialize_with = "given")]
    #[schemars(with = "String", length(min = 1, max = 255), regex(pattern = "\\S"))]
    full_name: Option<String>,
    #[serde(deserialize_with = "given")]
    #[schemars(with = "SecretText", length(min = 12, max = 128))]
    password: Option<SecretText>,
    #[serde(deserialize_with = "given")]
    #[schemars(with = "Role")]
    role: Option<Role>,
    /// False: may not log in.
    #[serde(deserialize_with = "given")]
    #[schemars(with = "bool")]
    is_active: Option<bool>,
    /// The clients that a viewer or tech is limited to, by id; `null`: all.
    #[serde(deserialize_with = "given")]
    #[expect(clippy::option_option, reason = "left out, `null`, and a list are three things")]
    client_ids: Option<Option<Vec<Id>>>,
}

/// A field that may be left out, but not be `null`.
fn given<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

pub(super) fn routes() -> Vec<Route> {
    let user = Content::of::<User>();
    let mut list = route(Method::GET, "", "list", Work::Task(|call| Box::pin(list(call))), "List: user");
    list.parameters.extend(page_parameters());
    let create = "Create one user; with an id of the caller's it may be sent again";
    vec![
        list.gives(StatusCode::OK, Content::of::<Users>()),
        route(Method::POST, "", "create", Work::Task(|call| Box::pin(create_one(call))), create)
            .takes(Content::of::<NewUser>())
            .gives(StatusCode::CREATED, user)
            .gives(StatusCode::OK, user),
        by_id(route(Method::GET, "/{id}", "get", Work::Task(|call| Box::pin(get(call))), "Get one user"))
            .gives(StatusCode::OK, user),
        by_id(route(
            Method::PUT,
            "/{id}",
            "change",
            Work::Task(|call| Box::pin(change(call))),
            "Change the fields given of one user; all that was issued before is void",
        ))
        .with(if_match())
        .fails(StatusCode::PRECONDITION_FAILED)
        .takes(Content::of::<UserChange>())
        .gives(StatusCode::OK, user),
        by_id(route(
            Method::DELETE,
            "/{id}",
            "delete",
            Work::Task(|call| Box::pin(remove(call))),
            "Delete one user; all that was issued is void, and what the user did stays on record",
        ))
        .with(Parameter::query(Column::bool("dry_run"), "Only say what would be done"))
        .with(if_match())
        .fails(StatusCode::PRECONDITION_FAILED)
        .gives(StatusCode::NO_CONTENT, Content::None)
        .gives(StatusCode::OK, Content::Type(SchemaGenerator::subschema_for::<DeletePlan>)),
    ]
}

fn route(method: Method, end: &str, verb: &str, work: Work, summary: &str) -> Route {
    Route::new(method, format!("/api/users{end}"), format!("users_{verb}"), work)
        .about("users", summary)
        .scope(Scope::Admin)
}

fn by_id(route: Route) -> Route {
    route.with(Parameter::path(Column::uuid("id"), "Id of the user")).fails(StatusCode::NOT_FOUND)
}

async fn list(call: Call) -> Result<Reply, Problem> {
    let rows = call.app.central_link.with(async |central| Ok::<_, AskError>(central.users().await?)).await?;
    let (total, (skip, limit)) = (rows.len(), bounds(&call));
    let part = |number: i64| usize::try_from(number).unwrap_or(usize::MAX);
    let items = rows.into_iter().skip(part(skip)).take(part(limit)).map(User::from).collect();
    Ok(Reply::ok(Users { total, skip, limit, items }))
}

async fn create_one(call: Call) -> Result<Reply, Problem> {
    let NewUser { id, email, full_name, password, role, client_ids } = call.body()?;
    let email = folded(&email);
    let mut wrong = Wrong::default();
    let role = role.name().to_owned();
    let client_ids = client_ids.map(listed);
    wrong.email(&email).full_name(&full_name).password(Some(&password));
    wrong.finish()?;
    check_limit(&role, client_ids.as_ref())?;
    if let Some(Id(id)) = &id
        && let Some(user) = of_id(&call, id).await?
    {
        let same = (user.email.as_str(), user.full_name.as_str(), user.role.as_str()) == (&email, &full_name, &role)
            && user.client_ids == client_ids;
        let hash = user.password_hash.clone();
        let checked = hashing(&call.app.authority, move || password::check(password.expose(), Some(&hash))).await?;
        return if same && checked != Checked::Wrong { Ok(answer(StatusCode::OK, user)) } else { Err(taken(&user)) };
    }
    let by_email = async |central: &sync::central::Central| Ok::<_, AskError>(central.user(&email).await?);
    if let Some(other) = call.app.central_link.with(by_email).await? {
        return Err(taken(&other));
    }
    let password_hash = hashing(&call.app.authority, move || password::hash(password.expose())).await?;
    let id = id.map_or_else(|| new_id(call.app.clock.now_us()), |Id(id)| id);
    let user = UserRow { id, email, full_name, password_hash, role, is_active: true, token_version: 0, client_ids };
    login::store(&call.app, &call.core, &user).await?;
    Ok(answer(StatusCode::CREATED, user))
}

/// Role and limit may be given each, and do not fit each other.
fn check_limit(role: &str, client_ids: Option<&String>) -> Result<(), Problem> {
    let is_wrong = role == Role::Admin.name() && client_ids.is_some();
    if is_wrong { Err(Problem::at_odds("an admin sees all clients: client_ids must be null")) } else { Ok(()) }
}

/// Ids of clients, as the column holds them.
fn listed(ids: Vec<Id>) -> String {
    ids.into_iter().map(|Id(id)| id).collect::<serde_json::Value>().to_string()
}

fn taken(by: &UserRow) -> Problem {
    let problem = Problem::new(StatusCode::CONFLICT, "another user has this id or e-mail address", "change that user");
    problem.coded("DUPLICATE_KEY").with("existing_id", by.id.as_str())
}

async fn get(call: Call) -> Result<Reply, Problem> {
    Ok(answer(StatusCode::OK, find(&call).await?))
}

async fn change(call: Call) -> Result<Reply, Problem> {
    let UserChange { full_name, password, role, is_active, client_ids } = call.body()?;
    let mut wrong = Wrong::default();
    wrong.full_name(full_name.as_deref().unwrap_or("as it is")).password(password.as_ref());
    wrong.finish()?;
    let mut user = find(&call).await?;
    check_etag(&call.headers, etag(&user))?;
    user.full_name = full_name.unwrap_or(user.full_name);
    user.role = role.map_or(user.role, |role| role.name().to_owned());
    user.is_active = is_active.unwrap_or(user.is_active);
    user.client_ids = client_ids.map_or(user.client_ids, |ids| ids.map(listed));
    check_limit(&user.role, user.client_ids.as_ref())?;
    if let Some(password) = password {
        user.password_hash = hashing(&call.app.authority, move || password::hash(password.expose())).await?;
    }
    // Whatever was changed: what was issued before says it no more.
    user.token_version += 1;
    login::store(&call.app, &call.core, &user).await?;
    Ok(answer(StatusCode::OK, user))
}

async fn remove(call: Call) -> Result<Reply, Problem> {
    let user = find(&call).await?;
    check_etag(&call.headers, etag(&user))?;
    if call.flag("dry_run") {
        // Nothing refers to a user: what the user did is on record under the e-mail address.
        return Ok(Reply::ok(DeletePlan::default()));
    }
    login::remove(&call.app, &call.core, user).await?;
    Ok(Reply::empty())
}

async fn find(call: &Call) -> Result<UserRow, Problem> {
    of_id(call, call.id()).await?.ok_or_else(|| Problem::not_found("user"))
}

async fn of_id(call: &Call, id: &str) -> Result<Option<UserRow>, Problem> {
    let found = call.app.central_link.with(async |central| Ok::<_, AskError>(central.user_of_id(id).await?));
    Ok(found.await?)
}

fn answer(status: StatusCode, user: UserRow) -> Reply {
    let etag = etag(&user);
    Reply::of(status, User::from(user)).tagged(etag)
}

/// Every change raises the version; SQL at central may change the rest alone.
fn etag(user: &UserRow) -> String {
    let UserRow { id, email, full_name, role, is_active, token_version, client_ids, password_hash: _ } = user;
    let clients = client_ids.as_deref().unwrap_or_default();
    etag_of(format!("{id}\n{email}\n{full_name}\n{role}\n{is_active}\n{token_version}\n{clients}").as_bytes())
}

/// What cannot be taken, by field.
#[derive(Default)]
struct Wrong(Vec<(String, String)>);

impl Wrong {
    fn email(&mut self, email: &str) -> &mut Self {
        let is_address = |text: &str| {
            let (before, after) = text.split_once('@').unwrap_or_default();
            let is_part = |part: &str| !part.is_empty() && !part.contains(|c: char| c == '@' || c.is_whitespace());
            is_part(before) && is_part(after)
        };
        self.column("email", email, is_address(email).then_some(()).ok_or("must be an e-mail address"))
    }

    fn full_name(&mut self, name: &str) -> &mut Self {
        self.column("full_name", name, if name.trim().is_empty() { Err("must not be empty") } else { Ok(()) })
    }

    fn password(&mut self, password: Option<&SecretText>) -> &mut Self {
        let objection = password.and_then(|password| password::objection(password.expose()));
        self.0.extend(objection.map(|why| ("password".to_owned(), why.to_owned())));
        self
    }

    fn column(&mut self, name: &str, text: &str, form: Result<(), &str>) -> &mut Self {
        let fits = USERS.column(name).map_or(Ok(()), |column| value::of_url(column, (None, None), text).map(drop));
        let why = fits.err().or(form.err().map(str::to_owned));
        self.0.extend(why.map(|why| (name.to_owned(), why)));
        self
    }

    fn finish(self) -> Result<(), Problem> {
        if self.0.is_empty() { Ok(()) } else { Err(Problem::fields(&self.0)) }
    }
}
