//! Drafts made, made again and taken back, as long as nobody has touched them.
//!
//! A draft is never changed: when more is known, another one takes its place, and the first is deleted. A person may have
//! confirmed it meanwhile on another machine. Then the edit brings it back as it was confirmed, since an edit stands against
//! a delete, and what is left of the work becomes a draft of its own; a draft that was changed here would be merged with the
//! confirmation there, into something that nobody has confirmed.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use merge::{Key, Row};
use migrations::catalogue::BILLABLE_TIME;
use rusqlite::{Connection, OptionalExtension};
use sha2::{Digest, Sha256};
use sync::local::{ReadTx, WriteTx, derived_id};
use sync::{Store, StoreError, datetime_text, parse_datetime};

use super::plan::{self, Block, Claim};
use super::rule::Rule;
use super::{DRAFT, OVERLAP, read};
use crate::server::guard::hex;

const US_PER_DAY: u64 = 86_400 * 1_000_000;
/// Work of so many days is looked at: a client may be entered after the work.
const LOOK_BACK_DAYS: u64 = 45;
const DESCRIPTION_CHARS: usize = 1_000;
/// Overlaps that a description names.
const OVERLAPS: usize = 3;
/// Titles that a description names.
const TITLES: usize = 12;

/// A draft that this machine has made.
#[derive(Debug)]
struct Made {
    claim: Claim,
    digest: String,
}

/// One thing to do.
#[derive(Debug)]
enum Step {
    Write(Box<Row>, Claim),
    Remove(String),
}

/// Brings the drafts up to date with what was captured. Returns how many were written or taken back.
pub(crate) async fn make(store: &Store, rule: Rule, now_us: u64) -> Result<usize, StoreError> {
    // Whole days, so that the block at the edge is the same the whole day long.
    let since_us = now_us.saturating_sub(LOOK_BACK_DAYS * US_PER_DAY) / US_PER_DAY * US_PER_DAY;
    let steps = store.read_async(move |tx| steps(tx, &rule, since_us, now_us)).await?;
    if steps.is_empty() {
        return Ok(0);
    }
    let count = steps.len();
    let written = store.write_async(move |tx| {
        steps.into_iter().try_for_each(|step| apply(tx, step))?;
        let mut forget = tx.connection().prepare_cached("DELETE FROM ct_time_drafts WHERE end_us < ?1")?;
        forget.execute([since_us.cast_signed()])?;
        Ok(())
    });
    written.await?;
    Ok(count)
}

fn steps(tx: &ReadTx<'_>, rule: &Rule, since_us: u64, now_us: u64) -> Result<Vec<Step>, StoreError> {
    let db = tx.connection();
    let spans = read::spans(db, since_us, &rule.user)?;
    let made = made(db, since_us)?;
    if spans.is_empty() && made.is_empty() {
        return Ok(Vec::new());
    }
    let mut claims = read::settled(db, since_us)?;
    let mut untouched = BTreeMap::new();
    for (id, made) in &made {
        match tx.get(BILLABLE_TIME, &Key::new(id.as_str()))? {
            Some(row) if digest(&row) == made.digest && made.claim.start_us >= since_us => {
                untouched.insert(id.as_str(), row);
            }
            // What it stood for is settled, and so is what a person has made of it.
            row => claims.extend([Some(made.claim.clone()), row.as_ref().and_then(claim_of_row)].into_iter().flatten()),
        }
    }
    let (own, others): (Vec<Row>, Vec<Row>) = read::drafts(tx, since_us)?
        .into_iter()
        .filter(|row| !made.contains_key(row.key().as_str()))
        .partition(|row| spans.iter().any(|span| row.text("session_id") == Some(&span.session)));
    // Of work of this machine, and none that it has on record: a person has brought it back.
    claims.extend(own.iter().filter_map(claim_of_row));
    let others: Vec<Claim> = others.iter().filter_map(claim_of_row).collect();
    let (mut steps, mut kept) = (Vec::new(), BTreeSet::new());
    for block in plan::blocks(spans, &claims, rule, now_us) {
        let before = untouched.iter().filter(|(_, row)| stands_for(row, &block));
        if !block.closed {
            kept.extend(before.map(|(id, _)| (*id).to_owned()));
            continue;
        }
        let overlaps = overlaps(&block, &others);
        let same = before.map(|(id, row)| (id, row, entry(&block, rule, Some(row), &overlaps)));
        if let Some((id, ..)) = same.into_iter().find(|(_, row, wanted)| wanted.as_ref() == Some(*row)) {
            kept.insert((*id).to_owned());
            continue;
        }
        let Some(row) = entry(&block, rule, None, &overlaps) else { continue };
        let row = row.clone().with("id", id_of(&block, &row));
        if tx.get(BILLABLE_TIME, &row.key())?.is_none() {
            steps.push(Step::Write(Box::new(row), claim_of(&block)));
        }
    }
    let stale = untouched.keys().filter(|id| !kept.contains(**id));
    steps.extend(stale.map(|id| Step::Remove((*id).to_owned())));
    Ok(steps)
}

