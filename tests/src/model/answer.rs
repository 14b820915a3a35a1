//! Answers in the form of the Messages API: whole, or as a stream of events.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::script::Step;

pub(super) struct Answer<'a> {
    pub(super) number: u64,
    pub(super) model: &'a str,
    pub(super) step: Step,
}

impl Answer<'_> {
    fn stop_reason(&self) -> &'static str {
        match self.step {
            Step::Tool { .. } => "tool_use",
            Step::Say(_) => "end_turn",
        }
    }

    fn block(&self) -> Value {
        match &self.step {
            Step::Tool { name, input } => {
                json!({ "type": "tool_use", "id": format!("toolu_{:06}", self.number), "name": name, "input": input })
            }
            Step::Say(text) => json!({ "type": "text", "text": text }),
        }
    }

    pub(super) fn to_message(&self) -> Value {
        json!({
            "id": format!("msg_{:06}", self.number), "type": "message", "role": "assistant", "model": self.model,
            "content": [self.block()], "stop_reason": self.stop_reason(), "stop_sequence": null,
            "usage": { "input_tokens": 100, "output_tokens": 12 },
        })
    }

    /// The message as server-sent events: a start, one block in one delta, an end.
    pub(super) fn to_events(&self) -> String {
        let mut start = self.to_message();
        start["content"] = json!([]);
        start["stop_reason"] = Value::Null;
        let (empty, delta) = match &self.step {
            Step::Tool { input, .. } => {
                let mut empty = self.block();
                empty["input"] = json!({});
                (empty, json!({ "type": "input_json_delta", "partial_json": input.to_string() }))
            }
            Step::Say(text) => (json!({ "type": "text", "text": "" }), json!({ "type": "text_delta", "text": text })),
        };
        let stop = json!({ "stop_reason": self.stop_reason(), "stop_sequence": null });
        events([
            ("message_start", json!({ "message": start })),
            ("content_block_start", json!({ "index": 0, "content_block": empty })),
            ("content_block_delta", json!({ "index": 0, "delta": delta })),
            ("content_block_stop", json!({ "index": 0 })),
            ("message_delta", json!({ "delta": stop, "usage": { "output_tokens": 12 } })),
            ("message_stop", json!({})),
        ])
    }
}

fn events<const N: usize>(list: [(&str, Value); N]) -> String {
    let mut text = String::new();
    for (name, mut data) in list {
        data["type"] = name.into();
        // Writing to a String cannot fail.
        let _ = write!(text, "event: {name}\ndata: {data}\n\n");
    }
    text
}

/// The body of an API error.
pub(super) fn error(status: u16) -> String {
    let kind = match status {
        400 => "invalid_request_error",
        401 => "authentication_error",
        404 => "not_found_error",
        429 => "rate_limit_error",
        529 => "overloaded_error",
        _ => "api_error",
    };
    json!({ "type": "error", "error": { "type": kind, "message": format!("stand-in error {status}") } }).to_string()
}
