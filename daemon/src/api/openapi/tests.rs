use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::*;

fn operations(document: &Json) -> Vec<(String, String, Json)> {
    let paths = document["paths"].as_object().unwrap();
    let of_path = |(path, methods): (&String, &Json)| {
        let methods = methods.as_object().unwrap().clone();
        let path = path.clone();
        methods.into_iter().map(move |(method, operation)| (path.clone(), method, operation)).collect::<Vec<_>>()
    };
    paths.iter().flat_map(of_path).collect()
}

fn references(json: &Json, found: &mut BTreeSet<String>) {
    match json {
        Json::Object(fields) => {
            for (name, value) in fields {
                match value.as_str() {
                    Some(target) if name == "$ref" => drop(found.insert(target.to_owned())),
                    _ => references(value, found),
                }
            }
        }
        Json::Array(items) => items.iter().for_each(|item| references(item, found)),
        _ => {}
    }
}

#[test]
fn every_route_is_described() {
    let document = document();
    let described: BTreeSet<(String, String)> =
        operations(&document).into_iter().map(|(path, method, _)| (path, method.to_uppercase())).collect();
    let routes: BTreeSet<(String, String)> =
        routes::all().iter().map(|route| (route.path.clone(), route.method.to_string())).collect();
    assert_eq!(described, routes);
}

#[test]
fn all_that_is_referred_to_is_there_and_no_name_stands_for_two_things() {
    let document = document();
    let mut found = BTreeSet::new();
    references(&document, &mut found);
    for target in found {
        assert!(document.pointer(target.trim_start_matches('#')).is_some(), "{target}");
    }
    let mut generator = SchemaSettings::draft2020_12().into_generator();
    for route in routes::all() {
        operation::of(route, &mut generator);
    }
    let tables: Vec<String> = plan::all().iter().flat_map(bodies::schemas).map(|(name, _)| name).collect();
    assert_eq!(tables.iter().collect::<BTreeSet<_>>().len(), tables.len());
    for name in types(&mut generator).keys() {
        assert!(!tables.contains(name), "{name}");
        assert!(!name.ends_with(|last: char| last.is_ascii_digit()), "two types are called {name}");
    }
}

#[test]
fn what_is_encrypted_is_only_taken_and_told_of() {
    let document = document();
    for resource in plan::all() {
        let properties = &document["components"]["schemas"][resource.schema()]["properties"];
        for field in resource.fields.iter().filter(|field| field.role == plan::Role::Sealed) {
            assert!(properties.get(field.name).is_none() && properties.get(field.column.name).is_none());
            assert!(properties.get(format!("has_{}", field.name)).is_some(), "{}", field.name);
        }
    }
}

/// One line for each operation: what a program that was written against it relies on. A change of this file is a change of
/// the API.
#[test]
fn the_api_is_as_it_was_agreed() {
    let document = document();
    let mut lines: Vec<String> =
        operations(&document).iter().map(|(path, method, operation)| line(path, method, operation)).collect();
    lines.sort();
    let mut text = lines.join("\n");
    let _ = writeln!(text); // writing to a String cannot fail
    let schemas = document["components"]["schemas"].as_object().unwrap();
    let mut shapes: Vec<String> = schemas.iter().map(|(name, schema)| shape(name, schema)).collect();
    shapes.sort();
    text.push_str(&shapes.join("\n"));
    text.push('\n');
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/src/api/openapi/snapshot.txt");
    if std::env::var_os("UPDATE_SNAPSHOT").is_some() {
        std::fs::write(file, &text).unwrap();
    }
    let agreed = std::fs::read_to_string(file).unwrap();
    for (agreed, now) in agreed.lines().zip(text.lines()) {
        assert_eq!(agreed, now, "if this is meant: UPDATE_SNAPSHOT=1 cargo test -p claudetools the_api_is");
    }
    assert_eq!(agreed.lines().count(), text.lines().count());
}

/// `GET /api/clients/{id} clients_get msp:read 200:Client if-match*`
fn line(path: &str, method: &str, operation: &Json) -> String {
    let scope = operation["security"][0]["bearer"][0].as_str().unwrap_or("open");
    let name = operation["operationId"].as_str().unwrap();
    let mut line = format!("{} {path} {name} {scope}", method.to_uppercase());
    for parameter in operation["parameters"].as_array().into_iter().flatten() {
        let mark = if parameter["required"] == true { "!" } else { "" };
        let _ = write!(line, " {}{mark}", parameter["name"].as_str().unwrap());
    }
    if let Some(body) = operation.get("requestBody") {
        let _ = write!(line, " takes {}", kinds(body));
    }
    for (status, response) in operation["responses"].as_object().unwrap() {
        let _ = write!(line, " {status}:{}", kinds(response));
    }
    line
}

fn kinds(body: &Json) -> String {
    let mut found = BTreeSet::new();
    references(body, &mut found);
    found.iter().map(|target| target.rsplit('/').next().unwrap_or_default()).collect::<Vec<_>>().join("|")
}

/// `ClientCreate: address string|null, …`
fn shape(name: &str, schema: &Json) -> String {
    let required: Vec<&str> = schema["required"].as_array().into_iter().flatten().filter_map(Json::as_str).collect();
    let properties = schema["properties"].as_object().into_iter().flatten().map(|(field, of)| {
        let mark = if required.contains(&field.as_str()) { "!" } else { "" };
        let kind = match &of["type"] {
            Json::Array(types) => types.iter().filter_map(Json::as_str).collect::<Vec<_>>().join("|"),
            one => one.as_str().unwrap_or("…").to_owned(),
        };
        let values = of["enum"].as_array().map_or(String::new(), |values| format!("({})", values.len()));
        format!("{field}{mark} {kind}{values}")
    });
    format!("{name}: {}", properties.collect::<Vec<_>>().join(", "))
}
