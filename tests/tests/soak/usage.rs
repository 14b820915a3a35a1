//! What a daemon uses, as the kernel counts.

use std::fs;

/// Clock ticks of a second: what Linux tells programs, whatever it uses inside.
const TICKS: u64 = 100;

pub(super) struct Usage {
    resident_kib: u64,
    peak_kib: u64,
    cpu_ticks: u64,
}

/// Of the process of this id, since it was started.
pub(super) fn of(pid: u32) -> Option<Usage> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let kib =
        |name: &str| status.lines().find_map(|line| line.strip_prefix(name)?.split_whitespace().next()?.parse().ok());
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // After the name, in brackets, the state is the first field; user and system time are the 12th and 13th.
    let mut times =
        stat.rsplit_once(") ")?.1.split(' ').skip(11).take(2).map(|field| field.parse::<u64>().unwrap_or(0));
    Some(Usage { resident_kib: kib("VmRSS:")?, peak_kib: kib("VmHWM:")?, cpu_ticks: times.next()? + times.next()? })
}

/// The figures of all daemons.
pub(super) fn figures(usages: &[Usage]) -> Vec<(&'static str, String)> {
    let mut resident: Vec<u64> = usages.iter().map(|usage| usage.resident_kib).collect();
    resident.sort_unstable();
    let median = resident.get(resident.len() / 2).copied().unwrap_or(0);
    let peak = usages.iter().map(|usage| usage.peak_kib).max().unwrap_or(0);
    let cpu: u64 = usages.iter().map(|usage| usage.cpu_ticks).sum();
    vec![
        ("resident memory of a daemon, median", format!("{} MiB", median / 1024)),
        ("resident memory of a daemon, peak of all", format!("{} MiB", peak / 1024)),
        ("CPU seconds of the daemons since their last start", (cpu / TICKS).to_string()),
    ]
}
