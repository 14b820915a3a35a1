//! The tables, one file each, parents before children.

use crate::Entity;

/// All tables, parents before children.
pub static ENTITIES: &[&Entity] = &[];

/// The table of that name.
pub fn entity(name: &str) -> Option<&'static Entity> {
    ENTITIES.iter().copied().find(|e| e.name == name)
}
