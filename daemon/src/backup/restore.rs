//! The way back: everything is unpacked, compared and made ready beside what is there, and put in its place by renaming.
//! The replica that was there is kept in `replaced/`.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hooks::durable;
use hooks::home::Home;
use serde::Serialize;
use sync::local::{self, Adopted};
use sync::{Clock, StoreError, datetime_text};
use vault::Passphrase;

use super::archive::{self, Goes, KEYS, Manifest, REPLICA, SETTINGS};
use super::{BackupError, Doing, Progress, Scrap, io_at};
use crate::files;
use crate::lock::HomeLock;
use crate::vault::carry;

/// What is wanted.
pub(crate) struct Wanted<'a> {
    pub(crate) home: &'a Home,
    pub(crate) file: &'a Path,
    /// Though the replica that is here has what no other place has; it is kept beside in any case.
    pub(crate) force: bool,
    /// Opens the vault's keys in the backup, for a home that has none.
    pub(crate) passphrase: Option<Passphrase>,
    pub(crate) clock: Arc<dyn Clock>,
}

/// `claudetools restore --json`
#[derive(Debug, Serialize)]
pub(crate) struct RestoreReport {
    /// The home.
    pub(crate) home: PathBuf,
    /// When the backup was made, and on which machine.
    pub(crate) made_at: String,
    pub(crate) machine: String,
    /// Who this machine is to central from now on.
    pub(crate) replica_id: String,
    /// Where the replica is that was here before; `null` when there was none.
    pub(crate) kept: Option<PathBuf>,
    /// `restored`, `kept` (this home has its own) or `none`.
    pub(crate) settings: &'static str,
    /// The vault's keys: `restored`, `kept` (this home has its own) or `none`.
    pub(crate) keys: &'static str,
    /// What is to be done now, in this order.
    pub(crate) next: Vec<String>,
    /// True when some of that needs more than a start of the daemon.
    pub(crate) needs_user: bool,
}

/// Whether a backup has keys of the vault that this home lacks.
pub(crate) fn keys_to_open(home: &Home, file: &Path) -> Result<bool, BackupError> {
    Ok(archive::manifest(file)?.has(KEYS) && !carry::has_keys(home))
}

/// Restores a backup.
pub(crate) fn restore(wanted: &Wanted<'_>, progress: Progress<'_>) -> Result<RestoreReport, BackupError> {
    let Wanted { home, file, force, passphrase, clock } = wanted;
    let manifest = archive::manifest(file)?;
    let replaced = home.replaced();
    for folder in [home.root(), &replaced] {
        durable::private_dir(folder).map_err(io_at("make the folder", folder))?;
    }
    // Held to the end: no daemon comes in between, and the hooks keep their events on disk meanwhile.
    let lock = HomeLock::acquire(&home.lock())?;
    if !force {
        must_be_sent(home)?;
    }
    let coming = Scrap(replaced.join(format!("coming-{}.db", std::process::id())));
    let goes = |name: &str| match name {
        REPLICA => Goes::To(coming.0.clone()),
        SETTINGS | KEYS => Goes::Here,
        _ => Goes::Nowhere,
    };
    let texts = archive::unpack(file, goes, Doing::Unpacking, progress)?;
    if !manifest.has(REPLICA) {
        return Err(BackupError::Damaged { path: (*file).to_owned(), what: "no replica is in it".to_owned() });
    }
    let text = |name| texts.iter().find(|(of, _)| of == name).map(|(_, text)| text.as_str());
    let reason = format!("it was restored from a backup of {} of {}", manifest.machine, manifest.made_at);
    let adopted = local::adopt_copy(&coming.0, Arc::clone(clock), &reason)?;
    let keys = put_keys(home, text(KEYS), passphrase.as_ref())?;
    let settings = put_settings(home, text(SETTINGS))?;
    let kept = put_aside(home, &datetime_text(clock.now_us()))?;
    fs::rename(&coming.0, home.replica()).map_err(io_at("put the replica into", home.root()))?;
    durable::sync_folder(home.root()).map_err(io_at("write", home.root()))?;
    forget_index(home);
    drop(lock);
    let Adopted { replica_id, is_paused } = adopted;
    let (next, needs_user) = next(home, (&manifest, is_paused), keys, settings);
    let (home, made_at, machine) = (home.root().to_owned(), manifest.made_at, manifest.machine);
    Ok(RestoreReport { home, made_at, machine, replica_id, kept, settings, keys, next, needs_user })
}

