//! A launchd agent of the logged-in user.

use std::path::PathBuf;

use super::{Registered, Service, ServiceError, remove_file, run, write_if_changed, xml};

fn label(service: &Service) -> String {
    format!("tools.{}", service.name)
}

/// `~/Library/LaunchAgents/LABEL.plist`
pub(super) fn agent_path(service: &Service) -> Option<PathBuf> {
    let home = std::env::home_dir()?;
    Some(home.join("Library/LaunchAgents").join(format!("{}.plist", label(service))))
}

pub(super) fn register(service: &Service, start: bool) -> Result<Registered, ServiceError> {
    let Some(path) = agent_path(service) else {
        return Ok(Registered::Unavailable("the user has no home folder".into()));
    };
    let written = write_if_changed(&path, agent_text(service).as_bytes())?;
    if start {
        // `load -w` works with and without a graphical session, and does nothing when the agent is loaded.
        run("launchctl", &["load", "-w", &path.to_string_lossy()])?;
    }
    Ok(if written { Registered::Written(path) } else { Registered::Unchanged(path) })
}

/// One that is loaded and has ended in order stays loaded, so loading would not start it.
pub(super) fn start(service: &Service) -> Result<(), ServiceError> {
    run("launchctl", &["start", &label(service)]).map(drop)
}

pub(super) fn remove(service: &Service) -> Result<bool, ServiceError> {
    let Some(path) = agent_path(service).filter(|path| path.exists()) else { return Ok(false) };
    run("launchctl", &["unload", "-w", &path.to_string_lossy()])?;
    remove_file(&path)
}

fn agent_text(service: &Service) -> String {
    format!(
        r#"<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0">
<dict>
  <key>Label</key><string>{label}</string>
  <key>ProgramArguments</key><array><string>{program}</string><string>daemon</string></array>
  <key>EnvironmentVariables</key><dict><key>CLAUDETOOLS_HOME</key><string>{home}</string></dict>
  <key>RunAtLoad</key><true/>
  <key>KeepAlive</key><dict><key>SuccessfulExit</key><false/></dict>
  <key>ProcessType</key><string>Background</string>
</dict>
</plist>
"#,
        label = xml(&label(service)),
        program = xml(&service.program.to_string_lossy()),
        home = xml(&service.home.to_string_lossy()),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_agent_names_program_and_home() {
        let service =
            Service { name: "claudetools".into(), program: "/opt/R&D/claudetools".into(), home: "/u/<x>".into() };
        let text = agent_text(&service);
        assert!(text.contains("<string>/opt/R&amp;D/claudetools</string><string>daemon</string>"), "{text}");
        assert!(text.contains("<key>CLAUDETOOLS_HOME</key><string>/u/&lt;x&gt;</string>"), "{text}");
    }
}
