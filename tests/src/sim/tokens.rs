//! What was written, by whom, and what is known of its fate: the memory that the verdict is made from.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use merge::{Row, RowId, Value};
use migrations::entity::MergeRule;
use migrations::{Column, Entity};

/// Who wrote: a machine by its number, or another program.
pub(crate) type Writer = Option<usize>;

/// A text that was written once.
#[derive(Clone, Debug)]
pub(crate) struct Token {
    pub place: (&'static str, &'static str),
    pub writer: Writer,
    /// The row that it was written into.
    pub row: Option<RowId>,
    /// The how-manieth of all acknowledged writes it came with.
    pub at: u64,
    /// Written over, by one who saw it, with these.
    pub superseded_by: Vec<usize>,
    /// Written over with something that is no token.
    pub emptied: bool,
    /// Its row was deleted by one who saw it.
    pub deleted: bool,
    /// Nobody can have it: it was on a disk that was lost.
    pub forgiven: bool,
}

/// What was done to a row.
#[derive(Clone, Debug, Default)]
pub(crate) struct Fate {
    /// By whom it was made, and with which of all acknowledged writes.
    pub made: Vec<(Writer, u64)>,
    /// By whom it was deleted.
    pub deleted: Vec<(Writer, u64)>,
    /// True when a delete of it is on no disk of its writer any more: others may have heard of it.
    pub maybe_deleted: bool,
    pub made_after_delete: bool,
}

/// Ids that were given up, by table and id: the rows that stood for each, on any machine at any time.
pub(crate) type Aliases = BTreeMap<(String, String), BTreeSet<String>>;

/// The memory of all that was acknowledged.
#[derive(Default)]
pub(crate) struct Tokens {
    pub(crate) aliases: Aliases,
    list: Vec<Token>,
    pub(crate) fates: BTreeMap<RowId, Fate>,
    /// Increments of each counter.
    pub(crate) counts: HashMap<(RowId, &'static str), i64>,
    /// Tokens that a conflict record has, of machines that may be gone since.
    pub(crate) recorded: BTreeSet<usize>,
    /// Rows that a conflict record is about.
    pub(crate) recorded_rows: BTreeSet<(String, String)>,
    /// Rows that were deleted before central heard of them: a clone may have them still, and nobody can tell it.
    pub(crate) unheard: BTreeSet<RowId>,
    pub(crate) acknowledged: u64,
    /// What was acknowledged, in words, if anybody wants to read it.
    pub(crate) story: Option<Vec<String>>,
}

impl Tokens {
    /// A text that was never written before.
    pub(crate) fn next(&mut self, entity: &Entity, column: &Column) -> String {
        let place =
            migrations::entity(entity.name).and_then(|entity| Some((entity.name, entity.column(column.name)?.name)));
        self.list.push(Token {
            place: place.unwrap_or_default(),
            writer: None,
            row: None,
            at: 0,
            superseded_by: Vec::new(),
            emptied: false,
            deleted: false,
            forgiven: false,
        });
        format!("w{}", self.list.len() - 1)
    }

    /// Those that were really written.
    pub(crate) fn written(&self) -> impl Iterator<Item = (usize, &Token)> {
        self.list.iter().enumerate().filter(|(_, token)| token.row.is_some())
    }

    pub(crate) fn get(&self, number: usize) -> Option<&Token> {
        self.list.get(number)
    }

