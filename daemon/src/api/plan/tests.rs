use std::collections::HashSet;

use migrations::entity::Check;
use migrations::{ENTITIES, Kind};

use super::*;

fn resource(path: &str) -> &'static Resource {
    all().iter().find(|resource| resource.offer.path == path).unwrap()
}

#[test]
fn every_table_that_the_specification_names_is_offered_once() {
    let paths: HashSet<&str> = all().iter().map(|resource| resource.offer.path).collect();
    let tables: HashSet<&str> = all().iter().map(|resource| resource.entity.name).collect();
    assert_eq!((paths.len(), tables.len()), (all().len(), all().len()));
    let missing: Vec<&str> = ENTITIES.iter().map(|entity| entity.name).filter(|name| !tables.contains(name)).collect();
    // Served through other paths, or not at all.
    assert_eq!(
        missing,
        [
            "session_tags",
            "work_item_tags",
            "infrastructure_tags",
            "schema_migrations",
            "alembic_version",
            "context_tags",
            "users",
            "coord_session_locks",
            "coord_component_states",
            "coord_messages",
            "forgotten"
        ]
    );
}

#[test]
fn the_names_in_the_table_of_offers_are_columns() {
    for resource in all() {
        assert!(resource.entity.column(resource.offer.main_time).is_some(), "{}", resource.entity.name);
        for by in resource.offer.by {
            let (By::Column(_, column) | By::Through(_, column, _)) = by;
            assert!(resource.entity.column(column).is_some(), "{} {column}", resource.entity.name);
        }
        let names: HashSet<&str> = resource.fields.iter().map(|field| field.name).collect();
        assert_eq!(names.len(), resource.fields.len(), "{}", resource.entity.name);
    }
}

#[test]
fn bounds_come_from_the_conditions() {
    let range = |path, field: &str| resource(path).field(field).unwrap().range;
    assert_eq!(range("billable-time", "hourly_rate"), (Some(0), None));
    assert_eq!(range("environmental-insights", "priority"), (Some(1), Some(10)));
    assert_eq!(range("project-states", "progress_percentage"), (Some(0), Some(100)));
    assert_eq!(range("context-snippets", "relevance_score"), (Some(0), Some(1000)));
    assert_eq!(range("billable-time", "started_at"), (None, None));
}

/// A condition over one column that the plan does not understand would be an error that no client can foresee.
#[test]
fn every_condition_is_a_closed_list_a_bound_or_over_several_columns() {
    let known = ["ck_billable_time_times", "ck_sessions_times", "ck_service_relationships_not_self"];
    for resource in all() {
        for Check { name, sql, .. } in resource.entity.checks {
            let bounds = resource.fields.iter().any(|field| {
                sql.starts_with(&format!("{} ", field.name)) && (field.range != (None, None) || field.column.checked)
            });
            assert!(bounds || known.contains(name), "{name}: {sql}");
        }
    }
}

#[test]
fn secrets_and_packed_texts_are_no_columns_to_search_or_sort_by() {
    let credentials = resource("credentials");
    assert_eq!(credentials.field("password").unwrap().role, Role::Sealed);
    assert!(!credentials.text.contains(&"password") && !credentials.sortable.contains(&"password"));
    let runs = resource("command-runs");
    assert_eq!(runs.field("output").unwrap().role, Role::Packed);
    assert!(!runs.text.contains(&"output"));
}

#[test]
fn json_columns_say_what_they_hold() {
    let any: Vec<&str> = all()
        .iter()
        .flat_map(|resource| resource.fields.iter())
        .filter(|field| field.column.kind == Kind::Json && field.json == JsonShape::Any)
        .map(|field| field.name)
        .collect();
    assert_eq!(
        any,
        ["details", "structured_data", "request_data", "response_data", "verification_details", "request_fields"]
    );
}
