//! The people who may log in. They live at central only: no machine holds a password hash, so none can be stolen from one.

use sqlx::Row as _;
use sqlx::mysql::{MySqlConnection, MySqlRow};

use super::connect::ANSWER_WITHIN;
use super::error::server_error;
use super::layout::{Layout, altered};
use super::pool::within;
use super::sql::statement;
use super::{Central, CentralError};
use migrations::catalogue::USERS;

/// A user, as central has it.
#[derive(Clone, PartialEq, Eq)]
pub struct UserRow {
    /// UUID.
    pub id: String,
    /// Lower case; what is on record as having done something.
    pub email: String,
    /// For people.
    pub full_name: String,
    /// Argon2id, as a PHC string.
    pub password_hash: String,
    /// `admin`, `tech` or `viewer`
    pub role: String,
    /// False: may not log in.
    pub is_active: bool,
    /// Raised to void all that was issued.
    pub token_version: i64,
    /// The clients that the user is limited to, as a JSON array of ids; None: all.
    pub client_ids: Option<String>,
}

/// Without the hash.
impl std::fmt::Debug for UserRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("UserRow").field("email", &self.email).field("role", &self.role).finish_non_exhaustive()
    }
}

/// Why users cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum UserError {
    /// Central did not do it.
    #[error(transparent)]
    Central(#[from] CentralError),
    /// The e-mail is taken.
    #[error("another user has this e-mail address")]
    Taken,
    /// Central has no place for a limit.
    #[error("central has an older schema, in which users cannot be limited to clients")]
    Unlimited,
    /// The table `users` of an adopted database is another program's.
    #[error("the table users at central is another program's: {0}")]
    Foreign(String),
}

const COLUMNS: &str = "id, email, full_name, password_hash, role, is_active, token_version";
/// The column that a central of an older version lacks.
const LIMIT: &str = "client_ids";
/// A unique key refuses the row.
const DUPLICATE: u16 = 1062;

impl Central {
    /// The user of that e-mail address.
    pub async fn user(&self, email: &str) -> Result<Option<UserRow>, UserError> {
        Ok(self.select("WHERE email = ?", Some(email)).await?.into_iter().next())
    }

    /// The user of that id.
    pub async fn user_of_id(&self, id: &str) -> Result<Option<UserRow>, UserError> {
        Ok(self.select("WHERE id = ?", Some(id)).await?.into_iter().next())
    }

    /// All users, by e-mail address.
    pub async fn users(&self) -> Result<Vec<UserRow>, UserError> {
        self.select("ORDER BY email", None).await
    }

    /// Makes the user, or makes the one of that id as given.
    pub async fn store_user(&self, user: &UserRow) -> Result<(), UserError> {
        let layout = self.layout();
        require_ours(&layout)?;
        let has_limits = has_limits(&layout);
        if user.client_ids.is_some() && !has_limits {
            return Err(UserError::Unlimited);
        }
        let (more, place, set) =
            if has_limits { (", client_ids", ", ?", ", client_ids = VALUES(client_ids)") } else { ("", "", "") };
        let mut lease = self.lease().await?;
        let text = format!(
            "INSERT INTO users ({COLUMNS}{more}, password_changed_at) \
             VALUES (?, ?, ?, ?, ?, ?, ?{place}, UTC_TIMESTAMP(6)) \
             ON DUPLICATE KEY UPDATE \
             email = IF(id = VALUES(id), VALUES(email), NULL), full_name = VALUES(full_name), \
             password_changed_at = IF(password_hash = VALUES(password_hash), password_changed_at, UTC_TIMESTAMP(6)), \
             password_hash = VALUES(password_hash), role = VALUES(role), is_active = VALUES(is_active), \
             token_version = VALUES(token_version){set}, updated_at = UTC_TIMESTAMP(6)"
        );
        let query = statement(text).bind(&user.id).bind(&user.email).bind(&user.full_name).bind(&user.password_hash);
        let mut query = query.bind(&user.role).bind(user.is_active).bind(user.token_version);
        if has_limits {
            query = query.bind(&user.client_ids);
        }
        let stored = within(ANSWER_WITHIN, async { Ok(query.execute(lease.connection()).await) }).await?;
        sorted(stored.map(drop))?;
        lease.keep();
        Ok(())
    }