/// Whether a draft was made of what has become this block.
fn stands_for(row: &Row, block: &Block) -> bool {
    let first = &block.spans[0];
    row.text("client_id") == Some(&first.client)
        && row.text("user_id") == Some(&first.user)
        && row.text("started_at").and_then(parse_datetime) == Some(block.start_us)
}

/// Drafts of the same user from other machines that lie in the same time.
fn overlaps(block: &Block, others: &[Claim]) -> Vec<Claim> {
    let is_over = |other: &&Claim| other.start_us < block.end_us && other.end_us > block.start_us;
    let mut found: Vec<Claim> =
        others.iter().filter(|other| other.user == block.spans[0].user).filter(is_over).cloned().collect();
    found.sort_by_key(|other| (other.start_us, other.end_us));
    found.dedup_by_key(|other| (other.start_us, other.end_us));
    found
}

/// Does it, unless the row was touched since the plan was made; then the next run sees that.
fn apply(tx: &mut WriteTx<'_>, step: Step) -> Result<(), StoreError> {
    let id = match &step {
        Step::Write(row, _) => row.key().as_str().to_owned(),
        Step::Remove(id) => id.clone(),
    };
    let mut digests = tx.connection().prepare_cached("SELECT digest FROM ct_time_drafts WHERE id = ?1")?;
    let written: Option<String> = digests.query_row([&id], |row| row.get(0)).optional()?;
    if tx.get(BILLABLE_TIME, &Key::new(id.as_str()))?.map(|row| digest(&row)) != written {
        return Ok(());
    }
    match step {
        Step::Remove(id) => {
            tx.delete(BILLABLE_TIME, &Key::new(id.as_str()))?;
            tx.connection().prepare_cached("DELETE FROM ct_time_drafts WHERE id = ?1")?.execute([id])?;
        }
        Step::Write(row, claim) => {
            tx.put(*row)?;
            if let Some(row) = tx.get(BILLABLE_TIME, &Key::new(id.as_str()))? {
                record(tx.connection(), &id, &claim, &digest(&row))?;
            }
        }
    }
    Ok(())
}

/// The same draft of the same piece of work has the same id, on every run and on every machine; another draft of it has
/// another.
fn id_of(block: &Block, row: &Row) -> String {
    let first = &block.spans[0];
    let of = format!("draft of {} from {} as {}", first.work_item, first.start_us, digest(row));
    derived_id("billable_time", &of)
}

fn claim_of(block: &Block) -> Claim {
    let first = &block.spans[0];
    let (client, user) = (first.client.clone(), first.user.clone());
    Claim { client, user, start_us: block.start_us, end_us: block.end_us }
}

fn claim_of_row(row: &Row) -> Option<Claim> {
    let text = |column| row.text(column).map(str::to_owned);
    let time = |column| row.text(column).and_then(parse_datetime);
    let (start_us, end_us) = (time("started_at")?, time("ended_at")?);
    Some(Claim { client: text("client_id")?, user: text("user_id")?, start_us, end_us })
}

