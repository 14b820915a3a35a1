//! The tools as they are listed: short, as every conversation that loads them pays for them.

use rmcp::model::{JsonObject, Tool};
use serde_json::{Value, json};

/// All tools.
pub(super) fn all() -> Vec<Tool> {
    let text = json!({ "type": "string" });
    let flag = json!({ "type": "boolean" });
    let texts = json!({ "type": "array", "items": { "type": "string" } });
    let number = |most: u32| json!({ "type": "integer", "minimum": 1, "maximum": most });
    vec![
        tool(
            "search",
            "Search memory. Gives an index, best first: id, date, kind, tokens of the full text, title. Then `get` what fits.",
            &json!({
                "query": { "type": "string", "description": "Words of the matter; empty: the newest" },
                "tags": texts, "all_tags": { "type": "boolean", "description": "All of the tags instead of any" },
                "project": { "type": "string", "description": "Only of this project (slug)" },
                "limit": number(50),
                "budget": { "type": "integer", "description": "Tokens the answer may cost, 800 by default" },
            }),
            &["query"],
        ),
        tool("get", "Full texts of memories, with where they come from.", &json!({ "ids": texts }), &["ids"]),
        tool(
            "timeline",
            "What came before and after a memory (in its session) or a moment (in this project), as an index.",
            &json!({ "id": text, "at": { "type": "string", "description": "RFC 3339, instead of id" }, "each": number(25) }),
            &[],
        ),
        tool(
            "remember",
            "Save a lesson, pattern, blocker or state in plain words.",
            &json!({
                "text": text, "tags": texts,
                "kind": { "type": "string", "enum": ["lesson", "pattern", "blocker", "state"] },
            }),
            &["text"],
        ),
        tool(
            "decide",
            "Record a decision. `supersedes`: id of the one that it replaces.",
            &json!({
                "text": text, "rationale": text, "tags": texts, "supersedes": text,
                "impact": { "type": "string", "enum": ["low", "medium", "high"] },
            }),
            &["text"],
        ),
        tool(
            "forget",
            "Remove a memory for good, on every machine. Without `confirm` it only shows what would go.",
            &json!({ "id": text, "confirm": flag }),
            &["id"],
        ),
        tool("open_ends", "Pending tasks, next actions and blockers of this project.", &json!({}), &[]),
        tool("who_is_here", "Other sessions at work here, locks, unread messages.", &json!({}), &[]),
    ]
}

fn tool(name: &'static str, description: &'static str, properties: &Value, required: &[&str]) -> Tool {
    let mut schema = JsonObject::new();
    schema.insert("type".into(), "object".into());
    schema.insert("properties".into(), properties.clone());
    if !required.is_empty() {
        schema.insert("required".into(), required.into());
    }
    Tool::new(name, description, schema)
}
