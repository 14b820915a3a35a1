//! `claudetools sync verify` and `sync repair`, as a user has them, with real daemons.

use serde_json::Value;
use world::{Machine, MariaDb};

/// Two machines that share a client's row, and central.
struct Shop {
    server: MariaDb,
    a: Machine,
    b: Machine,
}

impl Shop {
    fn open() -> Self {
        let server = MariaDb::start().unwrap();
        let url = server.url("shop");
        let (a, b) = (Machine::new("a").unwrap(), Machine::new("b").unwrap());
        a.cli(&["central", "init", &url]).unwrap().ok().unwrap();
        for machine in [&a, &b] {
            machine.setup(Some(&url)).unwrap();
        }
        let shop = Self { server, a, b };
        shop.sql(
            "INSERT INTO clients (id, name) SELECT CONCAT('00000000-0000-7000-8000-', LPAD(seq, 12, '0')), \
             CONCAT('client ', seq) FROM seq_1_to_300",
        );
        shop.share();
        shop
    }

    fn sql(&self, statements: &str) -> String {
        self.server.sql("shop", statements).unwrap().trim().to_owned()
    }

    fn share(&self) {
        for machine in [&self.a, &self.b] {
            let round = machine.cli(&["sync", "--wait"]).unwrap();
            // 3: two homes on one host have the same host name, and one gives it up.
            assert!(matches!(round.code, 0 | 3), "{round:?}");
        }
    }
}

fn clients(machine: &Machine) -> i64 {
    let sql = "SELECT count(*) FROM clients";
    let read = |tx: &sync::local::ReadTx<'_>| Ok(tx.connection().query_row(sql, [], |row| row.get(0))?);
    sync::local::inspect(&machine.home().replica(), read).unwrap()
}

#[test]
fn differences_are_named_and_repaired_by_command() {
    let shop = Shop::open();
    let equal = shop.a.cli(&["sync", "verify"]).unwrap().ok().unwrap();
    assert!(equal.stdout.contains("equal to central's"), "{equal:?}");

    let unseen = "DROP TRIGGER ct_sync_clients_update; UPDATE clients SET notes = 'a secret' WHERE name = 'client 7'";
    shop.sql(unseen);
    let found = shop.a.cli(&["sync", "verify", "--table", "clients"]).unwrap();
    assert_eq!(found.code, 3, "{found:?}");
    assert!(found.stdout.contains("000000000007 with other values (notes)"), "{found:?}");
    assert!(!found.stdout.contains("a secret"), "{found:?}");
    let json = shop.a.cli(&["sync", "verify", "--json"]).unwrap().json().unwrap();
    assert_eq!(json["differences"], 1);
    let table = json["tables"].as_array().unwrap().iter().find(|table| table["table"] == "clients").unwrap();
    assert_eq!((&table["found"]["differs"], &table["examples"][0]["columns"][0]), (&1.into(), &"notes".into()));

    let dry = shop.a.cli(&["sync", "repair", "--dry-run"]).unwrap();
    assert_eq!(dry.code, 3, "{dry:?}");
    let unasked = shop.a.cli(&["sync", "repair"]).unwrap();
    assert_eq!(unasked.code, 2, "without a terminal nobody can be asked: {unasked:?}");
    assert_eq!(shop.a.cli(&["sync", "verify"]).unwrap().code, 3, "nothing was changed");

    let repaired = shop.a.cli(&["sync", "repair", "--yes"]).unwrap().ok().unwrap();
    assert!(repaired.stdout.contains("1 row healed"), "{repaired:?}");
    shop.share();
    for machine in [&shop.a, &shop.b] {
        machine.cli(&["sync", "verify"]).unwrap().ok().unwrap();
    }
    let status = shop.a.cli(&["status", "--json"]).unwrap().json().unwrap();
    assert_eq!(status["sync"]["compared"]["healed"], 1);
    assert_eq!(status["sync"]["compared"]["left"], Value::Array(Vec::new()));

    let unknown = shop.a.cli(&["sync", "verify", "--table", "nothing"]).unwrap();
    assert_eq!(unknown.code, 1, "{unknown:?}");
    assert!(unknown.stderr.contains("no table nothing travels") && unknown.stderr.contains("clients"), "{unknown:?}");
}

#[test]
fn a_truncated_table_is_shown_and_waits_for_a_word() {
    let shop = Shop::open();
    shop.sql("SET FOREIGN_KEY_CHECKS = 0; TRUNCATE TABLE clients");
    let careful = shop.a.cli(&["sync", "repair", "--yes"]).unwrap();
    assert_eq!(careful.code, 3, "{careful:?}");
    assert!(careful.stdout.contains("300 rows vanished at central without a trace left as they are"), "{careful:?}");
    assert_eq!(clients(&shop.a), 300);

    let status = shop.a.cli(&["status", "--json"]).unwrap().json().unwrap();
    assert_eq!(status["sync"]["compared"]["left"][0]["rows"]["vanished"], 300);
    let problems = status["problems"].to_string();
    assert!(problems.contains("claudetools sync repair --table clients"), "{problems}");
    let doctor = shop.a.cli(&["doctor", "--json"]).unwrap().json().unwrap();
    let compared = doctor["findings"].as_array().unwrap().iter().find(|it| it["check"] == "compared").unwrap();
    assert_eq!(compared["level"], "warn", "{compared}");

    let both = shop.a.cli(&["sync", "repair", "--restore", "--accept-deletes"]).unwrap();
    assert_eq!(both.code, 2, "{both:?}");
    let restored =
        shop.a.cli(&["sync", "repair", "--restore", "--yes", "--json"]).unwrap().ok().unwrap().json().unwrap();
    assert_eq!((restored["repaired"]["healed"].as_u64(), restored["repaired"]["left"].as_u64()), (Some(300), Some(0)));
    assert_eq!(shop.sql("SELECT COUNT(*) FROM clients"), "300");
    shop.share();
    assert_eq!((clients(&shop.a), clients(&shop.b)), (300, 300));
}
