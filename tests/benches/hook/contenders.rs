//! Everything that is measured, in turns.

use std::io::{Read as _, Write as _};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use world::scratch::Scratch;
use world::{Error, Result, binaries};

use super::desk::{Desk, Resources};
use super::figures::{Figures, Samples};
use super::prompts::{Talk, request};
use super::responder::Responder;

/// A series of samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Series {
    /// `/bin/true`
    Nothing,
    /// The bare client and a responder that does nothing.
    Echo,
    /// The bare client and a responder that writes to disk.
    Synced,
    /// The bare client and the daemon.
    Bare,
    /// The hook.
    Hook,
    /// The daemon's own time for the hook's requests.
    Own,
    /// A search as `claudetools recall` asks for it, over the socket from a running process.
    Recall,
}

/// A series with its figures; those that a daemon takes part in have its memories.
pub(crate) struct Measured {
    pub(crate) series: Series,
    pub(crate) memories: Option<usize>,
    pub(crate) figures: Figures,
}

/// What is known of the desk of so many memories.
pub(crate) struct Held {
    pub(crate) memories: usize,
    pub(crate) resources: Resources,
}

/// The contenders, ready to run.
pub(crate) struct Contenders {
    scratch: Scratch,
    echo: Responder,
    synced: Responder,
    talk: Talk,
    bare: [Samples; 3],
    desks: Vec<Desk>,
}

impl Contenders {
    /// Seeds the replicas and starts the daemons.
    pub(crate) fn prepare(memories: &[usize]) -> Result<Contenders> {
        let scratch = Scratch::new("bench")?;
        let (echo, synced) = (Responder::echo(scratch.path())?, Responder::synced(scratch.path())?);
        let talk = Talk::new(scratch.path());
        let desks = memories.iter().map(|memories| Desk::prepare(*memories)).collect::<Result<_>>()?;
        Ok(Contenders { scratch, echo, synced, talk, bare: Default::default(), desks })
    }

    /// What the daemons use now.
    pub(crate) fn resources(&self) -> Result<Vec<Held>> {
        let held = |desk: &Desk| Ok(Held { memories: desk.memories, resources: desk.resources()? });
        self.desks.iter().map(held).collect()
    }

    /// Runs that do not count.
    pub(crate) fn warm_up(&mut self, rounds: usize) -> Result<()> {
        for round in 0..rounds.max(3) {
            self.round(round)?;
        }
        self.bare.iter_mut().for_each(Samples::clear);
        self.desks.iter_mut().try_for_each(Desk::begin)
    }

    /// Runs each once; the order moves on with each round, so that nobody always comes after the same.
    pub(crate) fn round(&mut self, round: usize) -> Result<()> {
        let contenders = 3 + 3 * self.desks.len();
        for turn in 0..contenders {
            match (round + turn) % contenders {
                0 => self.bare[0].add(timed(Command::new("/bin/true"), b"")?.took),
                1 => self.ask(1)?,
                2 => self.ask(2)?,
                other => {
                    let desk = &mut self.desks[other / 3 - 1];
                    match other % 3 {
                        0 => desk.run_bare()?,
                        1 => desk.run_hook()?,
                        _ => desk.run_recall()?,
                    }
                }
            }
        }
        Ok(())
    }

    /// Lets the bare client ask a responder.
    fn ask(&mut self, which: usize) -> Result<()> {
        let socket = if which == 1 { &self.echo.socket } else { &self.synced.socket };
        let turn = self.talk.next();
        let mut command = Command::new(binaries::path("bare-client")?);
        command.arg(socket).env_clear().current_dir(self.scratch.path());
        let run = timed(command, &request("UserPromptSubmit", &"0".repeat(32), &turn.prompt())?)?;
        if run.output.is_empty() {
            return Err(Error::new("see the bare client print an answer"));
        }
        self.bare[which].add(run.took);
        Ok(())
    }

    /// Stops the daemons, checks that all events are on disk, and returns what was measured.
    pub(crate) fn finish(self) -> Result<(Vec<Measured>, Vec<Held>)> {
        let held = self.resources()?;
        let bare = [Series::Nothing, Series::Echo, Series::Synced].into_iter().zip(&self.bare);
        let mut measured: Vec<Measured> =
            bare.map(|(series, samples)| Measured { series, memories: None, figures: samples.figures() }).collect();
        for desk in self.desks {
            let memories = Some(desk.memories);
            let figures = desk.finish()?;
            measured.extend(figures.into_iter().map(|(series, figures)| Measured { series, memories, figures }));
        }
        Ok((measured, held))
    }
}

/// A program that has ended.
pub(crate) struct Timed {
    pub(crate) took: Duration,
    pub(crate) output: Vec<u8>,
}

/// Runs a program as Claude Code runs hooks: input through a pipe, output through another, until it has ended.
pub(crate) fn timed(mut command: Command, input: &[u8]) -> Result<Timed> {
    let name = command.get_program().display().to_string();
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut output = Vec::with_capacity(16 * 1024);
    let started = Instant::now();
    let mut child = command.spawn().map_err(Error::doing(format!("start {name}")))?;
    // A program that does not read its input has closed it: that is its right.
    let _ = child.stdin.take().map(|mut pipe| pipe.write_all(input));
    if let Some(pipe) = &mut child.stdout {
        pipe.read_to_end(&mut output).map_err(Error::doing(format!("read what {name} prints")))?;
    }
    let status = child.wait().map_err(Error::doing(format!("wait for {name}")))?;
    let took = started.elapsed();
    if status.success() { Ok(Timed { took, output }) } else { Err(Error::new(format!("run {name}: {status}"))) }
}
