//! The parameters of a URL and of headers, checked against those that the route declares.

use std::collections::HashMap;

use axum::extract::{Query, RawPathParams};
use axum::http::{HeaderMap, Uri};
use merge::Value;

use super::value;
use crate::api::problem::Problem;
use crate::api::route::{Parameter, Place, Route};

/// Parameters by name, in canonical form.
pub(crate) type Parameters = HashMap<&'static str, Value>;

/// Takes what was given; what the route does not know is refused.
pub(crate) fn take(route: &Route, path: &RawPathParams, uri: &Uri, headers: &HeaderMap) -> Result<Parameters, Problem> {
    let mut taken = Taken { route, parameters: HashMap::new(), wrong: Vec::new() };
    for (name, text) in path {
        taken.add(Place::Path, name, text);
    }
    let query = Query::<Vec<(String, String)>>::try_from_uri(uri)
        .map_err(|_| Problem::field("query", "is no list of names and values"))?;
    for (name, text) in &query.0 {
        taken.add(Place::Query, name, text);
    }
    for declared in route.parameters.iter().filter(|declared| declared.place == Place::Header) {
        if let Some(value) = headers.get(declared.column.name) {
            match value.to_str() {
                Ok(text) => taken.add(Place::Header, declared.column.name, text),
                Err(_) => taken.wrong.push((declared.column.name.to_owned(), "must be plain text".to_owned())),
            }
        }
    }
    taken.finish()
}

struct Taken<'r> {
    route: &'r Route,
    parameters: Parameters,
    wrong: Vec<(String, String)>,
}

impl Taken<'_> {
    fn add(&mut self, place: Place, name: &str, text: &str) {
        let is_it = |declared: &&Parameter| declared.place == place && declared.column.name == name;
        let Some(declared) = self.route.parameters.iter().find(is_it) else {
            return self.wrong.push((name.to_owned(), "is no parameter of this call".to_owned()));
        };
        let name = declared.column.name;
        match value::of_url(&declared.column, declared.range, text) {
            Ok(_) if self.parameters.contains_key(name) => {
                self.wrong.push((name.to_owned(), "is given more than once".to_owned()));
            }
            Ok(value) => drop(self.parameters.insert(name, value)),
            Err(reason) => self.wrong.push((name.to_owned(), reason)),
        }
    }

    fn finish(mut self) -> Result<Parameters, Problem> {
        let missing = |declared: &&Parameter| declared.required && !self.parameters.contains_key(declared.column.name);
        let missing: Vec<&str> = self.route.parameters.iter().filter(missing).map(|one| one.column.name).collect();
        let unnamed = missing.into_iter().filter(|name| !self.wrong.iter().any(|(wrong, _)| wrong == name));
        let unnamed: Vec<_> = unnamed.map(|name| (name.to_owned(), "must be given".to_owned())).collect();
        self.wrong.extend(unnamed);
        if self.wrong.is_empty() { Ok(self.parameters) } else { Err(Problem::fields(&self.wrong)) }
    }
}