/// Refuses when the replica that is here has rows that central has not got, or nobody can tell.
fn must_be_sent(home: &Home) -> Result<(), BackupError> {
    if !home.replica().exists() {
        return Ok(());
    }
    let unsent = |why| Err(BackupError::Unsent { home: home.root().to_owned(), why });
    match local::inspect(&home.replica(), local::counts) {
        Ok(counts) if counts.pending == 0 => Ok(()),
        Ok(counts) => unsent(format!("has {} row(s) that central has not got", counts.pending)),
        Err(error @ (StoreError::Damaged(_) | StoreError::Older { .. } | StoreError::Newer { .. })) => {
            unsent(format!("may have rows that central has not got: {error}"))
        }
        Err(error) => Err(error.into()),
    }
}

fn put_keys(home: &Home, text: Option<&str>, passphrase: Option<&Passphrase>) -> Result<&'static str, BackupError> {
    match (text, passphrase) {
        _ if carry::has_keys(home) => Ok("kept"),
        (Some(text), Some(passphrase)) => {
            carry::unwrap(home, text, passphrase).map_err(BackupError::Keys).map(|()| "restored")
        }
        _ => Ok("none"),
    }
}

fn put_settings(home: &Home, text: Option<&str>) -> Result<&'static str, BackupError> {
    match text {
        _ if home.config().exists() => Ok("kept"),
        Some(text) => {
            let written = files::write_private(&home.config(), text.as_bytes());
            written.map_err(io_at("write", &home.config())).map(|()| "restored")
        }
        None => Ok("none"),
    }
}

/// Moves the replica that is here into `replaced/`, with what belongs to it.
fn put_aside(home: &Home, now: &str) -> Result<Option<PathBuf>, BackupError> {
    let here = home.replica();
    if !here.exists() {
        return Ok(None);
    }
    // Then all of it is in one file, and it does not matter where the renames below are broken off. One that is damaged is
    // moved as it is.
    let folded = local::fold_log(&here);
    if let Err(error) = folded {
        tracing::debug!(%error, "the log of the replica that was here stays beside it");
    }
    let moment: String = now.chars().filter(char::is_ascii_digit).take(14).collect();
    let mut kept = home.replaced().join(format!("replica-{moment}.db"));
    for again in 2.. {
        if !kept.exists() {
            break;
        }
        kept = home.replaced().join(format!("replica-{moment}-{again}.db"));
    }
    for added in ["", "-wal", "-shm"] {
        let (from, to) = (Scrap::beside(&here, added), Scrap::beside(&kept, added));
        if from.exists() {
            fs::rename(&from, &to).map_err(io_at("move", &from))?;
        }
    }
    Ok(Some(kept))
}

/// The memory index belongs to the replica that was here; the daemon makes it anew, and would find that out itself.
fn forget_index(home: &Home) {
    if let Err(error) = fs::remove_dir_all(home.index()) {
        tracing::debug!(%error, "the memory index stays until the daemon throws it away");
    }
}

fn next(home: &Home, (manifest, is_paused): (&Manifest, bool), keys: &str, settings: &str) -> (Vec<String>, bool) {
    let mut next = Vec::new();
    if settings == "restored" && manifest.password_left_out {
        next.push("give central's password: claudetools setup --central URL".to_owned());
    }
    if keys == "none" {
        next.push("get the vault's keys from central: claudetools vault join   (after the start)".to_owned());
    }
    if is_paused {
        next.push(
            "go on with central, as that was paused at the backup: claudetools sync resume   (after the start)"
                .to_owned(),
        );
    }
    let needs_user = !next.is_empty();
    let is_set_up = home.root().join("setup.json").exists();
    next.push(
        if is_set_up { "start the daemon: claudetools daemon --detach" } else { "run: claudetools setup" }.to_owned(),
    );
    (next, needs_user)
}
