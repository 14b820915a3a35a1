//! Callers that ask the daemon over its socket, each question over a connection of its own, as hooks do.

use std::thread;
use std::time::{Duration, Instant};

use hooks::home::Home;
use hooks::link::Link;
use hooks::wire::Request;
use serde_json::{Value, json};
use world::{Error, Result};

use super::figures::Samples;
use super::prose::Prose;
use super::report::Latency;
use super::seed;

const PATIENCE: Duration = Duration::from_secs(30);
/// Tokens that a prompt is given, and memories that are considered for them.
const BUDGET: usize = 800;
const CONSIDERED: usize = 24;
/// Pause of the caller that saves: sessions that work hard save a few times a second.
const SAVE_PAUSE: Duration = Duration::from_millis(20);

/// What a caller does again and again.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Question {
    /// Nothing, which the daemon is asked to answer.
    Health,
    /// Memories for a prompt.
    Recall {
        /// From a folder of a project.
        project: bool,
    },
    /// Saves a memory; its times are not taken.
    Save,
}

/// One caller.
pub(crate) struct Caller<'a> {
    home: &'a Home,
}

impl<'a> Caller<'a> {
    pub(crate) fn new(home: &'a Home) -> Caller<'a> {
        Caller { home }
    }

    /// What the hook of a prompt would inject.
    pub(crate) fn recall(&self, text: &str, project: Option<&str>) -> Result<Value> {
        let body = json!({ "text": text, "project": project, "budget": BUDGET, "limit": CONSIDERED });
        self.ask("POST", "/api/recall", &body.to_string())
    }

    pub(crate) fn save(&self, text: &str) -> Result<Value> {
        self.ask("POST", "/api/remember", &json!({ "text": text, "kind": "lesson" }).to_string())
    }

    pub(crate) fn ask(&self, method: &str, path: &str, body: &str) -> Result<Value> {
        let headers = [("Content-Type", "application/json")];
        let headers = if body.is_empty() { &[][..] } else { &headers[..] };
        let link = Link::open(self.home, PATIENCE).map_err(Error::doing("reach the daemon"))?;
        let request = Request { method, path, headers, body: body.as_bytes() };
        let answer = link.ask(&request).map_err(Error::doing("ask the daemon"))?;
        if answer.status != 200 {
            let text = String::from_utf8_lossy(&answer.body).into_owned();
            return Err(Error::new(format!("be answered on {path}: status {}: {text}", answer.status)));
        }
        serde_json::from_slice(&answer.body).map_err(Error::doing(format!("read the answer of {path}")))
    }

    /// Does it until the time is over; the times of what was asked, and the daemon's own of them, as far as it tells.
    #[expect(clippy::disallowed_methods, reason = "a session that saves does something else in between")]
    fn go_on(&self, question: Question, seed: u64, during: Duration) -> Result<Vec<(Duration, Option<Duration>)>> {
        let (mut prose, project, began) = (Prose::new(1_000 + seed), seed::slug(0), Instant::now());
        let mut times = Vec::new();
        while began.elapsed() < during {
            let text = prose.sentences(1);
            let asked = Instant::now();
            let answer = match question {
                Question::Health => self.ask("GET", "/health", "")?,
                Question::Recall { project: true } => self.recall(&text, Some(&project))?,
                Question::Recall { project: false } => self.recall(&text, None)?,
                Question::Save => {
                    self.save(&text)?;
                    thread::sleep(SAVE_PAUSE);
                    continue;
                }
            };
            times.push((asked.elapsed(), answer["took_us"].as_u64().map(Duration::from_micros)));
        }
        Ok(times)
    }
}

/// So many callers of the first question, and one of each further, at the same time.
pub(crate) fn run(home: &Home, questions: &[Question], callers: usize, during: Duration) -> Result<Latency> {
    let first = questions.first().copied().unwrap_or(Question::Health);
    let all = std::iter::repeat_n(first, callers).chain(questions.iter().skip(1).copied());
    let (mut samples, mut own) = (Samples::default(), Samples::default());
    thread::scope(|scope| {
        let asking: Vec<_> = (0..)
            .zip(all)
            .map(|(seed, question)| scope.spawn(move || Caller::new(home).go_on(question, seed, during)))
            .collect();
        for caller in asking {
            let times = caller.join().map_err(|_| Error::new("hear of a caller: its thread panicked"))??;
            for (time, of_daemon) in times {
                samples.add(time);
                if let Some(time) = of_daemon {
                    own.add(time);
                }
            }
        }
        Ok::<(), Error>(())
    })?;
    Ok(Latency { what: "", callers, figures: samples.figures(), own: own.figures() })
}
