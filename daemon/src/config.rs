//! `config.toml`: read strictly (a misspelt key is an error that names it), written without losing the user's comments.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::num::NonZeroU16;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use sync::central::{CentralUrl, UrlError};

use crate::billing::{Rate, Rounding};
use crate::files;
use crate::meaning::source::Recall;
use crate::policy::Memory;

/// What setup writes when there is no configuration yet.
const TEMPLATE: &str = "\
# ClaudeTools on this machine. Every key may be left out; what is shown commented is the default.
# This file may hold a password: keep it readable by its owner only (chmod 600).

[central]
# The MariaDB that this machine shares its memory through. Without it everything stays on this machine.
# url = \"mysql://user:password@host:3306/claudetools\"

[http]
# Also answer on this loopback address (bearer token in the file http.token). The hooks need only the socket.
# listen = \"127.0.0.1:7391\"

[capture]
# The transcripts of Claude Code are watched, so that a session whose hooks did not fire (killed, interrupted, another client)
# is saved too: a file is read when it has been quiet for so many seconds, or when its session has ended.
# watch = true
# quiet_seconds = 30

[verify]
# The replica is compared with central by itself: a table every so many minutes (0: never), each once in so many hours.
# every_minutes = 5
# pass_hours = 24

[log]
# The log is cut each day and at this size (MiB); so many old files are kept.
# max_mib = 8
# keep = 7

[memory]
# Tokens that the start of a conversation may be given, and a prompt.
# start_tokens = 1500
# prompt_tokens = 800
# Whether conversations are saved and told anything. Of files that match one of the patterns nothing is saved.
# capture = true
# ignore = [\"*.pem\", \".env*\", \"secrets/**\"]
# What is otherwise in one project, by its slug (claudetools status shows it): a table [memory.projects.\"host/owner/name\"]
# with any of these.

[recall]
# What recall goes by beside words: \"own\", which is learnt here from your memories; or a sentence model, so that what says the
# same in other words is found: claudetools model pull sets it. Also the folder of one, or the address of an OpenAI-compatible
# service (then with the name of its model, and the environment variable of a key): your memories and prompts are sent there.
# embedding = \"all-minilm-l6-v2\"
# model = \"all-minilm\"
# key_env = \"OPENAI_API_KEY\"

[billing]
# Sessions of a project that has a client become drafts of billable time; nothing is billed before somebody confirms it:
# claudetools timesheet. Work with pauses of at most the gap is one entry; its minutes are rounded (\"up\" or \"nearest\").
# drafts = true
# merge_gap_minutes = 15
# round_minutes = 15
# rounding = \"up\"
# minimum_minutes = 15
# Where a client has no rate of its own, and who works here (the e-mail address that the entries name).
# hourly_rate = \"0.00\"
# user = \"you@example.com\"
";

/// The configuration of one machine, with the defaults filled in.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Config {
    pub(crate) central: Central,
    pub(crate) http: Http,
    pub(crate) log: Log,
    pub(crate) capture: Watching,
    pub(crate) verify: Verify,
    pub(crate) memory: Memory,
    pub(crate) recall: Recall,
    pub(crate) billing: Billing,
}

/// `[central]`
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Central {
    /// Absent: nothing is shared with other machines.
    pub(crate) url: Option<Secret>,
}

/// `[http]`
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Http {
    /// Loopback only; the daemon refuses others.
    pub(crate) listen: Option<SocketAddr>,
}

/// `[capture]`
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Watching {
    /// Whether the client's transcripts are watched.
    pub(crate) watch: bool,
    /// Seconds without a change after which one is read.
    pub(crate) quiet_seconds: u64,
}

impl Default for Watching {
    fn default() -> Watching {
        Watching { watch: true, quiet_seconds: 30 }
    }
}

