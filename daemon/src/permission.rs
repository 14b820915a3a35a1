//! Who may use which credential: `credential_permissions`, in one place.
//!
//! An administrator may use all of them, and so may the daemon's own user over the socket: who can read the key file could
//! open them anyway. Everybody else needs a permission of that level that has not expired.

use merge::Value;
use migrations::catalogue::CREDENTIAL_PERMISSIONS;
use sync::local::WriteTx;
use sync::{StoreError, datetime_text};

use crate::server::guard::{Principal, Scope};

/// What a permission allows; each level includes those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Level {
    Read,
    Write,
    Admin,
}

/// None for a level that this version does not know.
fn level(name: &str) -> Option<Level> {
    match name {
        "read" => Some(Level::Read),
        "write" => Some(Level::Write),
        "admin" => Some(Level::Admin),
        _ => None,
    }
}

/// True when they may.
pub(crate) fn allows(tx: &WriteTx<'_>, who: &Principal, credential: &str, wanted: Level) -> Result<bool, StoreError> {
    if who.scopes.allow(Scope::Admin) {
        return Ok(true);
    }
    let now = datetime_text(tx.now_us());
    let given = tx.find_all(CREDENTIAL_PERMISSIONS, "credential_id", &Value::from(credential))?;
    Ok(given.iter().any(|row| {
        row.text("user_id") == Some(who.user.as_str())
            && row.text("permission_level").and_then(level).is_some_and(|has| has >= wanted)
            && row.text("expires_at").is_none_or(|until| until > now.as_str())
    }))
}
