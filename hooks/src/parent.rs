//! Which client a hook or a server is of: both are started by the client itself, so both are children of one process. By
//! that a server, which is told the client's session id only when it starts, can be told which conversation goes on.

/// The longest name of a client, in bytes.
pub const NAME_LIMIT: usize = 48;

/// A name of the process that started this one, the same for all that it starts and for no other process of this machine;
/// None where the system does not say who that is.
pub fn client() -> Option<String> {
    let id = id()?;
    // Numbers are given again, and containers count for themselves; when it was started tells such processes apart.
    Some(started(id).map_or_else(|| id.to_string(), |ticks| format!("{id}-{ticks}")))
}

/// Whether a text can be such a name, whoever sends it.
pub fn is_name(text: &str) -> bool {
    !text.is_empty() && text.len() <= NAME_LIMIT && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-')
}

#[cfg(unix)]
#[expect(clippy::unnecessary_wraps, reason = "not every system says it")]
fn id() -> Option<u32> {
    Some(std::os::unix::process::parent_id())
}

#[cfg(not(unix))]
fn id() -> Option<u32> {
    None
}

/// When a process was started, in ticks since the machine was; None where there is no `/proc`.
fn started(id: u32) -> Option<u64> {
    started_in(&std::fs::read_to_string(format!("/proc/{id}/stat")).ok()?)
}

fn started_in(stat: &str) -> Option<u64> {
    // The name of the program comes second, in brackets, and may hold anything; the fields after it are numbered from 3.
    const START: usize = 22 - 3;
    stat.rsplit_once(')')?.1.split_whitespace().nth(START)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_the_parent_stays() {
        let name = client();
        assert_eq!(name, client());
        assert!(name.is_none_or(|name| is_name(&name)));
    }

    #[test]
    fn the_start_is_found_whatever_the_program_is_called() {
        let stat =
            "22 (cl) au (de) S 1 22 22 0 -1 4194560 100 0 0 0 5 1 0 0 20 0 12 0 987654 1000 200 18446744073709551615";
        assert_eq!(started_in(stat), Some(987_654));
        assert_eq!(started_in("22 (claude) S 1"), None);
        assert_eq!(started_in(""), None);
    }

    #[test]
    fn what_is_no_name() {
        for text in ["", "12 3", "a", "1\r\n", &"1".repeat(NAME_LIMIT + 1)] {
            assert!(!is_name(text), "{text:?}");
        }
    }
}
