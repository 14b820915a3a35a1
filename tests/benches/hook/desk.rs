//! A machine with a daemon and so many memories, at which prompts are given.

use std::collections::HashSet;
use std::fs;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hooks::link::Link;
use hooks::wire::Request;
use serde_json::{Value, json};
use sync::local::derived_id;
use sync::{Store, SystemClock};
use world::{Error, Machine, Result, binaries};

use super::contenders::{Series, timed};
use super::figures::{Figures, Samples};
use super::prompts::{Talk, Turn, request};
use super::{host, seed};

/// Makes the daemon say how long each event took; nothing else is logged in more detail.
const LOG: (&str, &str) = ("CLAUDETOOLS_LOG", "info,daemon::server::events=debug");
const PATIENCE: Duration = Duration::from_secs(30);

/// The machine.
pub(crate) struct Desk {
    pub(crate) memories: usize,
    machine: Machine,
    talk: Talk,
    bare: Samples,
    hook: Samples,
    recall: Samples,
    /// Prompts since the daemon was started, with the ids of those that did not come from the hook.
    prompts: u64,
    foreign: Vec<String>,
    /// Entries of the log that were there before the measuring began.
    logged: usize,
    /// Answers of the hook with memories in them.
    helped: usize,
}

/// What a daemon uses.
pub(crate) struct Resources {
    /// Resident memory, in KiB: all of it, and without the pages of files, which the kernel takes back when it needs them.
    pub(crate) resident: u64,
    pub(crate) anonymous: u64,
    /// The replica with its write-ahead log, in bytes.
    pub(crate) disk: u64,
}

impl Desk {
    /// Seeds the replica and starts the daemon.
    pub(crate) fn prepare(memories: usize) -> Result<Desk> {
        let machine = Machine::new("bench")?;
        seed::seed(machine.home(), memories)?;
        let project = machine.project("project", &seed::remote(0))?;
        machine.start_daemon_with(|command| {
            command.env(LOG.0, LOG.1);
        })?;
        let desk = Desk {
            memories,
            talk: Talk::new(&project),
            machine,
            bare: Samples::default(),
            hook: Samples::default(),
            recall: Samples::default(),
            prompts: 0,
            foreign: Vec::new(),
            logged: 0,
            helped: 0,
        };
        // It opens the replica after it has begun to answer, and its index after that.
        desk.machine.index_ready(PATIENCE)?;
        Ok(desk)
    }

    /// What has been measured so far does not count.
    pub(crate) fn begin(&mut self) -> Result<()> {
        [&mut self.bare, &mut self.hook, &mut self.recall].into_iter().for_each(Samples::clear);
        self.helped = 0;
        self.logged = self.prompts_in_log()?.len();
        Ok(())
    }

    pub(crate) fn run_bare(&mut self) -> Result<()> {
        let turn = self.talk.next();
        let id = derived_id("bench events", &self.prompts.to_string()).replace('-', "");
        let mut command = self.machine.program(binaries::path("bare-client")?);
        command.arg(self.machine.home().socket());
        let run = timed(command, &request("UserPromptSubmit", &id, &turn.prompt())?)?;
        self.bare.add(run.took);
        self.foreign.push(id);
        self.answered(&turn)
    }

    pub(crate) fn run_hook(&mut self) -> Result<()> {
        let turn = self.talk.next();
        let mut command = self.machine.program(binaries::path("claudetools-hook")?);
        command.arg("UserPromptSubmit");
        let run = timed(command, &turn.prompt())?;
        self.hook.add(run.took);
        self.helped += usize::from(!run.output.is_empty());
        self.answered(&turn)
    }

    /// The turn comes to its end, unmeasured: the next prompt meets a daemon at rest.
    fn answered(&mut self, turn: &Turn) -> Result<()> {
        self.prompts += 1;
        let id = derived_id("bench stops", &self.prompts.to_string()).replace('-', "");
        let headers = [(hooks::wire::EVENT_ID, id.as_str())];
        let request = Request { method: "POST", path: "/hooks/Stop", headers: &headers, body: &turn.stop() };
        self.send(&request).map(drop)
    }

