//! Processes that were started on a machine by its own programs, such as a daemon that a hook started.

use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use rustix::process::{Pid, Signal, kill_process};

/// The processes whose environment names a directory of the test world, which no other process has.
pub(crate) fn all(directory: &Path) -> Vec<u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let numbered = entries.filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path())));
    let here = numbered.filter(|(_, path)| {
        let environment = fs::read(path.join("environ")).unwrap_or_default();
        names(&environment, directory.as_os_str().as_bytes())
    });
    let mut ids: Vec<u32> = here.map(|(id, _)| id).collect();
    ids.sort_unstable();
    ids
}

/// Kills all of them.
pub(crate) fn kill_all(directory: &Path) {
    for id in all(directory) {
        if let Some(process) = i32::try_from(id).ok().and_then(Pid::from_raw) {
            // It may have ended meanwhile.
            let _ = kill_process(process, Signal::KILL);
        }
    }
}

/// Whether a variable has a value that is the directory or lies in it.
fn names(environment: &[u8], directory: &[u8]) -> bool {
    environment.split(|byte| *byte == 0).any(|variable| {
        let value = variable.splitn(2, |byte| *byte == b'=').nth(1).unwrap_or_default();
        let rest = value.strip_prefix(directory);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_processes_of_that_directory_are_meant() {
        assert!(names(b"A=1\0HOME=/tmp/x/user\0", b"/tmp/x"));
        assert!(names(b"CLAUDETOOLS_HOME=/tmp/x", b"/tmp/x"));
        assert!(!names(b"HOME=/tmp/xy\0P=a:/tmp/x", b"/tmp/x"));
        assert!(!names(b"", b"/tmp/x"));
    }
}
