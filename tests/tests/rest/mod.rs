//! The REST API of a daemon that runs, asked over loopback.

mod audited;
mod cascade;
mod conventions;
mod injection;
mod isolation;
mod kept;
mod ledger;
mod rows;
mod special;
mod steering;
mod surface;
mod tools;

use std::cell::Cell;
use std::collections::HashMap;

use migrations::catalogue::USERS;
use migrations::{ENTITIES, Entity, Kind};
use serde_json::{Value, json};
use world::{Api, Machine};

/// A machine with its API and the description that it gives of it.
struct World {
    machine: Machine,
    api: Api,
    document: Value,
    made: Cell<u32>,
}

impl World {
    fn new(name: &str) -> World {
        let machine = Machine::new(name).unwrap();
        let api = machine.start_api().unwrap();
        let document = api.stranger().get("/api/openapi.json").unwrap().expect(200).unwrap().body();
        World { machine, api, document, made: Cell::new(0) }
    }

    /// The paths of the tables that are offered, by table.
    fn paths(&self) -> HashMap<&'static str, String> {
        let by_model = |entity: &&Entity| {
            let page = format!("#/components/schemas/{}Page", entity.model);
            let lists = self.document["paths"].as_object().unwrap().iter().find(|(path, methods)| {
                path.matches('/').count() == 2
                    && methods["get"]["responses"]["200"]["content"]["application/json"]["schema"]["$ref"] == page
            });
            lists.map(|(path, _)| (entity.name, path.clone()))
        };
        // Users are written at central only, and by routes of their own.
        let is_written_here = |entity: &&&Entity| !entity.model.is_empty() && **entity != USERS;
        ENTITIES.iter().filter(is_written_here).filter_map(by_model).collect()
    }

    fn path(&self, entity: &Entity) -> String {
        self.paths()[entity.name].clone()
    }

    /// Whether a path knows a method.
    fn offers(&self, path: &str, method: &str) -> bool {
        self.document["paths"][path].get(method).is_some()
    }

    /// The schema of that name.
    fn schema(&self, name: &str) -> &Value {
        &self.document["components"]["schemas"][name]
    }

    /// A body that makes a row: the example of the description, with names that nobody has and parents that exist.
    fn body(&self, entity: &'static Entity) -> Value {
        let mut body = self.schema(&format!("{}Create", entity.model))["examples"][0].clone();
        self.made.set(self.made.get() + 1);
        let number = self.made.get();
        for column in entity.unique.iter().flat_map(|index| index.columns) {
            if let (Some(value), Some(column)) = (body.get(*column), entity.column(column))
                && matches!(column.kind, Kind::String(_))
                && column.values.is_empty()
            {
                body[column.name] = match column.name {
                    "tenant_id" => json!(uuid::Uuid::from_u128(number.into()).to_string()),
                    _ => json!(format!("{}-{number}", value.as_str().unwrap())),
                };
            }
        }
        for key in entity.foreign_keys {
            if entity.column(key.column).is_some_and(|column| !column.nullable) {
                body[key.column] = self.create(migrations::entity(key.references).unwrap())["id"].clone();
            }
        }
        body
    }

    /// A new row.
    fn create(&self, entity: &'static Entity) -> Value {
        self.create_with(entity, &json!({}))
    }

    /// A new row with some values.
    fn create_with(&self, entity: &'static Entity, values: &Value) -> Value {
        let mut body = self.body(entity);
        for (name, value) in values.as_object().unwrap() {
            body[name] = value.clone();
        }
        self.api.post(&self.path(entity), &body).unwrap().expect(201).unwrap().body()
    }
}

/// A text as it stands in a URL.
fn encoded(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
            _ => format!("%{byte:02X}"),
        })
        .collect()
}

/// What a stored value looks like in a URL.
fn in_url(value: &Value) -> String {
    encoded(&value.as_str().map_or_else(|| value.to_string(), str::to_owned))
}