/// `[verify]`
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Verify {
    /// Minutes between two looks whether a table is due; 0: the replica is never compared by itself.
    pub(crate) every_minutes: u64,
    /// Hours for which a comparison counts.
    pub(crate) pass_hours: u64,
}

impl Default for Verify {
    fn default() -> Verify {
        Verify { every_minutes: 5, pass_hours: 24 }
    }
}

/// `[log]`
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Log {
    /// Size at which the file is cut, in MiB.
    pub(crate) max_mib: u64,
    /// Old files kept beside the current one.
    pub(crate) keep: usize,
}

impl Default for Log {
    fn default() -> Log {
        Log { max_mib: 8, keep: 7 }
    }
}

/// `[billing]`
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Billing {
    /// Whether drafts are made at all.
    pub(crate) drafts: bool,
    /// Pauses up to so many minutes do not end an entry.
    pub(crate) merge_gap_minutes: u16,
    /// Minutes are rounded to a multiple of this.
    pub(crate) round_minutes: NonZeroU16,
    pub(crate) rounding: Rounding,
    /// The least that an entry has.
    pub(crate) minimum_minutes: u16,
    /// For clients without a rate of their own.
    pub(crate) hourly_rate: Rate,
    /// Who works on this machine; absent: the name of the account.
    pub(crate) user: Option<String>,
}

impl Default for Billing {
    fn default() -> Billing {
        Billing {
            drafts: true,
            merge_gap_minutes: 15,
            round_minutes: NonZeroU16::MIN.saturating_add(14),
            rounding: Rounding::Up,
            minimum_minutes: 15,
            hourly_rate: Rate(0),
            user: None,
        }
    }
}

/// Text that may hold a password: it has no `Display`, and its `Debug` says nothing.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub(crate) struct Secret(String);

impl Secret {
    /// The text itself, for the place that needs it.
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// Why the configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigError {
    /// It cannot be read or written.
    #[error("{} {}: {source}", doing, path.display())]
    Io { doing: &'static str, path: PathBuf, source: io::Error },
    /// A key that is not known, or a value that does not fit.
    #[error("use {} line {line}: {problem}", path.display())]
    Invalid { path: PathBuf, line: usize, problem: String },
    /// It holds a password and others may read it.
    #[error("use {}: it holds a password and is readable by other users (mode {mode:03o})", path.display())]
    Exposed { path: PathBuf, mode: u32 },
    /// The URL of central cannot be used.
    #[error("use [central] url of {}: {source}", path.display())]
    Central { path: PathBuf, source: UrlError },
}

impl ConfigError {
    /// What its reader can do about it.
    pub(crate) fn hint(&self) -> String {
        match self {
            ConfigError::Io { path, .. } => format!("make {} a file that you may read and write", path.display()),
            ConfigError::Invalid { path, .. } => format!("correct that line of {}", path.display()),
            ConfigError::Central { path, .. } => format!("correct it in {}", path.display()),
            ConfigError::Exposed { path, .. } => {
                format!("run: chmod 600 {}   (and change the password if others may have read it)", path.display())
            }
        }
    }
}

impl Config {
    /// Reads the file; one that does not exist means all defaults.
    pub(crate) fn load(path: &Path) -> Result<Config, ConfigError> {
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Config::default()),
            Err(source) => return Err(ConfigError::Io { doing: "read", path: path.to_path_buf(), source }),
        };
        let config = Config::parse(path, &text)?;
        let foreign = files::foreign_bits(path).unwrap_or(0);
        if foreign != 0 && config.central.url.as_ref().is_some_and(|url| holds_password(url.reveal())) {
            return Err(ConfigError::Exposed { path: path.to_path_buf(), mode: 0o600 | foreign });
        }
        Ok(config)
    }

    /// What is done with a file that cannot be used: all defaults; but where it may name what is not to be saved, nothing is.
    pub(crate) fn cautious(path: &Path) -> Config {
        let text = fs::read_to_string(path).unwrap_or_default();
        let restricts = |line: &str| ["capture", "ignore"].iter().any(|key| line.trim_start().starts_with(key));
        let capture = !text.lines().any(restricts);
        Config { memory: Memory { capture, ..Memory::default() }, ..Config::default() }
    }

    /// Where central is; `None` when there is none.
    pub(crate) fn central_url(&self, path: &Path) -> Result<Option<CentralUrl>, ConfigError> {
        let parsed = self.central.url.as_ref().map(|url| url.reveal().parse()).transpose();
        parsed.map_err(|source| ConfigError::Central { path: path.to_path_buf(), source })
    }

    fn parse(path: &Path, text: &str) -> Result<Config, ConfigError> {
        toml::from_str(text).map_err(|error| {
            let start = error.span().map_or(0, |span| span.start);
            let line = text[..start].matches('\n').count() + 1;
            let key = text.lines().nth(line - 1).and_then(|line| line.split_once('=')).map(|(key, _)| key.trim());
            // The message may quote the value, and the value may be the URL: then only the key is named.
            let problem = match (error.message(), key) {
                (message, Some(key)) if message.contains("://") => format!("the value of `{key}` does not fit"),
                (message, Some(key)) if !message.contains(key) => format!("`{key}`: {message}"),
                (message, _) => message.to_owned(),
            };
            ConfigError::Invalid { path: path.to_path_buf(), line, problem }
        })
    }
}

