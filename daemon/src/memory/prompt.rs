//! What is given with a prompt: the memories that have to do with it, cut to the lines that matter.

use std::collections::HashSet;

use recall::budget::{Candidate, pack, tokens};
use recall::excerpt::excerpt;
use recall::noise;
use recall::render::{Note, Section, block, render};
use recall::score::bar;
use recall::terms::subject;
use sync::StoreError;
use sync::local::ReadTx;

use super::given::{Item, Source};
use super::hit::Hit;
use super::search::{Query, entry, search_except, session_of};
use super::{Asker, Injection, PROMPT_TOKENS};

/// Hits that are considered.
const CONSIDERED: usize = 24;
/// Tokens of one memory's text: a few to the point serve better than one in full.
const EXCERPT_TOKENS: usize = 220;
/// Tokens that the marker line costs, with a little to spare.
const MARKER_TOKENS: usize = 30;

/// Searches for what the prompt is about, without what this conversation has had or made itself.
pub(super) fn gather(
    tx: &ReadTx<'_>,
    asker: &Asker,
    prompt: &str,
    had: &HashSet<Source>,
    now_us: u64,
) -> Result<Injection, StoreError> {
    let Some(prompt) = noise::human(prompt) else { return Ok(Injection::default()) };
    let asked = recall::terms::query(&prompt).len();
    if asked == 0 {
        return Ok(Injection::default());
    }
    let session = session_of(tx, &asker.claude_session_id)?;
    let query = Query {
        text: &prompt,
        project: Some(&asker.project),
        limit: CONSIDERED,
        now_us,
        except_session: session.as_deref(),
        ..Query::default()
    };
    let (hits, weighted) = search_except(tx, &query, &entries(tx, had)?)?;
    let hits: Vec<Hit> = hits.into_iter().filter(|hit| passes(hit, asked)).collect();
    let notes: Vec<Note> =
        hits.iter().map(|hit| hit.note(excerpt(&hit.text, &weighted, EXCERPT_TOKENS))).collect();
    let candidates: Vec<Candidate> = notes
        .iter()
        .map(|note| Candidate { tokens: tokens(&render(note)) + 1, subject: subject(&note.text) })
        .collect();
    let taken = pack(&candidates, PROMPT_TOKENS - MARKER_TOKENS);
    let items = taken.iter().map(|&at| item(&hits[at], candidates[at].tokens)).collect();
    let notes = taken.iter().map(|&at| notes[at].clone()).collect();
    Ok(Injection { text: block(&[Section { heading: String::new(), notes }]), items })
}

fn passes(hit: &Hit, asked: usize) -> bool {
    bar::passes(&hit.score, hit.found.len(), asked)
}

fn item(hit: &Hit, tokens: usize) -> Item {
    let source = Source { table: hit.source_table.clone(), id: hit.source_id.clone(), version: String::new() };
    Item { source, tokens }
}

/// What was given, as entries of the index: a source that was given in any version stays out.
fn entries(tx: &ReadTx<'_>, had: &HashSet<Source>) -> Result<HashSet<i64>, StoreError> {
    let mut ids = HashSet::new();
    for source in had {
        ids.extend(entry(tx, &source.table, &source.id)?);
    }
    Ok(ids)
}
