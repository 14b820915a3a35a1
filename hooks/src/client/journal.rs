//! `logs/hook.log`: a line for each failure, for `doctor` and for people. It never holds what was said in a session.

use std::fs;
use std::io::{self, Write as _};
use std::time::Instant;

use hooks::clock;
use hooks::durable::{private_dir, private_file};
use hooks::home::Home;

use super::deadline::by;

/// From this size on a new file is begun; one old file is kept.
const ROTATE_AT: u64 = 256 * 1024;

/// Writes a line, if that can be done until then. A log that cannot be written is not worth a session's time.
pub(crate) fn note(home: &Home, event: &str, what: &str, until: Instant) {
    let (home, event, what) = (home.clone(), event.to_owned(), what.to_owned());
    by(until, move || append(&home, &event, &what));
}

/// Appends `time event what` as one line.
pub(crate) fn append(home: &Home, event: &str, what: &str) -> io::Result<()> {
    let path = home.hook_log();
    if fs::metadata(&path).is_ok_and(|metadata| metadata.len() >= ROTATE_AT) {
        fs::rename(&path, path.with_extension("log.1"))?;
    }
    private_dir(&home.logs())?;
    let line = format!("{} {event} {}\n", clock::second_text(clock::now_us()), what.replace(['\n', '\r'], " "));
    // One write, so that the lines of hooks that run at the same time do not mix.
    private_file().append(true).create(true).open(&path)?.write_all(line.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_is_lines_and_bounded() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::at(folder.path());
        append(&home, "Stop", "two\nlines").unwrap();
        let text = fs::read_to_string(home.hook_log()).unwrap();
        assert!(text.ends_with("Z Stop two lines\n"), "{text}");

        fs::write(home.hook_log(), vec![b'x'; usize::try_from(ROTATE_AT).unwrap()]).unwrap();
        append(&home, "Stop", "a new file").unwrap();
        assert!(fs::metadata(home.hook_log()).unwrap().len() < 100);
        assert_eq!(fs::metadata(home.logs().join("hook.log.1")).unwrap().len(), ROTATE_AT);
    }
}
