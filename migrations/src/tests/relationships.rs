//! The navigations against the foreign keys that they follow.

use std::collections::BTreeSet;

use crate::catalogue::{Cardinality, RELATIONSHIPS, Relationship};
use crate::{ENTITIES, Entity, ForeignKey, entity};

#[test]
fn there_are_41_relationships_over_13_models() {
    let models: BTreeSet<_> = RELATIONSHIPS.iter().map(|relationship| relationship.model).collect();
    assert_eq!((RELATIONSHIPS.len(), models.len()), (41, 13));
}

#[test]
fn names_are_used_once_a_model() {
    let mut seen = BTreeSet::new();
    for relationship in RELATIONSHIPS {
        assert!(seen.insert((relationship.model, relationship.name)), "{relationship:?} is there twice");
    }
}

#[test]
fn every_relationship_follows_a_foreign_key_from_its_model() {
    for relationship in RELATIONSHIPS {
        let model = table_of(relationship);
        let (table, column) = relationship.via;
        let key = foreign_key(table, column);
        match relationship.kind {
            Cardinality::One => assert_eq!(table, model.name, "{relationship:?}"),
            Cardinality::Many => assert_eq!(key.references, model.name, "{relationship:?}"),
            Cardinality::Through(other) => {
                assert_eq!(key.references, model.name, "{relationship:?}");
                foreign_key(table, other);
            }
        }
    }
}

fn table_of(relationship: &Relationship) -> &'static Entity {
    let found = ENTITIES.iter().find(|entity| entity.model == relationship.model);
    found.unwrap_or_else(|| panic!("there is no model {}", relationship.model))
}

fn foreign_key(table: &str, column: &str) -> &'static ForeignKey {
    let keys = entity(table).unwrap_or_else(|| panic!("there is no table {table}")).foreign_keys;
    keys.iter().find(|key| key.column == column).unwrap_or_else(|| panic!("{table}.{column} is no foreign key"))
}
