//! A record of a transcript, borrowed from its line: only the fields that are of use are read, all others are skipped
//! over. A field of another type than expected counts as missing.

use std::borrow::Cow;
use std::fmt;

use memchr::memmem;
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::capture::payload::without_lone_surrogates;

/// One line. Names of fields are the client's.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Record<'a> {
    #[serde(borrow, rename = "type")]
    pub(super) kind: Text<'a>,
    #[serde(borrow)]
    pub(super) uuid: Text<'a>,
    #[serde(borrow)]
    pub(super) session_id: Text<'a>,
    /// Of an answer that was copied from the conversation that this one was forked from: that one.
    #[serde(borrow)]
    pub(super) request_session_id: Text<'a>,
    #[serde(borrow)]
    pub(super) prompt_id: Text<'a>,
    #[serde(borrow)]
    pub(super) cwd: Text<'a>,
    #[serde(borrow)]
    pub(super) timestamp: Text<'a>,
    /// What kind of helper speaks.
    #[serde(borrow)]
    pub(super) attribution_agent: Text<'a>,
    pub(super) is_sidechain: Flag,
    pub(super) is_meta: Flag,
    pub(super) is_compact_summary: Flag,
    #[serde(borrow)]
    pub(super) origin: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) message: Message<'a>,
    #[serde(borrow)]
    pub(super) tool_use_result: Option<&'a RawValue>,
}

/// What was said, in the form of the Messages API.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
pub(super) struct Message<'a> {
    #[serde(borrow)]
    pub(super) id: Text<'a>,
    #[serde(borrow)]
    pub(super) model: Text<'a>,
    #[serde(borrow)]
    pub(super) stop_reason: Text<'a>,
    #[serde(borrow)]
    pub(super) content: Content<'a>,
}

/// One part of a message.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
pub(super) struct Block<'a> {
    #[serde(borrow, rename = "type")]
    pub(super) kind: Text<'a>,
    #[serde(borrow)]
    pub(super) text: Text<'a>,
    #[serde(borrow)]
    pub(super) id: Text<'a>,
    #[serde(borrow)]
    pub(super) name: Text<'a>,
    #[serde(borrow)]
    pub(super) input: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) tool_use_id: Text<'a>,
    #[serde(borrow)]
    pub(super) content: Option<&'a RawValue>,
    pub(super) is_error: Flag,
}

/// `{"kind": "human"}`
#[derive(Default, serde::Deserialize)]
#[serde(default)]
struct Origin<'a> {
    #[serde(borrow)]
    kind: Text<'a>,
}

impl<'a> Record<'a> {
    /// Reads a line.
    pub(super) fn read(line: &'a [u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(line)
    }

    /// When it was written, in microseconds since the Unix epoch; 0 when it does not say.
    pub(super) fn at_us(&self) -> u64 {
        self.timestamp.get().and_then(parse_time).unwrap_or(0)
    }

    /// Who is at the origin of a prompt, where the record says so.
    pub(super) fn origin(&self) -> Option<String> {
        let origin: Origin<'_> = serde_json::from_str(self.origin?.get()).ok()?;
        origin.kind.get().map(str::to_owned)
    }

    /// Of a prompt or an answer of the conversation itself, rather than of a helper, or what the client adds.
    pub(super) fn is_talk(&self) -> bool {
        !(self.is_sidechain.0 || self.is_meta.0 || self.is_compact_summary.0)
    }
}

impl Content<'_> {
    /// The words: a string, or the text blocks of an array.
    pub(super) fn text(&self) -> Cow<'_, str> {
        let blocks = match self {
            Self::Words(text) => return Cow::Borrowed(text),
            Self::Blocks(blocks) => blocks,
            Self::Nothing => return Cow::Borrowed(""),
        };
        let mut texts = blocks.iter().filter(|block| block.kind.is("text")).filter_map(|block| block.text.get());
        let first = texts.next().unwrap_or_default();
        match texts.next() {
            None => Cow::Borrowed(first),
            Some(second) => Cow::Owned(texts.fold(format!("{first}\n{second}"), |all, text| all + "\n" + text)),
        }
    }

    /// The parts; none of a string.
    pub(super) fn blocks(&self) -> &[Block<'_>] {
        if let Self::Blocks(blocks) = self { blocks } else { &[] }
    }
}

/// A quick look that spares parsing the rest: most of a transcript is neither a prompt nor an answer.
pub(super) fn concerns(line: &[u8]) -> bool {
    const USER: &[u8] = br#""type":"user""#;
    const ASSISTANT: &[u8] = br#""type":"assistant""#;
    const SPACED: &[u8] = br#""type": ""#;
    memmem::find(line, USER).is_some()
        || memmem::find(line, ASSISTANT).is_some()
        || memmem::find(line, SPACED).is_some_and(|at| {
            let named = &line[at + SPACED.len()..];
            named.starts_with(b"user") || named.starts_with(b"assistant")
        })
}

/// A line that no reader of JSON takes, mended where the client is known to write such: half surrogate pairs, and bytes
/// that are no text.
pub(super) fn mended(line: &[u8]) -> String {
    without_lone_surrogates(&String::from_utf8_lossy(line))
}

/// `2026-11-24T11:46:24.326Z`, with any number of digits in the fraction.
pub(super) fn parse_time(text: &str) -> Option<u64> {
    let (seconds, fraction) = text.strip_suffix('Z')?.split_once('.').unwrap_or((text.strip_suffix('Z')?, ""));
    let micros: String = fraction.chars().chain(std::iter::repeat('0')).take(6).collect();
    sync::parse_datetime(&format!("{seconds}.{micros}Z"))
}

