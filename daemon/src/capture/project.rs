//! Which project a folder belongs to: what git's configuration says, else the remote, else the path.
//!
//! The slug is the same on every machine and in every worktree that has the same remote, in any of the forms in which
//! an address can be written. Without a remote it is the path below the home directory, so that one user's machines
//! meet as long as they keep the same layout.

use std::path::{Component, Path, PathBuf};

use super::digest::sha256;
use super::git::Repository;

/// Longest slug, in characters (all ASCII).
const SLUG_CHARS: usize = 200;
/// Characters of the hash that keeps shortened or replaced names apart.
const HASH_CHARS: usize = 8;

/// Where a conversation takes place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The project's key: `host/owner/repo`, `path/home/…`, `path/abs/…` or what the user chose.
    pub slug: String,
    /// For people: the slug's last part.
    pub name: String,
    /// The remote's address without credentials.
    pub git_remote: Option<String>,
    /// The branch that is checked out.
    pub git_branch: Option<String>,
}

impl Place {
    /// The place of a folder; `home` is the user's home directory.
    pub fn of(folder: &Path, home: &Path) -> Self {
        let Some(repository) = Repository::around(folder) else {
            return Self::named(path_slug(folder, home), None, None);
        };
        let config = repository.config();
        let remote = config.remote.as_deref().and_then(|address| Remote::parse(address, &repository.root));
        let chosen = config.project.as_deref().map(|name| slug(name.split('/'))).filter(|slug| !slug.is_empty());
        let slug =
            chosen.or_else(|| remote.as_ref().map(Remote::slug)).unwrap_or_else(|| path_slug(&repository.root, home));
        Self::named(slug, remote.map(|remote| remote.address), repository.branch())
    }

    /// A project that is known by its slug only.
    pub(super) fn recorded(slug: &str) -> Self {
        let slug = self::slug(slug.split('/'));
        Self::named(if slug.is_empty() { "path".to_owned() } else { slug }, None, None)
    }

    /// A project that somebody names by its slug or by its remote.
    pub(crate) fn named_by(name: &str) -> Self {
        let is_address = name.contains("://") || name.contains('@');
        let slug = is_address.then(|| slug_of_remote(name)).flatten();
        Self::recorded(slug.as_deref().unwrap_or(name))
    }

    fn named(slug: String, git_remote: Option<String>, git_branch: Option<String>) -> Self {
        let name = name_of_slug(&slug);
        Self { slug, name, git_remote: git_remote.map(|address| super::fit::chars(&address, 500)), git_branch }
    }
}

/// The slug of a remote's address, in any of its forms; None when it is none.
pub(crate) fn slug_of_remote(address: &str) -> Option<String> {
    Remote::parse(address, Path::new("/")).map(|remote| remote.slug()).filter(|slug| !slug.is_empty())
}

/// What a project is called when only its slug is known: the last part.
pub(crate) fn name_of_slug(slug: &str) -> String {
    slug.rsplit('/').next().unwrap_or(slug).to_owned()
}

/// A remote's address, understood.
#[derive(Debug, PartialEq, Eq)]
struct Remote {
    /// Without user, password and query.
    address: String,
    host: String,
    path: String,
}

impl Remote {
    fn parse(address: &str, root: &Path) -> Option<Self> {
        let address = address.trim();
        if let Some((scheme, rest)) = address.split_once("://") {
            let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
            let authority = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
            if scheme.eq_ignore_ascii_case("file") || authority.is_empty() {
                return Some(Self::local(&Path::new("/").join(path)));
            }
            let path = path.split(['?', '#']).next().unwrap_or_default();
            let address = format!("{}://{authority}/{path}", scheme.to_ascii_lowercase());
            return Some(Self { address, host: without_port(authority).to_owned(), path: path.to_owned() });
        }
        // host:path, but not C:\path
        if let Some((host, path)) = address.split_once(':')
            && !host.contains('/')
            && host.len() > 1
        {
            let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
            return Some(Self { address: format!("{host}:{path}"), host: host.to_owned(), path: path.to_owned() });
        }
        (!address.is_empty()).then(|| Self::local(&root.join(address)))
    }

    /// A folder on this machine, or on a share.
    fn local(path: &Path) -> Self {
        let path = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        Self { address: path.display().to_string(), host: "path/remote".into(), path: segments(&path).join("/") }
    }

    fn slug(&self) -> String {
        let path = self.path.trim_matches('/');
        let path = path.strip_suffix(".git").or_else(|| path.strip_suffix(".GIT")).unwrap_or(path);
        slug(self.host.split('/').chain(path.trim_end_matches('/').split('/').map(|part| part.trim_start_matches('~'))))
    }
}

/// `host:22` → `host`; an IPv6 address keeps its colons within the brackets.
fn without_port(authority: &str) -> &str {
    match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) && !host.is_empty() => host,
        _ => authority,
    }
}

fn path_slug(folder: &Path, home: &Path) -> String {
    let parts = |prefix: &'static str, path: &Path| {
        let segments = segments(path);
        slug(prefix.split('/').chain(segments.iter().map(String::as_str)))
    };
    match folder.strip_prefix(home) {
        Ok(below) if !home.as_os_str().is_empty() => parts("path/home", below),
        _ => parts("path/abs", folder),
    }
}

