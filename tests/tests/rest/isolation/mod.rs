//! Callers that are limited to clients, at every endpoint: two clients with rows in every table that can lead to one, each
//! row with a word of its client in every text that takes it, and callers who are limited to the first of them.

mod coord;
mod limits;
mod reads;
mod writes;

use std::collections::{BTreeMap, BTreeSet};

use migrations::catalogue as tables;
use migrations::{ENTITIES, Entity, Kind};
use serde_json::{Value, json};
use world::Api;
use world::api::Answer;

use super::{World, encoded};

/// The code of every refusal.
const REFUSED: &str = "CLIENT_FORBIDDEN";

/// One of the two clients, with a row of each table.
struct Side {
    /// Stands in every text of its rows.
    word: &'static str,
    /// Rows as they were made, by table.
    rows: BTreeMap<&'static str, Value>,
}

impl Side {
    fn id(&self, entity: &Entity) -> &str {
        self.row(entity)["id"].as_str().unwrap()
    }

    fn row(&self, entity: &Entity) -> &Value {
        &self.rows[entity.name]
    }

    fn slug(&self) -> &str {
        self.row(tables::PROJECTS)["slug"].as_str().unwrap()
    }

    /// The ids of its own rows, and what else names them alone.
    fn names(&self) -> BTreeSet<String> {
        self.rows.values().filter_map(|row| row["id"].as_str().map(str::to_owned)).collect()
    }

    /// Whatever of this side's stands in a text; `sent` is what the caller said itself.
    fn seen_in(&self, text: &str, sent: &str) -> Vec<String> {
        let mut told: Vec<String> =
            self.names().into_iter().filter(|id| text.contains(id) && !sent.contains(id)).collect();
        if text.to_lowercase().contains(self.word) && !sent.contains(self.word) {
            told.push(self.word.to_owned());
        }
        told
    }
}

/// Two clients, and who may see one of them only.
struct Divided {
    world: World,
    /// Seen by the limited callers.
    alpha: Side,
    /// Hidden from them.
    beta: Side,
    /// Rows that belong to no client.
    general: Side,
    viewer: Api,
    tech: Api,
}

impl Divided {
    fn new(name: &str) -> Divided {
        let world = World::new(name);
        let mut general = Side { word: "marker-general", rows: BTreeMap::new() };
        let (mut alpha, mut beta) =
            (Side { word: "marker-alpha", rows: BTreeMap::new() }, Side { word: "marker-beta", rows: BTreeMap::new() });
        let paths = world.paths();
        let written = |entity: &&Entity| paths.get(entity.name).is_some_and(|path| world.offers(path, "post"));
        for entity in by_depth().into_iter().filter(written) {
            if leads_to_client(entity) {
                for side in [&mut alpha, &mut beta] {
                    let row = world.marked(entity, side, &general);
                    side.rows.insert(entity.name, row);
                }
            } else {
                let row = world.marked(entity, &general, &general);
                general.rows.insert(entity.name, row);
            }
        }
        for side in [&alpha, &beta] {
            world.tag(side, &general);
            world.coordinate(side);
        }
        let viewer = limited(&world.api, &["read"], &[alpha.id(tables::CLIENTS)]);
        let tech = limited(&world.api, &["read", "write"], &[alpha.id(tables::CLIENTS)]);
        Divided { world, alpha, beta, general, viewer, tech }
    }

    /// Method, path and description of every operation that the API describes.
    fn operations(&self) -> Vec<(String, String, Value)> {
        let paths = self.world.document["paths"].as_object().unwrap();
        let of_path = |(path, methods): (&String, &Value)| {
            let path = path.clone();
            let of = |(method, operation): (&String, &Value)| (method.to_uppercase(), operation.clone());
            let methods: Vec<_> = methods.as_object().unwrap().iter().map(of).collect();
            methods.into_iter().map(move |(method, operation)| (method, path.clone(), operation))
        };
        paths.iter().flat_map(of_path).collect()
    }

    /// The table whose rows a path is about.
    fn entity(&self, path: &str) -> Option<&'static Entity> {
        let paths = self.world.paths();
        let is_of = |own: &str| path == own || path.starts_with(&format!("{own}/"));
        ENTITIES.iter().copied().find(|entity| paths.get(entity.name).is_some_and(|own| is_of(own)))
    }

    /// A path with what one side has in place of each parameter; None when it has nothing that fits.
    fn filled(&self, path: &str, side: &Side) -> Option<String> {
        let parts: Option<Vec<String>> = path.split('/').map(|part| self.part(path, part, side)).collect();
        Some(parts?.join("/"))
    }

    fn part(&self, path: &str, part: &str, side: &Side) -> Option<String> {
        let Some(name) = part.strip_prefix('{').and_then(|part| part.strip_suffix('}')) else {
            return Some(part.to_owned());
        };
        let text = |row: &Value, column: &str| row[column].as_str().map(encoded);
        let row = |entity: &Entity| side.rows.get(entity.name).or_else(|| self.general.rows.get(entity.name));
        match name {
            "id" if path.starts_with("/api/coord/messages/") => text(row(tables::COORD_MESSAGES)?, "id"),
            "id" if path.starts_with("/api/coord/locks/") => text(row(tables::COORD_SESSION_LOCKS)?, "id"),
            "id" => text(row(self.entity(path)?)?, "id"),
            "impact" | "decision_type" => text(row(tables::DECISION_LOGS)?, name),
            "tenant_id" => text(row(tables::M365_TENANTS)?, name),
            "user_id" => text(&self.world.api.get("/api/auth/me").unwrap().body(), "user"),
            _ => text(row(parent_named(name)?)?, "id"),
        }
    }

    /// Refusals on record.
    fn refusals(&self) -> Vec<Value> {
        let list = "/api/api-audit-log?limit=1000&sort=created_at&order=desc";
        let answer = self.world.api.get(list).unwrap().expect(200).unwrap().body();
        let is_refusal = |row: &&Value| row["error_code"] == REFUSED;
        answer["items"].as_array().unwrap().iter().filter(is_refusal).cloned().collect()
    }
}

