//! Keys: how other machines get them, what a rotation does, and what is said when they are missing or wrong.

use std::fs;
use std::time::Duration;

use world::eventually;
use world::wait::eventually_some;

use super::{Central, PASSPHRASE, credential, id, ring, round, vault, vault_status};
use crate::replica::Replica;

/// How long a busy machine may take to seal a few secrets anew.
const PATIENCE: Duration = Duration::from_mins(1);

#[test]
fn a_machine_joins_with_the_passphrase_and_not_without() {
    let central = Central::new();
    let (a, b) = (central.machine("a"), central.machine("b"));
    let short = vault(&a, "init", "too short");
    assert!(short.code == 1 && short.stderr.contains("12 characters"), "{short:?}");
    assert!(vault(&b, "join", PASSPHRASE).stderr.contains("central has no vault yet"));
    vault(&a, "init", PASSPHRASE).ok().unwrap();
    central.sql(&credential(&a, &id("one"), "of machine a"));
    round(&b);

    let locked = vault_status(&b);
    assert_eq!((&locked["locked"], &locked["missing"][0]), (&1.into(), &ring(&a).current().to_string().into()));
    let status = b.cli(&["status", "--json"]).unwrap();
    assert!(status.stdout.contains("claudetools vault join"), "{status:?}");
    assert!(b.cli(&["doctor"]).unwrap().stdout.contains("claudetools vault join"));
    let again = vault(&b, "init", PASSPHRASE);
    assert!(again.code == 1 && again.stderr.contains("central has a vault already"), "{again:?}");
    let wrong = vault(&b, "join", "four words in a line");
    assert!(wrong.code == 1 && wrong.stderr.contains("passphrase is not that of the vault"), "{wrong:?}");

    // A secret that machine b sealed before it joined is not lost: its key goes to central too.
    central.sql(&credential(&b, &id("two"), "of machine b"));
    let joined = vault(&b, "join", PASSPHRASE).ok().unwrap().json().unwrap();
    assert_eq!((&joined["locked"], &joined["problem"]), (&0.into(), &serde_json::Value::Null));
    assert_eq!(ring(&b).current(), ring(&a).current());
    assert_eq!(central.sql("SELECT COUNT(*), SUM(is_current) FROM ct_sync_vault"), "2\t1");
    round(&b);
    let own = |hex: &str| {
        central.sql(&format!("SELECT HEX(SUBSTR(password_encrypted, 2, 4)) FROM credentials WHERE id = '{hex}'"))
    };
    eventually("machine b's own secret sealed anew", PATIENCE, || {
        round(&b);
        own(&id("two")).to_lowercase() == ring(&a).current().to_string()
    })
    .unwrap();
    round(&a);
    assert_eq!(vault_status(&a)["locked"], 0);
    assert!(b.cli(&["doctor"]).unwrap().stdout.contains("all secrets open"));
}

#[test]
fn a_rotation_reaches_the_other_machines_by_itself_and_seals_everything_anew() {
    let central = Central::new();
    let (a, b) = (central.machine("a"), central.machine("b"));
    vault(&a, "init", PASSPHRASE).ok().unwrap();
    vault(&b, "join", PASSPHRASE).ok().unwrap();
    let first = ring(&a).current().to_string();
    central.sql(&credential(&a, &id("one"), "a secret"));
    round(&a);
    round(&b);
    let wrong = vault(&a, "rotate", "four words in a line");
    assert!(wrong.code == 1 && wrong.stderr.contains("passphrase is not that of the vault"), "{wrong:?}");
    assert_eq!(ring(&a).current().to_string(), first, "nothing was rotated");
    vault(&a, "rotate", PASSPHRASE).ok().unwrap();
    let second = ring(&a).current().to_string();
    assert_ne!(second, first);
    eventually("the secret sealed anew", PATIENCE, || {
        round(&a);
        central.sql("SELECT LOWER(HEX(SUBSTR(password_encrypted, 2, 4))) FROM credentials") == second
    })
    .unwrap();
    round(&b);
    let seen = vault_status(&b);
    assert_eq!((&seen["locked"], &seen["current"]), (&0.into(), &second.into()), "taken over without a passphrase");
    for machine in [&a, &b] {
        let conflicts = machine.cli(&["sync", "conflicts", "--json"]).unwrap();
        assert!(conflicts.code != 1 && !conflicts.stdout.contains("credentials"), "{conflicts:?}");
    }
    // The passphrase is set by who has the keys, and the old one opens nothing any more.
    vault(&b, "passphrase", "another four words in a row").ok().unwrap();
    let c = central.machine("c");
    assert_eq!(vault(&c, "join", PASSPHRASE).code, 1);
    vault(&c, "join", "another four words in a row").ok().unwrap();
    assert_eq!(ring(&c).keys().count(), 4, "its own, and those of the others");
}

