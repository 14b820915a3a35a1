//! Names that a caller made up, as they may be shown: what is called unknown comes back in the answer, and may be a secret
//! that stood in the wrong place.

use crate::redaction::redact;

/// Characters of a name that are shown.
const SHOWN_CHARS: usize = 40;

/// The name without secrets, and no longer than it takes to know it again.
pub(crate) fn shown(name: &str) -> String {
    let clean = redact(name).text;
    match clean.char_indices().nth(SHOWN_CHARS) {
        None => clean.into_owned(),
        Some((end, _)) => format!("{}…", &clean[..end]),
    }
}

/// What serde says of a name that it does not know, with that name as it may be shown.
pub(crate) fn shown_in(said: &str) -> String {
    for start in ["unknown field `", "unknown variant `"] {
        // The name may have such words in itself; what serde adds to it has not.
        let Some(rest) = said.strip_prefix(start) else { continue };
        let end = rest.rfind("`, expected ").or_else(|| rest.rfind("`, there are no "));
        return match end {
            Some(end) => format!("{start}{}{}", shown(&rest[..end]), &rest[end..]),
            None => start.trim_end_matches(" `").to_owned(),
        };
    }
    said.to_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::api::input::row;
    use crate::api::route::typed;

    fn token() -> String {
        format!("ghp_{}", "aB3".repeat(12))
    }

    #[test]
    fn a_name_is_shown_as_far_as_it_takes_to_know_it_again() {
        assert_eq!(shown("hostnam"), "hostnam");
        assert_eq!(shown(&"é".repeat(40)), "é".repeat(40));
        assert_eq!(shown(&"é".repeat(41)), format!("{}…", "é".repeat(40)));
    }

    #[test]
    fn a_secret_for_a_name_is_not_shown() {
        assert_eq!(shown(&token()), "[redacted:github-token]");
        // Redacted before it is cut: a part of it would not look like one any more.
        let after = shown(&format!("{} {}", "x".repeat(30), token()));
        assert!(!after.contains("ghp_"), "{after}");
        assert!(shown(&format!("password=hunter-{}", 4711)).contains("[redacted"));
    }

    #[test]
    fn what_serde_says_keeps_all_but_the_name() {
        let list = "`, expected one of `a`, `b`";
        assert_eq!(shown_in(&format!("unknown field `c{list}")), format!("unknown field `c{list}"));
        for start in ["unknown field `", "unknown variant `"] {
            let said = shown_in(&format!("{start}{}{list}", token()));
            assert_eq!(said, format!("{start}[redacted:github-token]{list}"));
        }
        let odd = shown_in(&format!("unknown field `x`, expected `{}{list}", token()));
        assert!(!odd.contains("ghp_") && odd.ends_with(list), "{odd}");
        assert_eq!(shown_in("unknown field `c`, there are no fields"), "unknown field `c`, there are no fields");
        assert_eq!(shown_in("missing field `a`"), "missing field `a`");
    }

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "what is read does not matter")]
    struct Body {
        known: Kind,
        below: Option<std::collections::BTreeMap<String, u8>>,
    }

    #[derive(Debug, serde::Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum Kind {
        One,
    }

    #[test]
    fn an_answer_names_no_secret_that_stood_for_a_name_or_a_word() {
        let (token, long) = (token(), "long".repeat(100));
        for body in [
            json!({ "known": "one", token.clone(): 1 }),
            json!({ "known": token.clone() }),
            json!({ "known": "one", "below": { token.clone(): "text" } }),
            json!({ "known": "one", long.clone(): 1 }),
        ] {
            let problem = typed::<Body>(body.as_object().unwrap().clone()).unwrap_err();
            let said = format!("{problem:?}");
            assert!(!said.contains(&token) && !said.contains(&long), "{said}");
        }
        let refused = row::take(json!({ token.clone(): 1 }).as_object().unwrap(), std::iter::empty(), |_| false);
        assert!(!format!("{:?}", refused.err().unwrap()).contains(&token));
    }
}
