//! Whole backups and restores in homes of their own.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use hooks::home::Home;
use merge::Row;
use migrations::catalogue::{CLIENTS, SITES};
use sync::local::{derived_id, identity, inspect};
use sync::{Store, SystemClock};
use vault::Passphrase;
use zeroize::Zeroizing;

use super::archive::{self, Content, Manifest, REPLICA};
use super::{BackupError, BackupReport, Order, RestoreReport, Wanted, make, note, restore};
use crate::config;
use crate::files;
use crate::lock::HomeLock;

/// A home with its replica, and a place for backups beside it.
struct Machine {
    folder: tempfile::TempDir,
    home: Home,
}

impl Machine {
    fn new() -> Machine {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::at(folder.path().join("home"));
        hooks::durable::private_dir(home.root()).unwrap();
        Machine { folder, home }
    }

    fn store(&self) -> Store {
        Store::open(&self.home.replica(), Arc::new(SystemClock)).unwrap()
    }

    fn with(names: &[&str]) -> Machine {
        let machine = Machine::new();
        let store = machine.store();
        for name in names {
            put(&store, name);
        }
        store.close().unwrap();
        machine
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("backup.tar.zst")
    }

    fn make(&self, passphrase: Option<Passphrase>) -> Result<BackupReport, BackupError> {
        let file = Some(self.file());
        let order = Order { home: &self.home, file, passphrase, machine: "laptop".into(), clock: &SystemClock };
        make(order, &mut |_, done, of| assert!(done <= of))
    }

    fn restore(&self, file: &Path, force: bool) -> Result<RestoreReport, BackupError> {
        let clock = Arc::new(SystemClock);
        let wanted = Wanted { home: &self.home, file, force, passphrase: None, clock };
        restore(&wanted, &mut |_, done, of| assert!(done <= of))
    }

    fn names(&self) -> BTreeSet<String> {
        names(&self.home.replica())
    }

    /// All files of the home, each with its size.
    fn files(&self) -> BTreeSet<(PathBuf, u64)> {
        let mut found = BTreeSet::new();
        let mut folders = vec![self.home.root().to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
                match entry.metadata().unwrap() {
                    metadata if metadata.is_dir() => folders.push(entry.path()),
                    metadata => drop(found.insert((entry.path(), metadata.len()))),
                }
            }
        }
        found.retain(|(path, _)| !path.ends_with("daemon.lock"));
        found
    }
}

fn put(store: &Store, name: &str) {
    let row = Row::new(CLIENTS).with("id", derived_id("test", name)).with("name", name);
    store.write(move |tx| tx.put(row)).unwrap();
}

fn names(replica: &Path) -> BTreeSet<String> {
    let rows = inspect(replica, |tx| tx.select(CLIENTS, "ORDER BY name", &[])).unwrap();
    rows.iter().map(|row| row.text("name").unwrap().to_owned()).collect()
}

fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[test]
fn what_was_backed_up_is_there_again_as_a_machine_of_its_own() {
    let machine = Machine::with(&["kept", "and this"]);
    config::create_if_missing(&machine.home.config()).unwrap();
    let made = machine.make(None).unwrap();
    assert_eq!(files::foreign_bits(&made.path).unwrap(), 0);
    let noted = note::last(&machine.home).unwrap();
    assert_eq!((&noted.path, noted.bytes), (&made.path, fs::metadata(machine.file()).unwrap().len()));
    assert_eq!(fs::read_dir(machine.folder.path()).unwrap().count(), 2, "the home and the backup, no leftovers");
    assert!(matches!(machine.make(None), Err(BackupError::Exists(_))), "never written over");

    let other = Machine::new();
    let report = other.restore(&machine.file(), false).unwrap();
    assert_eq!(other.names(), set(&["kept", "and this"]));
    assert_eq!((report.kept, report.settings, report.keys), (None, "restored", "none"));
    assert!(config::Config::load(&other.home.config()).is_ok());
    let who = |machine: &Machine| inspect(&machine.home.replica(), identity).unwrap();
    assert_ne!(who(&other).replica_id, who(&machine).replica_id);
    assert_eq!(who(&other).replica_id, report.replica_id);
    assert!(who(&other).reason.unwrap().contains("restored from a backup of laptop"));
    // Wherever it is opened, that stays its name: it was told once.
    let opened = Store::open_on(&other.home.replica(), Arc::new(SystemClock), "host").unwrap();
    assert_eq!(opened.replica_id(), report.replica_id);
}

#[test]
fn a_copy_is_of_one_moment_though_somebody_writes_all_the_time() {
    let machine = Machine::new();
    let store = machine.store();
    let is_done = AtomicBool::new(false);
    let one = |at: u32| {
        // Two rows of one transaction: a copy has both or none.
        let client = derived_id("client", &at.to_string());
        let parent = Row::new(CLIENTS).with("id", client.as_str()).with("name", format!("{at}"));
        let child = Row::new(SITES).with("id", derived_id("site", &at.to_string())).with("name", "HQ");
        let child = child.with("client_id", client).with("notes", "x".repeat(20_000));
        store.write(move |tx| tx.put(parent).and_then(|()| tx.put(child))).unwrap();
    };
    (0..200).for_each(one);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut at = 200;
            while !is_done.load(Ordering::Relaxed) {
                one(at);
                at += 1;
            }
        });
        let made = machine.make(None);
        is_done.store(true, Ordering::Relaxed);
        made.unwrap();
    });
    let other = Machine::new();
    other.restore(&machine.file(), false).unwrap();
    let counts = inspect(&other.home.replica(), |tx| Ok((tx.count(CLIENTS, "", &[])?, tx.count(SITES, "", &[])?)));
    let (clients, sites) = counts.unwrap();
    assert!(clients >= 200 && clients == sites, "{clients} {sites}");
}