/// The draft of a block; None when the rule leaves no minute of it.
fn entry(block: &Block, rule: &Rule, before: Option<&Row>, overlaps: &[Claim]) -> Option<Row> {
    let first = &block.spans[0];
    let minutes = rule.minutes(block.end_us - block.start_us);
    let (rate, amount) = rule.price(minutes, first.rate);
    let row = before.cloned().unwrap_or_else(|| Row::new(BILLABLE_TIME));
    let row = row
        .with("session_id", first.session.as_str())
        .with("client_id", first.client.as_str())
        .with("user_id", first.user.as_str())
        .with("category", category(block))
        .with("description", description(block) + &note(overlaps))
        .with("started_at", datetime_text(block.start_us))
        .with("ended_at", datetime_text(block.end_us))
        .with("duration_minutes", minutes)
        .with("hourly_rate", rate)
        .with("total_amount", amount)
        .with("is_billable", false)
        .with("is_invoiced", false)
        .with("invoice_reference", DRAFT);
    (minutes > 0).then_some(row)
}

/// What kind of work took most of the turns.
fn category(block: &Block) -> &'static str {
    let of = |names: &[&str]| block.spans.iter().filter(|span| names.contains(&span.category.as_str())).count();
    let (development, maintenance) = (of(&["development", "documentation"]), of(&["maintenance", "configuration"]));
    let support = block.spans.len() - development - maintenance;
    match () {
        () if development >= maintenance.max(support) => "development",
        () if maintenance >= support => "maintenance",
        () => "support",
    }
}

/// The titles of the work, by project.
fn description(block: &Block) -> String {
    let mut seen: Vec<(&str, Vec<&str>)> = Vec::new();
    for span in &block.spans {
        let at = seen.iter().position(|(project, _)| *project == span.project).unwrap_or_else(|| {
            seen.push((&span.project, Vec::new()));
            seen.len() - 1
        });
        if !seen[at].1.contains(&span.title.as_str()) && seen[at].1.len() < TITLES {
            seen[at].1.push(&span.title);
        }
    }
    let lines: Vec<String> = seen.iter().map(|(project, titles)| format!("{project}: {}", titles.join("; "))).collect();
    recall::excerpt::cut(&lines.join("\n"), DESCRIPTION_CHARS)
}

/// What the reader of a draft must know before it is billed.
fn note(overlaps: &[Claim]) -> String {
    let times = overlaps.iter().take(OVERLAPS).map(|other| {
        let (start, end) = (datetime_text(other.start_us), datetime_text(other.end_us));
        format!("{} {}-{}", &start[..10], &start[11..16], &end[11..16])
    });
    let times: Vec<String> = times.collect();
    if times.is_empty() { String::new() } else { format!("\n{OVERLAP}{}", times.join(", ")) }
}

/// What a person may have changed of a row: all of it but its times of writing.
fn digest(row: &Row) -> String {
    let stampless = row.clone().with("created_at", None::<String>).with("updated_at", None::<String>);
    hex(&Sha256::digest(merge::encode(&stampless)))
}

fn made(db: &Connection, since_us: u64) -> Result<HashMap<String, Made>, StoreError> {
    let mut statement = db.prepare_cached(
        "SELECT id, client_id, user_id, start_us, end_us, digest FROM ct_time_drafts WHERE end_us >= ?1",
    )?;
    let found = statement.query_map([since_us.cast_signed()], |row| {
        let number = |at| row.get::<_, i64>(at).map(i64::cast_unsigned);
        let claim = Claim { client: row.get(1)?, user: row.get(2)?, start_us: number(3)?, end_us: number(4)? };
        Ok((row.get(0)?, Made { claim, digest: row.get(5)? }))
    })?;
    Ok(found.collect::<Result<_, _>>()?)
}

fn record(db: &Connection, id: &str, claim: &Claim, digest: &str) -> Result<(), StoreError> {
    db.prepare_cached(
        "INSERT INTO ct_time_drafts (id, client_id, user_id, start_us, end_us, digest) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
         ON CONFLICT (id) DO UPDATE SET client_id = excluded.client_id, user_id = excluded.user_id,
           start_us = excluded.start_us, end_us = excluded.end_us, digest = excluded.digest",
    )?
    .execute((
        id,
        &claim.client,
        &claim.user,
        claim.start_us.cast_signed(),
        claim.end_us.cast_signed(),
        digest,
    ))?;
    Ok(())
}
