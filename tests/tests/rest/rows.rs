//! What every table can do, for every table: made from the description's own examples.

use migrations::entity::ColumnDefault;
use migrations::{Column, ENTITIES, Entity, Kind};
use serde_json::{Value, json};

use super::{World, in_url};

/// Every table that is offered and can be written.
fn written(world: &World) -> Vec<(&'static Entity, String)> {
    let paths = world.paths();
    let written: Vec<_> = ENTITIES
        .iter()
        .filter_map(|entity| paths.get(entity.name).map(|path| (*entity, path.clone())))
        .filter(|(_, path)| world.offers(path, "post"))
        .collect();
    assert_eq!(written.len(), 36);
    written
}

#[test]
fn a_row_is_made_once_and_read_back() {
    let world = World::new("create");
    for (entity, path) in written(&world) {
        let mut body = world.body(entity);
        let made = world.api.post(&path, &body).unwrap().expect(201).unwrap();
        let row = made.body();
        let place = format!("{path}/{}", row["id"].as_str().unwrap());
        for (name, value) in body.as_object().unwrap() {
            assert_eq!(&row[name], value, "{}.{name}", entity.name);
        }
        let got = world.api.get(&place).unwrap().expect(200).unwrap();
        assert_eq!(got.header("etag").is_some(), made.header("etag").is_some());
        // Getting a snippet counts.
        if entity.name != "context_snippets" {
            assert_eq!((got.body(), got.header("etag")), (row.clone(), made.header("etag")), "{}", entity.name);
        }
        // Sent again it makes nothing; in upper case it is the same id.
        body["id"] = json!(row["id"].as_str().unwrap().to_uppercase());
        if entity.name != "context_snippets" {
            assert_eq!(world.api.post(&path, &body).unwrap().expect(200).unwrap().body()["id"], row["id"]);
        }
        let (name, other) = other_value(entity, &body);
        body[name] = other;
        let refused = world.api.post(&path, &body).unwrap().expect(409).unwrap();
        assert_eq!((refused.code(), &refused.body()["details"]["existing_id"]), ("DUPLICATE_KEY".into(), &row["id"]));
        let unknown = world.api.get(&format!("{path}/0190f5b2-7c3e-7d4a-8b21-3f6e5d4c2b1b")).unwrap();
        assert_eq!((unknown.status, unknown.code()), (404, "NOT_FOUND".into()));
    }
}

/// A field of a body and another value for it that the table takes.
fn other_value(entity: &'static Entity, body: &Value) -> (&'static str, Value) {
    let changed = |column: &'static Column| {
        let is_own = entity.foreign_keys.iter().all(|key| key.column != column.name)
            && !["id", "created_at", "updated_at", "slug", "tenant_id"].contains(&column.name);
        let value = body.get(column.name)?.as_str()?;
        let free = matches!(column.kind, Kind::String(_) | Kind::Text) && column.values.is_empty();
        (is_own && free).then(|| (column.name, json!(format!("{}x", &value[..value.len() - 1]))))
    };
    entity.columns.iter().find_map(changed).unwrap()
}

#[test]
fn a_row_is_changed_field_by_field_and_only_in_the_version_that_was_read() {
    let world = World::new("change");
    for (entity, path) in written(&world) {
        let row = world.create(entity);
        let place = format!("{path}/{}", row["id"].as_str().unwrap());
        if !world.offers(&format!("{path}/{{id}}"), "put") {
            assert_eq!(world.api.put(&place, &json!({})).unwrap().status, 405, "{path}");
            assert_eq!(world.api.delete(&place).unwrap().status, 405, "{path}");
            continue;
        }
        let before = world.api.get(&format!("{place}?{}", untouched(entity))).unwrap();
        let etag = before.header("etag").unwrap().to_owned();
        let (name, value) = other_value(entity, &row);
        let change = json!({ name: value });
        let changed = world.api.json("PUT", &place, &change, &[("If-Match", &etag)]).unwrap().expect(200).unwrap();
        assert_ne!(changed.header("etag"), Some(etag.as_str()));
        let mut expected = before.body();
        expected[name] = value;
        if entity.column("updated_at").is_some() {
            expected["updated_at"] = changed.body()["updated_at"].clone();
        }
        assert_eq!(changed.body(), expected, "{}: nothing else has changed", entity.name);
        let late = world.api.json("PUT", &place, &json!({ name: row[name] }), &[("If-Match", &etag)]).unwrap();
        assert_eq!((late.status, late.code()), (412, "PRECONDITION_FAILED".into()));
        let late = world.api.send("DELETE", &place, &[("If-Match", &etag)], b"").unwrap();
        assert_eq!(late.status, 412);

        if let Some(column) = nullable(entity, &row) {
            let cleared = world.api.put(&place, &json!({ column: null })).unwrap().expect(200).unwrap();
            assert_eq!(cleared.body()[column], Value::Null, "{}.{column}", entity.name);
        }
        let stamped = world.api.put(&place, &json!({ "created_at": "2026-01-01T00:00:00Z", "nonsense": 1 })).unwrap();
        let fields = stamped.expect(422).unwrap().body()["details"]["fields"].clone();
        assert!(fields["created_at"].is_string() && fields["nonsense"].is_string(), "{fields}");

        if entity.name == "credentials" {
            // All that was done with it is on record, so it stays, without its secrets.
            let kept = world.api.delete(&place).unwrap().expect(200).unwrap().body();
            assert_eq!(kept["is_active"], false);
            continue;
        }
        let planned = world.api.delete(&format!("{place}?dry_run=true")).unwrap().expect(200).unwrap();
        assert_eq!(planned.body(), json!({ "cascade": {}, "set_null": {}, "restrict": {} }));
        world.api.delete(&place).unwrap().expect(204).unwrap();
        assert_eq!(world.api.get(&place).unwrap().status, 404);
        assert_eq!(world.api.delete(&place).unwrap().status, 404);
    }
}

