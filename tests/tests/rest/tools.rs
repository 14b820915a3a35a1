//! A client that a public generator makes of the description compiles, and works.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use world::Machine;
use world::run::run;
use world::toolbox::CLIENT_GENERATOR;

/// The generator alone takes over a minute of a core, and the tests beside it take theirs.
const PATIENCE: Duration = Duration::from_mins(10);

/// What a program does with it: make, read, change, list and delete a client, with the types checked by the compiler.
const PROGRAM: &str = r"
import { client } from './client/client.gen';
import { clientsChange, clientsCreate, clientsDelete, clientsGet, clientsList } from './client';
import type { Client } from './client';

async function main() {
  const [, , baseUrl, token] = process.argv;
  client.setConfig({ baseUrl, auth: token });

  const made = await clientsCreate({ body: { name: 'Acme', client_type: 'internal', default_hourly_rate: '90.00' }, throwOnError: true });
  const row: Client = made.data;
  const etag = made.response.headers.get('etag') ?? '';
  const changed = await clientsChange({ path: { id: row.id }, headers: { 'if-match': etag }, body: { notes: 'via a client' }, throwOnError: true });
  const late = await clientsChange({ path: { id: row.id }, headers: { 'if-match': etag }, body: { notes: 'too late' } });
  const listed = await clientsList({ query: { q: 'client', sort: 'name', limit: 10 }, throwOnError: true });
  const got = await clientsGet({ path: { id: row.id }, throwOnError: true });
  await clientsDelete({ path: { id: row.id }, throwOnError: true });
  console.log(JSON.stringify([changed.data.notes, late.error?.error_code, listed.data.total, got.data.default_hourly_rate]));
}
void main();
";

fn tool(name: &str, folder: &Path, arguments: &[&str]) {
    let mut command = Command::new(CLIENT_GENERATOR.program(name).unwrap());
    command.current_dir(folder).args(arguments);
    run(command, b"", PATIENCE).unwrap().ok().unwrap();
}

#[test]
fn a_generated_client_compiles_and_makes_a_round_trip() {
    let machine = Machine::new("generated").unwrap();
    let api = machine.start_api().unwrap();
    let folder = machine.temporary().join("program");
    fs::create_dir_all(&folder).unwrap();
    let document = api.stranger().get("/api/openapi.json").unwrap().expect(200).unwrap();
    fs::write(folder.join("openapi.json"), &document.body).unwrap();
    fs::write(folder.join("main.ts"), PROGRAM).unwrap();
    std::os::unix::fs::symlink(CLIENT_GENERATOR.folder().unwrap().join("node_modules"), folder.join("node_modules"))
        .unwrap();

    tool("openapi-ts", &folder, &["-i", "openapi.json", "-o", "client", "-c", "@hey-api/client-fetch"]);
    tool(
        "tsc",
        &folder,
        &[
            "--strict",
            "--target",
            "es2022",
            "--module",
            "commonjs",
            "--moduleResolution",
            "node10",
            "--types",
            "node",
            "--outDir",
            "out",
            "main.ts",
        ],
    );
    let mut program = Command::new("node");
    program.current_dir(&folder).args(["out/main.js"]);
    program.arg(format!("http://{}", api.address)).arg(api.token.clone().unwrap());
    let said = run(program, b"", PATIENCE).unwrap().ok().unwrap();
    assert_eq!(said.stdout.trim(), r#"["via a client","PRECONDITION_FAILED",1,"90.00"]"#);
}
