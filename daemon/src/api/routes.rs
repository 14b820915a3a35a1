//! The one table of what can be called. The router, the description and the rights are made from it, so that a route cannot
//! be in one and missing in another.

use std::sync::LazyLock;

use super::route::{Route, Scope};
use super::{docs, openapi, rows, special};

static ROUTES: LazyLock<Vec<Route>> = LazyLock::new(|| {
    let special = special::routes();
    let mut routes = rows::routes();
    routes.retain(|generic| !special.iter().any(|route| route.method == generic.method && route.path == generic.path));
    [routes, special, openapi::routes(), docs::routes()].into_iter().flatten().collect()
});

/// All routes.
pub(crate) fn all() -> &'static [Route] {
    &ROUTES
}

/// Whether a path is one that needs no login.
pub(crate) fn is_open(path: &str) -> bool {
    all().iter().any(|route| route.scope == Scope::Open && route.path == path.trim_end_matches('/'))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use axum::http::Method;

    use super::*;
    use crate::api::route::Work;

    #[test]
    fn names_are_unique_and_so_are_places() {
        let names: HashSet<&str> = all().iter().map(|route| route.name.as_str()).collect();
        let places: HashSet<(&Method, &str)> = all().iter().map(|route| (&route.method, route.path.as_str())).collect();
        assert_eq!((names.len(), places.len()), (all().len(), all().len()));
    }

    #[test]
    fn every_parameter_of_a_path_is_declared_and_the_reverse() {
        for route in all() {
            let of_path: HashSet<&str> =
                route.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')).collect();
            let declared: HashSet<&str> = route
                .parameters
                .iter()
                .filter(|parameter| parameter.place == super::super::route::Place::Path)
                .map(|parameter| parameter.column.name)
                .collect();
            assert_eq!(of_path, declared, "{}", route.path);
            assert!(!route.gives.is_empty() && !route.tag.is_empty() && !route.summary.is_empty(), "{}", route.path);
        }
    }

    /// What is answered again is not done again: that must be nothing but reading.
    #[test]
    fn only_what_does_nothing_but_read_is_answered_again() {
        let kept: Vec<&Route> = all().iter().filter(|route| route.kept).collect();
        for route in &kept {
            let only_reads = matches!(route.work, Work::Read(_) | Work::ReadRow(_));
            assert!(route.method == Method::GET && only_reads && route.raised.is_none(), "{}", route.name);
        }
        let is_kept = |name: &str| kept.iter().any(|route| route.name == name);
        assert!(is_kept("clients_get") && is_kept("clients_list") && is_kept("credentials_list"));
        assert!(
            !is_kept("credentials_get") && !is_kept("context_snippets_get"),
            "to read these is on record, or counts"
        );
    }

    #[test]
    fn little_is_open() {
        let open: Vec<&str> =
            all().iter().filter(|route| route.scope == Scope::Open).map(|route| route.path.as_str()).collect();
        assert_eq!(
            open,
            ["/health", "/api/auth/token", "/api/v1/auth/token", "/api/auth/refresh", "/api/openapi.json", "/api/docs",]
        );
    }

    /// Reading needs no more than the scope to read, and only reading is done with it, and what everybody may do with their
    /// own login.
    #[test]
    fn what_changes_something_needs_the_scope_to_write() {
        for route in all().iter().filter(|route| route.method != Method::GET) {
            let reads =
                ["auth_logout", "auth_password", "failure_patterns_match", "recall"].contains(&route.name.as_str());
            assert_eq!(route.scope == Scope::Read, reads, "{}", route.name);
        }
    }
}
