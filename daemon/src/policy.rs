//! What is kept of a project, and what its conversations may cost: the `[memory]` of the configuration, ready to be asked.

use std::collections::BTreeMap;
use std::path::Path;

use globset::{Glob, GlobSet, GlobSetBuilder};
use serde::Deserialize;

/// Tokens that the start of a conversation may cost.
pub(crate) const START_TOKENS: usize = 1_500;
/// Tokens that one prompt may cost.
pub(crate) const PROMPT_TOKENS: usize = 800;
/// The most that either may be set to: more than a few pages unasked helps nobody.
const MOST_TOKENS: usize = 20_000;

/// `[memory]`
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Memory {
    pub(crate) start_tokens: usize,
    pub(crate) prompt_tokens: usize,
    /// False: nothing is saved or told anywhere.
    pub(crate) capture: bool,
    /// Globs of files of which nothing is saved.
    pub(crate) ignore: Vec<Pattern>,
    /// What is otherwise in a project, by slug.
    pub(crate) projects: BTreeMap<String, Project>,
}

impl Default for Memory {
    fn default() -> Memory {
        Memory {
            start_tokens: START_TOKENS,
            prompt_tokens: PROMPT_TOKENS,
            capture: true,
            ignore: Vec::new(),
            projects: BTreeMap::new(),
        }
    }
}

/// `[memory.projects."slug"]`
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Project {
    pub(crate) start_tokens: Option<usize>,
    pub(crate) prompt_tokens: Option<usize>,
    pub(crate) capture: Option<bool>,
    /// Beside those of all projects.
    pub(crate) ignore: Vec<Pattern>,
}

/// A glob, as git and shells have them: `**/secrets/**`, `*.pem`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Pattern(Glob);

impl TryFrom<String> for Pattern {
    type Error = globset::Error;

    /// A pattern without a slash is one of names, in any folder.
    fn try_from(text: String) -> Result<Pattern, globset::Error> {
        let anywhere = if text.contains('/') { text } else { format!("**/{text}") };
        Glob::new(&anywhere).map(Pattern)
    }
}

/// What holds in one project.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Terms {
    pub(crate) start_tokens: usize,
    pub(crate) prompt_tokens: usize,
    /// Whether anything is saved or told.
    pub(crate) capture: bool,
}

/// The `[memory]` of a configuration, compiled.
#[derive(Debug, Default)]
pub(crate) struct Policy {
    memory: Memory,
    ignored: GlobSet,
    of_projects: BTreeMap<String, GlobSet>,
}

impl Policy {
    /// Compiles it. Errors: a pattern that cannot stand beside the others (too large).
    pub(crate) fn new(memory: Memory) -> Result<Policy, globset::Error> {
        let ignored = set(&memory.ignore)?;
        let of_projects = memory
            .projects
            .iter()
            .map(|(slug, project)| Ok((slug.clone(), set(&project.ignore)?)))
            .collect::<Result<_, globset::Error>>()?;
        Ok(Policy { memory, ignored, of_projects })
    }

    /// Under which nothing is saved or told.
    pub(crate) fn nothing() -> Policy {
        Policy { memory: Memory { capture: false, ..Memory::default() }, ..Policy::default() }
    }

    /// What holds in a project.
    pub(crate) fn of(&self, slug: &str) -> Terms {
        let Memory { start_tokens, prompt_tokens, capture, projects, .. } = &self.memory;
        let own = projects.get(slug);
        let tokens = |own: Option<usize>, all: usize| own.unwrap_or(all).min(MOST_TOKENS);
        Terms {
            start_tokens: tokens(own.and_then(|own| own.start_tokens), *start_tokens),
            prompt_tokens: tokens(own.and_then(|own| own.prompt_tokens), *prompt_tokens),
            capture: own.and_then(|own| own.capture).unwrap_or(*capture),
        }
    }

    /// True for a file of which nothing is saved; `folder` is where the conversation takes place.
    pub(crate) fn ignores(&self, slug: &str, folder: &Path, file: &str) -> bool {
        let within = Path::new(file).strip_prefix(folder).unwrap_or(Path::new(file));
        let by = |set: &GlobSet| set.is_match(file) || set.is_match(within);
        by(&self.ignored) || self.of_projects.get(slug).is_some_and(by)
    }
}

fn set(patterns: &[Pattern]) -> Result<GlobSet, globset::Error> {
    let mut builder = GlobSetBuilder::new();
    for pattern in patterns {
        builder.add(pattern.0.clone());
    }
    builder.build()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(text: &str) -> Policy {
        Policy::new(toml::from_str(text).unwrap()).unwrap()
    }

    #[test]
    fn a_project_may_differ() {
        let policy =
            policy("prompt_tokens = 400\n[projects.\"github.com/me/it\"]\nstart_tokens = 0\ncapture = false\n");
        let elsewhere = Terms { start_tokens: 1_500, prompt_tokens: 400, capture: true };
        assert_eq!(policy.of("github.com/me/other"), elsewhere);
        assert_eq!(policy.of("github.com/me/it"), Terms { start_tokens: 0, capture: false, ..elsewhere });
    }

    #[test]
    fn files_are_ignored_by_name_by_path_and_by_project() {
        let policy =
            policy("ignore = [\"*.pem\", \".env*\", \"vault/**\"]\n[projects.it]\nignore = [\"**/private/*\"]\n");
        let ignores = |slug: &str, file: &str| policy.ignores(slug, Path::new("/home/me/work"), file);
        for file in ["/home/me/work/tls/server.pem", "/home/me/work/.env.local", "/home/me/work/vault/a/b", ".env"] {
            assert!(ignores("other", file), "{file}");
        }
        assert!(!ignores("other", "/home/me/work/src/main.rs") && !ignores("other", "/home/me/vault/a"));
        assert!(ignores("it", "/srv/private/key") && !ignores("other", "/srv/private/key"));
    }

    #[test]
    fn a_pattern_that_is_none_is_an_error_that_shows_it() {
        let error = toml::from_str::<Memory>("ignore = [\"a{b\"]").unwrap_err().to_string();
        assert!(error.contains("a{b"), "{error}");
    }
}
