//! A disk of a machine's own, in a mount namespace of its own: small enough to be filled, or made read-only.

use std::ffi::OsStr;
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::child::{self, Owned};
use crate::run::run;
use crate::{Error, Result};

/// Mounts and stays, so that there is a namespace to enter.
const HOLD: &str =
    r#"mount -t tmpfs -o "size=$2m,mode=700" claudetools-tests "$1" && echo mounted && exec sleep infinity"#;

/// A small file system over a directory, seen only by the programs of its machine.
#[derive(Debug)]
pub struct Disk {
    holder: Owned,
    mount: PathBuf,
}

impl Disk {
    pub(crate) fn small(mount: &Path, mib: u32) -> Result<Disk> {
        fs::create_dir_all(mount).map_err(Error::doing(format!("create {}", mount.display())))?;
        let mut command = child::command("unshare");
        if !is_root() {
            command.arg("--map-root-user");
        }
        command.args(["--mount", "--", "sh", "-c", HOLD, "sh"]).arg(mount).arg(mib.to_string());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut holder = child::spawn("a mount namespace", command)?;
        let mut said = [0; 7];
        if let Some(output) = holder.child().stdout.as_mut()
            && output.read_exact(&mut said).is_ok()
        {
            return Ok(Disk { holder, mount: mount.to_owned() });
        }
        let mut reason = String::new();
        if let Some(errors) = holder.child().stderr.as_mut() {
            errors.read_to_string(&mut reason).map_err(Error::doing("mount a tmpfs"))?;
        }
        Err(Error::new(format!("mount a tmpfs: {reason}")))
    }

    /// A command that runs `program` inside the namespace.
    pub(crate) fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut inside = Command::new("nsenter");
        inside.arg(format!("--target={}", self.holder.id())).arg("--mount");
        if !is_root() {
            inside.args(["--user", "--preserve-credentials"]);
        }
        inside.arg("--").arg(program);
        inside
    }

    /// Where a path inside is found from outside.
    pub(crate) fn seen_outside(&self, path: &Path) -> PathBuf {
        let mut outside = PathBuf::from(format!("/proc/{}/root", self.holder.id()));
        outside.extend(path.components().skip(1));
        outside
    }

    /// Makes every write fail from now on, or lets them through again.
    pub fn set_read_only(&self, read_only: bool) -> Result<()> {
        let mut mount = self.command("mount");
        mount.arg("-o").arg(if read_only { "remount,bind,ro" } else { "remount,bind,rw" }).arg(&self.mount);
        run(mount, b"", super::COMMAND)?.ok().map(drop)
    }
}

fn is_root() -> bool {
    rustix::process::getuid().is_root()
}
