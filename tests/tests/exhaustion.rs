//! Callers that use up what a daemon has: those that send a byte now and then, and thousands that say nothing. Whoever else
//! calls is served meanwhile, hooks too, and afterwards all is as before.

use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead as _, BufReader, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{ChildStdin, ChildStdout, Stdio};
use std::time::{Duration, Instant};

use world::child::{self, Owned};
use world::{Api, Machine, binaries, eventually};

use crate::conversation::{Conversation, new_uuid};

/// How long what has a limit of seconds may take on a loaded test machine.
const PATIENCE: Duration = Duration::from_mins(1);
/// Between two bytes of a slow caller.
const PACE: Duration = Duration::from_millis(200);
/// Idle callers on each of the two ways in.
const IDLE: usize = 10_000;
/// So many come at a time.
const STEP: usize = 1_000;
/// More open files than this the daemon must never have: the most connections on both ways, and what it needs itself.
const MOST_OPEN: usize = 2 * 1024 + 192;
/// One that is told about in the log.
const TOLD: &str = "too many connections";

/// A connection of either kind.
trait Stream: Read + Write {
    fn patience(&self, patience: Duration);
}

impl Stream for TcpStream {
    fn patience(&self, patience: Duration) {
        self.set_read_timeout(Some(patience)).unwrap();
    }
}

impl Stream for UnixStream {
    fn patience(&self, patience: Duration) {
        self.set_read_timeout(Some(patience)).unwrap();
    }
}

fn both_ways(machine: &Machine, api: &Api) -> [Box<dyn Stream>; 2] {
    [
        Box::new(TcpStream::connect(api.address).unwrap()),
        Box::new(UnixStream::connect(machine.home().socket()).unwrap()),
    ]
}

/// Waits so long for the end of a connection; true when it came.
fn has_ended(stream: &mut dyn Stream, patience: Duration) -> bool {
    stream.patience(patience);
    match stream.read(&mut [0; 1024]) {
        Ok(read) => read == 0,
        Err(error) => !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut),
    }
}

#[test]
fn headers_that_come_a_byte_at_a_time_are_not_waited_for() {
    let machine = Machine::new("drips").unwrap();
    let api = machine.start_api().unwrap();
    let mut slow = Vec::new();
    for (head, drop) in [("GET /health HTTP/1.1\r\nHost: ", b'x'), ("", b'G')] {
        for mut stream in both_ways(&machine, &api) {
            stream.write_all(head.as_bytes()).unwrap();
            slow.push((stream, drop));
        }
    }
    let begun = Instant::now();
    while !slow.is_empty() {
        assert!(begun.elapsed() < PATIENCE, "{} slow callers are still listened to", slow.len());
        slow.retain_mut(|(stream, drop)| stream.write_all(&[*drop]).is_ok() && !has_ended(&mut **stream, PACE));
        assert_eq!(api.stranger().get("/health").unwrap().status, 200, "others are served");
    }
    assert!(machine.daemon_runs());
}

#[test]
fn a_body_that_comes_a_byte_at_a_time_is_not_waited_for() {
    let machine = Machine::new("drip-feed").unwrap();
    let api = machine.start_api().unwrap();
    let bearer = api.token.clone().unwrap();
    let head = |path: &str| {
        format!(
            "POST {path} HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {bearer}\r\nContent-Type: application/json\r\n\
             Content-Length: 100000\r\n\r\n{{",
            api.address
        )
    };
    let mut slow: Vec<Box<dyn Stream>> = Vec::new();
    for path in ["/api/clients", "/hooks/Stop"] {
        for mut stream in both_ways(&machine, &api) {
            stream.write_all(head(path).as_bytes()).unwrap();
            slow.push(stream);
        }
    }
    let (begun, mut answers) = (Instant::now(), vec![Vec::new(); slow.len()]);
    while answers.iter().any(Vec::is_empty) {
        assert!(begun.elapsed() < 2 * PATIENCE, "a slow body is still waited for");
        for (stream, answer) in slow.iter_mut().zip(&mut answers).filter(|(_, answer)| answer.is_empty()) {
            let _ = stream.write_all(b" "); // the daemon may have ended it
            stream.patience(PACE);
            let mut part = [0; 4096];
            match stream.read(&mut part) {
                Ok(read) => answer.extend_from_slice(if read == 0 { b"(ended without a word)" } else { &part[..read] }),
                Err(error) => assert!(matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut), "{error}"),
            }
        }
        assert_eq!(api.get("/api/clients").unwrap().status, 200, "others are served");
    }
    for (at, answer) in answers.iter().enumerate() {
        let answer = String::from_utf8_lossy(answer);
        assert!(answer.starts_with("HTTP/1.1 422 ") && answer.contains("did not arrive in full"), "{at}: {answer}");
    }
}

