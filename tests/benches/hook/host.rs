//! The machine that the figures are of.

use std::fs;
use std::path::Path;

/// The machine in a line: processor, kernel, filesystem.
pub(crate) fn facts() -> String {
    let processors = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    let model = field("/proc/cpuinfo", "model name").unwrap_or_else(|| std::env::consts::ARCH.to_owned());
    let kernel = text("/proc/sys/kernel/osrelease");
    let filesystem = filesystem_of(&std::env::temp_dir());
    format!("{processors} × {model}, Linux {kernel}, replicas on {filesystem}")
}

/// The load averages of the last 1, 5 and 15 minutes.
pub(crate) fn load() -> String {
    text("/proc/loadavg").split(' ').take(3).collect::<Vec<_>>().join(" ")
}

/// A size that the kernel states of a process, such as `VmRSS`, in KiB.
pub(crate) fn kib_of_process(pid: u32, name: &str) -> u64 {
    let value = field(&format!("/proc/{pid}/status"), name).unwrap_or_default();
    value.trim_end_matches(" kB").parse().unwrap_or(0)
}

/// The processor time that a process has taken so far, in seconds; the kernel counts in hundredths.
#[allow(dead_code, reason = "not every benchmark asks for it")]
pub(crate) fn seconds_of_process(pid: u32) -> f64 {
    let stat = text(&format!("/proc/{pid}/stat"));
    // Behind the name, which may hold anything.
    let fields: Vec<&str> = stat.rsplit_once(") ").map_or("", |(_, rest)| rest).split(' ').collect();
    let ticks = |at: usize| fields.get(at).and_then(|field| field.parse::<u32>().ok()).unwrap_or(0);
    f64::from(ticks(11) + ticks(12)) / 100.0
}

/// How often the threads of a process have gone to sleep so far, and so were woken.
#[allow(dead_code, reason = "not every benchmark asks for it")]
pub(crate) fn wakes_of_process(pid: u32) -> u64 {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let of_thread = |path: &Path| field(path.join("status").to_str()?, "voluntary_ctxt_switches")?.parse::<u64>().ok();
    threads.filter_map(|thread| of_thread(&thread.path())).sum()
}

/// The value of `name: value`.
fn field(path: &str, name: &str) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    let value = text.lines().find_map(|line| line.strip_prefix(name)?.trim_start().strip_prefix(':'))?;
    Some(value.trim().to_owned())
}

fn text(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default().trim().to_owned()
}

/// The type of the filesystem that a path is on: that of the longest mount point above it.
fn filesystem_of(path: &Path) -> String {
    let mounts = text("/proc/mounts");
    let above = mounts.lines().filter_map(|line| {
        let mut fields = line.split(' ').skip(1);
        let (place, kind) = (fields.next()?, fields.next()?);
        path.starts_with(place).then_some((place.len(), kind))
    });
    above
        .max_by_key(|(length, _)| *length)
        .map_or_else(|| "an unknown filesystem".to_owned(), |(_, kind)| kind.to_owned())
}
