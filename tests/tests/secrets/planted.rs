//! Known secrets are given to every place that takes one, rightly and wrongly, while everything that can fail fails; then
//! they are searched for wherever they could have got to. Only `reveal` may have said them. The titles of the same rows are
//! searched for in the same way, and must be found: so a search that finds nothing has looked.

use std::cell::{Cell, RefCell};
use std::fs;
use std::fs::File;
use std::io::Write as _;
use std::process::Command;
use std::time::Duration;

use migrations::Entity;
use migrations::catalogue::{CREDENTIALS, INTEGRATION_CREDENTIALS};
use serde_json::{Map, Value, json};
use world::api::Answer;
use world::mariadb::Options;
use world::proxy::Proxy;
use world::random::Random;
use world::{Api, Machine, MariaDb, eventually};

use super::needles::{Needles, rare_text};
use super::{PASSPHRASE, round, tell_in_conversation, vault};
use crate::conversation::Conversation;

const PATIENCE: Duration = Duration::from_secs(30);
const DATABASE: &str = "planted";
/// MiB of the disk that is filled.
const DISK: u32 = 16;

/// The secrets that were given away, and what was answered.
struct Planter {
    random: RefCell<Random>,
    secrets: RefCell<Vec<String>>,
    title: String,
    made: Cell<u32>,
    /// Every answer but those of `reveal`.
    heard: RefCell<Vec<u8>>,
}

impl Planter {
    fn new() -> Planter {
        let seed = u64::from(std::process::id());
        println!("seed {seed}");
        let mut random = Random::new(seed);
        let title = rare_text(&mut random);
        let (secrets, heard, made) = (RefCell::default(), RefCell::default(), Cell::new(0));
        Planter { random: RefCell::new(random), secrets, title, made, heard }
    }

    /// A secret that no other place gets. Its surroundings need escapes in JSON, SQL and URLs.
    fn secret(&self) -> String {
        let rare = rare_text(&mut self.random.borrow_mut());
        self.secrets.borrow_mut().push(rare.clone());
        format!("\"é\\'{rare}%\u{1F511}")
    }

    /// A title that begins with that of all of them.
    fn titled(&self) -> String {
        self.made.set(self.made.get() + 1);
        format!("{} {}", self.title, self.made.get())
    }

    /// One secret for each column that is encrypted.
    fn secrets_of(&self, entity: &Entity) -> Map<String, Value> {
        let columns = entity.columns.iter().filter(|column| column.encrypted);
        columns.map(|column| (column.name.replace("_encrypted", ""), json!(self.secret()))).collect()
    }

    /// A row with all secrets that one can have.
    fn row(&self, entity: &Entity) -> Value {
        let mut row = self.secrets_of(entity);
        let title = if entity.name == CREDENTIALS.name { "service_name" } else { "integration_name" };
        row.insert(title.to_owned(), json!(self.titled()));
        row.insert("credential_type".to_owned(), json!("api_key"));
        Value::Object(row)
    }

    fn hear(&self, answer: Answer) -> Answer {
        let mut heard = self.heard.borrow_mut();
        heard.extend_from_slice(answer.headers.as_bytes());
        heard.extend_from_slice(&answer.body);
        drop(heard);
        answer
    }

    fn ask(&self, api: &Api, method: &str, path: &str, body: &Value) -> Answer {
        self.hear(api.json(method, path, body, &[]).unwrap())
    }

    fn create(&self, api: &Api, entity: &Entity) -> (String, Value) {
        let row = self.row(entity);
        let made = self.ask(api, "POST", path_of(entity), &row).expect(201).unwrap().body();
        (format!("{}/{}", path_of(entity), made["id"].as_str().unwrap()), row)
    }

    fn needles(&self) -> (Needles, Needles) {
        let secrets = self.secrets.borrow();
        (Needles::new(secrets.iter().map(String::as_str)), Needles::new([self.title.as_str()]))
    }
}

fn path_of(entity: &Entity) -> &'static str {
    if entity.name == CREDENTIALS.name { "/api/credentials" } else { "/api/integration-credentials" }
}

/// The daemon of a machine, telling its log everything.
fn talkative(machine: &Machine) -> Api {
    if machine.daemon_runs() {
        machine.stop_daemon().unwrap();
    }
    let change = |command: &mut Command| {
        command.env("CLAUDETOOLS_LOG", "trace");
    };
    let api = machine.start_api_with(change).unwrap();
    eventually("the daemon ready", PATIENCE, || api.get("/api/clients").is_ok_and(|answer| answer.status == 200))
        .unwrap();
    // What is logged for each event tells that the level is as it was asked for.
    Conversation::new(machine, &machine.user_home()).start();
    api
}

