//! Our MCP server in Claude Code's own configuration (`.claude.json`, at user scope): put in, taken out, looked at.
//!
//! The file is the client's, which writes it often; all else in it keeps its meaning and its order.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::file::SettingsFile;
use super::{InstallError, Misfit, Root, path_text};

const SERVERS: &str = "mcpServers";
/// The server's name there; its tools are called `mcp__claudetools__…`.
pub const SERVER: &str = "claudetools";
const COMMAND: &str = "mcp";

/// What [`install_server`] did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerInstalled {
    /// False when it was in place already.
    pub changed: bool,
    /// The copy of the file as it was before.
    pub backup: Option<PathBuf>,
}

/// How our server is started, as the file says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerCommand {
    /// The program.
    pub program: String,
    /// Its arguments.
    pub arguments: Vec<String>,
}

impl ServerCommand {
    /// The home that it serves, when it names one.
    pub fn home(&self) -> Option<&Path> {
        let flag = self.arguments.iter().position(|argument| argument == "--home")?;
        self.arguments.get(flag + 1).map(Path::new)
    }
}

/// Puts our server in, or in the place of an older one of ours. One of that name that is another's is refused.
pub fn install_server(config: &Path, program: &Path, home: &Path) -> Result<ServerInstalled, InstallError> {
    let (binary, home) = (path_text(program)?, path_text(home)?);
    let file = SettingsFile::read(config)?;
    let mut root = file.parse()?;
    check(&root).map_err(|misfit| misfit.of(config))?;
    let entry = json!({ "type": "stdio", "command": binary, "args": [COMMAND, "--home", home], "env": {} });
    if let Some(servers) = root.entry(SERVERS).or_insert_with(|| json!({})).as_object_mut() {
        if servers.get(SERVER).is_some_and(|known| command(known).is_none()) {
            return Err(InstallError::Taken { path: config.to_owned(), at: format!("{SERVERS}.{SERVER}") });
        }
        servers.insert(SERVER.to_owned(), entry);
    }
    if file.exists() && root == file.parse()? {
        return Ok(ServerInstalled { changed: false, backup: None });
    }
    let backup = file.back_up()?;
    file.replace(&root)?;
    Ok(ServerInstalled { changed: true, backup })
}

/// Takes our server out; false when there was none of ours for that home. A file that only [`install_server`] made goes too.
pub fn remove_server(config: &Path, home: &Path) -> Result<bool, InstallError> {
    let file = SettingsFile::read(config)?;
    let mut root = file.parse()?;
    check(&root).map_err(|misfit| misfit.of(config))?;
    if look(&root).is_none_or(|ours| ours.home() != Some(home)) {
        return Ok(false);
    }
    if let Some(servers) = root.get_mut(SERVERS).and_then(Value::as_object_mut) {
        servers.shift_remove(SERVER);
        if servers.is_empty() {
            root.shift_remove(SERVERS);
        }
    }
    if root.is_empty() && file.is_ours_alone() {
        file.delete()?;
    } else {
        file.replace(&root)?;
    }
    Ok(true)
}

/// How our server is started; None when it is not there.
pub fn inspect_server(config: &Path) -> Result<Option<ServerCommand>, InstallError> {
    let root = SettingsFile::read(config)?.parse()?;
    check(&root).map_err(|misfit| misfit.of(config))?;
    Ok(look(&root))
}

fn check(root: &Root) -> Result<(), Misfit> {
    match root.get(SERVERS) {
        Some(servers) if !servers.is_object() => Err(Misfit { at: SERVERS.to_owned(), expected: "an object" }),
        _ => Ok(()),
    }
}

fn look(root: &Root) -> Option<ServerCommand> {
    command(root.get(SERVERS)?.get(SERVER)?)
}

/// The command of an entry that starts a program of ours.
fn command(entry: &Value) -> Option<ServerCommand> {
    let program = entry["command"].as_str()?;
    let arguments = entry["args"].as_array()?.iter();
    let arguments: Vec<String> =
        arguments.map(|argument| argument.as_str().map(str::to_owned)).collect::<Option<_>>()?;
    let stem = Path::new(program).file_stem()?.to_str()?;
    (stem == SERVER && arguments.first().is_some_and(|first| first == COMMAND))
        .then(|| ServerCommand { program: program.to_owned(), arguments })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROGRAM: &str = if cfg!(windows) { r"C:\ct\claudetools.exe" } else { "/opt/ct/claudetools" };
    const HOME: &str = if cfg!(windows) { r"C:\home" } else { "/home/me/ct" };

    fn install(config: &Path) -> Result<ServerInstalled, InstallError> {
        install_server(config, Path::new(PROGRAM), Path::new(HOME))
    }

    #[test]
    fn all_else_is_kept_and_twice_is_once() {
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join(".claude.json");
        let before =
            "{\n  \"numStartups\": 7,\n  \"mcpServers\": {\n    \"other\": {\n      \"command\": \"x\"\n    }\n  }\n}";
        std::fs::write(&config, before).unwrap();
        assert!(install(&config).unwrap().changed);
        assert_eq!(install(&config).unwrap(), ServerInstalled { changed: false, backup: None });
        let found = inspect_server(&config).unwrap().unwrap();
        assert_eq!((found.program.as_str(), found.home()), (PROGRAM, Some(Path::new(HOME))));
        assert!(!remove_server(&config, Path::new("/another")).unwrap());
        assert!(remove_server(&config, Path::new(HOME)).unwrap());
        assert_eq!(std::fs::read_to_string(&config).unwrap(), before);
        assert!(!remove_server(&config, Path::new(HOME)).unwrap());
    }

    #[test]
    fn a_file_of_ours_alone_goes() {
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join(".claude.json");
        install(&config).unwrap();
        remove_server(&config, Path::new(HOME)).unwrap();
        assert!(!config.exists());
    }

    #[test]
    fn what_is_not_ours_is_refused_and_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join(".claude.json");
        for text in
            [r#"{"mcpServers":{"claudetools":{"command":"/bin/other","args":[]}}}"#, r#"{"mcpServers":[]}"#, "{broken"]
        {
            std::fs::write(&config, text).unwrap();
            assert!(install(&config).is_err(), "{text}");
            assert_eq!(std::fs::read_to_string(&config).unwrap(), text);
        }
    }
}
