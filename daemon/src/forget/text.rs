//! A text that is to be forgotten, and where it stands. The case of ASCII letters does not matter.

use merge::{Key, RowId};
use migrations::{Column, Entity, Kind};
use sync::StoreError;
use sync::local::{ReadTx, decompress};

/// A text to look for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Needle {
    plain: String,
    /// As it stands in JSON.
    json: String,
}

impl Needle {
    /// None for less than would be meant.
    pub(crate) fn new(text: &str) -> Option<Needle> {
        const LEAST: usize = 3;
        let plain = text.trim().to_ascii_lowercase();
        let quoted = serde_json::Value::from(plain.as_str()).to_string();
        let json = quoted.trim_matches('"').to_owned();
        (plain.chars().count() >= LEAST).then_some(Needle { plain, json })
    }

    /// True when a text holds it, plainly or quoted in JSON.
    pub(crate) fn is_in(&self, text: &str) -> bool {
        let text = text.to_ascii_lowercase();
        text.contains(&self.plain) || text.contains(&self.json)
    }

    /// The same for bytes that may be no text.
    pub(crate) fn is_in_bytes(&self, bytes: &[u8]) -> bool {
        self.is_in(&String::from_utf8_lossy(bytes))
    }

    /// As a text column is searched for it.
    pub(super) fn plain(&self) -> &str {
        &self.plain
    }

    /// As a JSON column is searched for it.
    pub(super) fn json(&self) -> &str {
        &self.json
    }
}

/// The columns that people or programs write words into.
pub(super) fn worded(entity: &'static Entity) -> impl Iterator<Item = &'static Column> {
    entity.columns.iter().filter(|column| {
        matches!(column.kind, Kind::Text | Kind::String(_) | Kind::Json) && !entity.primary_key.contains(&column.name)
    })
}

/// `instr(…) OR instr(…)`, over the columns of words; `?1` is the plain text, `?2` the quoted one.
fn condition(entity: &'static Entity) -> Option<String> {
    let each = worded(entity).map(|column| {
        let parameter = if column.kind == Kind::Json { "?2" } else { "?1" };
        format!("instr(lower(coalesce(\"{}\", '')), {parameter})", column.name)
    });
    let all: Vec<String> = each.collect();
    // Both are always bound.
    (!all.is_empty()).then(|| format!("{} OR (?1 IS NULL AND ?2 IS NULL)", all.join(" OR ")))
}

/// The rows of a table that hold the text.
pub(super) fn rows(tx: &ReadTx<'_>, entity: &'static Entity, needle: &Needle) -> Result<Vec<RowId>, StoreError> {
    let mut found = Vec::new();
    if entity.primary_key != ["id"] {
        return Ok(found);
    }
    if let Some(condition) = condition(entity) {
        let sql = format!("SELECT \"id\" FROM \"{}\" WHERE {condition}", entity.name);
        let mut statement = tx.connection().prepare(&sql)?;
        let ids = statement.query_map([needle.plain(), needle.json()], |row| row.get::<_, String>(0))?;
        for id in ids {
            found.push(RowId::new(entity, Key::new(id?)));
        }
    }
    for column in entity.columns.iter().filter(|column| column.compressed) {
        let sql = format!("SELECT \"id\", \"{0}\" FROM \"{1}\" WHERE \"{0}\" IS NOT NULL", column.name, entity.name);
        let mut statement = tx.connection().prepare(&sql)?;
        let mut packed = statement.query([])?;
        while let Some(row) = packed.next()? {
            // One that cannot be unpacked holds no text that anybody could read.
            if decompress(row.get_ref(1)?.as_blob().unwrap_or_default()).is_ok_and(|text| needle.is_in_bytes(&text)) {
                found.push(RowId::new(entity, Key::new(row.get::<_, String>(0)?)));
            }
        }
    }
    Ok(found)
}

/// How many rows of a table hold the text, in words that are not packed.
pub(super) fn count(tx: &ReadTx<'_>, entity: &'static Entity, needle: &Needle) -> Result<u64, StoreError> {
    let Some(condition) = condition(entity) else { return Ok(0) };
    let sql = format!("SELECT count(*) FROM \"{}\" WHERE {condition}", entity.name);
    Ok(tx.connection().prepare(&sql)?.query_row([needle.plain(), needle.json()], |row| row.get(0))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_found_whatever_the_case_and_in_json() {
        let needle = Needle::new("  The \"Walrus\" Plan ").unwrap();
        assert!(needle.is_in("about the \"walrus\" plan."));
        assert!(needle.is_in(r#"{"a":"THE \"walrus\" plan"}"#));
        assert!(!needle.is_in("the walrus plan"));
        assert_eq!((Needle::new("ab"), Needle::new("  ")), (None, None));
    }
}
