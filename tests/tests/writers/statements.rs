//! What the writers write: every kind of statement that changes rows, over few enough keys that they meet.

use sync::local::{compress, derived_id};
use world::random::Random;

use crate::replica::hex;

const CLIENTS: u64 = 120;
const SITES: u64 = 300;
const TAGS: u64 = 60;
const SESSIONS: u64 = 200;
const CONTEXTS: u64 = 200;
/// Of those, the first so many are there from the start and are never deleted, so that most references hold.
const STAYING_CLIENTS: u64 = 60;
const STAYING_SESSIONS: u64 = 100;

/// A statement with its values, which the server turns into the types of their columns.
pub(super) struct Statement {
    pub(super) sql: &'static str,
    pub(super) values: Vec<String>,
}

/// The key of a numbered thing.
pub(super) fn id(thing: &str, number: u64) -> String {
    derived_id(thing, &number.to_string())
}

/// What must be there before the writers begin.
pub(super) fn ground() -> Vec<Statement> {
    let clients = (0..STAYING_CLIENTS).map(|number| Statement {
        sql: "INSERT INTO clients (id, name) VALUES (?, ?)",
        values: vec![id("client", number), client_name(number)],
    });
    let sessions = (0..STAYING_SESSIONS).map(|number| Statement {
        sql: "INSERT INTO sessions (id, claude_session_id) VALUES (?, ?)",
        values: vec![id("session", number), conversation(number)],
    });
    let tags = (0..TAGS).map(|number| Statement {
        sql: "INSERT INTO tags (id, name) VALUES (?, ?)",
        values: vec![id("tag", number), format!("tag-{number}")],
    });
    clients.chain(sessions).chain(tags).collect()
}

/// A random statement.
pub(super) fn draw(random: &mut Random) -> Statement {
    let draw: fn(&mut Random) -> Statement = *random.pick(&[
        insert_client as fn(&mut Random) -> Statement,
        insert_sites,
        insert_session,
        update_client,
        update_sites_of_client,
        rename_client,
        move_site,
        update_session,
        upsert_tags,
        replace_session_tag,
        replace_session_tag,
        exchange_session_tag,
        replace_context,
        replace_context,
        count_uses,
        delete_sites_of_client,
        delete_client,
        delete_session,
        delete_session_tags,
        delete_tag,
        delete_context,
    ]);
    draw(random)
}

fn insert_client(random: &mut Random) -> Statement {
    let number = STAYING_CLIENTS + random.below(CLIENTS - STAYING_CLIENTS);
    Statement {
        sql: "INSERT INTO clients (id, name, default_hourly_rate, notes) VALUES (?, ?, ?, ?)",
        values: vec![id("client", number), client_name(number), amount(random), text(random)],
    }
}

fn insert_sites(random: &mut Random) -> Statement {
    let client = client(random);
    let sites = [site(random), site(random), site(random)];
    Statement {
        sql: "INSERT INTO sites (id, client_id, name, dns_servers) VALUES (?, ?, ?, ?), (?, ?, ?, NULL), (?, ?, ?, '[]')",
        values: vec![
            sites[0].clone(),
            client.clone(),
            text(random),
            r#"[ "192.0.2.1", "192.0.2.2" ]"#.to_owned(),
            sites[1].clone(),
            client.clone(),
            text(random),
            sites[2].clone(),
            client,
            text(random),
        ],
    }
}

fn insert_session(random: &mut Random) -> Statement {
    let number = random.below(SESSIONS);
    Statement {
        sql: "INSERT INTO sessions (id, client_id, claude_session_id, title) VALUES (?, ?, ?, ?) \
              ON DUPLICATE KEY UPDATE title = VALUES(title), ended_at = UTC_TIMESTAMP(6) + INTERVAL 1 HOUR",
        values: vec![id("session", number), client(random), conversation(number), text(random)],
    }
}

fn update_client(random: &mut Random) -> Statement {
    Statement {
        sql: "UPDATE clients SET notes = ?, is_active = NOT is_active, updated_at = UTC_TIMESTAMP(6) WHERE id = ?",
        values: vec![text(random), client(random)],
    }
}

fn update_sites_of_client(random: &mut Random) -> Statement {
    Statement {
        sql: "UPDATE sites SET notes = ?, vpn_required = NOT vpn_required WHERE client_id = ?",
        values: vec![text(random), client(random)],
    }
}

/// To a name that another client may have had a moment ago.
fn rename_client(random: &mut Random) -> Statement {
    let name = client_name(random.below(2 * CLIENTS));
    Statement { sql: "UPDATE clients SET name = ? WHERE id = ?", values: vec![name, client(random)] }
}

