//! settings.json files of all kinds: what is not ours stays as it is.
#![allow(clippy::unwrap_used, reason = "clippy takes the helpers of an integration test for code")]

use std::fs;
use std::path::{Path, PathBuf};

use hooks::events::EVENTS;
use hooks::install::{InstallError, inspect, install, remove};
use serde_json::{Value, json};
use tempfile::TempDir;

struct Config {
    folder: TempDir,
    settings: PathBuf,
}

impl Config {
    fn empty() -> Self {
        let folder = TempDir::new().unwrap();
        let settings = folder.path().join("claude").join("settings.json");
        Self { folder, settings }
    }

    fn with(text: &str) -> Self {
        let config = Self::empty();
        fs::create_dir(config.settings.parent().unwrap()).unwrap();
        fs::write(&config.settings, text).unwrap();
        config
    }

    fn binary(&self) -> PathBuf {
        self.folder.path().join("bin").join("claudetools-hook")
    }

    fn text(&self) -> String {
        fs::read_to_string(&self.settings).unwrap()
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.text()).unwrap()
    }

    /// The names in the folder of the settings.
    fn files(&self) -> Vec<String> {
        let entries = fs::read_dir(self.settings.parent().unwrap()).unwrap();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

const FOREIGN: &str = r#"{
    "permissions": {"allow": ["Bash(ls:*)"]},
    "hooks": {
        "Stop": [{"matcher": "", "hooks": [{"type": "command", "command": "say 'done ünd \"ok\"'", "timeout": 1.5}]}],
        "Notification": [{"hooks": [{"type": "command", "command": "beep"}]}]
    },
    "model": "x"
}
"#;

#[test]
fn a_file_that_is_not_there_is_made_and_goes_again() {
    let config = Config::empty();
    let installed = install(&config.settings, &config.binary(), Some(Path::new("/data/x y"))).unwrap();
    assert!(installed.changed);
    assert_eq!(installed.backup, None);
    assert_eq!(installed.events.len(), EVENTS.len());
    assert_eq!(
        config.json()["hooks"]["UserPromptSubmit"],
        json!([{"hooks": [{
            "type": "command", "command": config.binary(), "args": ["UserPromptSubmit", "--home", "/data/x y"], "timeout": 2
        }]}])
    );
    let removed = remove(&config.settings).unwrap();
    assert_eq!((removed.events.len(), removed.deleted), (EVENTS.len(), true));
    assert_eq!(config.files(), [""; 0]);
    assert_eq!(remove(&config.settings).unwrap().events, [""; 0]);
}

#[test]
fn the_second_time_changes_nothing() {
    let config = Config::with(FOREIGN);
    let first = install(&config.settings, &config.binary(), None).unwrap();
    let text = config.text();
    assert_eq!(fs::read_to_string(first.backup.unwrap()).unwrap(), FOREIGN);
    let second = install(&config.settings, &config.binary(), None).unwrap();
    assert_eq!((second.changed, second.backup), (false, None));
    assert_eq!(config.text(), text);
    assert_eq!(config.files(), ["settings.json", "settings.json.before-claudetools"]);
}

#[test]
fn what_is_not_ours_stays_in_meaning_order_and_layout() {
    let config = Config::with(FOREIGN);
    let before = config.json();
    install(&config.settings, &config.binary(), None).unwrap();
    let merged = config.json();
    assert_eq!(merged.as_object().unwrap().keys().collect::<Vec<_>>(), ["permissions", "hooks", "model"]);
    assert_eq!(merged["hooks"]["Stop"][0], before["hooks"]["Stop"][0]);
    assert_eq!(merged["hooks"]["Notification"], before["hooks"]["Notification"]);
    assert!(config.text().starts_with("{\n    \"permissions\""), "{}", config.text());
    assert!(config.text().ends_with("}\n"));
    let removed = remove(&config.settings).unwrap();
    assert!(!removed.deleted);
    assert_eq!(config.json(), before);
}

#[test]
fn an_older_install_is_replaced_and_no_backup_is_overwritten() {
    let config = Config::with("{}");
    install(&config.settings, Path::new("/old/claudetools-hook"), Some(Path::new("/old/home"))).unwrap();
    let old = config.text();
    let installed = install(&config.settings, &config.binary(), None).unwrap();
    assert!(installed.changed);
    assert!(!config.text().contains("/old/"), "{}", config.text());
    assert_eq!(config.json()["hooks"]["Stop"].as_array().unwrap().len(), 1);
    assert_eq!(fs::read_to_string(config.settings.with_extension("json.before-claudetools")).unwrap(), "{}");
    assert_eq!(fs::read_to_string(installed.backup.unwrap()).unwrap(), old);
    assert_eq!(config.files().len(), 3);
    // There was a file before us, so it stays.
    assert!(!remove(&config.settings).unwrap().deleted);
    assert_eq!(config.text(), "{}");
}