/// Shows the secrets of a row, which is the one way to see them.
fn assert_reveals(api: &Api, path: &str, row: &Value) {
    let shown = api.post(&format!("{path}/reveal"), &json!({})).unwrap().expect(200).unwrap().body();
    let secrets = shown["secrets"].as_object().unwrap();
    assert!(!secrets.is_empty());
    for (field, secret) in secrets {
        assert_eq!(*secret, row[field], "{field}");
    }
}

/// Every route: those that read with the id of this credential, those that write with another and a secret that is not
/// asked for.
fn use_every_route(planter: &Planter, api: &Api, id: &str) {
    let document = api.get("/api/openapi.json").unwrap().expect(200).unwrap().body();
    // What ends logins, and what takes a passphrase and no secret, is for other tests.
    let is_other = |path: &str| {
        ["/api/auth/", "/api/v1/auth/", "/api/vault/", "/api/users"].iter().any(|start| path.starts_with(start))
    };
    for (path, methods) in document["paths"].as_object().unwrap() {
        let with = |id: &str| {
            let part = |part| match part {
                "{table}" => "credentials",
                _ if str::starts_with(part, "{") => id,
                _ => part,
            };
            path.split('/').map(part).collect::<Vec<_>>().join("/")
        };
        for method in methods.as_object().unwrap().keys() {
            if method == "get" {
                planter.hear(api.get(&with(id)).unwrap());
            } else if method != "delete" && !is_other(path) && !path.ends_with("/reveal") {
                let body = json!({ "password": planter.secret() });
                planter.ask(api, &method.to_uppercase(), &with("0190f5b2-7c3e-7d4a-8b21-3f6e5d4c2b1a"), &body);
            }
        }
    }
    planter.ask(api, "POST", "/api/sync/resume", &json!({}));
}

/// Whatever a caller can do wrong with a secret in its hand.
fn make_mistakes(planter: &Planter, api: &Api, path: &str) {
    let refused = |method: &str, path: &str, body: Value| {
        let answer = planter.ask(api, method, path, &body);
        assert!((400..500).contains(&answer.status), "{method} {}: {}", answer.status, answer.code());
    };
    let title = planter.titled();
    let with = |field: &str, value: Value| {
        let mut body = json!({ "service_name": title, "credential_type": "password" });
        body[field] = value;
        body
    };
    let secret = || json!(planter.secret());
    for method in ["POST", "PUT"] {
        let path = if method == "POST" { "/api/credentials" } else { path };
        refused(method, path, with("password", json!([secret()])));
        refused(method, path, with("password", json!({ "of": secret() })));
        refused(method, path, with("credential_type", secret()));
        refused(method, path, with("client_id", secret()));
        refused(method, path, with("expires_at", secret()));
        refused(method, path, with("requires_vpn", secret()));
        refused(method, path, with("password_encrypted", secret()));
        // The answer names the field that is none, to the caller alone; so it is not kept here.
        let misplaced = with(&planter.secret(), json!("x"));
        assert_eq!(api.json(method, path, &misplaced, &[]).unwrap().status, 422);
        refused(method, path, secret());
    }
    let raw = |body: String, kind: &str| {
        let answer = api.send("POST", "/api/credentials", &[("Content-Type", kind)], body.as_bytes()).unwrap();
        assert!((400..500).contains(&planter.hear(answer).status));
    };
    raw(format!("{{\"password\": \"{}", planter.secret()), "application/json");
    raw(format!("{{\"password\": \"{}\\q\"}}", planter.secret().replace(['"', '\\'], "")), "application/json");
    raw(format!("{{\"password\": {}\"{}", "[".repeat(10_000), planter.secret()), "application/json");
    raw(format!("password={}", planter.secret()), "application/x-www-form-urlencoded");
    raw(format!("{}{}", planter.secret(), "x".repeat(5 << 20)), "application/json");
    raw(planter.secret(), "text/plain");
    let bare = || planter.secret().chars().filter(char::is_ascii_alphanumeric).collect::<String>();
    for wrong in [
        format!("/api/credentials?password={}", bare()),
        format!("/api/credentials?sort={}", bare()),
        format!("/api/credentials/{}", bare()),
        format!("/api/{}", bare()),
    ] {
        assert!((400..500).contains(&api.get(&wrong).unwrap().status), "the answer may say what was asked for");
    }
    let stale = [("If-Match", "\"0000000000000000\"")];
    let answer = api.json("PUT", path, &json!({ "password": planter.secret() }), &stale).unwrap();
    assert_eq!(planter.hear(answer).status, 412);
    let stranger = api.stranger().json("POST", "/api/credentials", &with("password", secret()), &[]).unwrap();
    assert_eq!(planter.hear(stranger).status, 401);
    let stranger = Api { token: Some(bare()), ..api.clone() }.get("/api/credentials").unwrap();
    assert_eq!(planter.hear(stranger).status, 401, "a secret in place of a token");
}