/// A text; None for anything else.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Text<'a>(Option<Cow<'a, str>>);

impl Text<'_> {
    /// The text, unless it is empty.
    pub(super) fn get(&self) -> Option<&str> {
        self.0.as_deref().filter(|text| !text.is_empty())
    }

    pub(super) fn is(&self, text: &str) -> bool {
        self.0.as_deref() == Some(text)
    }
}

/// True for `true` only.
#[derive(Debug, Default, Clone, Copy, PartialEq)]
pub(super) struct Flag(pub(super) bool);

/// What a message consists of.
#[derive(Debug, Default)]
pub(super) enum Content<'a> {
    Words(Cow<'a, str>),
    Blocks(Vec<Block<'a>>),
    #[default]
    Nothing,
}

/// Visits a value of any type, of which one or two are of use.
struct Any<T>(std::marker::PhantomData<T>);

/// What a value of each type is taken for.
trait Taken<'a>: Default {
    fn of_text(_: Cow<'a, str>) -> Self {
        Self::default()
    }
    fn of_bool(_: bool) -> Self {
        Self::default()
    }
    fn of_list<A: SeqAccess<'a>>(mut list: A) -> Result<Self, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Self::default())
    }
}

impl<'a> Taken<'a> for Text<'a> {
    fn of_text(text: Cow<'a, str>) -> Self {
        Self(Some(text))
    }
}

impl Taken<'_> for Flag {
    fn of_bool(is_set: bool) -> Self {
        Self(is_set)
    }
}

impl<'a> Taken<'a> for Content<'a> {
    fn of_text(text: Cow<'a, str>) -> Self {
        Self::Words(text)
    }

    fn of_list<A: SeqAccess<'a>>(mut list: A) -> Result<Self, A::Error> {
        let mut blocks = Vec::new();
        while let Some(block) = list.next_element()? {
            blocks.push(block);
        }
        Ok(Self::Blocks(blocks))
    }
}

impl<'a, T: Taken<'a>> Visitor<'a> for Any<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_borrowed_str<E>(self, text: &'a str) -> Result<T, E> {
        Ok(T::of_text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<T, E> {
        Ok(T::of_text(Cow::Owned(text.to_owned())))
    }

    fn visit_bool<E>(self, is_set: bool) -> Result<T, E> {
        Ok(T::of_bool(is_set))
    }

    fn visit_i64<E>(self, _: i64) -> Result<T, E> {
        Ok(T::default())
    }

    fn visit_u64<E>(self, _: u64) -> Result<T, E> {
        Ok(T::default())
    }

    fn visit_f64<E>(self, _: f64) -> Result<T, E> {
        Ok(T::default())
    }

    fn visit_unit<E>(self) -> Result<T, E> {
        Ok(T::default())
    }

    fn visit_seq<A: SeqAccess<'a>>(self, list: A) -> Result<T, A::Error> {
        T::of_list(list)
    }

    fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<T, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(T::default())
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Any(std::marker::PhantomData::<Text<'de>>))
    }
}

impl<'de> Deserialize<'de> for Flag {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Any(std::marker::PhantomData::<Flag>))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Content<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Any(std::marker::PhantomData::<Content<'de>>))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_of_other_types_count_as_missing() {
        let line = br#"{"type":"user","promptId":7,"cwd":{"a":[1]},"isMeta":"yes","isSidechain":true,"origin":"x",
                        "new":[{"deep":null}],"message":{"content":[{"type":"text","text":"one"},{"type":"image"},
                        {"type":"text","text":"two"}],"stop_reason":null}}"#;
        let record = Record::read(line).unwrap();
        assert!(record.kind.is("user") && record.is_sidechain.0 && !record.is_meta.0);
        assert_eq!((record.prompt_id.get(), record.cwd.get(), record.origin()), (None, None, None));
        assert_eq!(record.message.content.text(), "one\ntwo");
        assert_eq!((record.message.content.blocks().len(), record.at_us()), (3, 0));
    }

    #[test]
    fn plain_text_is_borrowed_from_the_line() {
        let line = br#"{"type":"user","message":{"content":"as it stands"},"origin":{"kind":"human"}}"#;
        let record = Record::read(line).unwrap();
        assert!(matches!(record.message.content, Content::Words(Cow::Borrowed("as it stands"))));
        assert_eq!(record.origin().as_deref(), Some("human"));
    }

    #[test]
    fn only_prompts_and_answers_are_of_interest() {
        for (line, expected) in [
            (&br#"{"type":"user"}"#[..], true),
            (br#"{"message":{"type":"message"},"type":"assistant"}"#, true),
            (br#"{"type": "user"}"#, true),
            (br#"{"type": "attachment"}"#, false),
            (br#"{"type":"attachment","text":"{\"type\":\"user\"}"}"#, false),
            (b"", false),
        ] {
            assert_eq!(concerns(line), expected, "{}", String::from_utf8_lossy(line));
        }
    }

    #[test]
    fn what_the_client_writes_amiss_is_mended() {
        let line = b"{\"type\":\"user\",\"message\":{\"content\":\"a\\ud83d b\xff\"}}";
        assert!(Record::read(line).is_err());
        assert_eq!(Record::read(mended(line).as_bytes()).unwrap().message.content.text(), "a\u{fffd} b\u{fffd}");
    }
}