    /// A writer's change was acknowledged.
    pub(crate) fn note(&mut self, writer: Writer, before: Option<&Row>, after: Option<&Row>) {
        let Some(row) = before.or(after) else { return };
        if before == after {
            return;
        }
        self.acknowledged += 1;
        if let Some(story) = &mut self.story {
            story.push(told(writer, before, after));
        }
        self.note_row(writer, row.id(), before, after);
        for (position, column) in row.entity().columns.iter().enumerate() {
            let (old, new) = (token_at(before, position), token_at(after, position));
            if column.merge == MergeRule::Counter {
                let count = |row: Option<&Row>| row.and_then(|row| row.at(position).as_int()).unwrap_or(0);
                if after.is_some() {
                    *self.counts.entry((row.id(), column.name)).or_default() += count(after) - count(before);
                }
            }
            if old == new {
                continue;
            }
            if let Some(new) = new.and_then(|new| self.list.get_mut(new)) {
                new.writer = writer;
                new.row = Some(row.id());
                new.at = self.acknowledged;
            }
            if let Some(token) = old.and_then(|old| self.list.get_mut(old)) {
                match new {
                    Some(new) => token.superseded_by.push(new),
                    None if after.is_some() => token.emptied = true,
                    None => {}
                }
            }
        }
        if after.is_none() {
            let seen: Vec<usize> = (0..row.values().len()).filter_map(|at| token_at(before, at)).collect();
            for number in seen {
                if let Some(token) = self.list.get_mut(number) {
                    token.deleted = true;
                }
            }
        }
    }

    fn note_row(&mut self, writer: Writer, id: RowId, before: Option<&Row>, after: Option<&Row>) {
        let now = (writer, self.acknowledged);
        let fate = self.fates.entry(id).or_default();
        match (before, after) {
            (None, Some(_)) => {
                fate.made_after_delete |= !fate.deleted.is_empty();
                fate.made.push(now);
            }
            (Some(_), None) => fate.deleted.push(now),
            _ => {}
        }
    }

    /// What this writer wrote since that write, is on no disk any more.
    pub(crate) fn forgive(&mut self, writer: Writer, since: u64) {
        let lost =
            self.list.iter_mut().filter(|token| token.row.is_some() && token.writer == writer && token.at > since);
        for token in lost {
            token.forgiven = true;
        }
        for fate in self.fates.values_mut() {
            let is_kept = |done: &(Writer, u64)| done.0 != writer || done.1 <= since;
            let known = fate.deleted.len();
            fate.made.retain(is_kept);
            fate.deleted.retain(is_kept);
            fate.maybe_deleted |= fate.deleted.len() < known;
        }
    }

    /// A conflict record has this text.
    pub(crate) fn record(&mut self, table: &str, key: &str, set_aside: &str) {
        self.recorded.extend(tokens_in(set_aside));
        self.recorded_rows.insert((table.to_owned(), key.to_owned()));
    }
}

/// A change in words.
fn told(writer: Writer, before: Option<&Row>, after: Option<&Row>) -> String {
    let who = writer.map_or_else(|| "another program".to_owned(), |machine| format!("machine {machine}"));
    let Some(row) = after.or(before) else { return who };
    let what = match (before, after) {
        (None, _) => "makes",
        (_, None) => "deletes",
        _ => "changes",
    };
    let is_shown = |at: usize| after.is_some() && token_text(before, at) != token_text(after, at);
    let columns = row.entity().columns.iter().enumerate().filter(|(at, _)| is_shown(*at));
    let values: Vec<String> =
        columns.map(|(at, column)| format!("{}={}", column.name, token_text(after, at))).collect();
    format!("{who} {what} {} {}", row.id(), values.join(" "))
}

fn token_text(row: Option<&Row>, position: usize) -> String {
    match row.map(|row| row.at(position)) {
        None | Some(Value::Null) => "-".to_owned(),
        Some(Value::Int(number)) => number.to_string(),
        Some(Value::Text(text)) => text.clone(),
        Some(Value::Blob(bytes)) => format!("{bytes:?}"),
    }
}

fn token_at(row: Option<&Row>, position: usize) -> Option<usize> {
    tokens_in(row?.at(position).as_text()?).next()
}

/// The tokens in a text.
pub(crate) fn tokens_in(text: &str) -> impl Iterator<Item = usize> + '_ {
    text.split(|c: char| !c.is_ascii_alphanumeric()).filter_map(|word| word.strip_prefix('w')?.parse().ok())
}