/// Getting a snippet counts as a use of it, unless asked not to.
fn untouched(entity: &Entity) -> &'static str {
    if entity.name == "context_snippets" { "touch=false" } else { "" }
}

fn nullable(entity: &'static Entity, row: &Value) -> Option<&'static str> {
    let in_check = |name: &str| entity.checks.iter().any(|check| check.sql.contains(name));
    let fits = |column: &&Column| column.nullable && row.get(column.name).is_some_and(|value| !value.is_null());
    entity.columns.iter().filter(fits).map(|column| column.name).find(|name| !in_check(name))
}

#[test]
fn lists_are_filtered_sorted_searched_and_paged() {
    let world = World::new("lists");
    for (entity, path) in written(&world) {
        let rows: Vec<Value> = (0..3).map(|_| world.create(entity)).collect();
        let list = |query: &str| world.api.get(&format!("{path}?{query}")).unwrap().expect(200).unwrap().body();
        let all = list("");
        let total = all["total"].as_u64().unwrap();
        assert!(total >= 3 && all["items"].as_array().unwrap().len() as u64 == total, "{path}: {all}");
        // Two pages are the whole, in the same order.
        let ids =
            |page: &Value| page["items"].as_array().unwrap().iter().map(|row| row["id"].clone()).collect::<Vec<_>>();
        let pages = [list("limit=2"), list("limit=1000&skip=2")].iter().flat_map(ids).collect::<Vec<_>>();
        assert_eq!(pages, ids(&all), "{path}");

        let parameters = world.document["paths"][&path]["get"]["parameters"].as_array().unwrap().clone();
        for parameter in &parameters {
            let name = parameter["name"].as_str().unwrap();
            if let Some(value) = rows[0].get(name).filter(|value| !value.is_null()) {
                let found = list(&format!("{name}={}", in_url(value)));
                let items = found["items"].as_array().unwrap();
                assert!(!items.is_empty() && items.iter().all(|row| row[name] == *value), "{path} {name}: {found}");
            }
            if name == "sort" {
                for column in parameter["schema"]["enum"].as_array().unwrap() {
                    let column = column.as_str().unwrap();
                    let up = list(&format!("sort={column}&limit=1000"));
                    let down = list(&format!("sort={column}&order=desc&limit=1000"));
                    let reversed: Vec<Value> = ids(&down).into_iter().rev().collect();
                    assert_eq!(ids(&up), reversed, "{path} sort={column}");
                }
            }
        }
        let (name, _) = other_value(entity, &rows[0]);
        let term = rows[0][name].as_str().unwrap().split(' ').next().unwrap().to_uppercase();
        assert!(list(&format!("q={}", in_url(&json!(term))))["total"].as_u64().unwrap() >= 1, "{path}: {term}");
        assert_eq!(list("q=nothing-has-this-word")["total"], 0);
        let main_time = entity.columns.iter().find(|column| column.default == Some(ColumnDefault::Now)).map(|c| c.name);
        assert!(main_time.is_some());
        assert_eq!(list("from=2100-01-01T00:00:00Z")["total"], 0);
        assert_eq!(list("to=1971-01-01T00:00:00%2B02:00")["total"], 0);
    }
}
