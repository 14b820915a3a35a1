//! `setup` and `uninstall` as steps: each says what it did, and doing it again changes nothing.

pub(crate) mod confirm;
pub(crate) mod first_user;
pub(crate) mod forget;
pub(crate) mod mcp_proof;
pub(crate) mod probe;
pub(crate) mod record;
pub(crate) mod steps;

use std::env;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use hooks::home::{HOME_VARIABLE, Home};

use crate::api::special::health::Health;
use crate::cli::{self, Failure};
use crate::service::Service;
use crate::starter::{self, StarterError};

use record::Record;

/// The file name of the hook client, beside `claudetools`.
const HOOK_PROGRAM: &str = if cfg!(windows) { "claudetools-hook.exe" } else { "claudetools-hook" };

/// Claude Code's own folder: the given one, else `$CLAUDE_CONFIG_DIR`, else `~/.claude`.
pub(crate) fn client_folder(claude_config: Option<&Path>) -> Option<PathBuf> {
    let named = || env::var_os("CLAUDE_CONFIG_DIR").filter(|value| !value.is_empty()).map(PathBuf::from);
    let folder = claude_config.map(Path::to_path_buf).or_else(named);
    let folder = folder.or_else(|| env::home_dir().map(|home| home.join(".claude")))?;
    std::path::absolute(folder).ok()
}

/// Its settings file.
pub(crate) fn settings_path(claude_config: Option<&Path>) -> Option<PathBuf> {
    client_folder(claude_config).map(|folder| folder.join("settings.json"))
}

/// Claude Code's own configuration, where MCP servers are: beside the settings when their folder was named, else in the user's
/// home.
pub(crate) fn client_config_path(claude_config: Option<&Path>) -> Option<PathBuf> {
    let settings = settings_path(claude_config)?;
    let folder = settings.parent()?;
    let home = env::home_dir()?;
    Some(if folder == home.join(".claude") { home } else { folder.to_path_buf() }.join(".claude.json"))
}

/// The hook client that was built with this program.
pub(crate) fn hook_program() -> std::io::Result<PathBuf> {
    let own = env::current_exe()?;
    Ok(own.with_file_name(HOOK_PROGRAM))
}

/// True when the owner may run it.
pub(crate) fn is_executable(path: &Path) -> bool {
    let Ok(metadata) = path.metadata() else { return false };
    #[cfg(unix)]
    let runs = std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o100 != 0;
    #[cfg(not(unix))]
    let runs = true;
    metadata.is_file() && runs
}

/// Ends the daemon that runs and starts one, which also answers on `listen`. Where setup registered a service it is the
/// service's again, so that the platform goes on watching over it.
pub(crate) fn restart(home: &Home, listen: Option<SocketAddr>) -> Result<Health, StarterError> {
    starter::stop(home)?;
    let registered = Record::read(home).ok().and_then(|record| record.service);
    if let (Some(name), None, Ok(service)) = (registered, listen, service(home))
        && let Err(error) = (Service { name, ..service }).start()
    {
        cli::warn(format!("the daemon is started without its service: {error}"));
    }
    starter::ensure_listening(home, listen)
}

/// A daemon that could open its replica; else, why it could not.
pub(crate) fn opened(health: Health) -> Result<Health, Failure> {
    match health.trouble {
        Some(trouble) => Err(Failure::new(format!("open the replica: {}", trouble.reason)).hint(trouble.hint)),
        None => Ok(health),
    }
}

/// The service of a home.
pub(crate) fn service(home: &Home) -> std::io::Result<Service> {
    let is_default = env::var_os(HOME_VARIABLE).is_none() && Home::resolve(None).is_ok_and(|usual| usual == *home);
    Ok(Service::of(env::current_exe()?, home.root().to_path_buf(), is_default))
}