/// A row that central refuses, one that two machines change, and one that a third deletes meanwhile.
fn disagree(planter: &Planter, server: &MariaDb, (a, api): (&Machine, &Api), (b, other): (&Machine, &Api)) {
    let (path, _) = planter.create(api, CREDENTIALS);
    let (gone, _) = planter.create(api, CREDENTIALS);
    round(a);
    round(b);
    server.sql(DATABASE, "ALTER TABLE credentials ADD CONSTRAINT ck_house CHECK (url IS NULL OR url <> 'x')").unwrap();
    let (refused, _) = planter.create(api, CREDENTIALS);
    planter.ask(api, "PUT", &refused, &json!({ "url": "x", "token": planter.secret() })).expect(200).unwrap();
    a.cli(&["sync", "--wait"]).unwrap();
    let quarantine = planter.hear(api.get("/api/sync/quarantine").unwrap());
    assert!(quarantine.text().contains("ck_house"), "{}", quarantine.text());
    planter.hear(api.get("/api/sync/queue").unwrap());
    server.sql(DATABASE, "ALTER TABLE credentials DROP CONSTRAINT ck_house").unwrap();
    for api in [api, other] {
        planter.ask(api, "POST", "/api/sync/pause", &json!({})).expect(200).unwrap();
    }
    for (api, path) in [(api, &path), (other, &path), (other, &gone)] {
        planter.ask(api, "PUT", path, &json!({ "password": planter.secret() })).expect(200).unwrap();
    }
    // What is deleted here is emptied, so that whoever uses it elsewhere hears of it.
    planter.hear(api.delete(&gone).unwrap()).expect(200).unwrap();
    for api in [api, other] {
        planter.ask(api, "POST", "/api/sync/resume", &json!({})).expect(200).unwrap();
    }
    for machine in [a, b, a] {
        round(machine);
    }
    let (mut seen, mut taken) = (0, 0);
    for api in [api, other] {
        let conflicts = planter.hear(api.get("/api/sync/conflicts").unwrap()).body();
        for conflict in conflicts["items"].as_array().unwrap().iter().filter(|one| one["table"] == "credentials") {
            seen += 1;
            let place = format!("/api/sync/conflicts/{}", conflict["id"]);
            planter.hear(api.get(&place).unwrap());
            for field in ["password", "password_encrypted"] {
                let keep = json!({ "keep": { field: planter.secret() } });
                let answer = planter.ask(api, "POST", &format!("{place}/resolve"), &keep);
                taken += usize::from(answer.status == 200);
            }
            planter.ask(api, "POST", &format!("{place}/resolve"), &json!({ "keep": "local" }));
        }
    }
    assert!(seen > 0, "two machines changed one secret");
    println!("{seen} conflicts, {taken} of them resolved to another secret");
}

/// A machine that has no key, and one whose key is a wrong one.
fn lose_keys(planter: &Planter, url: &str, (b, path): (&Machine, &str)) -> Machine {
    let c = Machine::set_up("c", Some(url)).unwrap();
    let api = talkative(&c);
    round(&c);
    let locked = planter.ask(&api, "POST", &format!("{path}/reveal"), &json!({}));
    assert!((400..600).contains(&locked.status) && locked.status != 404, "{}", locked.text());
    planter.create(&api, CREDENTIALS);
    round(&c);

    round(b);
    b.stop_daemon().unwrap();
    let file = b.home().keys().join("vault.keys");
    let good = fs::read_to_string(&file).unwrap();
    let end = good.trim_end();
    let flipped = if end.ends_with('0') { '1' } else { '0' };
    fs::write(&file, format!("{}{flipped}\n", &end[..end.len() - 1])).unwrap();
    let api = talkative(b);
    let wrong = planter.ask(&api, "POST", &format!("{path}/reveal"), &json!({}));
    assert!((400..600).contains(&wrong.status), "{}", wrong.text());
    let refused = planter.ask(&api, "POST", "/api/credentials", &planter.row(CREDENTIALS));
    assert!((400..600).contains(&refused.status), "{}", refused.text());
    fs::write(&file, good).unwrap();
    talkative(b);
    c
}

