//! The figures, as a table and as JSON.

use std::fmt::Write as _;
use std::time::Duration;

use serde_json::json;

use super::generate::Made;

/// The goal: MB/s of transcript.
const GOAL: f64 = 50.0;

/// After which a hook gives up, unless told otherwise: its event waits on disk then.
const DEADLINE: Duration = Duration::from_millis(200);

pub(crate) struct Report {
    pub(crate) made: Made,
    pub(crate) bare: Duration,
    pub(crate) parsed: Duration,
    pub(crate) took: Duration,
    /// Seconds of processor time that the daemon took for it, with its indexing and the hooks meanwhile.
    pub(crate) spent: f64,
    /// Until recall finds all of it.
    pub(crate) indexed: Duration,
    pub(crate) again: Duration,
    pub(crate) memories: u64,
    pub(crate) redactions: u64,
    pub(crate) resident: u64,
    pub(crate) anonymous: u64,
    pub(crate) alone: Vec<Duration>,
    pub(crate) during: Vec<Duration>,
    pub(crate) host: String,
    pub(crate) load: (String, String),
}

impl Report {
    fn rate(&self, took: Duration) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "a rate needs no more than a few digits")]
        let bytes = self.made.bytes as f64;
        bytes / 1e6 / took.as_secs_f64().max(1e-9)
    }

    pub(crate) fn table(&self) -> String {
        let mut text = format!(
            "{} MiB of transcripts, {} files, {} prompts; {} (load {} → {})\n\n| what | figure |\n|---|--:|\n",
            self.made.bytes >> 20,
            self.made.files,
            self.made.prompts,
            self.host,
            self.load.0,
            self.load.1
        );
        let mut line = |what: &str, figure: String| {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "| {what} | {figure} |");
        };
        line("reading the lines", format!("{:.0} MB/s", self.rate(self.bare)));
        line("reading them and parsing each as JSON", format!("{:.0} MB/s", self.rate(self.parsed)));
        line("**import**, saved durably", format!("{:.0} MB/s", self.rate(self.took)));
        line("processor time of the daemon for it", format!("{:.2} s", self.spent));
        line("until recall finds all of it", format!("{:.0} MB/s", self.rate(self.indexed)));
        line("the same once more, nothing being new", format!("{:.2} s", self.again.as_secs_f64()));
        line("memories made", self.memories.to_string());
        line("secrets taken out", self.redactions.to_string());
        line("memory of the daemon at most", mib(self.resident));
        line("of it its own, without pages of files", mib(self.anonymous));
        for (what, times) in [("a hook when nothing else goes on", &self.alone), ("a hook meanwhile", &self.during)] {
            for (name, share) in [("p50", 50), ("p99", 99), ("longest", 100)] {
                line(&format!("{what}, {name} of {}", times.len()), format!("{:.1} ms", at(times, share)));
            }
        }
        let late = self.during.iter().filter(|time| **time > DEADLINE).count();
        line(&format!("hooks meanwhile that took more than {} ms", DEADLINE.as_millis()), late.to_string());
        let met = if self.rate(self.took) >= GOAL { "met" } else { "**missed**" };
        line(&format!("goal: at least {GOAL:.0} MB/s"), met.to_owned());
        text
    }

    pub(crate) fn json(&self) -> String {
        let hooks = |times: &[Duration]| json!({ "p50_ms": at(times, 50), "p99_ms": at(times, 99), "longest_ms": at(times, 100) });
        let report = json!({
            "bytes": self.made.bytes, "files": self.made.files, "prompts": self.made.prompts, "memories": self.memories,
            "read_mb_s": self.rate(self.bare), "parse_mb_s": self.rate(self.parsed), "import_mb_s": self.rate(self.took),
            "found_mb_s": self.rate(self.indexed), "cpu_s": self.spent, "again_s": self.again.as_secs_f64(), "resident_kib": self.resident,
            "anonymous_kib": self.anonymous, "hook_alone": hooks(&self.alone), "hook_meanwhile": hooks(&self.during),
            "host": self.host,
        });
        format!("{report:#}\n")
    }
}

fn mib(kib: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "a size needs no more than a few digits")]
    let kib = kib as f64;
    format!("{:.1} MiB", kib / 1024.0)
}

/// The time that so many percent of them do not exceed, in milliseconds.
fn at(times: &[Duration], percent: usize) -> f64 {
    let mut sorted = times.to_vec();
    sorted.sort_unstable();
    let place = (sorted.len() * percent).div_ceil(100).saturating_sub(1);
    sorted.get(place).map_or(0.0, |time| time.as_secs_f64() * 1e3)
}
