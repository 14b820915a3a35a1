//! Is it a secret, or a word, a type, a variable, an example? What separates the two without a model.

use regex::Captures;

/// Values that stand for "no value here" or for a type.
const PLACEHOLDERS: &[&str] = &[
    "none",
    "null",
    "nil",
    "true",
    "false",
    "undefined",
    "required",
    "optional",
    "string",
    "str",
    "text",
    "bytes",
    "bool",
    "boolean",
    "int",
    "integer",
    "number",
    "varchar",
    "char",
    "secret",
    "password",
    "token",
    "changeme",
    "example",
    "xxx",
    "xxxx",
    "hidden",
    "masked",
    "redacted",
    "empty",
    "missing",
    "invalid",
    "expired",
    "unknown",
];

fn secret<'a>(captures: &'a Captures<'_>) -> &'a str {
    captures.name("secret").or_else(|| captures.get(0)).map_or("", |found| found.as_str())
}

/// A format that nothing else has.
pub(super) fn always(_: &Captures<'_>) -> bool {
    true
}

/// At least one digit.
pub(super) fn has_digit(captures: &Captures<'_>) -> bool {
    secret(captures).bytes().any(|b| b.is_ascii_digit())
}

/// Digits and letters of both cases, as random tokens have; `sk-learn-compatible-estimator` has not.
pub(super) fn is_random(captures: &Captures<'_>) -> bool {
    let value = secret(captures);
    has_digit(captures)
        && value.bytes().any(|b| b.is_ascii_uppercase())
        && value.bytes().any(|b| b.is_ascii_lowercase())
}

/// No placeholder and no variable.
pub(super) fn is_value(captures: &Captures<'_>) -> bool {
    let value = unquoted(secret(captures));
    !is_reference(value) && !is_placeholder(value)
}

/// `-u name:secret`, but not `-u 1000:1000` (docker) nor a path or a port mapping.
pub(super) fn is_userinfo(captures: &Captures<'_>) -> bool {
    let value = secret(captures);
    is_value(captures) && !value.starts_with('/') && !value.bytes().all(|b| b.is_ascii_digit())
}

/// The value of a command line option.
pub(super) fn is_option(captures: &Captures<'_>) -> bool {
    let quoted = secret(captures).starts_with(['"', '\'']);
    let value = unquoted(secret(captures));
    is_value(captures) && !is_path(value) && (quoted || looks_made_up(value)) && !value.contains(' ')
}

/// The right side of `password = …`, `"token": "…"`, `PGPASSWORD=…`.
pub(super) fn is_assignment(captures: &Captures<'_>) -> bool {
    let raw = secret(captures);
    let value = unquoted(raw);
    let key = captures.name("key").map_or("", |key| key.as_str()).to_ascii_lowercase();
    let operator = captures.name("operator").map_or("", |operator| operator.as_str());
    if is_reference(value) || is_placeholder(value) || is_path(value) || value.contains(' ') {
        return false;
    }
    let is_password = ["passw", "passphrase", "pwd"].iter().any(|word| key.starts_with(word));
    let numeric = value.bytes().all(|b| b.is_ascii_digit() || b == b'.' || b == b'_');
    if numeric && !is_password {
        return false;
    }
    if raw != value {
        return is_password || looks_made_up(value);
    }
    if is_code(value) {
        return false;
    }
    looks_made_up(value) || (is_password && operator == "=" && value.len() >= 6)
}

/// A word that no one would write in prose: eight letters or more with a digit, or six with a digit and another mark.
fn looks_made_up(value: &str) -> bool {
    let digits = value.bytes().any(|b| b.is_ascii_digit());
    let marks = value.bytes().any(|b| b.is_ascii_punctuation() && !matches!(b, b'.' | b'_' | b'-' | b':' | b'/'));
    let upper = value.bytes().any(|b| b.is_ascii_uppercase());
    let lower = value.bytes().any(|b| b.is_ascii_lowercase());
    match value.len() {
        0..=4 => false,
        5..=7 => digits && (lower || upper || marks),
        _ => digits || (marks && (upper || lower)),
    }
}

/// Something that names the secret's place instead of telling it.
fn is_reference(value: &str) -> bool {
    value.starts_with(['$', '<', '{', '%', '*', '[', '(', '&', '@', '…'])
        || value.starts_with("...")
        || value.contains("${")
        || value.contains("[redacted")
        || value.bytes().all(|b| matches!(b, b'*' | b'x' | b'X' | b'.' | b'-' | b'_' | b'?' | b'#'))
}

fn is_placeholder(value: &str) -> bool {
    let lower = value.trim_end_matches([';', ',', '.', ')', '}', ']', '?', '!']).to_ascii_lowercase();
    PLACEHOLDERS.contains(&lower.as_str())
        || ["your", "my-", "my_", "example", "placeholder", "dummy"].iter().any(|start| lower.starts_with(start))
}

fn is_path(value: &str) -> bool {
    value.starts_with(['/', '~']) || value.starts_with("./") || value.get(1..3).is_some_and(|drive| drive == ":\\")
}

/// Calls, paths of names, types, generics: `get_token()`, `config.password`, `Option<String>`, `process.env.TOKEN`.
fn is_code(value: &str) -> bool {
    if value.contains("::") || value.contains("->") || value.contains(['(', '<', '[', '{']) {
        return true;
    }
    let value = value.trim_end_matches([')', '}', ']', ';', ',', '.', '?']);
    let is_name = |part: &str| {
        !part.is_empty()
            && part.starts_with(|c: char| c.is_alphabetic() || c == '_')
            && part.chars().all(|c| c.is_alphanumeric() || c == '_')
    };
    value.contains('.') && value.split('.').all(is_name) && !value.split('.').any(|part| part.len() > 32)
}

fn unquoted(value: &str) -> &str {
    let trimmed = value.trim_matches(['"', '\'', '`']);
    if trimmed.is_empty() { value } else { trimmed }
}
