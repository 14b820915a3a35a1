//! An earlier build and this one, against one central, before and after it is upgraded.

use world::{Machine, MariaDb, binaries};

use crate::replica::Replica;

const PROJECT: &str = "github.com/acme/lighthouse";

/// Says something on one machine and finds it on the other, both ways.
fn both_hear(old: &Machine, new: &Machine, when: &str) {
    let on_old = format!("{when}: the northern buoy was painted crimson");
    let on_new = format!("{when}: a foghorn hums on the southern pier");
    for (machine, told) in [(old, &on_old), (new, &on_new)] {
        machine.cli(&["remember", told, "--type", "lesson", "--project", PROJECT]).unwrap().ok().unwrap();
    }
    for machine in [old, new, old, new] {
        share(machine);
    }
    for (machine, told) in [(old, &on_new), (new, &on_old)] {
        let found = machine.cli(&["recall", told, "--project", PROJECT]).unwrap();
        let why = || [old, new].map(|machine| machine.cli(&["sync", "status"]).map(|run| run.stdout));
        assert!(found.stdout.contains(told), "{}\n{:#?}", found.stdout, why());
    }
}

/// A round. The first that meets an upgrade in its middle is given up and tried again.
fn share(machine: &Machine) {
    let round = machine.cli(&["sync", "--wait"]).unwrap();
    if round.code == 1 {
        assert!(round.stderr.contains("upgraded this very moment"), "{round:?}");
        return share(machine);
    }
    // 3: done, with something for the user to see: two machines of one host name.
    assert!(matches!(round.code, 0 | 3), "{round:?}");
}

/// How central is defined: its tables and triggers.
fn definition(server: &MariaDb, database: &str) -> String {
    let columns = "SELECT table_name, column_name, column_type FROM information_schema.columns \
                   WHERE table_schema = DATABASE() ORDER BY 1, ordinal_position; \
                   SELECT trigger_name, action_statement FROM information_schema.triggers \
                   WHERE trigger_schema = DATABASE() ORDER BY 1; SELECT version_id FROM schema_migrations ORDER BY 1";
    server.sql(database, columns).unwrap()
}

#[test]
#[ignore = "needs another build: cargo xtask builds"]
fn both_work_with_one_central_before_and_after_its_upgrade() {
    let server = MariaDb::start().unwrap();
    let url = server.url("builds");
    let mut old = Machine::of_build("old", binaries::other().unwrap()).unwrap();
    let new = Machine::new("new").unwrap();
    old.cli(&["central", "init", &url]).unwrap().ok().unwrap();
    let earlier = definition(&server, "builds");
    old.setup(Some(&url)).unwrap();
    new.setup(Some(&url)).unwrap();
    both_hear(&old, &new, "before");
    assert_eq!(definition(&server, "builds"), earlier, "a newer daemon changes nothing of an older central");
    let status = new.cli(&["status"]).unwrap();
    assert!(status.stdout.contains("central migrate"), "{status:?}");

    new.cli(&["central", "migrate", &url]).unwrap().ok().unwrap();
    let upgraded = definition(&server, "builds");
    assert_ne!(upgraded, earlier);
    both_hear(&old, &new, "after");

    // What this build does not know yet, either.
    server
        .sql(
            "builds",
            "ALTER TABLE conversation_contexts ADD COLUMN mood VARCHAR(20) DEFAULT 'good'; \
        UPDATE conversation_contexts SET mood = 'bad'; UPDATE context_snippets SET usage_count = usage_count + 1",
        )
        .unwrap();
    both_hear(&old, &new, "later");
    let spoilt = "SELECT COUNT(*) FROM conversation_contexts WHERE mood <> 'bad' AND dense_summary NOT LIKE '%later%'";
    assert_eq!(server.sql("builds", spoilt).unwrap().trim(), "0");
    server.sql("builds", "ALTER TABLE conversation_contexts DROP COLUMN mood").unwrap();

    for command in ["init", "migrate"] {
        let refused = old.cli(&["central", command, &url]).unwrap();
        assert_eq!(definition(&server, "builds"), upgraded, "an older build takes nothing back: {refused:?}");
    }
    both_hear(&old, &new, "last");

    old.upgrade();
    old.start_daemon().unwrap();
    both_hear(&old, &new, "upgraded");
    let (on_old, on_new) = (Replica::of(&old).everything(), Replica::of(&new).everything());
    assert!(on_new.len() > 8, "{on_new:#?}");
    assert_eq!(on_old, on_new);
}
