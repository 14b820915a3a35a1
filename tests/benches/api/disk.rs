//! What the disk gives to one writer that makes each write durable before the next, and a disk that takes longer for it.

use std::fs::File;
use std::io::{Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use world::child::MORTAL;
use world::run::run;
use world::{Error, Machine, Result};

use super::options::DURABLY;

/// As large as a page of the replica.
const WRITE_BYTES: usize = 4096;
/// Writes go round in so many places. They were written before: no block has to be found for them, which would make each
/// slower, and the goal easier.
const PLACES: usize = 1024;
/// What a turn takes beside its writes.
const SPARE: Duration = Duration::from_mins(1);

/// How much later each sync of a process ends, so that a quick disk is as slow as those that most people have: Linux's own
/// tracer holds the process at these calls, and only there.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Slowness(pub(crate) Duration);

impl Slowness {
    /// # Errors
    /// When the tracer is not installed.
    pub(crate) fn of(delay: Duration) -> Result<Slowness> {
        let mut ask = Command::new("strace");
        ask.arg("--version");
        run(ask, b"", SPARE)
            .map_err(|error| Error::new(format!("slow the disk: {error}; `apt-get install strace` brings it")))?;
        Ok(Slowness(delay))
    }

    /// What stands before a program so that it runs like that. The program keeps its process.
    fn prefix(self) -> Vec<String> {
        let delay = format!("inject=fdatasync,fsync:delay_enter={}", self.0.as_micros());
        // A thread is held at each of its calls until it has made one that is traced, so one that each makes first is as well.
        let calls = "trace=fdatasync,fsync,set_robust_list,rseq";
        ["strace", "-D", "-f", "-qq", "--seccomp-bpf", "-o", "/dev/null", "-e", calls, "-e", &delay, "--"]
            .map(str::to_owned)
            .to_vec()
    }

    /// Makes the command that starts the daemon of a machine start it like that.
    pub(crate) fn apply(self, machine: &Machine, command: &mut Command) {
        let mut slow = machine.program(MORTAL[0]);
        slow.args(&MORTAL[1..]).args(self.prefix()).args(command.get_args().skip(MORTAL.len() - 1));
        *command = slow;
    }
}

/// A file beside the replica.
pub(crate) struct Disk {
    path: PathBuf,
    slowness: Option<Slowness>,
}

impl Disk {
    pub(crate) fn new(folder: &Path, slowness: Option<Slowness>) -> Result<Disk> {
        let path = folder.join("durable");
        let made = File::create(&path).and_then(|mut file| {
            file.write_all(&vec![1; WRITE_BYTES * PLACES])?;
            file.sync_all()
        });
        made.map_err(Error::doing(format!("write {}", path.display())))?;
        Ok(Disk { path, slowness })
    }

    /// The times of durable writes, one after the other, for this long, by a process of its own.
    pub(crate) fn writes(&self, during: Duration) -> Result<Vec<Duration>> {
        let own = std::env::current_exe().map_err(Error::doing("find the running program"))?;
        let mut words: Vec<String> = MORTAL.map(str::to_owned).to_vec();
        words.extend(self.slowness.map(Slowness::prefix).unwrap_or_default());
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]).arg(own).arg(DURABLY).arg(&self.path).arg(during.as_millis().to_string());
        let said = run(command, b"", during + SPARE)?.ok()?.stdout;
        let time = |line: &str| line.parse().map(Duration::from_nanos).map_err(Error::doing("read a time"));
        let times = said.lines().map(time).collect::<Result<Vec<_>>>()?;
        if times.is_empty() { Err(Error::new("write durably: there was not one write")) } else { Ok(times) }
    }
}

/// Is that process; its times in nanoseconds, a line each.
pub(crate) fn durably(path: &Path, during: Duration) -> Result<String> {
    let mut file = File::options().write(true).open(path).map_err(Error::doing(format!("open {}", path.display())))?;
    let mut write = |at: usize| {
        file.seek(SeekFrom::Start((at * WRITE_BYTES) as u64))?;
        file.write_all(&[2; WRITE_BYTES])?;
        file.sync_data()
    };
    let (started, mut times) = (Instant::now(), Vec::new());
    while started.elapsed() < during {
        let began = Instant::now();
        write(times.len() % PLACES).map_err(Error::doing("write durably"))?;
        times.push(began.elapsed());
    }
    let lines: Vec<String> = times.iter().map(|time| time.as_nanos().to_string()).collect();
    Ok(lines.join("\n"))
}
