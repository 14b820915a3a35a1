//! What a request names must be seen by its caller, before anything is done.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use migrations::{ENTITIES, Entity};
use serde_json::Value as Json;
use sync::StoreError;
use sync::local::ReadTx;

use super::{Limit, Treatment, forbidden, refuses};
use crate::api::input::formed;
use crate::api::plan::Form;
use crate::api::problem::Problem;
use crate::api::route::{Call, Work};

/// Names under which a request gives the slug of a project.
const SLUGS: [&str; 3] = ["project_key", "project", "slug"];

/// Lets a request of a limited caller through, or says why not.
pub(crate) async fn admit(call: &Call, limit: &Limit) -> Result<(), Problem> {
    let route = call.route;
    let is_judged = match route.treatment {
        Treatment::ByKind => matches!(route.work, Work::Read(_) | Work::ReadRow(_) | Work::Write(_)),
        Treatment::Own => true,
        Treatment::Refused => false,
    };
    if !is_judged || route.resource.is_some_and(|resource| refuses(resource.entity)) {
        return Err(forbidden("this is not for callers that are limited to clients"));
    }
    let mut named = Named::default();
    for (name, value) in &call.parameters {
        named.text(name, value.as_text().unwrap_or_default());
    }
    for (name, value) in &call.body {
        named.json(name, value);
    }
    if named.ids.is_empty() && named.slugs.is_empty() {
        return Ok(());
    }
    let store = call.core.store.clone();
    let hidden = store.read_shaded_async(limit.shade(), move |tx| named.is_hidden(tx)).await?;
    if hidden { Err(forbidden(super::HIDDEN)) } else { Ok(()) }
}

/// What a request names.
#[derive(Default)]
struct Named {
    ids: BTreeSet<String>,
    slugs: BTreeSet<String>,
}

impl Named {
    fn json(&mut self, name: &str, value: &Json) {
        match value {
            Json::String(text) => self.text(name, text),
            Json::Array(items) => items.iter().for_each(|item| self.json(name, item)),
            Json::Object(fields) => fields.iter().for_each(|(name, value)| self.json(name, value)),
            _ => {}
        }
    }

    fn text(&mut self, name: &str, text: &str) {
        let text = text.trim();
        self.ids.extend(formed(Form::Guid, text));
        if SLUGS.contains(&name) {
            self.slugs.extend(formed(Form::Slug, text));
            self.slugs.insert(text.to_owned());
        }
    }

    /// True if something of it is there and not seen.
    fn is_hidden(&self, tx: &ReadTx<'_>) -> Result<bool, StoreError> {
        let ids = self.ids.iter().flat_map(|id| BY_ID.iter().map(move |sql| (sql, id)));
        for (sql, text) in ids.chain(self.slugs.iter().map(|slug| (&*BY_SLUG, slug))) {
            if tx.connection().prepare_cached(sql)?.exists([text])? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// For each table with an id: whether a row of it is hidden.
static BY_ID: LazyLock<Vec<String>> = LazyLock::new(|| {
    let has_id = |entity: &&&'static Entity| entity.primary_key == ["id"];
    ENTITIES.iter().filter(has_id).map(|entity| hidden(entity.name, "id")).collect()
});

static BY_SLUG: LazyLock<String> = LazyLock::new(|| hidden("projects", "slug"));

fn hidden(table: &str, column: &str) -> String {
    format!(
        "SELECT 1 FROM main.\"{table}\" r WHERE r.\"{column}\" = ?1 \
           AND NOT EXISTS (SELECT 1 FROM temp.\"{table}\" v WHERE v.id = r.id)"
    )
}