/// Writes the commented template when there is no file. True when it was written.
pub(crate) fn create_if_missing(path: &Path) -> Result<bool, ConfigError> {
    if path.exists() {
        return Ok(false);
    }
    write(path, TEMPLATE).map(|()| true)
}

/// Sets `[central] url`, keeping everything else of the file as it stands. False when it already was so.
pub(crate) fn set_central_url(path: &Path, url: &str) -> Result<bool, ConfigError> {
    create_if_missing(path)?;
    let before = Config::load(path)?;
    if before.central.url.as_ref().is_some_and(|now| now.reveal() == url) {
        return Ok(false);
    }
    edit(path, |document| document["central"]["url"] = toml_edit::value(url)).map(|()| true)
}

/// Sets `[recall] embedding`, or takes it away, likewise.
pub(crate) fn set_embedding(path: &Path, what: Option<&str>) -> Result<bool, ConfigError> {
    create_if_missing(path)?;
    if Config::load(path)?.recall.embedding.as_deref() == what {
        return Ok(false);
    }
    edit(path, |document| match (what, document.get_mut("recall").and_then(toml_edit::Item::as_table_mut)) {
        (Some(what), _) => document["recall"]["embedding"] = toml_edit::value(what),
        (None, Some(recall)) => drop(recall.remove("embedding")),
        (None, None) => {}
    })
    .map(|()| true)
}

fn edit(path: &Path, change: impl FnOnce(&mut toml_edit::DocumentMut)) -> Result<(), ConfigError> {
    let text = fs::read_to_string(path).map_err(|source| ConfigError::Io {
        doing: "read",
        path: path.to_path_buf(),
        source,
    })?;
    let mut document: toml_edit::DocumentMut = text.parse().map_err(|_| ConfigError::Invalid {
        path: path.to_path_buf(),
        line: 1,
        problem: "it is not TOML".to_owned(),
    })?;
    change(&mut document);
    write(path, &document.to_string())
}

fn write(path: &Path, text: &str) -> Result<(), ConfigError> {
    files::write_private(path, text.as_bytes()).map_err(|source| ConfigError::Io {
        doing: "write",
        path: path.to_path_buf(),
        source,
    })
}