    /// Notes a login; the hash is given when it was made anew with today's cost.
    pub async fn note_login(&self, id: &str, password_hash: Option<&str>) -> Result<(), UserError> {
        let text = "UPDATE users SET last_login_at = UTC_TIMESTAMP(6), password_hash = COALESCE(?, password_hash) WHERE id = ?";
        self.execute(sqlx::query(text).bind(password_hash.map(str::to_owned)).bind(id.to_owned())).await.map(drop)
    }

    /// Removes the user; false when there was none.
    pub async fn remove_user(&self, id: &str) -> Result<bool, UserError> {
        Ok(self.execute(sqlx::query("DELETE FROM users WHERE id = ?").bind(id.to_owned())).await? > 0)
    }

    async fn execute(
        &self,
        query: sqlx::query::Query<'_, sqlx::MySql, sqlx::mysql::MySqlArguments>,
    ) -> Result<u64, UserError> {
        require_ours(&self.layout())?;
        let mut lease = self.lease().await?;
        let done = within(ANSWER_WITHIN, async { Ok(query.execute(lease.connection()).await?) }).await?;
        lease.keep();
        Ok(done.rows_affected())
    }

    /// The users that a clause behind the table's name selects.
    async fn select(&self, clause: &str, value: Option<&str>) -> Result<Vec<UserRow>, UserError> {
        let layout = self.layout();
        require_ours(&layout)?;
        let limit = if has_limits(&layout) { LIMIT } else { "NULL" };
        let text = format!("SELECT {COLUMNS}, {limit} FROM users {clause}");
        let mut lease = self.lease().await?;
        let users = within(ANSWER_WITHIN, read(lease.connection(), text, value)).await?;
        lease.keep();
        Ok(users)
    }
}

async fn read(
    connection: &mut MySqlConnection,
    text: String,
    value: Option<&str>,
) -> Result<Vec<UserRow>, CentralError> {
    let query = statement(text);
    let query = match value {
        Some(value) => query.bind(value.to_owned()),
        None => query,
    };
    let rows = query.fetch_all(connection).await?;
    Ok(rows.iter().map(user).collect::<Result<_, _>>()?)
}

fn user(row: &MySqlRow) -> Result<UserRow, sqlx::Error> {
    Ok(UserRow {
        id: row.try_get_unchecked(0)?,
        email: row.try_get_unchecked(1)?,
        full_name: row.try_get_unchecked(2)?,
        password_hash: row.try_get_unchecked(3)?,
        role: row.try_get_unchecked(4)?,
        is_active: row.try_get_unchecked::<i64, _>(5)? != 0,
        token_version: row.try_get_unchecked(6)?,
        client_ids: row.try_get_unchecked(7)?,
    })
}

fn sorted(stored: Result<(), sqlx::Error>) -> Result<(), UserError> {
    match stored {
        // The e-mail is another's: the update would have made it NULL, which the column refuses.
        Err(error) if server_error(&error).is_some_and(|(code, _)| matches!(code, DUPLICATE | 1048)) => {
            Err(UserError::Taken)
        }
        other => Ok(other.map_err(CentralError::from)?),
    }
}

/// Whether users can be limited to clients there.
fn has_limits(layout: &Layout) -> bool {
    layout.database.tables.get(USERS.name).is_some_and(|users| users.column(LIMIT).is_some())
}

/// In an adopted database the table may be anything.
fn require_ours(layout: &Layout) -> Result<(), UserError> {
    let Some(found) = layout.database.tables.get(USERS.name) else {
        return Err(CentralError::NotInitialised(USERS.name.into()).into());
    };
    match altered(USERS, found) {
        Some(difference) if layout.is_adopted => Err(UserError::Foreign(difference)),
        _ => Ok(()),
    }
}
