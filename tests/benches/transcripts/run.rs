//! The measurement.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use sync::local;
use world::wait::pause;
use world::{Error, Machine, Result, eventually};

use super::options::Options;
use super::report::Report;
use super::{generate, host, plain};

/// Between two events of hooks while the import runs.
const BETWEEN: Duration = Duration::from_millis(100);
const LOOK: Duration = Duration::from_millis(20);
/// A hook waits so long here, so that its time is known also where it would have given up.
const PATIENCE_MS: &str = "5000";
/// Events of hooks when nothing else goes on.
const ALONE: u64 = 30;

pub(crate) fn run(options: &Options) -> Result<Report> {
    let load = host::load();
    let machine = Machine::new("bench")?;
    let names = ["api", "shop", "site"];
    let projects = names.map(|name| machine.project(name, &format!("https://git.example.invalid/acme/{name}.git")));
    let projects = projects.into_iter().collect::<Result<Vec<_>>>()?;
    let folder = machine.user_home().join(".claude/projects");
    let made = generate::fill(&folder, &projects, options.mib << 20)?;
    // The first reading brings the files into memory, for all that follow.
    plain::read(&folder, false)?;
    let (bare, parsed) = (plain::read(&folder, false)?, plain::read(&folder, true)?);

    machine.start_daemon()?;
    let hook = |number: u64| hook(&machine, &projects[0].display().to_string(), number);
    let alone = (0..ALONE).map(hook).collect::<Result<Vec<_>>>()?;
    let pid = machine.daemon_pid().unwrap_or(0);
    let spent = host::seconds_of_process(pid);
    let (imported, took, watched) = watched(&machine, &hook)?;
    let spent = host::seconds_of_process(pid) - spent;
    let indexed = {
        let begun = Instant::now();
        let queue = |tx: &local::ReadTx<'_>| {
            Ok(tx.connection().query_row("SELECT count(*) FROM ct_memory_queue", [], |row| row.get::<_, i64>(0))?)
        };
        let path = machine.home().replica();
        eventually("all of it indexed", Duration::from_mins(30), || {
            local::inspect(&path, queue).is_ok_and(|left| left == 0)
        })?;
        took + begun.elapsed()
    };
    let begun = Instant::now();
    let again = import(&machine)?;
    let again_took = begun.elapsed();
    if again["contexts_created"] != 0 {
        return Err(Error::new(format!("import nothing the second time: {again:#}")));
    }
    Ok(Report {
        made,
        bare,
        parsed,
        took,
        spent,
        indexed,
        again: again_took,
        memories: imported["contexts_created"].as_u64().unwrap_or(0),
        redactions: imported["redactions"].as_u64().unwrap_or(0),
        resident: watched.resident,
        anonymous: watched.anonymous,
        alone,
        during: watched.during,
        host: host::facts(),
        load: (load, host::load()),
    })
}

/// What was seen from outside while the import ran.
struct Watched {
    resident: u64,
    anonymous: u64,
    during: Vec<Duration>,
}

/// Imports, fires hooks meanwhile, and watches the daemon's memory.
fn watched(machine: &Machine, hook: &(impl Fn(u64) -> Result<Duration> + Sync)) -> Result<(Value, Duration, Watched)> {
    let (done, resident, anonymous) = (AtomicBool::new(false), AtomicU64::new(0), AtomicU64::new(0));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                if let Some(pid) = machine.daemon_pid() {
                    resident.fetch_max(host::kib_of_process(pid, "VmRSS"), Ordering::Relaxed);
                    anonymous.fetch_max(host::kib_of_process(pid, "RssAnon"), Ordering::Relaxed);
                }
                pause(LOOK);
            }
        });
        let firing = scope.spawn(|| {
            let (mut during, mut number) = (Vec::new(), ALONE);
            while !done.load(Ordering::Relaxed) {
                during.push(hook(number)?);
                number += 1;
                pause(BETWEEN);
            }
            Ok::<_, Error>(during)
        });
        let begun = Instant::now();
        let imported = import(machine);
        let took = begun.elapsed();
        done.store(true, Ordering::Relaxed);
        let during = firing.join().map_err(|_| Error::new("fire hooks"))??;
        let watched = Watched {
            resident: resident.load(Ordering::Relaxed),
            anonymous: anonymous.load(Ordering::Relaxed),
            during,
        };
        Ok((imported?, took, watched))
    })
}

fn import(machine: &Machine) -> Result<Value> {
    let run = machine.cli(&["import", "--transcripts", "--json"])?.ok()?;
    Ok(run.json()?[0].clone())
}

/// The whole run of the hook client for a prompt, durable save and recall included.
fn hook(machine: &Machine, cwd: &str, number: u64) -> Result<Duration> {
    let input = json!({ "session_id": "bench-live", "cwd": cwd, "prompt_id": format!("live-{number}"),
        "hook_event_name": "UserPromptSubmit", "prompt": format!("please look at the zeppelin, part {number}") });
    let begun = Instant::now();
    let run = machine.hook_with("UserPromptSubmit", format!("{input}\n").as_bytes(), |command| {
        command.env("CLAUDETOOLS_HOOK_DEADLINE_MS", PATIENCE_MS);
    });
    let run = run?.ok()?;
    let took = begun.elapsed();
    if run.stdout.contains("systemMessage") {
        return Err(Error::new(format!("save an event while the import runs: {}", run.stdout)));
    }
    Ok(took)
}