    pub(crate) fn run_recall(&mut self) -> Result<()> {
        let query = json!({ "text": self.talk.next().text(), "project": seed::slug(0) }).to_string();
        let started = Instant::now();
        let answer = self.ask("POST", "/api/recall", query.as_bytes())?;
        self.recall.add(started.elapsed());
        match answer["memories"].as_array().map(Vec::len) {
            Some(1..) => Ok(()),
            _ => Err(Error::new(format!("recall something for {query}"))),
        }
    }

    fn ask(&self, method: &str, path: &str, body: &[u8]) -> Result<Value> {
        let json = [("Content-Type", "application/json")];
        let answer = self.send(&Request { method, path, headers: &json, body })?;
        serde_json::from_slice(&answer).map_err(Error::doing(format!("read the answer of {path}")))
    }

    fn send(&self, request: &Request<'_>) -> Result<Vec<u8>> {
        let link = Link::open(self.machine.home(), PATIENCE).map_err(Error::doing("reach the daemon"))?;
        let answer = link.ask(request).map_err(Error::doing("ask the daemon"))?;
        if answer.status == 200 {
            return Ok(answer.body);
        }
        Err(Error::new(format!("be served: status {}: {}", answer.status, String::from_utf8_lossy(&answer.body))))
    }

    pub(crate) fn resources(&self) -> Result<Resources> {
        let pid = self.machine.daemon_pid().ok_or_else(|| Error::new("find the daemon"))?;
        let replica = self.machine.home().replica();
        let wal = replica.with_extension("db-wal");
        let size = |path| fs::metadata(path).map_or(0, |metadata| metadata.len());
        Ok(Resources {
            resident: host::kib_of_process(pid, "VmRSS"),
            anonymous: host::kib_of_process(pid, "RssAnon"),
            disk: size(replica) + size(wal),
        })
    }

    /// Stops the daemon, checks that every event is on disk, and returns the figures.
    pub(crate) fn finish(self) -> Result<Vec<(Series, Figures)>> {
        let (bare, hook, own) = (self.bare.figures(), self.hook.figures(), self.own_times()?.figures());
        if self.helped * 2 < hook.samples {
            let text = format!("have half of the prompts answered with memories: {} of {}", self.helped, hook.samples);
            return Err(Error::new(text));
        }
        eprintln!("{} memories: {} of {} prompts were given some", self.memories, self.helped, hook.samples);
        self.machine.stop_daemon()?;
        self.check_durability()?;
        Ok(vec![
            (Series::Bare, bare),
            (Series::Hook, hook),
            (Series::Own, own),
            (Series::Recall, self.recall.figures()),
        ])
    }

    fn check_durability(&self) -> Result<()> {
        let store = Store::open(&self.machine.home().replica(), Arc::new(SystemClock));
        let store = store.map_err(Error::doing("open the replica"))?;
        let counted = store.read(|tx| {
            let sql = "SELECT count(*) FROM ct_hook_events WHERE event = 'UserPromptSubmit'";
            Ok(tx.connection().query_row(sql, [], |row| row.get::<_, u64>(0))?)
        });
        match counted.map_err(Error::doing("count the events"))? {
            count if count == self.prompts => Ok(()),
            count => Err(Error::new(format!("find {} prompts in the replica: there are {count}", self.prompts))),
        }
    }

    /// How long the daemon worked on each prompt that the hook brought, from the request to the answer.
    fn own_times(&self) -> Result<Samples> {
        let mut times = Samples::default();
        let foreign: HashSet<&str> = self.foreign.iter().map(String::as_str).collect();
        for entry in self.prompts_in_log()?.iter().skip(self.logged) {
            if !entry["id"].as_str().is_some_and(|id| foreign.contains(id)) {
                times.add(Duration::from_micros(entry["micros"].as_u64().unwrap_or_default()));
            }
        }
        Ok(times)
    }

    fn prompts_in_log(&self) -> Result<Vec<Value>> {
        let path = self.machine.home().logs().join("daemon.log");
        let text = fs::read_to_string(&path).map_err(Error::doing(format!("read {}", path.display())))?;
        let entries = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        Ok(entries.filter(|entry| entry["event"] == "UserPromptSubmit" && entry["micros"].is_u64()).collect())
    }
}
