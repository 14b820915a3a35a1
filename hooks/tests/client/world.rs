//! One machine with a hook installed: its home, the hook as Claude Code calls it, and a daemon that answers what a test
//! tells it to.

use std::io::{BufRead as _, BufReader, Read, Write};
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};
use std::{fs, iter};

use hooks::home::Home;
use hooks::spool::{self, Spooled};
use serde_json::Value;
use tempfile::TempDir;

/// The hook's deadline, long enough for the slowest disk of a test machine, and what a busy one may add to it before a
/// test calls it too late.
pub(crate) const DEADLINE: Duration = Duration::from_secs(1);
pub(crate) const SLACK: Duration = Duration::from_secs(1);
/// For what a test waits for, and gets at once.
pub(crate) const SOON: Duration = Duration::from_secs(20);

pub(crate) struct World {
    pub(crate) home: Home,
    /// The folder of the hook, which is also where it looks for the daemon first.
    pub(crate) programs: TempDir,
    folder: TempDir,
}

impl World {
    pub(crate) fn new() -> Self {
        // In the target folder, so that the hook can be a hard link: a copy might still be open for writing elsewhere.
        let programs = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        fs::hard_link(env!("CARGO_BIN_EXE_claudetools-hook"), programs.path().join("claudetools-hook")).unwrap();
        let folder = TempDir::new().unwrap();
        let home = Home::at(folder.path().join("home"));
        fs::create_dir(home.root()).unwrap();
        Self { home, programs, folder }
    }

    /// A new file or folder outside the home.
    pub(crate) fn aside(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The hook with an environment of its own and these arguments alone.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(self.programs.path().join("claudetools-hook"));
        command.args(args).env_clear().env("CLAUDETOOLS_HOOK_DEADLINE_MS", DEADLINE.as_millis().to_string());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    pub(crate) fn hook(&self, event: &str) -> Command {
        self.command(&[event, "--home", self.home.root().to_str().unwrap()])
    }

    /// What the hook prints; fails unless it exits 0 in time, with nothing or one JSON object.
    pub(crate) fn fire(&self, event: &str, input: &[u8]) -> Option<Value> {
        printed(&finish(self.hook(event), input, DEADLINE))
    }

    pub(crate) fn spooled(&self) -> Vec<Spooled> {
        spool::pending(&self.home.spool()).unwrap().iter().map(|path| spool::read(path).unwrap()).collect()
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.home.hook_log()).unwrap_or_default()
    }

    pub(crate) fn listen(&self) -> UnixListener {
        UnixListener::bind(self.home.socket()).unwrap()
    }

    /// A daemon that gives this answer to one request, byte for byte, and then hangs up.
    pub(crate) fn daemon(&self, answer: impl Into<Vec<u8>>) -> Receiver<Received> {
        let (listener, answer) = (self.listen(), answer.into());
        let (received, requests) = mpsc::channel();
        thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            received.send(Received::read(&mut stream)).unwrap();
            // The hook may have left already.
            let _ = stream.write_all(&answer);
        });
        requests
    }
}

/// A request as a daemon got it.
pub(crate) struct Received {
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Received {
    pub(crate) fn read(stream: &mut impl Read) -> Self {
        let mut stream = BufReader::new(stream);
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            assert_ne!(stream.read_line(&mut head).unwrap(), 0, "the request ended in its head");
        }
        let mut received = Self { head, body: Vec::new() };
        received.body.resize(received.header("Content-Length").parse().unwrap(), 0);
        stream.read_exact(&mut received.body).unwrap();
        received
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.filter(|(found, _)| *found == name).map(|(_, value)| value).next().unwrap()
    }
}

/// A whole HTTP answer.
pub(crate) fn http(status: u16, body: &str) -> String {
    format!("HTTP/1.1 {status} Status\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

/// Runs the hook to its end, which must be exit 0 within the time.
pub(crate) fn finish(mut command: Command, input: &[u8], within: Duration) -> Output {
    let started = Instant::now();
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // A hook that has failed before it read everything is judged by what it prints.
    let _ = stdin.write_all(input);
    drop(stdin);
    in_time(child, started, within)
}

pub(crate) fn in_time(child: Child, started: Instant, within: Duration) -> Output {
    let output = child.wait_with_output().unwrap();
    let took = started.elapsed();
    assert!(output.status.success(), "{output:?}");
    assert!(took < within + SLACK, "took {took:?}: {output:?}");
    output
}

pub(crate) fn printed(output: &Output) -> Option<Value> {
    if output.stdout.is_empty() {
        return None;
    }
    let value: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(value.is_object(), "{value}");
    Some(value)
}

/// The message to the user, which must be there.
pub(crate) fn message(printed: Option<Value>) -> String {
    printed.unwrap()["systemMessage"].as_str().unwrap().to_owned()
}

/// Waits for a condition.
pub(crate) fn eventually<T>(mut probe: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + SOON;
    iter::from_fn(|| (Instant::now() < end).then(thread::yield_now))
        .find_map(|()| probe())
        .expect("it should have happened by now")
}
