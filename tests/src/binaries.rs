//! The programs under test, as cargo built them.

use std::path::PathBuf;

use crate::{Error, Result};

/// The path of a program of this workspace, in the target directory that the running program came from.
///
/// # Errors
/// When it was not built: cargo builds the programs of other packages only when told to.
pub fn path(name: &str) -> Result<PathBuf> {
    let own = std::env::current_exe().map_err(Error::doing("find the running program"))?;
    let folders = own.ancestors().skip(1).take(2);
    let found = folders.map(|folder| folder.join(name)).find(|path| path.is_file());
    found.ok_or_else(|| {
        Error::new(format!("find {name}: build it with `cargo build --workspace --bins`; `cargo xtask test` does both"))
    })
}
