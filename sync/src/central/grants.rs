//! The rights that a machine's database user needs, and no more.

use sqlx::mysql::MySqlConnection;

use super::CentralError;
use super::sql::run_made;

/// A database user to be made.
#[derive(Clone)]
pub struct NewUser {
    /// Its name.
    pub name: String,
    /// From where it may log in; `%` for anywhere.
    pub host: String,
    /// Its password.
    pub password: String,
}

/// Without the password.
impl std::fmt::Debug for NewUser {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&account(&self.name, &self.host))
    }
}

/// Rights on the database: TRIGGER is needed to see whether the capture triggers are there, as it is by those who make
/// them. No SUPER, PROCESS or REPLICATION, no right to create or alter tables.
const RIGHTS: &str = "SELECT, INSERT, UPDATE, DELETE, TRIGGER";

/// What an administrator runs to make a user for the machines; `user` is its name, for instance `claudetools`.
pub fn grants_sql(database: &str, user: &str) -> Vec<String> {
    let account = account(user, "%");
    vec![
        format!("CREATE USER IF NOT EXISTS {account} IDENTIFIED BY '<password>';"),
        format!("{};", grant(database, &account)),
    ]
}

/// `'name'@'host'`
pub(super) fn account(name: &str, host: &str) -> String {
    format!("{}@{}", quoted(name), quoted(host))
}

/// In a database-level GRANT `_` and `%` are wildcards.
fn grant(database: &str, account: &str) -> String {
    let pattern = database.replace('`', "``").replace('_', "\\_").replace('%', "\\%");
    format!("GRANT {RIGHTS} ON `{pattern}`.* TO {account}")
}

/// A string literal under our own sql_mode, where a backslash escapes.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}

/// Makes the user, unless it is there, and grants it what it needs.
pub(super) async fn create_user(
    connection: &mut MySqlConnection,
    database: &str,
    user: &NewUser,
) -> Result<String, CentralError> {
    let account = account(&user.name, &user.host);
    // CREATE USER takes no parameters; a user variable keeps the password out of our statement and of any error text.
    sqlx::query("SET @ct_password = ?").bind(&user.password).execute(&mut *connection).await?;
    let create = quoted(&format!("CREATE USER IF NOT EXISTS {account} IDENTIFIED BY "));
    run_made(connection, format!("EXECUTE IMMEDIATE CONCAT({create}, QUOTE(@ct_password))")).await?;
    run_made(connection, "SET @ct_password = NULL".to_owned()).await?;
    run_made(connection, grant(database, &account)).await?;
    Ok(account)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_quoted_and_wildcards_escaped() {
        let text = grants_sql("team_memory", "o'brien");
        assert_eq!(text[1], "GRANT SELECT, INSERT, UPDATE, DELETE, TRIGGER ON `team\\_memory`.* TO 'o\\'brien'@'%';");
    }

    #[test]
    fn a_new_user_does_not_show_its_password() {
        let user = NewUser { name: "ct".into(), host: "10.%".into(), password: "hunter2".into() };
        assert_eq!(format!("{user:?}"), "'ct'@'10.%'");
    }
}