/// True for `scheme://user:password@…`.
fn holds_password(url: &str) -> bool {
    let authority = url.split_once("://").map_or(url, |(_, rest)| rest);
    authority
        .rsplit_once('@')
        .is_some_and(|(user, _)| user.split_once(':').is_some_and(|(_, password)| !password.is_empty()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Config, ConfigError> {
        Config::parse(Path::new("/home/config.toml"), text)
    }

    #[test]
    fn the_template_says_the_defaults() {
        assert_eq!(parse(TEMPLATE).unwrap(), Config::default());
        let uncommented: String = TEMPLATE
            .lines()
            .map(|line| line.strip_prefix("# ").filter(|rest| rest.contains(" = ")).unwrap_or(line))
            .fold(String::new(), |text, line| text + line + "\n");
        let all = parse(&uncommented).unwrap();
        assert!(all.central.url.is_some() && all.http.listen.is_some());
        assert_eq!(all.log, Log::default());
        assert_eq!(Memory { ignore: Vec::new(), ..all.memory }, Memory::default());
        assert_eq!(Billing { user: None, ..all.billing }, Billing::default());
    }

    #[test]
    fn a_misspelt_key_is_named_with_its_line() {
        let error = parse("[central]\n\n[log]\nkeeep = 5\n").unwrap_err();
        assert!(matches!(error, ConfigError::Invalid { line: 4, .. }), "{error}");
        assert!(error.to_string().contains("`keeep`"), "{error}");
        assert!(error.to_string().contains("/home/config.toml"), "{error}");
    }

    #[test]
    fn a_wrong_value_is_named_by_its_key() {
        let error = parse("[http]\nlisten = \"everywhere\"\n").unwrap_err().to_string();
        assert!(error.contains("line 2") && error.contains("`listen`"), "{error}");
    }

    #[test]
    fn what_may_say_that_nothing_is_saved_is_heeded_though_it_cannot_be_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.toml");
        fs::write(&path, "[memory]\ncapture = flase\n").unwrap();
        Config::load(&path).unwrap_err();
        assert!(!Config::cautious(&path).memory.capture);
        fs::write(&path, "[log]\nkeeep = 5\n# capture = true\n").unwrap();
        assert!(Config::cautious(&path).memory.capture);
    }

    #[test]
    fn no_message_repeats_a_password() {
        for text in ["central = \"mysql://u:hunter2@h/d\"\n", "[http]\nlisten = \"mysql://u:hunter2@h/d\"\n"] {
            let error = parse(text).unwrap_err();
            assert!(!format!("{error} {error:?}").contains("hunter2"), "{error}");
        }
        let config = parse("[central]\nurl = \"mysql://u:hunter2@h/d\"\n").unwrap();
        assert!(!format!("{config:?}").contains("hunter2"));
    }

    #[cfg(unix)]
    #[test]
    fn a_password_that_others_may_read_is_refused() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.toml");
        fs::write(&path, "[central]\nurl = \"mysql://u:pw@h/d\"\n").unwrap();
        fs::set_permissions(&path, PermissionsExt::from_mode(0o644)).unwrap();
        let error = Config::load(&path).unwrap_err();
        assert!(error.to_string().contains("644") && error.hint().contains("chmod 600"), "{error}");
        fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).unwrap();
        assert!(Config::load(&path).unwrap().central.url.is_some());
        fs::write(&path, "[central]\nurl = \"mysql://u@h/d\"\n").unwrap();
        fs::set_permissions(&path, PermissionsExt::from_mode(0o644)).unwrap();
        Config::load(&path).unwrap();
    }

    #[test]
    fn the_url_is_set_among_the_users_comments_and_only_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.toml");
        fs::write(&path, "# mine\n[log]\nkeep = 9 # few\n").unwrap();
        assert!(set_central_url(&path, "mysql://u:p@h/d").unwrap());
        assert!(!set_central_url(&path, "mysql://u:p@h/d").unwrap());
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains("# mine") && text.contains("keep = 9 # few"), "{text}");
        assert_eq!(Config::load(&path).unwrap().central.url.unwrap().reveal(), "mysql://u:p@h/d");
        assert_eq!(files::foreign_bits(&path).unwrap(), 0);
    }
}
