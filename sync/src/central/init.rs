//! Makes central what this build needs.
use serde::Serialize;

use super::{CentralError, CentralUrl};

/// What [`init`] is to do beside the schema.
#[derive(Clone, Debug, Default)]
pub struct InitOptions {
    /// Makes a least-privilege user for the machines.
    pub create_user: Option<NewUser>,
}

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

impl std::fmt::Debug for NewUser {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "NewUser({}@{})", self.name, self.host)
    }
}

/// What [`init`] did.
#[derive(Clone, Debug, Serialize)]
pub struct InitReport {
    /// The database's name.
    pub database: String,
    /// True when the database itself was made.
    pub database_created: bool,
    /// Steps that were applied now.
    pub steps_applied: Vec<String>,
    /// Schema version afterwards.
    pub schema_version: u32,
    /// Triggers that were made or replaced now.
    pub triggers_installed: usize,
    /// Rows from before the triggers that were entered into the feed now.
    pub rows_enrolled: u64,
    /// The user that was made, as `'name'@'host'`.
    pub user_created: Option<String>,
    /// What an administrator runs for a least-privilege user; the user's name is a placeholder unless one was made.
    pub grants: Vec<String>,
}

/// Makes or upgrades the schema at central and installs the capture triggers; may be run again at any time.
pub async fn init(url: &CentralUrl, options: &InitOptions) -> Result<InitReport, CentralError> {
    unimplemented!("{url} {options:?}")
}