/// The names in a path; a drive is a name too.
fn segments(path: &Path) -> Vec<String> {
    path.components()
        .filter_map(|component| match component {
            Component::Normal(name) => Some(name.to_string_lossy().into_owned()),
            Component::Prefix(prefix) => Some(prefix.as_os_str().to_string_lossy().replace(['\\', ':', '?', '.'], "")),
            _ => None,
        })
        .collect()
}

/// Parts joined by slashes, lower case, of `[a-z0-9._-]` only. Where a character had to be replaced or the end cut, a
/// hash of the original keeps two names from becoming one.
fn slug<'a>(parts: impl Iterator<Item = &'a str>) -> String {
    let original = parts.filter(|part| !part.is_empty()).collect::<Vec<_>>().join("/").to_lowercase();
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '_' | '/' | '-');
    let plain: String = original.chars().map(|c| if fits(c) { c } else { '-' }).collect();
    if plain == original && plain.len() <= SLUG_CHARS {
        return plain;
    }
    let hash = sha256(original.as_bytes());
    let kept = plain.len().min(SLUG_CHARS - HASH_CHARS - 1);
    format!("{}-{}", &plain[..kept], &hash[..HASH_CHARS])
}

/// The folder that a hook names, or the home directory when it names none.
pub(super) fn folder_of(cwd: Option<&str>, home: &Path) -> PathBuf {
    cwd.map_or_else(|| home.to_owned(), PathBuf::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_remote(address: &str) -> String {
        Remote::parse(address, Path::new("/nowhere")).unwrap().slug()
    }

    #[test]
    fn one_repository_in_every_form() {
        for address in [
            "https://github.com/Owner/Repo.git",
            "https://github.com/owner/repo",
            "https://github.com/owner/repo/",
            "http://user:s3cret@github.com:8080/owner/repo.git",
            "ssh://git@github.com:22/owner/repo.git",
            "git@github.com:owner/repo.git",
            "github.com:Owner/Repo",
            "git://github.com/owner/repo.git?x=1",
        ] {
            assert_eq!(of_remote(address), "github.com/owner/repo", "{address}");
        }
        assert_eq!(of_remote("git@gitlab.example:group/sub/repo.git"), "gitlab.example/group/sub/repo");
    }

    #[test]
    fn credentials_are_not_kept() {
        let remote = Remote::parse("https://me:s3cret@example.com/o/r.git", Path::new("/")).unwrap();
        assert_eq!(remote.address, "https://example.com/o/r.git");
    }

    #[test]
    fn folders_are_remotes_too() {
        assert_eq!(of_remote("/srv/git/thing.git"), "path/remote/srv/git/thing");
        assert_eq!(of_remote("file:///srv/git/thing.git"), "path/remote/srv/git/thing");
        assert_eq!(of_remote("../thing.git"), of_remote("/nowhere/../thing.git"));
    }

    #[test]
    fn paths_are_told_from_the_home_directory() {
        let home = Path::new("/home/dev");
        assert_eq!(path_slug(Path::new("/home/dev/Work/api"), home), "path/home/work/api");
        assert_eq!(path_slug(Path::new("/home/dev"), home), "path/home");
        assert_eq!(path_slug(Path::new("/opt/api"), home), "path/abs/opt/api");
    }

    #[test]
    fn slugs_stay_apart_and_short() {
        let (one, two) = (slug(["my app"].into_iter()), slug(["my+app"].into_iter()));
        assert_ne!(one, two);
        assert!(one.starts_with("my-app-"));
        let long = slug(["x"].into_iter().cycle().take(500));
        assert_eq!(long.len(), SLUG_CHARS);
        let fits =
            |slug: &str| slug.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._/-".contains(&b));
        assert!([one, two, long, slug(["Größe", "日本"].into_iter())].iter().all(|slug| fits(slug)));
    }

    #[test]
    fn a_subfolder_is_the_same_project_and_configuration_wins() {
        let folder = tempfile::tempdir().unwrap();
        let deep = folder.path().join("repo/src/deep");
        std::fs::create_dir_all(&deep).unwrap();
        std::fs::create_dir(folder.path().join("repo/.git")).unwrap();
        std::fs::write(folder.path().join("repo/.git/HEAD"), "ref: refs/heads/main\n").unwrap();
        let config = folder.path().join("repo/.git/config");
        assert_eq!(Place::of(&deep, folder.path()).slug, "path/home/repo");
        std::fs::write(&config, "[remote \"origin\"]\nurl = git@example.com:team/api.git\n").unwrap();
        let place = Place::of(&deep, folder.path());
        assert_eq!((place.slug.as_str(), place.name.as_str()), ("example.com/team/api", "api"));
        assert_eq!(place.git_branch.as_deref(), Some("main"));
        std::fs::write(&config, "[claudetools]\nproject = Acme/Portal\n[remote \"origin\"]\nurl = x:y\n").unwrap();
        assert_eq!(Place::of(&deep, folder.path()).slug, "acme/portal");
    }
}
