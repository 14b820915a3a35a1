//! Starts the daemon when a session begins and none answers.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};
use std::{env, fmt, io, thread};

use hooks::home::Home;
use hooks::link::Link;

const PROGRAM: &str = if cfg!(windows) { "claudetools.exe" } else { "claudetools" };
const POLL: Duration = Duration::from_millis(3);
/// How long another daemon may take to answer after ours has found it in its place and left.
const AFTER_EXIT: Duration = Duration::from_millis(300);

/// The variables that a daemon needs. All others stay with the client: its API key among them.
const PASSED: &[&str] = &[
    "HOME",
    "PATH",
    "USER",
    "LOGNAME",
    "LANG",
    "TZ",
    "TMPDIR",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    // Windows
    "USERPROFILE",
    "USERNAME",
    "USERDOMAIN",
    "APPDATA",
    "LOCALAPPDATA",
    "PROGRAMDATA",
    "SYSTEMROOT",
    "SYSTEMDRIVE",
    "WINDIR",
    "TEMP",
    "TMP",
    "COMSPEC",
    "PATHEXT",
];
const PASSED_PREFIXES: &[&str] = &["CLAUDETOOLS_", "XDG_", "LC_"];

/// Why no daemon answers although one was to be started.
#[derive(Debug)]
pub(crate) enum StartFailure {
    /// There is no such program.
    Missing,
    /// It could not be executed.
    Refused(PathBuf, io::Error),
    /// It ended before it answered.
    Ended(ExitStatus),
    /// It runs and does not answer in time.
    NotYet,
}

impl fmt::Display for StartFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => write!(f, "cannot be started: {PROGRAM} is neither beside the hook nor on PATH"),
            Self::Refused(path, error) => write!(f, "cannot be started: {}: {error}", path.display()),
            Self::Ended(status) => write!(f, "ended when it was started ({status})"),
            Self::NotYet => f.write_str("was started, but does not answer yet"),
        }
    }
}

/// Starts a daemon for `home`, with `flag` as its `--home`, and connects to it as soon as it listens, at most until then.
/// `patience` is that of [`Link::open`].
pub(crate) fn start(
    home: &Home,
    flag: Option<&Path>,
    until: Instant,
    patience: Duration,
) -> Result<Link, StartFailure> {
    let program = find_program().ok_or(StartFailure::Missing)?;
    let child = command(&program, home, flag).spawn().map_err(|error| StartFailure::Refused(program, error))?;
    connect(home, child, until, patience)
}

fn command(program: &Path, home: &Home, flag: Option<&Path>) -> Command {
    let mut command = Command::new(program);
    command.args(["daemon", "--detached"]);
    if flag.is_some() {
        command.arg("--home").arg(home.root());
    }
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.env_clear().envs(env::vars_os().filter(|(name, _)| is_passed(name)));
    // Its own working directory, so that it does not hold on to the user's.
    if let Some(folder) = home.root().ancestors().find(|folder| folder.is_dir()) {
        command.current_dir(folder);
    }
    // The daemon leaves our session and group by itself (setsid). It must not be made the leader of a group here: a
    // leader cannot leave its session.
    #[cfg(windows)]
    {
        const CREATE_NEW_PROCESS_GROUP: u32 = 0x0000_0200;
        const CREATE_NO_WINDOW: u32 = 0x0800_0000;
        std::os::windows::process::CommandExt::creation_flags(
            &mut command,
            CREATE_NEW_PROCESS_GROUP | CREATE_NO_WINDOW,
        );
    }
    command
}

fn is_passed(name: &OsStr) -> bool {
    // On Windows names differ in case only by custom.
    let Some(name) = name.to_str().map(str::to_ascii_uppercase) else { return false };
    PASSED.contains(&name.as_str()) || PASSED_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

/// The program beside our own, else the first on PATH.
fn find_program() -> Option<PathBuf> {
    let own = env::current_exe().ok();
    let beside = own.iter().filter_map(|own| own.parent()).map(Path::to_owned);
    let path = env::var_os("PATH").unwrap_or_default();
    // A relative folder of PATH would be one of the project that the session is about.
    let on_path = env::split_paths(&path).filter(|folder| folder.is_absolute());
    beside.chain(on_path).map(|folder| folder.join(PROGRAM)).find(|program| program.is_file())
}

fn connect(home: &Home, mut child: Child, mut until: Instant, patience: Duration) -> Result<Link, StartFailure> {
    let mut ended = None;
    while Instant::now() < until {
        if let Ok(link) = Link::open(home, patience) {
            return Ok(link);
        }
        if ended.is_none() {
            ended = child.try_wait().ok().flatten();
            if ended.is_some() {
                until = until.min(Instant::now() + AFTER_EXIT);
            }
        }
        #[expect(clippy::disallowed_methods, reason = "another process's listening can only be polled for")]
        thread::sleep(POLL);
    }
    Err(ended.map_or(StartFailure::NotYet, StartFailure::Ended))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_daemon_gets_no_secrets_of_the_client() {
        for name in ["HOME", "Path", "XDG_DATA_HOME", "CLAUDETOOLS_HOME", "LC_ALL"] {
            assert!(is_passed(OsStr::new(name)), "{name}");
        }
        for name in ["ANTHROPIC_API_KEY", "CLAUDE_CODE_SESSION_ID", "AWS_SECRET_ACCESS_KEY", "HTTP_PROXY", "LD_PRELOAD"]
        {
            assert!(!is_passed(OsStr::new(name)), "{name}");
        }
    }
}
