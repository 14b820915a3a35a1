//! The rows that travel: memories with bodies of 350 bytes.

use merge::Row;
use migrations::catalogue::CONVERSATION_CONTEXTS;
use sync::datetime_text;

use super::prose::Prose;

/// Bytes of a body.
const BODY: usize = 350;
/// Rows of one transaction or statement.
pub(crate) const GROUP: usize = 1000;
/// The first row's time: 2026-01-01T00:00:00Z, in microseconds.
const EPOCH_US: u64 = 1_767_225_600_000_000;
/// Between two rows, microseconds.
const STEP_US: u64 = 1_000_000;

/// The rows in groups, made while nobody's time is taken.
pub(crate) fn groups(count: usize) -> impl Iterator<Item = Vec<Row>> {
    let mut prose = Prose::new(7);
    (0..count).step_by(GROUP).map(move |first| {
        let numbers = first..(first + GROUP).min(count);
        numbers.map(|number| row(number, &mut prose)).collect()
    })
}

fn row(number: usize, prose: &mut Prose) -> Row {
    let time_us = EPOCH_US + number as u64 * STEP_US;
    let time = datetime_text(time_us);
    Row::new(CONVERSATION_CONTEXTS)
        .with("id", id(number, time_us, prose))
        .with("context_type", "general_context")
        .with("title", format!("turn {number}: {} {}", prose.word(), number % 97))
        .with("dense_summary", body(prose))
        .with("relevance_score", 500)
        .with("usage_count", 0)
        .with("created_at", time.as_str())
        .with("updated_at", time.as_str())
}

/// A UUIDv7 as a machine makes it: the time first, then chance.
fn id(number: usize, time_us: u64, prose: &mut Prose) -> String {
    let millis = time_us / 1000;
    let chance = prose.random().below(u64::MAX);
    let (high, low) = (millis >> 16, millis & 0xffff);
    format!("{high:08x}-{low:04x}-7{:03x}-8{:03x}-{:012x}", number & 0xfff, chance >> 52, chance & 0xffff_ffff_ffff)
}

fn body(prose: &mut Prose) -> String {
    let mut body = String::with_capacity(BODY + 64);
    while body.len() < BODY {
        body.push_str(&prose.sentences(1));
        body.push(' ');
    }
    body.truncate(BODY);
    body
}