/// Callers of a process of their own, which open connections and say nothing.
struct IdleCallers {
    process: Owned,
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl IdleCallers {
    fn of(way: &str, at: impl AsRef<OsStr>) -> Self {
        let mut command = child::command(binaries::path("idle-callers").unwrap());
        command.arg(way).arg(at).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = child::spawn("idle-callers", command).unwrap();
        let (orders, answers) = (process.child().stdin.take().unwrap(), process.child().stdout.take().unwrap());
        Self { process, orders, answers: BufReader::new(answers) }
    }

    fn ask(&mut self, order: &str) -> String {
        writeln!(self.orders, "{order}").unwrap();
        let mut answer = String::new();
        self.answers.read_line(&mut answer).unwrap();
        answer.trim().to_owned()
    }

    /// Opens so many more; there are `in_all` then.
    fn open(&mut self, more: usize, in_all: usize) {
        let open = self.ask(&more.to_string());
        assert_eq!(open, in_all.to_string(), "see what the process said (a limit of open files: ulimit -Hn?)");
    }

    /// Closes all.
    fn leave(self) {
        let Self { mut process, orders, .. } = self;
        drop(orders);
        assert!(process.child().wait().unwrap().success());
    }
}

fn open_files(machine: &Machine) -> usize {
    fs::read_dir(format!("/proc/{}/fd", machine.daemon_pid().unwrap())).unwrap().count()
}

fn times_told(machine: &Machine) -> usize {
    let logs: Vec<PathBuf> = fs::read_dir(machine.home().logs()).unwrap().map(|entry| entry.unwrap().path()).collect();
    let texts = logs.iter().map(|path| fs::read_to_string(path).unwrap());
    texts.map(|text| text.lines().filter(|line| line.contains(TOLD)).count()).sum()
}

#[test]
fn ten_thousand_idle_connections_keep_nobody_out() {
    let machine = Machine::new("crowd").unwrap();
    let api = machine.start_api().unwrap();
    let project = machine.project("project", "https://git.example.invalid/acme/crowd.git").unwrap();
    let conversation = Conversation::new(&machine, &project);
    conversation.turn("tell me about quartz", "quartz told");
    let before = open_files(&machine);
    let mut crowds =
        [IdleCallers::of("tcp", api.address.to_string()), IdleCallers::of("socket", machine.home().socket())];
    for there in (0..IDLE).step_by(STEP) {
        let number = there + STEP;
        for crowd in &mut crowds {
            crowd.open(STEP, number);
        }
        assert_eq!(api.get("/api/clients").unwrap().status, 200, "after {number} connections");
        let answer = conversation.prompt(&new_uuid(), &format!("tell me about number {number}"));
        assert!(!answer.is_lost(), "after {number} connections: {answer:?}");
        let open = open_files(&machine);
        assert!(open <= MOST_OPEN, "{open} files are open after {number} connections");
    }
    for crowd in &mut crowds {
        assert_eq!(crowd.ask("oldest"), "ended", "those that came first were closed for those that came last");
    }
    assert_eq!(machine.cli(&["status"]).unwrap().code & !3, 0);
    let told = times_told(&machine);
    assert!((1..=2).contains(&told), "told {told} times: once for each way in");
    crowds.into_iter().for_each(IdleCallers::leave);
    eventually("the connections gone", PATIENCE, || open_files(&machine) <= before + 8).unwrap();
    conversation.turn("tell me about topaz", "topaz told");
    assert_eq!(api.get("/api/clients").unwrap().status, 200);
}
