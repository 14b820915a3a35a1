//! A Windows scheduled task at logon. `conhost --headless` gives the daemon a console that has no window.

use std::path::PathBuf;

use super::{Registered, Service, ServiceError, remove_file, run, write_if_changed, xml};

/// The definition, kept in the home: it is what tells that the task was registered, and as what.
pub(super) fn file_path(service: &Service) -> PathBuf {
    service.home.join("service-task.xml")
}

pub(super) fn register(service: &Service, start: bool) -> Result<Registered, ServiceError> {
    let path = file_path(service);
    let written = write_if_changed(&path, &utf16(&task_text(service)))?;
    if written {
        let created = run("schtasks", &["/Create", "/TN", &service.name, "/XML", &path.to_string_lossy(), "/F"]);
        if let Err(error) = created {
            remove_file(&path)?;
            return Err(error);
        }
    }
    if start {
        self::start(service)?;
    }
    Ok(if written { Registered::Written(path) } else { Registered::Unchanged(path) })
}

pub(super) fn start(service: &Service) -> Result<(), ServiceError> {
    run("schtasks", &["/Run", "/TN", &service.name]).map(drop)
}

pub(super) fn remove(service: &Service) -> Result<bool, ServiceError> {
    let path = file_path(service);
    if !path.exists() {
        return Ok(false);
    }
    run("schtasks", &["/Delete", "/TN", &service.name, "/F"])?;
    remove_file(&path)
}

fn task_text(service: &Service) -> String {
    let arguments =
        format!("--headless \"{}\" --home \"{}\" daemon", service.program.display(), service.home.display());
    format!(
        r#"<?xml version="1.0" encoding="UTF-16"?>
<Task version="1.2" xmlns="http://schemas.microsoft.com/windows/2004/02/mit/task">
  <Triggers><LogonTrigger><Enabled>true</Enabled></LogonTrigger></Triggers>
  <Settings>
    <Hidden>true</Hidden>
    <MultipleInstancesPolicy>IgnoreNew</MultipleInstancesPolicy>
    <DisallowStartIfOnBatteries>false</DisallowStartIfOnBatteries>
    <StopIfGoingOnBatteries>false</StopIfGoingOnBatteries>
    <ExecutionTimeLimit>PT0S</ExecutionTimeLimit>
    <RestartOnFailure><Interval>PT1M</Interval><Count>3</Count></RestartOnFailure>
  </Settings>
  <Actions><Exec><Command>%SystemRoot%\System32\conhost.exe</Command><Arguments>{}</Arguments></Exec></Actions>
</Task>
"#,
        xml(&arguments)
    )
}

/// The encoding that the task scheduler reads.
fn utf16(text: &str) -> Vec<u8> {
    std::iter::once(0xFEFF).chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_task_has_no_window_and_names_its_home() {
        let service =
            Service { name: "claudetools".into(), program: r"C:\R&D\claudetools.exe".into(), home: r"C:\h".into() };
        let text = task_text(&service);
        assert!(
            text.contains(r"conhost.exe</Command><Arguments>--headless &quot;C:\R&amp;D\claudetools.exe&quot;"),
            "{text}"
        );
        assert!(text.contains(r"--home &quot;C:\h&quot; daemon</Arguments>"), "{text}");
    }

    #[test]
    fn it_is_written_as_utf16_with_its_mark() {
        assert_eq!(utf16("aü"), [0xFF, 0xFE, b'a', 0, 0xFC, 0]);
    }
}