impl World {
    /// A new row of a side: its references lead to that side's rows or to general ones, its texts have the side's word.
    fn marked(&self, entity: &'static Entity, side: &Side, general: &Side) -> Value {
        let mut plain = self.body(entity);
        for key in entity.foreign_keys.iter().filter(|key| key.references != entity.name) {
            let parent = side.rows.get(key.references).or_else(|| general.rows.get(key.references));
            plain[key.column] = parent.map_or(Value::Null, |row| row["id"].clone());
        }
        self.fit(entity, side, &mut plain);
        let mut body = plain.clone();
        for column in entity.columns {
            let free = column.values.is_empty() && matches!(column.kind, Kind::String(_) | Kind::Text | Kind::Json);
            if free && body.get(column.name).is_some_and(|value| !value.is_null()) {
                self.made.set(self.made.get() + 1);
                let text = format!("{}-{}", side.word, self.made.get());
                body[column.name] = if column.kind == Kind::Json { json!([text]) } else { json!(text) };
            }
        }
        // What a text may not be, or is too short for, stays as the description has it.
        let path = self.path(entity);
        let mut answer = self.api.post(&path, &body).unwrap();
        for _ in 0..3 {
            let wrong = answer.body()["details"]["fields"].as_object().cloned().unwrap_or_default();
            if answer.status != 422 {
                break;
            }
            for name in wrong.keys() {
                body[name.as_str()] = plain.get(name.as_str()).cloned().unwrap_or_default();
            }
            answer = self.api.post(&path, &body).unwrap();
        }
        let row = answer.expect(201).unwrap().body();
        assert!(row.to_string().contains(side.word), "{}: nothing has the word: {row}", entity.name);
        row
    }

    /// What a row must be for the lists that choose by more than its references.
    fn fit(&self, entity: &Entity, side: &Side, body: &mut Value) {
        if entity == tables::SESSIONS {
            for (name, value) in
                [("status", json!("in_progress")), ("ended_at", Value::Null), ("duration_minutes", Value::Null)]
            {
                body[name] = value;
            }
        }
        if entity == tables::SERVICE_RELATIONSHIPS {
            // Both ends are of one side, and are two.
            let more = json!({
                "infrastructure_id": side.row(tables::INFRASTRUCTURE)["id"], "client_id": side.row(tables::CLIENTS)["id"],
                "service_name": format!("{}-second", side.word),
            });
            body["to_service_id"] = self.create_with(tables::SERVICES, &more)["id"].clone();
        }
        if entity == tables::CONTEXT_SNIPPETS {
            body["relevance_score"] = json!("9.00");
        }
    }

    /// Tags of what can be tagged.
    fn tag(&self, side: &Side, general: &Side) {
        for entity in [tables::SESSIONS, tables::WORK_ITEMS, tables::INFRASTRUCTURE] {
            let (path, id, tag) = (self.path(entity), side.id(entity), general.id(tables::TAGS));
            self.api.put(&format!("{path}/{id}/tags/{tag}"), &json!({})).unwrap().expect(200).unwrap();
        }
    }
}

impl World {
    /// What sessions tell each other in the project of a side.
    fn coordinate(&self, side: &Side) {
        let (slug, word) = (side.slug(), side.word);
        let component =
            json!({ "project_key": slug, "component": word, "state": "stable", "updated_by": word, "notes": word });
        self.api.json("PUT", "/api/coord/components", &component, &[]).unwrap().expect(201).unwrap();
    }
}

/// The way to the API of a token that is limited to some clients.
fn limited(api: &Api, scopes: &[&str], clients: &[&str]) -> Api {
    let request = json!({ "scopes": scopes, "expires_in": 3600, "clients": clients });
    let issued = api.post("/api/auth/issue", &request).unwrap().expect(200).unwrap().body();
    Api { token: issued["access_token"].as_str().map(str::to_owned), ..api.clone() }
}

/// The tables, parents first.
fn by_depth() -> Vec<&'static Entity> {
    let mut all: Vec<&'static Entity> = ENTITIES.to_vec();
    all.sort_by_key(|entity| depth(entity));
    all
}

fn depth(entity: &Entity) -> usize {
    parents(entity).map(|parent| depth(parent) + 1).max().unwrap_or(0)
}

fn parents(entity: &Entity) -> impl Iterator<Item = &'static Entity> {
    let others = entity.foreign_keys.iter().filter(|key| key.references != entity.name);
    others.filter_map(|key| migrations::entity(key.references))
}

/// True if the references of the table's rows can lead to a client.
fn leads_to_client(entity: &'static Entity) -> bool {
    entity == tables::CLIENTS || parents(entity).any(leads_to_client)
}

/// The table that a parameter of this name refers to.
fn parent_named(name: &str) -> Option<&'static Entity> {
    let mut keys = ENTITIES.iter().flat_map(|entity| entity.foreign_keys);
    keys.find(|key| key.column == name).and_then(|key| migrations::entity(key.references))
}

fn is_refused(answer: &Answer) -> bool {
    answer.status == 403 && answer.code() == REFUSED
}
