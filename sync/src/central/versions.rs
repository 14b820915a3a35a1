//! How this build and central stand to each other.

use std::cmp::Ordering;
use std::sync::Arc;

use serde::Serialize;

use super::layout::Layout;
use super::schema::known_version;
use crate::extent::Extent;

/// How this build and central stand to each other: versions, and what one has and the other has not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Versions {
    /// Version of central's schema.
    pub central: u32,
    /// Version of this build's.
    pub known: u32,
    /// False when central says that this build is too old to write to it.
    pub may_write: bool,
    /// True when the tables at central are another program's.
    pub is_adopted: bool,
    /// What central holds of the catalogue.
    #[serde(skip)]
    pub extent: Arc<Extent>,
}

impl Versions {
    pub(super) fn of(layout: &Layout) -> Self {
        Self {
            central: layout.version,
            known: known_version(),
            may_write: layout.may_write(),
            is_adopted: layout.is_adopted,
            extent: layout.extent(),
        }
    }

    /// Central is of this very version, and holds everything.
    pub fn equal() -> Self {
        Self {
            central: known_version(),
            known: known_version(),
            may_write: true,
            is_adopted: false,
            extent: Extent::everything(),
        }
    }

    /// What its user should know of it, None when both have all that the other has.
    pub fn notice(&self) -> Option<String> {
        if !self.may_write {
            return Some(format!(
                "central has schema version {} and takes no changes from this build, which knows {}: they are collected here",
                self.central, self.known
            ));
        }
        let (tables, columns) = (self.extent.missing_tables(), self.extent.missing_columns());
        if tables.is_empty() && columns.is_empty() {
            let how = match self.central.cmp(&self.known) {
                Ordering::Equal => return None,
                Ordering::Greater => "it works with what it knows and leaves the rest alone",
                Ordering::Less => "everything travels, and what came with later versions is left undone there",
            };
            let (central, known) = (self.central, self.known);
            return Some(format!("central has schema version {central}, this build knows {known}: {how}"));
        }
        let mut lacks: Vec<String> = tables.iter().map(|entity| entity.name.to_owned()).collect();
        lacks.extend(columns);
        Some(format!("central has no place for {}: that stays on this machine", lacks.join(", ")))
    }

    /// What to do about it; empty when nothing needs to be done.
    pub fn remedy(&self) -> &'static str {
        if !self.may_write || self.central > self.known {
            "upgrade claudetools on this machine"
        } else if self.central < self.known {
            "run `claudetools central migrate` once, with a user that may alter tables"
        } else if self.is_adopted {
            "`claudetools central check` says what each table lacks; nothing is lost"
        } else if self.notice().is_some() {
            "run `claudetools central check`: tables or columns of claudetools are gone"
        } else {
            ""
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_version_is_said_also_when_no_table_differs() {
        let notice = |central: u32| Versions { central, known: 7, ..Versions::equal() }.notice();
        assert_eq!(notice(7), None);
        assert!(notice(8).unwrap().contains("leaves the rest alone"));
        assert!(notice(3).unwrap().contains("schema version 3, this build knows 7"));
    }
}
