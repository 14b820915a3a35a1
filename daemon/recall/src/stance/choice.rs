//! What an answer says was chosen: "I went with X instead of Y because …", "we agreed on …", "Decision: …".
//!
//! Narrow on purpose: most of what an answer says is no decision, and a plan, an option or a quotation kept as one is worse
//! than a decision that nobody noted.

use std::sync::LazyLock;

use regex::Regex;

use super::{pattern, sentences};

/// Characters of an answer that are looked at.
const LOOKED_AT: usize = 16_000;
/// Sentences of one answer that are kept.
const MOST: usize = 2;

/// The answer's own voice where a statement begins, not where one is named: "the port we agreed on" is none.
const I: &str = r"(?:^|[,(:]\ |\b(?:and|so|but|then|therefore|why|here)\ )(?:I|we)(?:['’]ve|\ have)?\ (?:(?:also|then|therefore|finally|ultimately|deliberately|instead|simply|both|already)\ )*";
/// Work that somebody decides to do next is no choice between ways.
const ERRAND: &str = r"\b(?:decided|agreed|chose|opted)\ to\ (?:first\ )?(?:run|re-?run|check|look|try|test|start|begin|read|re-?read|investigate|verify|see|ask|wait|continue|proceed|search|dig|debug|inspect|explore|take|go|do|make\ sure|find|get|give)\b";
const CONTRAST: &str = r"\b(?:instead\ of|rather\ than|in\ favou?r\ of|in\ place\ of)\ ";
const REASON: &str = r"\b(?:because|since|so\ that|to\ avoid|due\ to)\b";

/// Words that state a choice by themselves.
static CHOSE: LazyLock<Regex> = LazyLock::new(|| {
    pattern(&format!(
        r"(?ix)^decision:\s | ^it\ was\ (?:decided|agreed)\ (?:to|that|on)\b
          | (?:^|{I})(?:went\ with|decided\ (?:to|on|against|that|in\ favou?r\ of)|agreed\ (?:to|on|that)|settled\ on
                |opted\ (?:for|to|against)|chose|picked\ .*\b(?:over|instead\ of|rather\ than))\ \S
          | {I}(?:gone\ with|chosen)\ \S"
    ))
});

/// Words that state one when they name both what was not taken and why.
static TOOK: LazyLock<Regex> = LazyLock::new(|| {
    pattern(&format!(
        r"(?ix)(?:(?:^|{I})(?:using|used|kept|put|stored|wrote|built|made|switched|moved|stuck\ with|stayed\ with|left)
             | \b(?:now\ (?:uses?|using|stores?|runs?|goes)|(?:is|are|was|were)\ (?:now\ )?(?:done|stored|made|kept|built|written|using)))\ .*{CONTRAST}.*{REASON}
          | (?:^|{I})(?:switched|moved)\ (?:.*\ )?from\ .*\ to\ .*{REASON}"
    ))
});

/// One of these stands in all that [`CHOSE`] and [`TOOK`] match. Most answers hold none, and are read at the speed of memory.
static HINT: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        "(?i)decision:|decided|agreed|went with|gone with|settled on|opted|chose|picked|instead of|rather than|in favo|in place of|switched|moved",
    )
});

/// Where the reason begins: what follows may speak of what could be.
static REASONED: LazyLock<Regex> = LazyLock::new(|| pattern(&format!(r"(?ix){REASON}|\bso\b|[;(—]|\ -\ ")));

/// What is not settled, is another's, or is over.
static OPEN: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?ix)^decision:\ (?:pending|open|tbd|todo|none|unknown)\b
          | \b(?:could|would|might|may|should|can|shall|will|if|whether|unless|until|suppose|assum(?:e|es|ed|ing)|perhaps
             |maybe|probably|likely|possibly|apparently|seems?|looks\ like|let\ me|let['’]s|want|wants|need|needs|plan|plans
             |planning|going\ to|propos(?:e|es|ed|al)|suggest(?:s|ed|ion)?|recommend(?:s|ed|ation)?|consider(?:ed|ing)?
             |alternatively|either|you|your|yours|haven['’]t|hasn['’]t|hadn['’]t|had|didn['’]t
             |originally|initially|previously|formerly|earlier|at\ first|used\ to
             |say|says|said|states?|stated|reads|according|think|thought|believed?|guess|wonder|wish|unclear|not\ sure
             |for\ example|e\.g|imagine)\b
          | ['’](?:ll|d)\b",
    )
});

