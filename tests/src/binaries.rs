//! The programs under test, as cargo built them.

use std::path::PathBuf;

use crate::{Error, Result};

/// Names a folder whose programs are tested instead, for instance those that were built for release.
pub const FOLDER: &str = "CLAUDETOOLS_TESTS_PROGRAMS";

/// Names a folder with the programs of another build, for tests of two builds side by side.
pub const OTHER: &str = "CLAUDETOOLS_TESTS_OTHER_PROGRAMS";

/// The folder that [`OTHER`] names.
///
/// # Errors
/// When it names none.
pub fn other() -> Result<PathBuf> {
    let folder = std::env::var_os(OTHER).map(PathBuf::from).filter(|folder| folder.is_dir());
    folder.ok_or_else(|| Error::new("find the other build: `cargo xtask builds` makes one and runs these tests"))
}

/// The path of a program of this workspace: in the folder that [`FOLDER`] names, else in the target directory that the
/// running program came from.
///
/// # Errors
/// When it was not built: cargo builds the programs of other packages only when told to.
pub fn path(name: &str) -> Result<PathBuf> {
    let own = std::env::current_exe().map_err(Error::doing("find the running program"))?;
    let wanted = std::env::var_os(FOLDER).map(PathBuf::from);
    let folders = wanted.iter().map(PathBuf::as_path).chain(own.ancestors().skip(1).take(2));
    let found = folders.map(|folder| folder.join(name)).find(|path| path.is_file());
    found.ok_or_else(|| {
        Error::new(format!("find {name}: build it with `cargo build --workspace --bins`; `cargo xtask test` does both"))
    })
}
