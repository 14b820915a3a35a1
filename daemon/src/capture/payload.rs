//! A hook's stdin: one JSON object whose fields come and go between versions of the client.

use std::borrow::Cow;

use serde_json::{Map, Value};

/// The object; every field is optional and of any type.
#[derive(Debug, Clone, Default)]
pub(super) struct Payload {
    fields: Map<String, Value>,
}

impl Payload {
    /// Reads the object. Invalid UTF-8 is replaced (and said in the log); the error is the reason for the user.
    pub(super) fn parse(body: &[u8]) -> Result<Self, String> {
        let text = String::from_utf8_lossy(body);
        if let Cow::Owned(_) = text {
            tracing::warn!("a hook's input holds invalid UTF-8; it is taken with replacement characters");
        }
        let value = match serde_json::from_str(&text) {
            Ok(value) => value,
            Err(error) => serde_json::from_str(&without_lone_surrogates(&text))
                .map_err(|_| format!("its input is not valid JSON ({error})"))?,
        };
        match value {
            Value::Object(fields) => Ok(Self { fields }),
            _ => Err("its input is not a JSON object".into()),
        }
    }

    /// What somebody else has read.
    pub(super) fn of(fields: Map<String, Value>) -> Self {
        Self { fields }
    }

    /// A text field that is there and not empty.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.fields.get(name)?.as_str().filter(|text| !text.is_empty())
    }

    /// Any field.
    pub(super) fn value(&self, name: &str) -> &Value {
        self.fields.get(name).unwrap_or(&Value::Null)
    }
}

/// The client's language keeps half surrogate pairs when it cuts a text, and writes them as `\ud83d`; JSON readers
/// refuse them. They become U+FFFD.
pub(super) fn without_lone_surrogates(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut mended = String::with_capacity(text.len());
    let (mut from, mut at) = (0, 0);
    while at < bytes.len() {
        if bytes[at] != b'\\' {
            at += 1;
            continue;
        }
        match surrogate(bytes, at) {
            Some(0xd800..=0xdbff) if is_low(surrogate(bytes, at + ESCAPE)) => at += 2 * ESCAPE,
            Some(_) => {
                mended.push_str(&text[from..at]);
                mended.push_str("\\ufffd");
                at += ESCAPE;
                from = at;
            }
            // Any other escape: its second character is no backslash that begins one.
            None => at += 2,
        }
    }
    mended.push_str(text.get(from..).unwrap_or_default());
    mended
}

/// Length of `\ud83d`.
const ESCAPE: usize = 6;

/// The surrogate that is escaped at that place.
fn surrogate(bytes: &[u8], at: usize) -> Option<u32> {
    let digits = bytes.get(at..at + ESCAPE)?.strip_prefix(b"\\u")?;
    let code = u32::from_str_radix(str::from_utf8(digits).ok()?, 16).ok()?;
    (0xd800..=0xdfff).contains(&code).then_some(code)
}

fn is_low(code: Option<u32>) -> bool {
    code.is_some_and(|code| code >= 0xdc00)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_read_tolerantly() {
        let payload = Payload::parse(br#"{"prompt":"hi","cwd":7,"new_in_3.0":{"a":[1]},"empty":""}"#).unwrap();
        assert_eq!(payload.text("prompt"), Some("hi"));
        assert_eq!((payload.text("cwd"), payload.text("empty"), payload.text("none")), (None, None, None));
    }

    #[test]
    fn what_is_no_object_is_refused_with_a_reason() {
        for body in [&b"{\"a\":"[..], b"[1]", b"", b"\xff\xfe"] {
            assert!(Payload::parse(body).unwrap_err().contains("JSON"));
        }
    }

    #[test]
    fn broken_text_is_taken_lossily() {
        let payload = Payload::parse(b"{\"prompt\":\"a\xffb\"}").unwrap();
        assert_eq!(payload.text("prompt"), Some("a\u{fffd}b"));
        let payload = Payload::parse(br#"{"a":"x\ud83d","b":"\\ud83d","c":"\ud83d\ude00","d":"\udc00y"}"#).unwrap();
        assert_eq!(payload.text("a"), Some("x\u{fffd}"));
        assert_eq!(payload.text("b"), Some("\\ud83d"));
        assert_eq!(payload.text("c"), Some("😀"));
        assert_eq!(payload.text("d"), Some("\u{fffd}y"));
    }
}
