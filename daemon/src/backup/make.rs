//! Making one: a copy of the replica beside the target, packed with the rest, compared, and renamed when all is well.

use std::fs;
use std::path::{Path, PathBuf};

use hooks::durable;
use hooks::home::Home;
use hooks::spool;
use serde::Serialize;
use sync::local;
use sync::{Clock, datetime_text};
use vault::Passphrase;

use super::archive::{self, Content, Goes, KEYS, Manifest, REPLICA, SETTINGS};
use super::note::{self, LastBackup};
use super::{BackupError, Doing, Progress, Scrap, io_at};
use crate::config::Config;
use crate::vault::carry;

/// What is wanted.
pub(crate) struct Order<'a> {
    pub(crate) home: &'a Home,
    /// The file, which must not exist; absent: one in this folder, named by machine and moment.
    pub(crate) file: Option<PathBuf>,
    /// Wraps the vault's keys, which are put in then.
    pub(crate) passphrase: Option<Passphrase>,
    /// The machine's name.
    pub(crate) machine: String,
    pub(crate) clock: &'a dyn Clock,
}

/// `claudetools backup --json`
#[derive(Debug, Serialize)]
pub(crate) struct BackupReport {
    /// The file.
    pub(crate) path: PathBuf,
    /// Its size.
    pub(crate) bytes: u64,
    /// The size of the replica in it.
    pub(crate) replica_bytes: u64,
    pub(crate) made_at: String,
    pub(crate) schema_version: u32,
    /// True when the vault's keys are in it, wrapped by the passphrase.
    pub(crate) with_keys: bool,
    /// What is not in it, and what to do about that; each a sentence.
    pub(crate) left_out: Vec<String>,
    /// What did not go well beside it; each a sentence.
    pub(crate) warnings: Vec<String>,
}

/// Makes a backup.
pub(crate) fn make(order: Order<'_>, progress: Progress<'_>) -> Result<BackupReport, BackupError> {
    let Order { home, file, passphrase, machine, clock } = order;
    if !home.replica().exists() {
        return Err(BackupError::Nothing(home.root().to_owned()));
    }
    let made_at = datetime_text(clock.now_us());
    let target = file.unwrap_or_else(|| PathBuf::from(usual_name(&machine, &made_at)));
    if target.exists() {
        return Err(BackupError::Exists(target));
    }
    let mut manifest = Manifest::new(made_at, machine);
    let mut contents = Vec::new();
    let mut left_out = Vec::new();
    contents.extend(settings(home, &mut manifest, &mut left_out)?.map(|text| (SETTINGS, Content::Text(text))));
    let with_keys = passphrase.is_some();
    if let Some(passphrase) = passphrase {
        let wrapped = carry::wrapped(home, &passphrase).map_err(BackupError::Keys)?;
        contents.push((KEYS, Content::Text(wrapped)));
    } else {
        left_out.push(
            "the vault's keys: secrets open again with `claudetools vault join`, or put the keys in with --with-keys"
                .to_owned(),
        );
    }
    let waiting = spool::pending(&home.spool()).map_or(0, |events| events.len());
    if waiting > 0 {
        left_out.push(format!("{waiting} event(s) that wait in spool/: the daemon takes them in when it runs"));
    }
    // Both on the disk of the target: the one that has the room.
    let part = |end| beside(&target, end);
    let (copy, packed) = (Scrap(part("copy")), Scrap(part("part")));
    let copied = local::back_up(&home.replica(), &copy.0, &mut |done, of| progress(Doing::Copying, done, of))?;
    manifest.schema_version = copied.schema_version;
    manifest.replica_id = copied.replica_id;
    let replica_bytes = archive::size(&copy.0)?;
    contents.push((REPLICA, Content::File(copy.0.clone())));
    archive::pack(&packed.0, &mut manifest, &contents, progress)?;
    drop(copy);
    archive::unpack(&packed.0, |_| Goes::Nowhere, Doing::Comparing, progress)?;
    let bytes = archive::size(&packed.0)?;
    put(&packed.0, &target)?;
    let path = fs::canonicalize(&target).unwrap_or(target);
    let Manifest { made_at, schema_version, .. } = manifest;
    // The backup is there, whether or not the home has room for a note.
    let noted = note::write(home, &LastBackup { made_at: made_at.clone(), path: path.clone(), bytes });
    let warnings = noted.err().map(|error| format!("`status` will not tell of it: {error}")).into_iter().collect();
    Ok(BackupReport { path, bytes, replica_bytes, made_at, schema_version, with_keys, left_out, warnings })
}

