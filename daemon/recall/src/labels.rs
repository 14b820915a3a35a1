//! Tags that a memory gets by itself: languages and frameworks, files, hosts, tickets. Pure, and without a model: only what
//! stands there, and little of it, so that a tag tells something.

use std::collections::BTreeSet;

/// Most of each kind.
const EACH: usize = 4;
/// Longest tag, in bytes.
const LONGEST: usize = 60;

/// Languages by the extension of a file.
const LANGUAGES: &[(&str, &str)] = &[
    ("rs", "rust"),
    ("py", "python"),
    ("js", "javascript"),
    ("mjs", "javascript"),
    ("jsx", "javascript"),
    ("ts", "typescript"),
    ("tsx", "typescript"),
    ("go", "go"),
    ("java", "java"),
    ("kt", "kotlin"),
    ("cs", "csharp"),
    ("c", "c"),
    ("h", "c"),
    ("cpp", "cpp"),
    ("cc", "cpp"),
    ("hpp", "cpp"),
    ("rb", "ruby"),
    ("php", "php"),
    ("swift", "swift"),
    ("sh", "shell"),
    ("bash", "shell"),
    ("ps1", "powershell"),
    ("sql", "sql"),
    ("tf", "terraform"),
    ("html", "html"),
    ("css", "css"),
    ("scss", "css"),
    ("vue", "vue"),
    ("lua", "lua"),
    ("pl", "perl"),
];

/// Frameworks and tools, by the words that mean nothing else.
const FRAMEWORKS: &[&str] = &[
    "django",
    "flask",
    "fastapi",
    "sqlalchemy",
    "pytest",
    "numpy",
    "pandas",
    "pytorch",
    "react",
    "angular",
    "svelte",
    "nextjs",
    "nuxt",
    "nodejs",
    "webpack",
    "vite",
    "jest",
    "playwright",
    "laravel",
    "symfony",
    "wordpress",
    "rails",
    "aspnet",
    "blazor",
    "axum",
    "actix",
    "tokio",
    "sqlx",
    "serde",
    "kubernetes",
    "docker",
    "podman",
    "helm",
    "ansible",
    "terraform",
    "nginx",
    "haproxy",
    "traefik",
    "systemd",
    "postgresql",
    "postgres",
    "mysql",
    "mariadb",
    "sqlite",
    "mongodb",
    "redis",
    "kafka",
    "rabbitmq",
    "elasticsearch",
    "grafana",
    "prometheus",
    "proxmox",
    "vmware",
    "wireguard",
    "openvpn",
    "intune",
    "exchange365",
    "sharepoint",
];

/// What a memory is about.
#[derive(Debug, Clone, Copy, Default)]
pub struct Matter<'a> {
    /// What was said.
    pub text: &'a str,
    /// Paths of files that were written.
    pub files: &'a [String],
    /// Commands that were run.
    pub commands: &'a [String],
}

/// The tags, sorted.
pub fn labels(matter: Matter<'_>) -> Vec<String> {
    let mut tags = BTreeSet::new();
    let names: Vec<&str> = matter.files.iter().filter_map(|path| path.rsplit(['/', '\\']).next()).collect();
    add(&mut tags, names.iter().filter_map(|name| language(name)));
    add(&mut tags, names.iter().map(|name| name.to_lowercase()));
    let spoken = words(matter.text).map(str::to_ascii_lowercase);
    add(&mut tags, spoken.filter(|word| FRAMEWORKS.contains(&word.as_str())));
    add(&mut tags, tokens(matter.text).filter_map(ticket));
    let addresses = tokens(matter.text).filter_map(url_host);
    let reached = matter.commands.iter().flat_map(|command| remote_hosts(command));
    add(&mut tags, addresses.chain(reached));
    tags.into_iter().collect()
}

/// The first few that differ.
fn add(tags: &mut BTreeSet<String>, found: impl Iterator<Item = String>) {
    let mut own = BTreeSet::new();
    for tag in found.filter(|tag| (1..=LONGEST).contains(&tag.len())) {
        if own.len() == EACH {
            break;
        }
        own.insert(tag);
    }
    tags.append(&mut own);
}

fn language(name: &str) -> Option<String> {
    let (_, extension) = name.rsplit_once('.')?;
    let extension = extension.to_ascii_lowercase();
    LANGUAGES.iter().find(|(known, _)| *known == extension).map(|(_, language)| (*language).to_owned())
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty())
}

/// Pieces between blanks, without the marks around them.
fn tokens(text: &str) -> impl Iterator<Item = &str> {
    text.split_whitespace().map(|piece| piece.trim_matches(|c: char| !c.is_alphanumeric() && c != '#' && c != '/'))
}