static OF_WORK: LazyLock<Regex> = LazyLock::new(|| pattern(&format!("(?ix){ERRAND}")));
/// Code and quoted words, which are nobody's statement.
static QUOTED: LazyLock<Regex> = LazyLock::new(|| pattern(r#"`[^`]*`|"[^"]*"|“[^”]*”|«[^»]*»"#));
/// A number or a box before an entry of a list.
static LEAD: LazyLock<Regex> = LazyLock::new(|| pattern(r"(?i)^(?:\d{1,2}[.)]\s+|\[[ x]\]\s+)"));

/// The choices that an answer states as made, in its order and its words.
pub fn choices(answer: &str) -> Vec<String> {
    let end = answer.char_indices().nth(LOOKED_AT).map_or(answer.len(), |(at, _)| at);
    let head = &answer[..end];
    if !HINT.is_match(head) {
        return Vec::new();
    }
    sentences(head).filter(|sentence| HINT.is_match(sentence)).filter_map(choice).take(MOST).collect()
}

fn choice(sentence: &str) -> Option<String> {
    let plain = sentence.replace("**", "").replace("__", "");
    let plain = LEAD.replace(plain.trim(), "");
    // A heading, or the rest of a sentence that began on the line before.
    if plain.starts_with(|first: char| first == '#' || first.is_lowercase()) {
        return None;
    }
    let bare = QUOTED.replace_all(&plain, "it");
    if bare.contains(['`', '"', '“', '”', '«', '»']) || bare.ends_with(['?', ':', ',']) {
        return None;
    }
    if !(CHOSE.is_match(&bare) || TOOK.is_match(&bare)) || OF_WORK.is_match(&bare) {
        return None;
    }
    let said = REASONED.find(&bare).map_or(&*bare, |reason| &bare[..reason.start()]);
    (!OPEN.is_match(said)).then(|| plain.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn choices_that_were_made_are_heard() {
        for sentence in [
            "I went with SQLite instead of Postgres because nothing else has to be installed.",
            "I went with a token bucket rather than a fixed window, since bursts may come at the edge.",
            "I've gone with `thiserror` instead of `anyhow` because callers match on the variants.",
            "I decided to keep the old endpoint because the mobile app still calls it.",
            "I decided against caching here, since the list changes with every request.",
            "I chose a B-tree over a hash index because range scans are common.",
            "I deliberately chose not to retry on 409.",
            "We agreed on port 4318 for the collector.",
            "We decided that the migration runs at start-up.",
            "We settled on UUIDv7 for the ids.",
            "Decision: sessions live in Redis, with a TTL of a day.",
            "**Decision:** sessions live in Redis, with a TTL of a day.",
            "Chose `BTreeMap` over `HashMap` so that the output is stable.",
            "Opted for a partial index because only open rows are looked up.",
            "Using WebSockets rather than polling because updates come many times a second.",
            "I used a `CASE` expression instead of two queries because the rows must come from one snapshot.",
            "The importer now uses streaming instead of reading whole files because a transcript can have a gigabyte.",
            "I switched from a mutex to a channel because the lock was held over I/O.",
            "I picked a B-tree over a hash index.",
            "The list is short, so I went with a linear scan.",
            "We went with option B: the queue lives in the same database.",
            "I chose polling so the client can stay a plain script.",
            "It was decided to ship the release without the new parser.",
            "After measuring both, we chose zstd over gzip because it is four times as fast.",
        ] {
            assert_eq!(choices(sentence).len(), 1, "{sentence}");
            assert_eq!(choices(&format!("The tests pass.\n\n- {sentence}\n\nAnything else?")).len(), 1, "{sentence}");
        }
        let kept = choices("All done. **Decision:** sessions live in Redis. The tests pass.");
        assert_eq!(kept, ["Decision: sessions live in Redis."]);
        let listed = choices("1. I chose a B-tree over a hash index because range scans are common.");
        assert_eq!(listed, ["I chose a B-tree over a hash index because range scans are common."]);
    }

    #[test]
    fn plans_options_questions_and_reports_are_no_choice() {
        for sentence in [
            "We could go with SQLite instead of Postgres because it is simpler.",
            "I would have chosen a B-tree over a hash index because of range scans.",
            "I'll go with SQLite instead of Postgres because it is simpler.",
            "I'd go with option B rather than option A.",
            "I'm going to use a token bucket instead of a fixed window because of bursts.",
            "I recommend using pnpm instead of npm because it is faster.",
            "If we decided to keep the old endpoint, the app would go on working.",
            "You may want to use Redis instead of Memcached because it persists.",
            "You chose Postgres over SQLite because of replication.",
            "You decided to keep the old endpoint.",
            "Should I have chosen a B-tree over a hash index?",
            "Have we agreed on port 4318?",
            "Once you have decided on a port, tell me.",
            "We haven't decided on a port yet.",
            "We have not agreed on a port yet.",
            "Let me know which one we decided on: 4317 or 4318",
            "Either we agreed on 4317, or the file is stale.",
            "I thought we agreed on port 4317.",
            "I initially went with a mutex instead of a channel because it is shorter.",
            "The README says we chose SQLite over Postgres because of the setup.",
            "The authors chose SQLite over Postgres because of the setup.",
            "> We chose SQLite over Postgres because of the setup.",
            "```\n# We chose SQLite over Postgres because of the setup.\n```",
            "    // We chose SQLite over Postgres because of the setup.",
            "The comment reads \"we chose SQLite over Postgres because of the setup\" and is stale.",
            "The line `I went with SQLite instead of Postgres because of the setup` is in NOTES.",
            "It reads \"Old text. We chose SQLite over Postgres because of the setup.\"",
            "# We agreed on port 4318",
            "and so in the end I\nchose SQLite over Postgres because of the setup.",
            "| We agreed on port 4318 | yes | no |",
            "I decided to run the tests again.",
            "I decided to first look at the importer because the log names it.",
            "I used grep to find the callers.",
            "I used the new helper in all three places.",
            "I moved the function over to the other module.",
            "The test now uses the fixture.",
            "I fixed the login and added a test instead of the TODO.",
            "The build fails because the linker is missing.",
            "The port we agreed on is taken.",
            "The library we chose is no longer maintained.",
            "Chosen files are copied into the archive.",
            "I moved the function over to the other module because two callers share it.",
            "There is an open decision: which queue to take.",
            "Decision: pending, whether to use Redis.",
            "Done.",
        ] {
            assert_eq!(choices(sentence), Vec::<String>::new(), "{sentence}");
        }
    }

    #[test]
    fn of_one_answer_two_are_kept() {
        let answer = "We agreed on port 4318. We settled on UUIDv7 for ids. We decided that logs are JSON.";
        assert_eq!(choices(answer), ["We agreed on port 4318.", "We settled on UUIDv7 for ids."]);
    }
}