#[test]
fn what_no_other_place_has_is_not_replaced_unless_that_is_meant_and_then_kept() {
    let (machine, other) = (Machine::with(&["of the backup"]), Machine::with(&["unsent"]));
    machine.make(None).unwrap();
    let before = other.files();
    let refused = other.restore(&machine.file(), false).unwrap_err();
    assert!(matches!(&refused, BackupError::Unsent { why, .. } if why.contains("1 row")), "{refused}");
    assert!(refused.hint().contains("--force"));
    assert_eq!((other.names(), other.files()), (set(&["unsent"]), before), "nothing changed");

    let report = other.restore(&machine.file(), true).unwrap();
    assert_eq!(other.names(), set(&["of the backup"]));
    assert_eq!(names(&report.kept.unwrap()), set(&["unsent"]));
    // What is damaged may be all that there is.
    fs::write(other.home.replica(), "no database").unwrap();
    assert!(matches!(other.restore(&machine.file(), false), Err(BackupError::Unsent { .. })));
    let report = other.restore(&machine.file(), true).unwrap();
    assert_eq!(fs::read(report.kept.unwrap()).unwrap(), b"no database");
    assert_eq!(other.names(), set(&["of the backup"]));
}

#[test]
fn nothing_is_restored_while_a_daemon_has_the_home() {
    let machine = Machine::with(&["here"]);
    machine.make(None).unwrap();
    let lock = HomeLock::acquire(&machine.home.lock()).unwrap();
    let refused = machine.restore(&machine.file(), true).unwrap_err();
    assert!(matches!(refused, BackupError::Lock(_)), "{refused}");
    assert!(refused.to_string().contains(&std::process::id().to_string()), "{refused}");
    assert!(refused.hint().contains("claudetools daemon stop"), "{}", refused.hint());
    drop(lock);
    machine.restore(&machine.file(), true).unwrap();
}

#[test]
fn a_file_that_is_not_as_it_was_written_changes_nothing() {
    let (machine, other) = (Machine::with(&["of the backup"]), Machine::with(&["here"]));
    machine.make(None).unwrap();
    let whole = fs::read(machine.file()).unwrap();
    let before = other.files();
    let broken = machine.folder.path().join("broken");
    let mut flipped = whole.clone();
    let middle = flipped.len() / 2;
    flipped[middle] ^= 0x10;
    for bytes in [&whole[..whole.len() / 2], &whole[..whole.len() - 1], &flipped, b"text", b""] {
        fs::write(&broken, bytes).unwrap();
        let refused = other.restore(&broken, true).unwrap_err();
        assert!(matches!(refused, BackupError::Damaged { .. }), "{} bytes: {refused}", bytes.len());
        assert_eq!((other.names(), other.files()), (set(&["here"]), before.clone()));
    }
}

/// A file that is well packed and says something wrong.
fn forged(machine: &Machine, change: impl FnOnce(&mut Manifest)) -> PathBuf {
    let path = machine.folder.path().join("forged");
    let mut manifest = Manifest::new("2026-01-01T00:00:00.000000Z".into(), "x".into());
    change(&mut manifest);
    let text = Content::Text("no replica".into());
    archive::pack(&path, &mut manifest, &[(REPLICA, text)], &mut |_, _, _| {}).unwrap();
    path
}

#[test]
fn a_backup_of_a_newer_program_and_a_replica_that_is_none_are_refused() {
    let machine = Machine::with(&["here"]);
    let refused = machine.restore(&forged(&machine, |manifest| manifest.format = 2), true).unwrap_err();
    assert!(matches!(&refused, BackupError::Newer { .. }), "{refused}");
    fs::remove_file(machine.folder.path().join("forged")).unwrap();
    let refused = machine.restore(&forged(&machine, |_| {}), true).unwrap_err();
    assert!(matches!(refused, BackupError::Store(_)), "{refused}");
    assert_eq!(machine.names(), set(&["here"]));
    let left: Vec<_> = fs::read_dir(machine.home.replaced()).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(left, [""; 0].map(PathBuf::from));
}

#[test]
fn a_failed_backup_leaves_nothing_behind() {
    let machine = Machine::with(&["here"]);
    let passphrase = Passphrase::existing(Zeroizing::new("four words in a row".to_owned()));
    assert!(matches!(machine.make(Some(passphrase)), Err(BackupError::Keys(_))), "it has no keys");
    let mut file = fs::OpenOptions::new().write(true).open(machine.home.replica()).unwrap();
    file.write_all(b"SQLite no more").unwrap();
    assert!(matches!(machine.make(None), Err(BackupError::Store(_))));
    assert_eq!(fs::read_dir(machine.folder.path()).unwrap().count(), 1);
    assert!(note::last(&machine.home).is_none());
}
