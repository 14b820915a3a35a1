//! Text like that of work with a computer: some words stand in almost every sentence, most are rare, as in real text
//! (the chance of a word falls with its rank), since that is what makes an index quick or slow.

use world::random::Random;

/// Different words besides the common ones: names of functions, files, hosts, customers.
const RARE: usize = 20_000;
const FILLERS: [&str; 24] = [
    "the", "a", "of", "to", "in", "and", "is", "that", "for", "it", "with", "as", "was", "on", "be", "by", "this",
    "not", "from", "we", "when", "then", "now", "because",
];
const COMMON: [&str; 96] = [
    "test",
    "error",
    "file",
    "function",
    "server",
    "config",
    "build",
    "deploy",
    "database",
    "query",
    "index",
    "cache",
    "user",
    "login",
    "token",
    "session",
    "request",
    "response",
    "timeout",
    "retry",
    "queue",
    "worker",
    "thread",
    "lock",
    "migration",
    "schema",
    "table",
    "column",
    "row",
    "backup",
    "restore",
    "script",
    "branch",
    "commit",
    "merge",
    "review",
    "release",
    "version",
    "docker",
    "container",
    "network",
    "firewall",
    "router",
    "dns",
    "certificate",
    "proxy",
    "port",
    "socket",
    "client",
    "daemon",
    "service",
    "restart",
    "crash",
    "memory",
    "leak",
    "slow",
    "fast",
    "parser",
    "lexer",
    "render",
    "layout",
    "button",
    "form",
    "invoice",
    "customer",
    "ticket",
    "report",
    "export",
    "import",
    "csv",
    "json",
    "endpoint",
    "header",
    "cookie",
    "password",
    "permission",
    "role",
    "audit",
    "log",
    "metric",
    "alert",
    "dashboard",
    "upgrade",
    "downgrade",
    "package",
    "dependency",
    "compiler",
    "linker",
    "warning",
    "panic",
    "trace",
    "profile",
    "benchmark",
    "latency",
    "throughput",
    "disk",
];
const SYLLABLES: [&str; 32] = [
    "ba", "co", "da", "el", "fi", "gor", "ha", "in", "jo", "ka", "lu", "mer", "no", "or", "pa", "qui", "ra", "sol",
    "ta", "ul", "ver", "wen", "xi", "yor", "zan", "bri", "cla", "dro", "fle", "gri", "pla", "stu",
];

/// Writes text with a vocabulary of its own; the same seed writes the same.
pub(crate) struct Prose {
    random: Random,
    words: Vec<String>,
}

impl Prose {
    pub(crate) fn new(seed: u64) -> Prose {
        // Every writer has the same vocabulary, or no prompt would find anything.
        let mut letters = Random::new(0);
        let rare = (0..RARE).map(|number| rare_word(&mut letters, number));
        let words = COMMON.iter().map(|word| (*word).to_owned()).chain(rare).collect();
        Prose { random: Random::new(seed), words }
    }

    pub(crate) fn random(&mut self) -> &mut Random {
        &mut self.random
    }

    /// A word; the one of rank n about 1/n as often as the first.
    pub(crate) fn word(&mut self) -> &str {
        #[expect(clippy::cast_precision_loss, reason = "a few ten thousand words")]
        let ranks = (self.words.len() as f64).ln();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "between 1 and the number of words"
        )]
        let rank = (self.random.fraction() * ranks).exp() as usize;
        &self.words[rank.min(self.words.len()) - 1]
    }

    /// So many sentences, each on a line of its own when there are several.
    pub(crate) fn sentences(&mut self, count: u64) -> String {
        let sentences: Vec<String> = (0..count).map(|_| self.sentence()).collect();
        sentences.join("\n")
    }

    fn sentence(&mut self) -> String {
        let length = 7 + self.random.below(12);
        let mut words: Vec<String> = Vec::new();
        for _ in 0..length {
            let filler = self.random.percent(40);
            words.push(if filler { (*self.random.pick(&FILLERS)).to_owned() } else { self.word().to_owned() });
        }
        words.join(" ") + "."
    }
}

fn rare_word(letters: &mut Random, number: usize) -> String {
    let syllables = 2 + letters.below(3);
    let name: String = (0..syllables).map(|_| *letters.pick(&SYLLABLES)).collect();
    match number % 5 {
        0 => format!("{name}_{}", letters.pick(&COMMON)),
        1 => format!("{}-{name}", letters.pick(&COMMON)),
        2 => format!("{name}{}", letters.below(100)),
        _ => name,
    }
}