/// `#1234` and `ABC-1234`.
fn ticket(token: &str) -> Option<String> {
    let is_number = |text: &str| (1..=7).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    if token.strip_prefix('#').is_some_and(is_number) {
        return Some(token.to_owned());
    }
    let (key, number) = token.split_once('-')?;
    let is_key = (2..=10).contains(&key.len())
        && key.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
        && key.as_bytes()[0].is_ascii_uppercase();
    // Encodings, digests and the like are written the same way.
    let is_other =
        ["UTF", "SHA", "ISO", "AES", "RSA", "MD", "CVE", "RFC", "BASE", "HTTP", "TLS", "IPV", "X"].contains(&key);
    (is_key && !is_other && is_number(number)).then(|| token.to_lowercase())
}

/// The host of an address.
fn url_host(token: &str) -> Option<String> {
    let (scheme, rest) = token.split_once("://")?;
    let is_scheme = ["http", "https", "ssh", "ftp", "mysql", "postgres"].iter().any(|known| scheme.ends_with(known));
    let place = rest.split(['/', '?', '#']).next()?;
    let host = place.rsplit('@').next()?.split(':').next()?;
    (is_scheme && is_host(host) && !host.starts_with("localhost")).then(|| host.to_ascii_lowercase())
}

/// Where `ssh`, `scp`, `rsync` and the like go.
fn remote_hosts(command: &str) -> Vec<String> {
    let mut pieces = command.split_whitespace();
    let mut hosts = Vec::new();
    while let Some(piece) = pieces.next() {
        if !["ssh", "scp", "sftp", "rsync", "mosh"].contains(&piece) {
            continue;
        }
        let mut rest = pieces.clone();
        let target = if piece == "ssh" || piece == "mosh" { ssh_target(&mut rest) } else { None };
        let copied = rest.filter(|piece| piece.contains(':')).filter_map(|piece| piece.split(':').next());
        let found: Vec<&str> = target.into_iter().chain(copied.filter(|_| target.is_none())).collect();
        let named = found.into_iter().filter_map(|place| place.rsplit('@').next()).filter(|host| is_host(host));
        hosts.extend(named.map(str::to_ascii_lowercase));
    }
    hosts
}

/// The first argument that is neither an option nor the value of one.
fn ssh_target<'c>(arguments: &mut impl Iterator<Item = &'c str>) -> Option<&'c str> {
    const WITH_VALUE: [&str; 8] = ["-p", "-i", "-l", "-o", "-F", "-J", "-L", "-R"];
    while let Some(argument) = arguments.next() {
        if WITH_VALUE.contains(&argument) {
            arguments.next();
        } else if !argument.starts_with('-') {
            return Some(argument);
        }
    }
    None
}

fn is_host(text: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'.' || byte == b'_';
    text.len() > 1 && text.bytes().all(is_part) && text.bytes().any(|byte| byte.is_ascii_alphabetic() || byte == b'.')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str, files: &[&str], commands: &[&str]) -> Vec<String> {
        let owned = |list: &[&str]| list.iter().map(|item| (*item).to_owned()).collect::<Vec<_>>();
        labels(Matter { text, files: &owned(files), commands: &owned(commands) })
    }

    #[test]
    fn languages_and_files_by_what_was_written() {
        assert_eq!(
            of("", &["/p/src/Login.rs", r"C:\x\deploy.ps1"], &[]),
            ["deploy.ps1", "login.rs", "powershell", "rust"]
        );
        assert_eq!(of("", &["/p/Makefile"], &[]), ["makefile"]);
    }

    #[test]
    fn frameworks_tickets_and_hosts_by_what_was_said() {
        let text =
            "See OPS-412 and #77: the Django app at https://shop.example.org/x fails (docker). UTF-8, AES-256, x-1.";
        assert_eq!(of(text, &[], &[]), ["#77", "django", "docker", "ops-412", "shop.example.org"]);
        assert_eq!(of("http://localhost:8080/ and a-b and #abc", &[], &[]), [] as [&str; 0]);
    }

    #[test]
    fn hosts_by_where_commands_went() {
        let commands = ["ssh -p 22 -i key root@db01 uptime", "scp a.txt deploy@web-2:/tmp", "echo ssh"];
        assert_eq!(of("", &[], &commands), ["db01", "web-2"]);
    }

    #[test]
    fn there_are_few_of_each_kind() {
        let files: Vec<String> = (0..50).map(|n| format!("f{n:02}.rs")).collect();
        let tags = labels(Matter { files: &files, ..Matter::default() });
        assert_eq!(tags.len(), EACH + 1, "{tags:?}");
    }
}