#[test]
fn what_is_not_understood_is_left_alone() {
    for (text, place) in [
        ("{\"a\": 1,}", "line 1"),
        ("// a comment\n{}", "line 1"),
        ("[]", "the file"),
        ("{\"hooks\": []}", "`hooks`"),
        ("{\"hooks\": {\"Stop\": {}}}", "`hooks.Stop`"),
        ("{\"hooks\": {\"Stop\": [{\"matcher\": \"\"}]}}", "`hooks.Stop[0].hooks`"),
    ] {
        let config = Config::with(text);
        for error in
            [install(&config.settings, &config.binary(), None).unwrap_err(), remove(&config.settings).unwrap_err()]
        {
            let said = error.to_string();
            assert!(
                said.contains(place) && said.contains("settings.json") && said.contains("nothing was changed"),
                "{said}"
            );
        }
        assert_eq!((config.text().as_str(), config.files().len()), (text, 1));
        assert!(inspect(&config.settings, &config.binary()).problem.is_some());
    }
}

#[test]
fn blank_files_and_byte_order_marks_are_as_editors_leave_them() {
    for text in ["", " \n", "\u{feff}{\r\n\t\"model\": \"x\"\r\n}\r\n"] {
        let config = Config::with(text);
        assert!(install(&config.settings, &config.binary(), None).unwrap().backup.is_some());
        assert_eq!(config.json()["hooks"].as_object().unwrap().len(), EVENTS.len());
        if text.contains('\r') {
            assert!(config.text().starts_with("{\r\n\t\"model\""), "{:?}", config.text());
            assert_eq!(config.text().matches('\n').count(), config.text().matches("\r\n").count());
        }
    }
}

#[test]
fn a_path_that_cannot_stand_in_the_file_is_refused() {
    let config = Config::empty();
    let refused = install(&config.settings, Path::new("claudetools-hook"), None);
    assert!(matches!(refused, Err(InstallError::Path(_))));
    assert!(!config.settings.exists());
}

#[test]
fn what_doctor_needs_to_know_is_seen() {
    let config = Config::with(FOREIGN);
    let before = inspect(&config.settings, &config.binary());
    assert_eq!((before.present.len(), before.missing.len()), (0, EVENTS.len()));

    install(&config.settings, &config.binary(), Some(Path::new("/data"))).unwrap();
    let good = inspect(&config.settings, &config.binary());
    assert!(good.is_complete(), "{good:?}");
    assert_eq!(good.homes, [Some(PathBuf::from("/data"))]);

    let mut settings = config.json();
    settings["disableAllHooks"] = json!(true);
    let again = settings["hooks"]["Stop"][1].clone();
    settings["hooks"]["Stop"].as_array_mut().unwrap().push(again);
    settings["hooks"]["PreCompact"][0]["hooks"][0] =
        json!({"type": "command", "command": "/old/claudetools-hook PreCompact"});
    settings["hooks"].as_object_mut().unwrap().remove("SessionEnd");
    fs::write(&config.settings, settings.to_string()).unwrap();
    let bad = inspect(&config.settings, &config.binary());
    assert!(bad.disabled && !bad.is_complete());
    assert_eq!((bad.duplicates.as_slice(), bad.missing.as_slice()), (&["Stop"][..], &["SessionEnd"][..]));
    assert_eq!((bad.stale[0].event.as_str(), bad.stale[0].program.as_str()), ("PreCompact", "/old/claudetools-hook"));
    assert_eq!(bad.homes, [Some(PathBuf::from("/data")), None]);
}

#[cfg(unix)]
#[test]
fn a_link_and_the_mode_of_its_target_stay() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let config = Config::with("{}");
    let target = config.folder.path().join("dotfiles.json");
    fs::rename(&config.settings, &target).unwrap();
    symlink("../dotfiles.json", &config.settings).unwrap();
    fs::set_permissions(&target, fs::Permissions::from_mode(0o640)).unwrap();
    let backup = install(&config.settings, &config.binary(), None).unwrap().backup.unwrap();
    assert!(fs::symlink_metadata(&config.settings).unwrap().is_symlink());
    assert!(fs::read_to_string(&target).unwrap().contains("claudetools-hook"));
    for path in [&target, &backup] {
        assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o640, "{}", path.display());
    }
    remove(&config.settings).unwrap();
    assert_eq!(fs::read_to_string(&target).unwrap(), "{}");
}

#[cfg(unix)]
#[test]
fn a_link_to_nothing_yet_leads_to_the_new_file() {
    let config = Config::with("");
    fs::remove_file(&config.settings).unwrap();
    std::os::unix::fs::symlink("real.json", &config.settings).unwrap();
    install(&config.settings, &config.binary(), None).unwrap();
    assert_eq!(config.files(), ["real.json", "settings.json"]);
    assert_eq!(config.json()["hooks"].as_object().unwrap().len(), EVENTS.len());
}
