//! Statements through MariaDB's own command line client: a plain SQL writer, as a foreign program would be.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use super::find;
use crate::{Error, Result};

/// Runs statements from standard input, so that no length limit of arguments applies.
pub(super) fn run(socket: &Path, database: &str, statements: &str) -> Result<String> {
    let mut command = Command::new(find("mariadb")?);
    command
        .args([
            "--no-defaults",
            "--user=root",
            "--batch",
            "--raw",
            "--skip-column-names",
            "--default-character-set=utf8mb4",
        ])
        .arg(format!("--socket={}", socket.display()))
        .arg(format!("--database={database}"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().map_err(Error::doing("run mariadb"))?;
    if let Some(mut input) = child.stdin.take() {
        // A client that cannot connect closes its input; its own error text says why.
        let _ = input.write_all(statements.as_bytes());
    }
    let output = child.wait_with_output().map_err(Error::doing("run mariadb"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    Err(Error::new(format!("run SQL: {}", String::from_utf8_lossy(&output.stderr).trim_end())))
}
