//! A slow line: a first copy and a push get through, hooks are answered meanwhile, what is shown moves, and a line that is
//! cut half-way loses no ground.

use std::collections::BTreeSet;
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};
use sync::local;
use world::machine::Machine as World;
use world::mariadb::shared;
use world::proxy::{Link, Proxy};
use world::run::Run;
use world::{binaries, eventually};

use super::{Central, Machine, central, client};

const LINK: Link = Link { latency: Duration::from_millis(50), bytes_per_second: 256 << 10 };
/// More than the usual 200 ms, as other tests keep the machine busy; a page takes many times as long on this line.
const HOOK_DEADLINE_MS: &str = "1000";
const PATIENCE: Duration = Duration::from_mins(3);
const ROWS: u32 = 12_000;

fn fill(central: &Central<'_>) {
    central.sql(&format!(
        "INSERT INTO tags (id, name, description) SELECT UUID(), CONCAT('tag ', seq), REPEAT(SHA1(seq), 4) FROM seq_1_to_{ROWS}"
    ));
}

/// A machine that reaches central through the proxy, once its daemon is started.
fn newcomer(central: &Central<'_>, proxy: &Proxy) -> World {
    let machine = World::new("newcomer").unwrap();
    let (root, path) = (machine.home().root(), machine.home().config());
    std::fs::create_dir_all(root).unwrap();
    std::fs::write(&path, format!("[central]\nurl = \"{}\"\n", proxy.url(&central.database))).unwrap();
    std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    machine
}

fn copied(machine: &World) -> Option<u64> {
    local::inspect(&machine.home().replica(), local::snapshot_progress).ok().flatten().map(|progress| progress.rows)
}

fn tags(machine: &World) -> i64 {
    let count =
        |tx: &local::ReadTx<'_>| Ok(tx.connection().query_row("SELECT count(*) FROM tags", [], |row| row.get(0))?);
    local::inspect(&machine.home().replica(), count).unwrap()
}

