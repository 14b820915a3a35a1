//! What keys this machine has, which it lacks, and whether all secrets open: for `vault status`, `status` and `doctor`.

use serde::{Deserialize, Serialize};
use sync::StoreError;
use sync::local::ReadTx;
use vault::Keyring;

use super::{JOIN, SecretError, known, reseal};
use crate::phase::Trouble;

/// The vault, as `vault status --json` shows it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub(crate) struct VaultReport {
    /// The key that seals; `null` when this machine has none that can be used.
    pub(crate) current: Option<String>,
    /// The keys that this machine has.
    pub(crate) keys: Vec<String>,
    /// Keys of other machines that it has not.
    pub(crate) missing: Vec<String>,
    /// True once a passphrase wraps the keys at central.
    pub(crate) shared: bool,
    /// Values of an earlier key that this machine will seal anew.
    pub(crate) to_reseal: u64,
    /// Values that this machine cannot open, for want of their key.
    pub(crate) locked: u64,
    /// What is wrong.
    pub(crate) problem: Option<String>,
    /// What to do about it.
    pub(crate) remedy: Option<String>,
}

/// What is wrong with the keys.
pub(crate) fn said(error: &SecretError) -> Trouble {
    super::trouble(error)
}

/// Gathers it.
pub(crate) fn gather(tx: &ReadTx<'_>, ring: Result<Keyring, Trouble>) -> Result<VaultReport, StoreError> {
    let known = known::keys(tx.connection())?;
    let (ring, trouble) = match ring {
        Ok(ring) => (Some(ring), None),
        Err(trouble) => (None, Some(trouble)),
    };
    let waiting = reseal::waiting(tx, ring.as_ref())?;
    let keys: Vec<String> = ring.iter().flat_map(Keyring::keys).map(|key| key.id().to_string()).collect();
    let missing: Vec<String> = known.iter().map(|key| key.id.clone()).filter(|id| !keys.contains(id)).collect();
    let trouble = trouble.or_else(|| lack(&missing, waiting.locked));
    Ok(VaultReport {
        current: ring.map(|ring| ring.current().to_string()),
        shared: known.iter().any(|key| key.wrapped.is_some()),
        to_reseal: waiting.to_reseal,
        locked: waiting.locked,
        problem: trouble.as_ref().map(|trouble| trouble.reason.clone()),
        remedy: trouble.map(|trouble| trouble.hint),
        keys,
        missing,
    })
}

fn lack(missing: &[String], locked: u64) -> Option<Trouble> {
    let reason = match (missing, locked) {
        ([], 0) => return None,
        ([], _) => format!("{locked} secret(s) are here that this machine cannot open: it lacks their key"),
        (_, 0) => format!("this machine lacks the vault's key {}", missing.join(", ")),
        _ => format!(
            "{locked} secret(s) are here that this machine cannot open: it lacks the vault's key {}",
            missing.join(", ")
        ),
    };
    Some(Trouble { reason, hint: JOIN.to_owned() })
}
