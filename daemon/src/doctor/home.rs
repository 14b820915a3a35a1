//! The home: folder, permissions, configuration, room on its disk.

use std::path::Path;

use super::{FIX, Finding, Patient};
use crate::config::Config;
use crate::{files, render};

/// Below this much room nothing can be promised.
const TIGHT_BYTES: u64 = 64 << 20;
/// Below this much room somebody should know.
const LOW_BYTES: u64 = 512 << 20;

pub(super) fn folder(patient: &Patient<'_>) -> Vec<Finding> {
    let root = patient.home.root();
    if !root.is_dir() {
        return vec![Finding::fail("home", format!("{} does not exist", root.display()), "run: claudetools setup")];
    }
    vec![private(patient, root)]
}

/// What must be readable by its owner only, as far as it exists.
pub(super) fn private_files(patient: &Patient<'_>) -> Vec<Finding> {
    let home = patient.home;
    let inside = [home.config(), home.token(), home.replica(), home.socket()].into_iter().chain(home.folders());
    let found: Vec<Finding> = inside.filter(|path| path.exists()).map(|path| private(patient, &path)).collect();
    let odd: Vec<Finding> =
        found.iter().filter(|finding| !finding.remedy.is_empty() || finding.fixed).cloned().collect();
    match (found.len(), odd.is_empty()) {
        (0, _) => Vec::new(),
        (count, true) => vec![Finding::ok("home", format!("{count} files and folders in it are readable by you only"))],
        (_, false) => odd,
    }
}

fn private(patient: &Patient<'_>, path: &Path) -> Finding {
    let check = "home";
    let shown = path.display();
    match files::foreign_bits(path) {
        Ok(0) => Finding::ok(check, format!("{shown} is readable by you only")),
        Ok(_) if patient.fix => match files::make_private(path) {
            Ok(()) => Finding::fixed(check, format!("{shown} was open to others and is yours only now")),
            Err(error) => Finding::fail(check, format!("{shown} is open to other users: {error}"), "chmod it"),
        },
        Ok(bits) => Finding::fail(check, format!("{shown} is open to other users (mode …{bits:03o})"), FIX),
        Err(error) => Finding::fail(check, format!("{shown} cannot be looked at: {error}"), "look at its owner"),
    }
}

pub(super) fn configuration(patient: &Patient<'_>) -> Vec<Finding> {
    let path = patient.home.config();
    if !path.exists() {
        return vec![Finding::ok("config", "there is no config.toml, the defaults hold")];
    }
    let loaded = Config::load(&path).and_then(|config| config.central_url(&path));
    vec![match loaded {
        Ok(_) => Finding::ok("config", path.display().to_string()),
        Err(error) => Finding::fail("config", format!("cannot {error}"), error.hint()),
    }]
}

#[cfg(unix)]
pub(super) fn disk(patient: &Patient<'_>) -> Vec<Finding> {
    let Ok(disk) = rustix::fs::statvfs(patient.home.root()) else { return Vec::new() };
    vec![room(disk.f_bavail.saturating_mul(disk.f_frsize))]
}

/// The standard library cannot tell the room on a disk here; a full one shows when something is saved.
#[cfg(not(unix))]
pub(super) fn disk(_: &Patient<'_>) -> Vec<Finding> {
    Vec::new()
}

#[cfg(any(unix, test))]
fn room(free: u64) -> Finding {
    let what = format!("{} free on the disk of the home", render::size(free));
    match free {
        ..TIGHT_BYTES => Finding::fail("disk", what, "free some space: memory cannot be saved on a full disk"),
        TIGHT_BYTES..LOW_BYTES => Finding::warn("disk", what, "free some space"),
        _ => Finding::ok("disk", what),
    }
}

#[cfg(test)]
mod tests {
    use hooks::home::Home;

    use super::super::Level;
    use super::*;

    #[test]
    fn room_is_judged_by_its_size() {
        let level = |mib: u64| room(mib << 20).level;
        assert_eq!((level(10), level(100), level(1000)), (Level::Fail, Level::Warn, Level::Ok));
    }

    #[cfg(unix)]
    #[test]
    fn an_open_home_is_found_and_closed() {
        use std::os::unix::fs::PermissionsExt;
        let root = tempfile::tempdir().unwrap();
        let home = Home::at(root.path());
        std::fs::write(home.token(), "x").unwrap();
        std::fs::set_permissions(home.token(), PermissionsExt::from_mode(0o644)).unwrap();
        let look = |fix| private_files(&Patient { home: &home, fix });
        assert_eq!(look(false)[0].level, Level::Fail);
        let repaired = look(true);
        assert!(repaired[0].fixed && repaired[0].level == Level::Ok, "{repaired:?}");
        assert_eq!(look(false)[0].level, Level::Ok);
        assert_eq!(files::foreign_bits(&home.token()).unwrap(), 0);
    }

    #[test]
    fn a_missing_home_says_what_to_run() {
        let root = tempfile::tempdir().unwrap();
        let home = Home::at(root.path().join("none"));
        let found = folder(&Patient { home: &home, fix: true });
        assert_eq!((found[0].level, found[0].remedy.as_str()), (Level::Fail, "run: claudetools setup"));
    }
}
