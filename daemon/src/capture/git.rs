//! What a git repository says of itself, read from its files: starting git would cost more than the whole hook.

use std::fs;
use std::path::{Path, PathBuf};

/// Larger files are no git configuration.
const CONFIG_BYTES: u64 = 1 << 20;
/// Characters of a commit's id that stand for a branch when there is none.
const SHORT_ID: usize = 12;

/// A repository around a folder.
#[derive(Debug, Clone)]
pub(super) struct Repository {
    /// The folder that the checkout begins with; of the main checkout, when this is a worktree of it.
    pub(super) root: PathBuf,
    /// This checkout's own data (`HEAD`).
    git_dir: PathBuf,
    /// What all worktrees share (`config`).
    common_dir: PathBuf,
}

impl Repository {
    /// The repository that a folder is in.
    pub(super) fn around(folder: &Path) -> Option<Self> {
        folder.ancestors().find_map(|ancestor| {
            let dot_git = ancestor.join(".git");
            let metadata = fs::metadata(&dot_git).ok()?;
            if metadata.is_dir() {
                return Some(Self { root: ancestor.to_owned(), git_dir: dot_git.clone(), common_dir: dot_git });
            }
            let text = read_small(&dot_git)?;
            let git_dir = ancestor.join(text.strip_prefix("gitdir:")?.trim());
            let Some(common) = read_small(&git_dir.join("commondir")) else {
                return Some(Self { root: ancestor.to_owned(), common_dir: git_dir.clone(), git_dir });
            };
            let common_dir = resolve(&git_dir.join(common.trim()));
            let main = common_dir.parent().filter(|_| common_dir.ends_with(".git")).map(Path::to_owned);
            Some(Self { root: main.unwrap_or_else(|| ancestor.to_owned()), git_dir, common_dir })
        })
    }

    /// Its configuration; empty when there is none.
    pub(super) fn config(&self) -> Config {
        Config::parse(&read_small(&self.common_dir.join("config")).unwrap_or_default())
    }

    /// The branch that is checked out, or the start of the commit's id.
    pub(super) fn branch(&self) -> Option<String> {
        let head = read_small(&self.git_dir.join("HEAD"))?;
        let head = head.trim();
        let branch = match head.strip_prefix("ref:") {
            Some(name) => name.trim().trim_start_matches("refs/heads/"),
            None => head.get(..SHORT_ID)?,
        };
        (!branch.is_empty()).then(|| super::fit::chars(branch, 255))
    }
}

/// The parts of a git configuration that tell the project.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Config {
    /// `claudetools.project`.
    pub(super) project: Option<String>,
    /// Address of the remote `origin`, else of the first one.
    pub(super) remote: Option<String>,
}

impl Config {
    fn parse(text: &str) -> Self {
        let (mut project, mut origin, mut first) = (None, None, None);
        let mut section = String::new();
        for line in joined_lines(text) {
            let line = line.trim();
            let rest = match line.strip_prefix('[').and_then(|line| line.split_once(']')) {
                Some((name, rest)) => {
                    section = section_name(name);
                    rest.trim()
                }
                None => line,
            };
            let Some((key, value)) = rest.split_once('=') else { continue };
            let value = unquoted(value);
            match (section.as_str(), key.trim().to_ascii_lowercase().as_str()) {
                (_, _) if value.is_empty() => {}
                ("claudetools", "project") => project = Some(value),
                ("remote origin", "url") => origin = origin.or(Some(value)),
                (section, "url") if section.starts_with("remote ") => first = first.or(Some(value)),
                _ => {}
            }
        }
        Self { project, remote: origin.or(first) }
    }
}

/// `remote "origin"` → `remote origin`: the first word is case-insensitive, the second is not.
fn section_name(name: &str) -> String {
    let (word, sub) = name.trim().split_once(char::is_whitespace).unwrap_or((name.trim(), ""));
    format!("{} {}", word.to_ascii_lowercase(), sub.trim().trim_matches('"')).trim_end().to_owned()
}

