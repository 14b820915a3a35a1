//! What the markers in a human prompt make the model do.
//!
//! | marker | effect |
//! |---|---|
//! | `[[tool:NAME {json}]]` | calls a tool; several markers are several steps of the turn, in order |
//! | `[[say:TEXT]]` | the final message (otherwise `stand-in answer`) |
//! | `[[delay:SECONDS]]` | waits before every answer of this turn |
//! | `[[error:STATUS]]` | answers with an API error |

use std::time::Duration;

use serde_json::Value;

const SUMMARY: &str = "<analysis>stand-in</analysis>\n<summary>Stand-in summary of the conversation.</summary>";
const ANSWER: &str = "stand-in answer";

/// One answer of the model.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// A call of a tool.
    Tool {
        /// The tool's name, for instance `Bash`.
        name: String,
        /// Its input.
        input: Value,
    },
    /// A final message.
    Say(String),
}

/// The plan of a turn, and how far it has come.
#[derive(Debug, Default)]
pub struct Script {
    /// How long each answer is held back.
    pub delay: Option<Duration>,
    /// The HTTP status of the error to answer with.
    pub error: Option<u16>,
    tools: Vec<Step>,
    say: Option<String>,
    /// How many steps of the turn were answered already.
    done: usize,
}

impl Script {
    /// The script of a request to `/v1/messages`, from its last human prompt.
    pub fn of(body: &Value) -> Script {
        let none = Vec::new();
        let messages = body["messages"].as_array().unwrap_or(&none);
        let last = messages.iter().rposition(|message| message["role"] == "user" && !prompt_of(message).is_empty());
        let Some(last) = last else { return Script::default() };
        let prompt = prompt_of(&messages[last]);
        if is_summary_request(&prompt) {
            return Script { say: Some(SUMMARY.to_owned()), ..Script::default() };
        }
        let mut script = parse(&prompt);
        script.done = messages[last..].iter().filter(|message| calls_tool(message)).count();
        // The client also asks small questions of its own, for instance for a title; those offer no tools.
        if body["tools"].as_array().is_none_or(Vec::is_empty) {
            script.tools.clear();
        }
        script
    }

    /// The answer that is due now.
    pub fn next_step(&self) -> Step {
        let say = || Step::Say(self.say.clone().unwrap_or_else(|| ANSWER.to_owned()));
        self.tools.get(self.done).cloned().unwrap_or_else(say)
    }
}

fn calls_tool(message: &Value) -> bool {
    message["role"] == "assistant"
        && message["content"].as_array().is_some_and(|blocks| blocks.iter().any(|block| block["type"] == "tool_use"))
}

/// The text of a user message without what the client adds; empty for a message that only carries tool results.
fn prompt_of(message: &Value) -> String {
    let text = match &message["content"] {
        Value::String(text) => text.clone(),
        Value::Array(blocks) if blocks.iter().all(|block| block["type"] != "tool_result") => {
            blocks.iter().filter_map(|block| block["text"].as_str()).collect::<Vec<_>>().join("\n")
        }
        _ => String::new(),
    };
    without_reminders(&text).trim().to_owned()
}

fn without_reminders(text: &str) -> String {
    let mut pieces = text.split("<system-reminder>");
    let first = pieces.next().unwrap_or_default().to_owned();
    pieces.filter_map(|piece| piece.split_once("</system-reminder>")).fold(first, |text, (_, rest)| text + rest)
}

/// True for a request of `/v1/messages` with which the client compacts a conversation.
pub fn compacts(body: &Value) -> bool {
    let messages = body["messages"].as_array().map(Vec::as_slice).unwrap_or_default();
    let last = messages.iter().rev().find(|message| message["role"] == "user");
    last.is_some_and(|message| is_summary_request(&prompt_of(message)))
}

fn is_summary_request(prompt: &str) -> bool {
    prompt.contains("<summary>") || prompt.contains("detailed summary of")
}

fn parse(prompt: &str) -> Script {
    let mut script = Script::default();
    for (at, open) in prompt.match_indices("[[") {
        let Some((name, rest)) = prompt[at + open.len()..].split_once(':') else { continue };
        let value = rest.split("]]").next().unwrap_or_default();
        match name {
            "say" => script.say = Some(value.to_owned()),
            "delay" => script.delay = value.parse().ok().map(Duration::from_secs_f64),
            "error" => script.error = value.parse().ok(),
            "tool" => script.tools.extend(parse_tool(rest)),
            _ => {}
        }
    }
    script
}

/// `NAME {json}]]`: the JSON ends where it ends, whatever brackets it holds.
fn parse_tool(text: &str) -> Option<Step> {
    let (name, rest) = text.split_once(' ')?;
    let input = serde_json::Deserializer::from_str(rest).into_iter::<Value>().next()?.ok()?;
    Some(Step::Tool { name: name.to_owned(), input })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn user(text: &str) -> Value {
        json!({ "role": "user", "content": [{ "type": "text", "text": text }] })
    }

    #[test]
    fn tools_are_called_in_order_and_then_it_speaks() {
        let prompt =
            user("do [[tool:Bash {\"command\":\"[ -e a ]] || echo\"}]] and [[tool:Write {\"a\":[[1]]}]] [[say:done]]");
        let call = json!({ "role": "assistant", "content": [{ "type": "tool_use" }] });
        let result = json!({ "role": "user", "content": [{ "type": "tool_result" }] });
        let step = |messages: Value| Script::of(&json!({ "tools": [{}], "messages": messages })).next_step();

        let bash = Step::Tool { name: "Bash".into(), input: json!({ "command": "[ -e a ]] || echo" }) };
        assert_eq!(step(json!([prompt])), bash);
        let write = Step::Tool { name: "Write".into(), input: json!({ "a": [[1]] }) };
        assert_eq!(step(json!([prompt, call, result])), write);
        assert_eq!(step(json!([prompt, call, result, call, result])), Step::Say("done".into()));
    }

    #[test]
    fn reminders_of_the_client_are_no_prompt() {
        let prompt = user("hello [[delay:0.5]]");
        let reminder = user("<system-reminder>[[say:no]]</system-reminder>");
        let script = Script::of(&json!({ "messages": [prompt, reminder] }));
        assert_eq!(script.delay, Some(Duration::from_millis(500)));
        assert_eq!(script.next_step(), Step::Say(ANSWER.into()));
    }
}