#[test]
fn a_key_that_is_gone_or_wrong_is_said_and_never_replaced_in_silence() {
    let central = Central::new();
    let a = central.machine("a");
    vault(&a, "init", PASSPHRASE).ok().unwrap();
    let path = a.home().keys().join("vault.keys");
    let good = fs::read_to_string(&path).unwrap();
    let says = |text: &str| {
        a.stop_daemon().unwrap();
        a.start_daemon().unwrap();
        let known = || Some(a.cli(&["status", "--json"]).unwrap()).filter(|status| status.stdout.contains(text));
        assert_eq!(eventually_some("the status telling", PATIENCE, known).unwrap().code, 3);
        let doctor = a.cli(&["doctor"]).unwrap();
        assert!(doctor.code == 1 && doctor.stdout.contains(text), "{doctor:?}");
    };
    let flip = |character: char| if character == '0' { '1' } else { '0' };
    let end = good.trim_end();
    let wrong = format!("{}{}\n", &end[..end.len() - 1], flip(end.chars().last().unwrap()));
    fs::write(&path, &wrong).unwrap();
    says("is a wrong one");
    assert_eq!(vault(&a, "join", PASSPHRASE).code, 1, "a file is never written over by a join");
    assert_eq!(fs::read_to_string(&path).unwrap(), wrong);
    fs::remove_file(&path).unwrap();
    says("is not on this machine");
    vault(&a, "join", PASSPHRASE).ok().unwrap();
    let key = |text: &str| text.lines().find(|line| line.starts_with("key")).map(str::to_owned);
    assert_eq!(key(&fs::read_to_string(&path).unwrap()), key(&good), "the key is back");
    assert!(a.cli(&["doctor"]).unwrap().stdout.contains("all secrets open"));
}

#[test]
fn no_key_leaves_its_file_in_clear() {
    let central = Central::new();
    let a = central.machine("a");
    vault(&a, "init", PASSPHRASE).ok().unwrap();
    central.sql(&credential(&a, &id("one"), "planted-secret-8271"));
    round(&a);
    vault(&a, "rotate", PASSPHRASE).ok().unwrap();
    vault_status(&a);
    Replica::of(&a).number("SELECT count(*) FROM credentials");
    let keys: Vec<Vec<u8>> = ring(&a).keys().map(|key| key.expose().to_vec()).collect();
    let hex = |bytes: &[u8]| bytes.iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"));
    let mut needles: Vec<Vec<u8>> = keys.iter().flat_map(|key| [key.clone(), hex(key).into_bytes()]).collect();
    needles.extend([PASSPHRASE.into(), b"planted-secret-8271".to_vec()]);
    let mut files = vec![a.home().replica(), a.home().root().join("replica.db-wal")];
    files.extend(fs::read_dir(a.home().logs()).unwrap().map(|entry| entry.unwrap().path()));
    for file in files.iter().filter(|file| file.exists()) {
        let content = fs::read(file).unwrap();
        for (at, needle) in needles.iter().enumerate() {
            assert!(!content.windows(needle.len()).any(|part| part == needle), "needle {at} is in {}", file.display());
        }
    }
    let dump = central.sql("SELECT HEX(wrapped), HEX(handed_on), HEX(canary) FROM ct_sync_vault").to_lowercase();
    assert!(!dump.is_empty() && keys.iter().all(|key| !dump.contains(&hex(key))));
}
