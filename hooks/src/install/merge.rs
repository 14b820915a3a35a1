//! The edit itself, on JSON alone: `hooks` is an object of events, an event a list of groups, a group an optional
//! `matcher` and a list of `hooks`.

use serde_json::{Value, json};

use super::{Misfit, Root};
use crate::events::{EVENTS, HookSpec};

const HOOKS: &str = "hooks";
const PROGRAM: &str = "claudetools-hook";

/// Whether everything under `hooks` has the shape that Claude Code gives it.
pub(super) fn check(root: &Root) -> Result<(), Misfit> {
    let misfit = |at: String, expected| Err(Misfit { at, expected });
    let Some(hooks) = root.get(HOOKS) else { return Ok(()) };
    let Some(hooks) = hooks.as_object() else { return misfit(HOOKS.to_owned(), "an object") };
    for (event, groups) in hooks {
        let Some(groups) = groups.as_array() else { return misfit(format!("hooks.{event}"), "a list") };
        for (at, group) in groups.iter().enumerate() {
            let Some(entries) = group.get(HOOKS).and_then(Value::as_array) else {
                return misfit(format!("hooks.{event}[{at}].hooks"), "a list");
            };
            if let Some(odd) = entries.iter().position(|entry| !entry.is_object()) {
                return misfit(format!("hooks.{event}[{at}].hooks[{odd}]"), "an object");
            }
        }
    }
    Ok(())
}

/// Puts a hook for every event in; returns the events. The root has passed [`check`].
pub(super) fn put_in(root: &mut Root, binary: &str, home: Option<&str>) -> Vec<&'static str> {
    let hooks = root.entry(HOOKS).or_insert_with(|| json!({}));
    for spec in EVENTS {
        let Some(groups) = hooks.as_object_mut().map(|hooks| hooks.entry(spec.event).or_insert_with(|| json!([])))
        else {
            continue;
        };
        put_into_groups(groups, spec, &hook(spec, binary, home));
    }
    let retired = |event: &str| EVENTS.iter().all(|spec| spec.event != event);
    take_out_where(root, retired);
    EVENTS.iter().map(|spec| spec.event).collect()
}

/// The hook in the exec form: started directly, without a shell.
fn hook(spec: &HookSpec, binary: &str, home: Option<&str>) -> Value {
    let mut args = vec![spec.event];
    args.extend(home.iter().flat_map(|home| ["--home", home]));
    json!({"type": "command", "command": binary, "args": args, "timeout": spec.timeout_seconds})
}

/// Leaves exactly one hook of ours: in the place of an older one under the same matcher, else in a group of its own.
fn put_into_groups(groups: &mut Value, spec: &HookSpec, hook: &Value) {
    let mut placed = false;
    strip(groups, |matcher, entry| {
        if !placed && matcher == spec.matcher {
            entry.clone_from(hook);
            placed = true;
            return true;
        }
        false
    });
    if let (false, Some(groups)) = (placed, groups.as_array_mut()) {
        groups.push(match spec.matcher {
            Some(matcher) => json!({"matcher": matcher, "hooks": [hook]}),
            None => json!({"hooks": [hook]}),
        });
    }
}

/// Takes out every hook of ours; returns the events that had one. The root has passed [`check`].
pub(super) fn take_out(root: &mut Root) -> Vec<String> {
    take_out_where(root, |_| true)
}

/// The same for some events. A container goes when this has emptied it; one that was empty before stays.
fn take_out_where(root: &mut Root, concerns: impl Fn(&str) -> bool) -> Vec<String> {
    let mut events = Vec::new();
    let Some(hooks) = root.get_mut(HOOKS).and_then(Value::as_object_mut) else { return events };
    hooks.retain(|event, groups| {
        if !concerns(event) || strip(groups, |_, _| false) == 0 {
            return true;
        }
        events.push(event.clone());
        groups.as_array().is_none_or(|groups| !groups.is_empty())
    });
    if hooks.is_empty() && !events.is_empty() {
        root.shift_remove(HOOKS);
    }
    events
}

/// Takes our hooks out of the groups of one event, and the groups that this empties, except those hooks that `keep`
/// keeps by the matcher of their group. Returns how many it took out.
fn strip(groups: &mut Value, mut keep: impl FnMut(Option<&str>, &mut Value) -> bool) -> usize {
    let Some(groups) = groups.as_array_mut() else { return 0 };
    let mut taken = 0;
    groups.retain_mut(|group| {
        let matcher = matcher(group).map(str::to_owned);
        let Some(entries) = group.get_mut(HOOKS).and_then(Value::as_array_mut) else { return true };
        let before = entries.len();
        entries.retain_mut(|entry| program(entry).is_none() || keep(matcher.as_deref(), entry));
        taken += before - entries.len();
        entries.len() == before || !entries.is_empty()
    });
    taken
}

/// The matcher of a group; `None` when it takes everything.
pub(super) fn matcher(group: &Value) -> Option<&str> {
    group.get("matcher").and_then(Value::as_str).filter(|matcher| !matches!(*matcher, "" | "*"))
}

/// The program of a hook entry, when it is ours (of whatever install).
pub(super) fn program(entry: &Value) -> Option<&str> {
    let command = entry.get("command")?.as_str()?;
    // Without `args` the command is a line for the shell, and the program is its first word.
    let program = if entry.get("args").is_some() { command } else { first_word(command) };
    let name = program.rsplit(['/', '\\']).next()?;
    let name = name.strip_suffix(".exe").unwrap_or(name);
    (name == PROGRAM).then_some(program)
}