/// Everything that a machine keeps and says, and the daemon's environment and arguments.
fn search_machine(planter: &Planter, machine: &Machine) {
    let (secrets, title) = planter.needles();
    let process = machine.daemon_pid().unwrap();
    for (file, control) in [("environ", "CLAUDETOOLS_HOME="), ("cmdline", "daemon")] {
        let bytes = fs::read(format!("/proc/{process}/{file}")).unwrap();
        assert!(String::from_utf8_lossy(&bytes).contains(control), "{file} was not read");
        assert_eq!(secrets.found_in(&bytes), [""; 0], "{file}");
    }
    for command in [&["status"][..], &["doctor"], &["sync", "conflicts"], &["sync", "quarantine"], &["vault", "status"]]
    {
        let run = machine.cli(command).unwrap();
        assert_eq!(secrets.found_in(format!("{}{}", run.stdout, run.stderr).as_bytes()), [""; 0], "{command:?}");
    }
    let home = machine.home_seen_outside();
    let open: Vec<String> = [home.root(), &machine.temporary(), &machine.user_home()]
        .iter()
        .flat_map(|folder| secrets.found_below(folder))
        .collect();
    assert_eq!(open, [""; 0]);
    let found = title.found_below(home.root()).join("\n");
    assert!(found.contains("replica.db"), "the title is not where it must be: {found}");
    search_backup(planter, machine);
    let log = fs::read_to_string(home.logs().join("daemon.log")).unwrap();
    assert!(log.contains("event taken"), "the log was not told everything");
}

