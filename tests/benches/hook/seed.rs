//! A replica with many memories, as years of work leave them: turns of conversations, in several projects.

use std::sync::Arc;

use hooks::durable::private_dir;
use hooks::home::Home;
use merge::Row;
use migrations::catalogue::{CONVERSATION_CONTEXTS, PROJECTS, SESSIONS};
use serde_json::json;
use sync::local::{WriteTx, compress, derived_id};
use sync::{Store, StoreError, SystemClock, datetime_text};
use world::{Error, Result};

use super::prose::Prose;

const PROJECT_COUNT: usize = 20;
/// Of a conversation; the last one is its summary.
const TURNS: usize = 20;
/// Memories of one transaction.
const GROUP: usize = 500;
/// The oldest memory's age and the youngest's, in days.
const DAYS: [u64; 2] = [730, 1];
const US_PER_DAY: u64 = 86_400 * 1_000_000;

/// The slug of a project as the daemon derives it from [`remote`]. Prompts are given in the first.
pub(crate) fn slug(project: usize) -> String {
    format!("git.example/team/project-{project}")
}

/// The address of a project's remote.
pub(crate) fn remote(project: usize) -> String {
    format!("https://{}.git", slug(project))
}

/// Makes the replica of a home with so many memories, before its daemon is started.
pub(crate) fn seed(home: &Home, memories: usize) -> Result<()> {
    private_dir(home.root()).map_err(Error::doing(format!("make {}", home.root().display())))?;
    let clock = Arc::new(SystemClock);
    let store = Store::open(&home.replica(), clock).map_err(Error::doing("open a replica"))?;
    store.write(projects).map_err(Error::doing("write projects"))?;
    let mut prose = Prose::new(memories as u64);
    let mut done = 0;
    while done < memories {
        let group = GROUP.min(memories - done);
        let texts: Vec<Memory> =
            (done..done + group).map(|number| Memory::write(number, memories, &mut prose)).collect();
        store.write(move |tx| save(tx, texts)).map_err(Error::doing("write memories"))?;
        done += group;
        eprint!("\rseeding: {done} of {memories} memories ");
    }
    eprintln!();
    store.close().map_err(Error::doing("close a replica"))
}

fn projects(tx: &mut WriteTx<'_>) -> std::result::Result<(), StoreError> {
    for project in 0..PROJECT_COUNT {
        tx.put(
            Row::new(PROJECTS)
                .with("id", project_id(project))
                .with("name", format!("project-{project}"))
                .with("slug", slug(project))
                .with("git_remote", remote(project)),
        )?;
    }
    Ok(())
}

/// A memory before it is a row.
struct Memory {
    number: usize,
    age_us: u64,
    project: usize,
    title: String,
    summary: String,
    tags: String,
    detail: Option<Vec<u8>>,
}

impl Memory {
    fn write(number: usize, of: usize, prose: &mut Prose) -> Memory {
        let conversation = number / TURNS;
        let (oldest, youngest) = (DAYS[0] * US_PER_DAY, DAYS[1] * US_PER_DAY);
        let (lines, answer) = (1 + prose.random().below(3), 3 + prose.random().below(6));
        let prompt = prose.sentences(lines);
        let answer = prose.sentences(answer);
        // Every sixth answer was too long for its summary.
        let detail = prose.random().percent(16).then(|| compress(prose.sentences(40).as_bytes()));
        Memory {
            number,
            age_us: oldest - (oldest - youngest) / of as u64 * number as u64,
            // The first project is the one that is worked in most.
            project: if conversation.is_multiple_of(4) { 0 } else { conversation % PROJECT_COUNT },
            title: prompt.lines().next().unwrap_or_default().to_owned(),
            summary: format!("Q: {prompt}\nA: {answer}"),
            tags: json!([prose.word(), prose.word()]).to_string(),
            detail,
        }
    }
}

fn save(tx: &mut WriteTx<'_>, memories: Vec<Memory>) -> std::result::Result<(), StoreError> {
    for memory in memories {
        let conversation = memory.number / TURNS;
        let at = datetime_text(tx.now_us() - memory.age_us);
        let session = derived_id("sessions", &format!("seed {conversation}"));
        if memory.number.is_multiple_of(TURNS) {
            tx.put(
                Row::new(SESSIONS)
                    .with("id", session.as_str())
                    .with("project_id", project_id(memory.project))
                    .with("claude_session_id", format!("seed {conversation}"))
                    .with("title", memory.title.as_str())
                    .with("status", "completed")
                    .with("started_at", at.as_str()),
            )?;
        }
        let is_summary = memory.number % TURNS == TURNS - 1;
        tx.put(
            Row::new(CONVERSATION_CONTEXTS)
                .with("id", derived_id("bench memories", &memory.number.to_string()))
                .with("session_id", session)
                .with("project_id", project_id(memory.project))
                .with("context_type", if is_summary { "session_summary" } else { "general_context" })
                .with("title", memory.title)
                .with("dense_summary", memory.summary)
                .with("tags", memory.tags)
                .with("relevance_score", 500_i64)
                .with("detail_zst", memory.detail)
                .with("created_at", at.as_str()),
        )?;
    }
    Ok(())
}

fn project_id(project: usize) -> String {
    derived_id("projects", &slug(project))
}
