//! What was written and that it was asked for are in one transaction: neither is there without the other.

use rusqlite::Connection;
use serde_json::json;
use world::Machine;

use crate::replica::Replica;

const REQUESTS: &str =
    "SELECT http_method, endpoint, status_code, coalesce(error_code, '-') FROM api_audit_log ORDER BY created_at";

#[test]
fn every_write_request_is_on_record_once_with_how_it_ended() {
    let machine = Machine::new("on-record").unwrap();
    let api = machine.start_api().unwrap();
    let made = api.post("/api/clients", &json!({ "name": "Acme" })).unwrap().expect(201).unwrap().body();
    let path = format!("/api/clients/{}", made["id"].as_str().unwrap());
    assert_eq!(api.post("/api/clients", &json!({ "name": "Acme" })).unwrap().status, 409);
    assert_eq!(api.put(&path, &json!({ "nonsense": 1 })).unwrap().status, 422);
    api.put(&path, &json!({ "notes": "x" })).unwrap().expect(200).unwrap();
    api.delete(&format!("{path}?dry_run=true")).unwrap().expect(200).unwrap();
    api.delete(&path).unwrap().expect(204).unwrap();
    assert_eq!(
        Replica::of(&machine).rows(REQUESTS),
        [
            "POST\t/api/clients\t201\t-",
            "POST\t/api/clients\t409\tDUPLICATE_KEY",
            "PUT\t/api/clients/{id}\t422\tVALIDATION_ERROR",
            "PUT\t/api/clients/{id}\t200\t-",
            "DELETE\t/api/clients/{id}\t200\t-",
            "DELETE\t/api/clients/{id}\t204\t-",
        ]
    );
}

#[test]
#[expect(clippy::disallowed_methods, reason = "the replica is made to refuse, while no daemon has it")]
fn what_cannot_be_put_on_record_is_not_done() {
    let machine = Machine::new("off-record").unwrap();
    // Answered from the replica: it has its tables.
    machine.start_api().unwrap().get("/api/clients").unwrap().expect(200).unwrap();
    machine.stop_daemon().unwrap();
    let refuse = |sql: &str| Connection::open(machine.home().replica()).unwrap().execute_batch(sql).unwrap();
    refuse("CREATE TRIGGER no_record BEFORE INSERT ON api_audit_log BEGIN SELECT RAISE(ABORT, 'not today'); END");
    let api = machine.start_api().unwrap();
    let client = json!({ "name": "Acme" });
    let refused = api.post("/api/clients", &client).unwrap();
    assert!(refused.status >= 400, "{}", refused.text());
    let replica = Replica::of(&machine);
    assert_eq!(replica.number("SELECT count(*) FROM clients"), 0, "{}", refused.text());
    machine.stop_daemon().unwrap();
    refuse("DROP TRIGGER no_record");
    let api = machine.start_api().unwrap();
    api.post("/api/clients", &client).unwrap().expect(201).unwrap();
    let counts = "SELECT (SELECT count(*) FROM clients) || ' ' || (SELECT count(*) FROM api_audit_log)";
    assert_eq!(replica.rows(counts), ["1 1"]);
}