fn prompt(machine: &World, text: &str) -> Run {
    let input = json!({
        "session_id": "0199aaaa-0000-7000-8000-00000000000a", "cwd": machine.user_home(),
        "hook_event_name": "UserPromptSubmit", "prompt": text
    });
    let patient = |command: &mut Command| {
        command.env("CLAUDETOOLS_HOOK_DEADLINE_MS", HOOK_DEADLINE_MS);
    };
    machine.hook_with("UserPromptSubmit", input.to_string().as_bytes(), patient).unwrap().ok().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_copy_goes_on_where_the_line_was_cut_and_hooks_do_not_wait_for_it() {
    let central = central().await;
    fill(&central);
    let proxy = Proxy::start(shared().unwrap()).unwrap();
    tokio::task::block_in_place(|| {
        let whole = first_copy(&central, &proxy, None);
        let in_parts = first_copy(&central, &proxy, Some(u64::from(ROWS) / 2));
        println!("bytes: {whole} in one go, {in_parts} with a cut");
        assert!(in_parts < whole + whole / 4, "a good half of it was fetched twice: {whole} and {in_parts}");
    });
}

/// Bytes that came from central for it. The line is cut after so many rows.
fn first_copy(central: &Central<'_>, proxy: &Proxy, cut_after: Option<u64>) -> u64 {
    let machine = newcomer(central, proxy);
    proxy.slow(Some(LINK));
    let before = proxy.carried().1;
    machine.start_daemon().unwrap();
    eventually("the first rows", PATIENCE, || copied(&machine).is_some_and(|rows| rows > 0)).unwrap();
    let (mut shown, mut answers, mut cut) = (BTreeSet::new(), 0, cut_after);
    let mut slowest = Duration::ZERO;
    eventually("all rows", PATIENCE, || {
        if cut.is_some_and(|after| copied(&machine).is_some_and(|rows| rows >= after)) {
            proxy.cut_all();
            cut = None;
        }
        let status = machine.cli(&["status", "--json"]).unwrap().json().unwrap();
        if let Some(rows) = status["sync"]["snapshot"]["rows"].as_u64() {
            shown.insert(rows);
            let answer = prompt(&machine, &format!("what about number {answers}?"));
            // A hook that ran out of its time says so to the user.
            assert!(!answer.stdout.contains("systemMessage"), "{answer:?}");
            slowest = slowest.max(answer.took);
            answers += 1;
        }
        copied(&machine).is_none() && tags(&machine) == i64::from(ROWS)
    })
    .unwrap();
    assert!(cut.is_none(), "the line was not cut");
    assert!(shown.len() >= 3, "what is shown does not move: {shown:?}");
    assert!(answers >= 3);
    println!("{answers} hooks answered meanwhile, the slowest after {} ms", slowest.as_millis());
    proxy.slow(None);
    proxy.carried().1 - before
}

#[tokio::test(flavor = "multi_thread")]
async fn some_thousand_rows_are_pushed_and_pulled_over_it() {
    let central = central().await;
    let proxy = Proxy::start(shared().unwrap()).unwrap();
    let url = || proxy.url(&central.database).parse().unwrap();
    let (a, b) = (Machine::through("a", url()).await, Machine::through("b", url()).await);
    let rows: Vec<_> = (0..3_000).map(|n| client(&format!("client {n}")).with("notes", "x".repeat(200))).collect();
    a.store.write_async(move |tx| rows.into_iter().try_for_each(|row| tx.put(row))).await.unwrap();
    proxy.slow(Some(LINK));
    // Cut once in its middle: what central has taken is not sent again.
    let before = proxy.carried().0;
    let pushing = tokio::spawn({
        let engine = a.engine.clone();
        async move { engine.round().await }
    });
    tokio::task::block_in_place(|| {
        eventually("a good part of it", PATIENCE, || {
            a.store.read(|tx| Ok(local::counts(tx)?.pending)).unwrap() < 1_500
        })
        .unwrap();
    });
    proxy.cut_all();
    let first = pushing.await.unwrap();
    let left = a.engine.status().pending;
    a.round().await;
    let sent = proxy.carried().0 - before;
    println!("cut in its middle ({}), {left} rows left; {sent} bytes in all", first.is_err());
    assert_eq!(a.engine.status().pending, 0);
    assert_eq!(central.sql("SELECT COUNT(*) FROM clients"), "3000");
    assert!(sent < 3_000 * 900, "{sent} bytes for 3,000 rows of some 300");
    b.round().await;
    assert_eq!(b.column("clients", "notes"), a.column("clients", "notes"));
}

/// What a user sees at a terminal.
#[tokio::test(flavor = "multi_thread")]
async fn who_waits_at_a_terminal_sees_what_is_done_how_far_it_is_and_how_fast() {
    let central = central().await;
    let proxy = Proxy::start(shared().unwrap()).unwrap();
    tokio::task::block_in_place(|| {
        let machine = newcomer(&central, &proxy);
        machine.start_daemon().unwrap();
        eventually("the first round", PATIENCE, || machine.cli(&["sync", "--wait"]).unwrap().code != 1).unwrap();
        fill(&central);
        proxy.slow(Some(LINK));
        let seen = at_a_terminal(&machine, "sync --wait");
        for part in ["pulling", "of about", "rows", "/s"] {
            assert!(seen.contains(part), "{part} is not in {seen:?}");
        }
        assert!(seen.contains("pulled "), "how it ended: {seen:?}");
        central.sql("UPDATE tags SET description = 'again'");
        let json = at_a_terminal(&machine, "sync --wait --json");
        let answer: Value = serde_json::from_str(json.trim()).unwrap_or_else(|_| panic!("nothing else: {json:?}"));
        assert_eq!(answer["done"], true);
    });
}

/// Runs it in a pseudo-terminal; what appeared there.
fn at_a_terminal(machine: &World, arguments: &str) -> String {
    let mut command = machine.program("script");
    let program = binaries::path("claudetools").unwrap();
    command.args(["--quiet", "--return", "--command", &format!("{} {arguments}", program.display()), "/dev/null"]);
    command.env("TERM", "xterm");
    let run = world::run::run(command, b"", PATIENCE).unwrap();
    assert!(matches!(run.code, 0 | 3), "{run:?}");
    run.stdout
}