/// A backup with everything that can be in it, as it is on the disk and unpacked.
fn search_backup(planter: &Planter, machine: &Machine) {
    let (secrets, title) = planter.needles();
    let folder = machine.temporary().join("backups");
    fs::create_dir(&folder).unwrap();
    let path = folder.join("backup.tar.zst");
    let has_keys = machine.cli_with(&[], &["vault", "status"]).unwrap().code == 0;
    let mut arguments = vec!["backup", path.to_str().unwrap()];
    arguments.extend(has_keys.then_some("--with-keys"));
    let run = machine.cli_with(&[("CLAUDETOOLS_PASSPHRASE", PASSPHRASE)], &arguments).unwrap();
    // 3: it is there, but a full disk has no room for a note of it.
    assert!(matches!(run.code, 0 | 3), "{run:?}");
    let packed = fs::read(&path).unwrap();
    let unpacked = zstd::decode_all(&*packed).unwrap();
    assert!(!title.found_in(&unpacked).is_empty(), "the title is not in the backup");
    for (what, bytes) in [("packed", &packed), ("unpacked", &unpacked)] {
        assert_eq!(secrets.found_in(bytes), [""; 0], "backup, {what}");
    }
    if has_keys {
        assert!(unpacked.windows(18).any(|window| window == b"vault.keys.wrapped"));
        for key in super::ring(machine).keys() {
            let digits = crate::replica::hex(key.expose());
            let forms = [&key.expose()[..], digits.as_bytes(), digits.to_uppercase().as_bytes()].map(<[u8]>::to_vec);
            for form in forms {
                assert!(!unpacked.windows(form.len()).any(|window| window == form), "a key in clear");
            }
        }
    }
    fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn no_secret_is_anywhere_but_in_what_reveal_answers() {
    let arguments = ["--log-bin=binlog", "--general-log=1", "--general-log-file=general.log"];
    let options = Options { arguments: arguments.map(str::to_owned).to_vec(), ..Options::default() };
    let server = MariaDb::start_with(options).unwrap();
    server.create_database(DATABASE).unwrap();
    let proxy = Proxy::start(&server).unwrap();
    proxy.record();
    let url = proxy.url(DATABASE);
    let (a, b) = (Machine::new("a").unwrap(), Machine::new("b").unwrap());
    a.cli(&["central", "init", &url]).unwrap().ok().unwrap();
    for machine in [&a, &b] {
        machine.setup(Some(&url)).unwrap();
    }
    vault(&a, "init", PASSPHRASE).ok().unwrap();
    vault(&b, "join", PASSPHRASE).ok().unwrap();
    let (api, other) = (talkative(&a), talkative(&b));
    let planter = Planter::new();

    let (path, row) = planter.create(&api, CREDENTIALS);
    let (integration, secrets) = planter.create(&api, INTEGRATION_CREDENTIALS);
    assert_reveals(&api, &path, &row);
    assert_reveals(&api, &integration, &secrets);
    for (path, entity) in [(&path, CREDENTIALS), (&integration, INTEGRATION_CREDENTIALS)] {
        planter.ask(&api, "PUT", path, &Value::Object(planter.secrets_of(entity))).expect(200).unwrap();
    }
    let renewed = Value::Object(planter.secrets_of(CREDENTIALS));
    planter.ask(&api, "POST", &format!("{path}/rotate"), &renewed).expect(200).unwrap();
    round(&a);
    round(&b);
    assert_reveals(&other, &path, &renewed);
    let id = path.rsplit('/').next().unwrap().to_owned();
    use_every_route(&planter, &api, &id);
    use_every_route(&planter, &other, integration.rsplit('/').next().unwrap());
    make_mistakes(&planter, &api, &path);
    disagree(&planter, &server, (&a, &api), (&b, &other));
    // What was made of the conflicts is written over, so that it is known in the end.
    let renewed = Value::Object(planter.secrets_of(CREDENTIALS));
    planter.ask(&api, "PUT", &path, &renewed).expect(200).unwrap();
    vault(&a, "rotate", PASSPHRASE).ok().unwrap();
    let c = lose_keys(&planter, &url, (&b, &path));
    planter.hear(api.delete(&format!("{integration}?dry_run=true")).unwrap());
    assert!([200, 204].contains(&planter.hear(api.delete(&integration).unwrap()).status));
    for machine in [&a, &b, &c] {
        round(machine);
    }
    assert_reveals(&api, &path, &renewed);
    tell_in_conversation(&a, &renewed);

    let (secrets, title) = planter.needles();
    println!("{} secrets were planted", planter.secrets.borrow().len());
    let audit = "SELECT * FROM api_audit_log; SELECT * FROM credential_audit_log";
    let audit = server.sql(DATABASE, audit).unwrap();
    assert!(audit.contains(&id), "the audit does not know the credential");
    assert_eq!(secrets.found_in(audit.as_bytes()), [""; 0], "audit");
    for machine in [&a, &b, &c] {
        search_machine(&planter, machine);
    }
    let [up, down] = proxy.recorded();
    let heard = planter.heard.take();
    for (what, bytes) in [("sent to central", up), ("sent by central", down), ("answers", heard)] {
        assert!(!title.found_in(&bytes).is_empty(), "{what}: the title is not there");
        assert_eq!(secrets.found_in(&bytes), [""; 0], "{what}");
    }
    server.stop().unwrap();
    let found = title.found_below(server.directory()).join("\n");
    for file in ["credentials.ibd", "binlog.0", "general.log"] {
        assert!(found.contains(file), "the title is not in {file}: {found}");
    }
    assert_eq!(secrets.found_below(server.directory()), [""; 0], "central");
}

#[test]
fn a_full_disk_makes_no_secret_leave_its_vault() {
    let machine = Machine::with_small_disk("planted-on-a-small-disk", DISK).unwrap();
    let api = talkative(&machine);
    let planter = Planter::new();
    planter.create(&api, CREDENTIALS);
    let filler = machine.home_seen_outside().root().join("filler-of-the-test");
    let mut file = File::options().create(true).append(true).open(&filler).unwrap();
    for size in [64 << 10, 1] {
        while file.write_all(&vec![b'x'; size]).is_ok() {}
    }
    drop(file);
    let refused = (0..50).map(|_| planter.ask(&api, "POST", "/api/credentials", &planter.row(CREDENTIALS)));
    let statuses: Vec<u16> = refused.map(|answer| answer.status).collect();
    assert!(statuses.contains(&507), "the disk was not full: {statuses:?}");
    search_machine(&planter, &machine);
    fs::remove_file(&filler).unwrap();
    eventually("credentials taken again", PATIENCE, || {
        planter.ask(&api, "POST", "/api/credentials", &planter.row(CREDENTIALS)).status == 201
    })
    .unwrap();
    search_machine(&planter, &machine);
    let (secrets, title) = planter.needles();
    let heard = planter.heard.take();
    assert!(!title.found_in(&heard).is_empty());
    assert_eq!(secrets.found_in(&heard), [""; 0], "answers");
}