fn move_site(random: &mut Random) -> Statement {
    Statement { sql: "UPDATE sites SET client_id = ? WHERE id = ?", values: vec![client(random), site(random)] }
}

fn update_session(random: &mut Random) -> Statement {
    let status = *random.pick(&["in_progress", "paused", "completed", "abandoned"]);
    Statement {
        sql: "UPDATE sessions SET status = ?, client_id = ? WHERE id = ?",
        values: vec![status.to_owned(), client(random), session(random)],
    }
}

fn upsert_tags(random: &mut Random) -> Statement {
    let (one, two) = (random.below(TAGS), random.below(TAGS));
    Statement {
        sql: "INSERT INTO tags (id, name, description) VALUES (?, ?, ?), (?, ?, ?) \
              ON DUPLICATE KEY UPDATE description = VALUES(description)",
        values: [one, two]
            .into_iter()
            .flat_map(|number| [id("tag", number), format!("tag-{number}"), text(random)])
            .collect(),
    }
}

fn replace_session_tag(random: &mut Random) -> Statement {
    Statement {
        sql: "REPLACE INTO session_tags (session_id, tag_id) VALUES (?, ?)",
        values: vec![session(random), tag(random)],
    }
}

/// A changed primary key.
fn exchange_session_tag(random: &mut Random) -> Statement {
    Statement {
        sql: "UPDATE session_tags SET tag_id = ? WHERE session_id = ? LIMIT 1",
        values: vec![tag(random), session(random)],
    }
}

fn replace_context(random: &mut Random) -> Statement {
    let summary = text(random);
    let detail = compress(summary.repeat(20).as_bytes());
    Statement {
        sql: "REPLACE INTO conversation_contexts \
              (id, session_id, context_type, title, dense_summary, tags, relevance_score, detail_zst) \
              VALUES (?, ?, 'checkpoint', ?, ?, ?, ?, UNHEX(?))",
        values: vec![
            context(random),
            session(random),
            text(random),
            summary,
            r#"["dns", "größe"]"#.to_owned(),
            format!("{}.{:02}", random.below(10), random.below(100)),
            hex(&detail),
        ],
    }
}

fn count_uses(random: &mut Random) -> Statement {
    Statement {
        sql: "UPDATE conversation_contexts SET usage_count = usage_count + 1, last_used_at = UTC_TIMESTAMP(6) \
              WHERE session_id = ?",
        values: vec![session(random)],
    }
}

fn delete_sites_of_client(random: &mut Random) -> Statement {
    Statement { sql: "DELETE FROM sites WHERE client_id = ?", values: vec![client(random)] }
}

fn delete_client(random: &mut Random) -> Statement {
    let number = STAYING_CLIENTS + random.below(CLIENTS - STAYING_CLIENTS);
    Statement { sql: "DELETE FROM clients WHERE id = ?", values: vec![id("client", number)] }
}

fn delete_session(random: &mut Random) -> Statement {
    let number = STAYING_SESSIONS + random.below(SESSIONS - STAYING_SESSIONS);
    Statement { sql: "DELETE FROM sessions WHERE id = ?", values: vec![id("session", number)] }
}

fn delete_session_tags(random: &mut Random) -> Statement {
    Statement { sql: "DELETE FROM session_tags WHERE session_id = ?", values: vec![session(random)] }
}

fn delete_tag(random: &mut Random) -> Statement {
    Statement { sql: "DELETE FROM tags WHERE id = ?", values: vec![tag(random)] }
}

fn delete_context(random: &mut Random) -> Statement {
    Statement { sql: "DELETE FROM conversation_contexts WHERE id = ?", values: vec![context(random)] }
}

fn client(random: &mut Random) -> String {
    let most = if random.percent(80) { STAYING_CLIENTS } else { CLIENTS };
    id("client", random.below(most))
}

fn site(random: &mut Random) -> String {
    id("site", random.below(SITES))
}

fn tag(random: &mut Random) -> String {
    id("tag", random.below(TAGS))
}

fn session(random: &mut Random) -> String {
    let most = if random.percent(80) { STAYING_SESSIONS } else { SESSIONS };
    id("session", random.below(most))
}

fn context(random: &mut Random) -> String {
    id("context", random.below(CONTEXTS))
}

fn client_name(number: u64) -> String {
    format!("Client {number}")
}

fn conversation(number: u64) -> String {
    format!("conversation {number}")
}

fn amount(random: &mut Random) -> String {
    format!("-{}.{}", random.below(1000), random.below(100))
}

/// Text that escaping, encodings and JSON must not change.
fn text(random: &mut Random) -> String {
    let spice = *random.pick(&["", "O'Brien", "\\", "\"", "Größe", "日本", "🏢", "a\tb\nc", "%s", " "]);
    format!("{:016x} {spice}", random.bits())
}