/// Lines without comments, a backslash at the end joining the next.
fn joined_lines(text: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let mut open = String::new();
    for line in text.lines() {
        let trimmed = line.trim_start();
        if open.is_empty() && (trimmed.starts_with('#') || trimmed.starts_with(';')) {
            continue;
        }
        match line.strip_suffix('\\') {
            Some(start) => open.push_str(start),
            None => lines.push(std::mem::take(&mut open) + line),
        }
    }
    lines.push(open);
    lines
}

/// A value without quotes and without a comment behind it.
fn unquoted(value: &str) -> String {
    let (mut text, mut quoted, mut escaped) = (String::new(), false, false);
    for letter in value.trim().chars() {
        match letter {
            _ if escaped => {
                text.push(letter);
                escaped = false;
            }
            '\\' => escaped = true,
            '"' => quoted = !quoted,
            '#' | ';' if !quoted => break,
            _ => text.push(letter),
        }
    }
    text.trim_end().to_owned()
}

fn read_small(path: &Path) -> Option<String> {
    let metadata = fs::metadata(path).ok()?;
    if !metadata.is_file() || metadata.len() > CONFIG_BYTES {
        return None;
    }
    Some(String::from_utf8_lossy(&fs::read(path).ok()?).into_owned())
}

/// A path without `..`, as far as the file system tells.
fn resolve(path: &Path) -> PathBuf {
    fs::canonicalize(path).unwrap_or_else(|_| path.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn configuration_as_git_writes_it() {
        let text = "[core]\n\tbare = false\n# url = no\n[remote \"upstream\"]\n\turl = https://example.com/up/x.git\n\
                    [Remote \"origin\"]\n\tURL = \"git@example.com:o/x.git\" ; ours\n\tfetch = +refs/*\n\
                    [claudetools]\n\tproject = team/\\\nname\n";
        let config = Config::parse(text);
        assert_eq!(config.remote.as_deref(), Some("git@example.com:o/x.git"));
        assert_eq!(config.project.as_deref(), Some("team/name"));
        assert_eq!(Config::parse("[remote \"a\"]\nurl=u\n").remote.as_deref(), Some("u"));
        assert_eq!(Config::parse("[remote \"a\" url=\n]]=[\\"), Config::default());
    }

    #[test]
    fn a_worktree_belongs_to_its_repository() {
        let folder = tempfile::tempdir().unwrap();
        let (main, worktree) = (folder.path().join("main"), folder.path().join("wt/deep"));
        let git = main.join(".git");
        fs::create_dir_all(git.join("worktrees/wt")).unwrap();
        fs::create_dir_all(&worktree).unwrap();
        fs::write(git.join("config"), "[remote \"origin\"]\nurl = u\n").unwrap();
        fs::write(git.join("HEAD"), "ref: refs/heads/main\n").unwrap();
        fs::write(git.join("worktrees/wt/commondir"), "../..\n").unwrap();
        fs::write(git.join("worktrees/wt/HEAD"), "ref: refs/heads/feature/x\n").unwrap();
        fs::write(folder.path().join("wt/.git"), format!("gitdir: {}\n", git.join("worktrees/wt").display())).unwrap();
        let repository = Repository::around(&worktree).unwrap();
        assert_eq!(repository.root, fs::canonicalize(&main).unwrap());
        assert_eq!(repository.branch().as_deref(), Some("feature/x"));
        assert_eq!(repository.config().remote.as_deref(), Some("u"));
        assert_eq!(Repository::around(&main).unwrap().branch().as_deref(), Some("main"));
    }

    #[test]
    fn a_detached_head_is_named_by_its_commit() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join(".git")).unwrap();
        fs::write(folder.path().join(".git/HEAD"), "4898ae7c2f1b0d3e5a69788c9d0e1f2a3b4c5d6e\n").unwrap();
        assert_eq!(Repository::around(folder.path()).unwrap().branch().as_deref(), Some("4898ae7c2f1b"));
    }
}
