//! The rules, in the order in which they are applied: blocks first, then exact formats, then assignments.

use std::sync::LazyLock;

use regex::{Captures, Regex};

use super::formats::{CLOUDS, PLACES, SERVICES, TOOLS};
use super::placeholder;
use super::plausible::{self, always};

/// A pattern and what its match must also be.
pub(super) struct Rule {
    pub(super) kind: &'static str,
    /// A text without any of these cannot match: saves most of the work. Of patterns that ignore case, in lower case.
    pub(super) hints: &'static [&'static str],
    ignores_case: bool,
    pattern: Regex,
    /// Told the whole match's captures; false leaves it alone.
    check: fn(&Captures<'_>) -> bool,
}

impl Rule {
    /// The text with the named group `secret` (or the whole match) replaced, and how often; None when nothing was.
    pub(super) fn apply(&self, text: &str) -> Option<(String, usize)> {
        // The look at all hints at once takes them in any case.
        if !self.ignores_case && !self.hints.iter().any(|hint| text.contains(hint)) {
            return None;
        }
        let mut replaced = String::new();
        let (mut from, mut count) = (0, 0);
        for captures in self.pattern.captures_iter(text) {
            let Some(secret) = captures.name("secret").or_else(|| captures.get(0)) else { continue };
            if !(self.check)(&captures) {
                continue;
            }
            replaced.push_str(&text[from..secret.start()]);
            replaced.push_str(&placeholder(self.kind));
            from = secret.end();
            count += 1;
        }
        if count == 0 {
            return None;
        }
        replaced.push_str(&text[from..]);
        Some((replaced, count))
    }
}

/// Keys whose values are secrets, in assignments and options.
const SECRET_KEY: &str = "passwords?|passwd|passphrase|pwd|secrets?|tokens?|api[_-]?keys?|access[_-]?key|private[_-]?key|\
                          secret[_-]?key|account[_-]?key|credentials?|auth[_-]?key|encryption[_-]?key|signing[_-]?key";

/// What every text has that names such a key.
const KEY_HINTS: &[&str] = &[
    "passw",
    "passphrase",
    "pwd",
    "secret",
    "token",
    "credential",
    "apikey",
    "api_key",
    "api-key",
    "accesskey",
    "access_key",
    "access-key",
    "privatekey",
    "private_key",
    "private-key",
    "accountkey",
    "account_key",
    "account-key",
    "authkey",
    "auth_key",
    "auth-key",
    "encryptionkey",
    "encryption_key",
    "encryption-key",
    "signingkey",
    "signing_key",
    "signing-key",
];