/// A name in the target's folder that nobody else has.
fn beside(target: &Path, end: &str) -> PathBuf {
    let name = target.file_name().unwrap_or_default().to_string_lossy();
    target.with_file_name(format!(".{name}.{}.{end}", std::process::id()))
}

/// The finished file under its name, unless somebody has taken that meanwhile.
fn put(packed: &Path, target: &Path) -> Result<(), BackupError> {
    if target.exists() {
        return Err(BackupError::Exists(target.to_owned()));
    }
    fs::rename(packed, target).map_err(io_at("write", target))?;
    let folder = target.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    durable::sync_folder(folder).map_err(io_at("write", folder))
}

/// `claudetools-HOST-20260301T093000Z.tar.zst`
fn usual_name(machine: &str, made_at: &str) -> String {
    let is_plain = |letter: &char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_' | '.');
    let machine: String = machine.chars().filter(is_plain).take(60).collect();
    let moment: String = made_at.chars().take(19).filter(char::is_ascii_alphanumeric).collect();
    format!("claudetools-{machine}-{moment}Z.tar.zst")
}

/// The settings, without central's password and without comments, where another one may stand. None when there are none.
fn settings(home: &Home, manifest: &mut Manifest, left_out: &mut Vec<String>) -> Result<Option<String>, BackupError> {
    let path = home.config();
    if !path.exists() {
        return Ok(None);
    }
    // What cannot be loaded may have a password anywhere.
    let loaded = Config::load(&path).and_then(|config| config.central_url(&path));
    let central = match loaded {
        Ok(central) => central,
        Err(error) => {
            left_out.push(format!("the settings, which cannot be used as they are: {error}"));
            return Ok(None);
        }
    };
    let text = fs::read_to_string(&path).map_err(io_at("read", &path))?;
    let mut table: toml::Table = toml::from_str(&text).unwrap_or_default(); // it has just been read as such
    if let (Some(url), Some(section)) = (central, table.get_mut("central").and_then(toml::Value::as_table_mut)) {
        let shown = url.to_string();
        if shown != url.expose() {
            manifest.password_left_out = true;
            left_out.push("the password of central: give it to setup with --central after a restore".to_owned());
        }
        section.insert("url".to_owned(), shown.into());
    }
    Ok(toml::to_string(&table).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_name_is_one_on_every_file_system() {
        let name = usual_name("ann's/laptop:1", "2026-03-01T09:30:00.123456Z");
        assert_eq!(name, "claudetools-annslaptop1-20260301T093000Z.tar.zst");
        assert!(beside(Path::new("/x/b.tar.zst"), "part").starts_with("/x"));
    }

    #[test]
    fn the_settings_are_kept_without_password_and_comments() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::at(folder.path());
        let secret = format!("pw-{}", std::process::id());
        let text = format!(
            "# url = \"mysql://old:{secret}@h/d\"\n[central]\nurl = \"mysql://u:{secret}@h/d\" # {secret}\n[log]\nkeep = 9\n"
        );
        files::write_private(&home.config(), text.as_bytes()).unwrap();
        let (mut manifest, mut left_out) = (Manifest::new(String::new(), String::new()), Vec::new());
        let kept = settings(&home, &mut manifest, &mut left_out).unwrap().unwrap();
        assert!(!kept.contains(&secret) && kept.contains("keep = 9") && kept.contains("u:***@h"), "{kept}");
        assert!(manifest.password_left_out && left_out.len() == 1);
        files::write_private(&home.config(), format!("password = \"{secret}\"\n").as_bytes()).unwrap();
        assert_eq!(settings(&home, &mut manifest, &mut left_out).unwrap(), None);
        assert!(!left_out.concat().contains(&secret), "{left_out:?}");
    }

    use crate::files;
}