fn first_word(line: &str) -> &str {
    let line = line.trim_start();
    match line.chars().next() {
        Some(quote @ ('"' | '\'')) => line[1..].split(quote).next().unwrap_or_default(),
        _ => line.split_whitespace().next().unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BINARY: &str = "/opt/ct/claudetools-hook";

    fn root(value: Value) -> Root {
        match value {
            Value::Object(root) => root,
            other => panic!("{other} is not an object"),
        }
    }

    fn ours(command: &str, event: &str) -> Value {
        json!({"type": "command", "command": command, "args": [event], "timeout": 9})
    }

    #[test]
    fn an_empty_file_gets_every_event_once() {
        let mut settings = Root::new();
        let events = put_in(&mut settings, BINARY, Some("/data/ct"));
        assert_eq!(events.len(), EVENTS.len());
        assert_eq!(settings["hooks"].as_object().unwrap().len(), EVENTS.len());
        assert_eq!(
            settings["hooks"]["Stop"],
            json!([{"hooks": [{"type": "command", "command": BINARY, "args": ["Stop", "--home", "/data/ct"], "timeout": 2}]}])
        );
        let matcher = settings["hooks"]["PostToolUse"][0]["matcher"].as_str().unwrap();
        assert!(matcher.split('|').any(|tool| tool == "Bash"), "{matcher}");
        assert_eq!(take_out(&mut settings).len(), EVENTS.len());
        assert!(settings.is_empty());
    }

    #[test]
    fn foreign_hooks_and_their_order_stay() {
        let foreign = json!({"type": "command", "command": "/usr/bin/say done"});
        let before = root(json!({
            "model": "x",
            "hooks": {
                "Stop": [{"matcher": "*", "hooks": [foreign, ours("/old/claudetools-hook", "Stop")]}, {"hooks": [foreign]}],
                "PreToolUse": [{"matcher": "Bash", "hooks": [foreign]}],
                "Notification": [],
            },
            "zeta": 1,
        }));
        let mut settings = before.clone();
        put_in(&mut settings, BINARY, None);
        assert_eq!(settings.keys().collect::<Vec<_>>(), ["model", "hooks", "zeta"]);
        let stop = &settings["hooks"]["Stop"];
        assert_eq!(stop.as_array().unwrap().len(), 2);
        assert_eq!(stop[0]["hooks"][0], foreign);
        assert_eq!(stop[0]["hooks"][1]["command"], BINARY);
        assert_eq!(stop[1], before["hooks"]["Stop"][1]);
        // Beside a group of somebody else's with the same matcher, never in it.
        let before_tools = &settings["hooks"]["PreToolUse"];
        assert_eq!(before_tools.as_array().unwrap().len(), 2);
        assert_eq!(before_tools[0], before["hooks"]["PreToolUse"][0]);
        assert_eq!(
            (&before_tools[1]["matcher"], &before_tools[1]["hooks"][0]["command"]),
            (&json!("Bash"), &json!(BINARY))
        );
        assert_eq!(settings["hooks"]["Notification"], json!([]));

        take_out(&mut settings);
        let mut expected = before.clone();
        expected["hooks"]["Stop"][0]["hooks"].as_array_mut().unwrap().pop();
        assert_eq!(settings, expected);
    }

    #[test]
    fn older_installs_are_replaced_wherever_they_were() {
        let mut settings = root(json!({"hooks": {
            "Stop": [
                {"matcher": "odd", "hooks": [ours("/a/claudetools-hook", "Stop")]},
                {"hooks": [ours("/b/claudetools-hook", "Stop"), ours("/b/claudetools-hook", "Stop")]},
            ],
            "PostToolUse": [{"hooks": [{"type": "command", "command": "\"C:\\my dir\\claudetools-hook.exe\" PostToolUse"}]}],
            "PostCompact": [{"hooks": [ours("/a/claudetools-hook", "PostCompact")]}],
        }}));
        put_in(&mut settings, BINARY, None);
        let mut fresh = Root::new();
        put_in(&mut fresh, BINARY, None);
        assert_eq!(settings, fresh);
        put_in(&mut settings, BINARY, None);
        assert_eq!(settings, fresh);
    }

    #[test]
    fn programs_that_only_look_like_ours_are_foreign() {
        for command in ["/x/claudetools-hook-wrapper Stop", "echo claudetools-hook", "/x/my-claudetools-hook", ""] {
            assert_eq!(program(&json!({"command": command})), None, "{command}");
        }
        assert_eq!(program(&json!({"type": "prompt", "prompt": "claudetools-hook"})), None);
        assert_eq!(program(&json!({"command": "/a b/claudetools-hook", "args": []})), Some("/a b/claudetools-hook"));
        assert_eq!(program(&json!({"command": "'/a b/claudetools-hook' Stop"})), Some("/a b/claudetools-hook"));
    }

    #[test]
    fn unexpected_shapes_are_named() {
        for (settings, at) in [
            (json!({"hooks": []}), "hooks"),
            (json!({"hooks": null}), "hooks"),
            (json!({"hooks": {"Stop": {}}}), "hooks.Stop"),
            (json!({"hooks": {"Other": [{"hooks": []}, "x"]}}), "hooks.Other[1].hooks"),
            (json!({"hooks": {"Stop": [{"hooks": [{}, 1]}]}}), "hooks.Stop[0].hooks[1]"),
        ] {
            assert_eq!(check(&root(settings.clone())).unwrap_err().at, at, "{settings}");
        }
        assert_eq!(check(&root(json!({"other": 1}))), Ok(()));
    }
}