pub(super) static RULES: LazyLock<Vec<Rule>> = LazyLock::new(|| {
    let mut rules = Vec::new();
    let mut rule = |kind, hints, pattern: &str, check| rules.push(compile(kind, hints, pattern, check));

    rule("private", &["<private>"], r"(?s)<private>.*?(?:</private>|\z)", always);
    rule(
        "private-key",
        &["PRIVATE KEY"],
        r"(?s)-----BEGIN (?:[A-Z0-9 ]+ )?PRIVATE KEY(?: BLOCK)?-----.*?(?:-----END [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----|\z)",
        always,
    );
    rule("aws-key", &["AKIA", "ASIA", "ABIA", "ACCA"], r"(?-u:\b)(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}(?-u:\b)", always);
    rule(
        "github-token",
        &["ghp_", "gho_", "ghu_", "ghs_", "ghr_"],
        r"(?-u:\b)gh[pousr]_[A-Za-z0-9]{36,255}(?-u:\b)",
        always,
    );
    rule("github-token", &["github_pat_"], r"(?-u:\b)github_pat_[A-Za-z0-9_]{22,255}(?-u:\b)", always);
    rule(
        "gitlab-token",
        &["glpat-", "gldt-", "glrt-", "glcbt-", "glptt-", "glft-", "glsoat-", "glagent-"],
        r"(?-u:\b)gl(?:pat|dt|rt|cbt|ptt|ft|soat|agent)-[A-Za-z0-9_.-]{20,}",
        always,
    );
    rule("slack-token", &["xox", "xapp-"], r"(?-u:\b)(?:xox[abeoprs]|xapp)-[A-Za-z0-9-]{10,}", plausible::has_digit);
    rule("slack-webhook", &["hooks.slack.com"], r"hooks\.slack\.com/(?P<secret>[a-z]+/[A-Za-z0-9/_-]{20,})", always);
    rule("stripe-key", &["_live_", "_test_"], r"(?-u:\b)[rs]k_(?:live|test)_[A-Za-z0-9]{16,}", always);
    rule("stripe-secret", &["whsec_"], r"(?-u:\b)whsec_[A-Za-z0-9+/=]{20,}", always);
    rule("anthropic-key", &["sk-ant-"], r"(?-u:\b)sk-ant-[A-Za-z0-9_-]{16,}", always);
    rule("openai-key", &["sk-"], r"(?-u:\b)sk-[A-Za-z0-9_-]{20,}", plausible::is_random);
    rule("google-key", &["AIza"], r"(?-u:\b)AIza[0-9A-Za-z_-]{35}", always);
    rule(
        "google-token",
        &["ya29.", "GOCSPX-"],
        r"(?-u:\b)(?:ya29\.[0-9A-Za-z_-]{20,}|GOCSPX-[0-9A-Za-z_-]{20,})",
        always,
    );
    rule("jwt", &["eyJ"], r"(?-u:\b)eyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}", always);
    rule("npm-token", &["npm_"], r"(?-u:\b)npm_[A-Za-z0-9]{36}(?-u:\b)", always);
    rule("pypi-token", &["pypi-"], r"(?-u:\b)pypi-[A-Za-z0-9_-]{50,}", always);
    rule("cargo-token", &["cio"], r"(?-u:\b)cio[A-Za-z0-9]{32}(?-u:\b)", plausible::has_digit);
    rule("sendgrid-key", &["SG."], r"(?-u:\b)SG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}", always);
    rule("twilio-key", &["SK"], r"(?-u:\b)SK[0-9a-f]{32}(?-u:\b)", always);
    rule("digitalocean-token", &["_v1_"], r"(?-u:\b)do[opr]_v1_[a-f0-9]{64}(?-u:\b)", always);
    rule("huggingface-token", &["hf_"], r"(?-u:\b)hf_[A-Za-z0-9]{30,}(?-u:\b)", always);
    rule("vault-token", &["hvs."], r"(?-u:\b)hvs\.[A-Za-z0-9_-]{24,}", always);
    rule("age-key", &["AGE-SECRET-KEY-1"], r"AGE-SECRET-KEY-1[0-9A-Z]{58}", always);
    rule("telegram-token", &[":AA"], r"(?-u:\b)[0-9]{8,10}:AA[A-Za-z0-9_-]{33}", always);
    for &(kind, hints, pattern, check) in CLOUDS.iter().chain(TOOLS).chain(SERVICES).chain(PLACES) {
        rule(kind, hints, pattern, check);
    }
    rule(
        "url-password",
        &["://"],
        r#"(?-u:\b)[A-Za-z][A-Za-z0-9+.-]{1,20}://[^\s:/@'"]*:(?P<secret>[^\s@/'"]{1,256})@"#,
        plausible::is_value,
    );
    rule(
        "authorization",
        &["authorization"],
        r#"(?i)authorization["']?\s*[:=]\s*["']?(?:bearer|basic|token|digest|apikey)\s+(?P<secret>[A-Za-z0-9._~+/=-]{6,})"#,
        plausible::is_value,
    );
    rule(
        "bearer-token",
        &["bearer"],
        r"(?i)(?-u:\b)bearer\s+(?P<secret>[A-Za-z0-9._~+/=-]{16,})",
        plausible::has_digit,
    );
    rule(
        "basic-auth",
        &["-u", "--user"],
        r#"(?:^|\s)(?:-u|--user)[\s=]+["']?[^\s:"']{1,64}:(?P<secret>[^\s"']{3,})"#,
        plausible::is_userinfo,
    );
    let option = format!(
        r#"(?i)(?:^|\s)--?(?:[a-z0-9-]*-)?(?:{SECRET_KEY})[\s=]+(?P<secret>"[^"\n]+"|'[^'\n]+'|[^\s"'-][^\s"']{{3,}})"#
    );
    rule("option", KEY_HINTS, &option, plausible::is_option);
    let assignment = format!(
        r#"(?i)(?P<key>(?:{SECRET_KEY})(?:[_-][a-z0-9]+)?)["'`]?(?P<operator>\s*(?::=|=>|=|:)\s*)(?P<secret>"[^"\n]{{3,}}"|'[^'\n]{{3,}}'|`[^`\n]{{3,}}`|[^\s"'`,;&]{{3,}})"#
    );
    rule("assignment", KEY_HINTS, &assignment, plausible::is_assignment);
    rules
});

#[expect(clippy::expect_used, reason = "constant patterns, all compiled by the tests")]
fn compile(
    kind: &'static str,
    hints: &'static [&'static str],
    pattern: &str,
    check: fn(&Captures<'_>) -> bool,
) -> Rule {
    let ignores_case = pattern.starts_with("(?i)");
    Rule { kind, hints, ignores_case, pattern: Regex::new(pattern).expect("a valid pattern"), check }
}
