//! A database of another program is adopted: what it can hold is shared, the rest stays on the machines, and the other
//! program goes on as before.

mod cascades;
mod command;
mod compared;
mod crowd;
mod sharing;
mod survey;

use sync::central::{self, Adoption, InitOptions, InitReport};
use world::mariadb::shared;

use crate::reconcile::Central;

/// The other program's database.
const ANOTHER_PROGRAM: &str = include_str!("another_program.sql");

/// The names that differ there.
const NAMES: [&str; 2] = ["clients=Client", "clients.is_active=active"];

/// The database, with triggers of nobody.
fn found() -> Central<'static> {
    let server = shared().unwrap();
    let database = server.fresh_database("adopt").unwrap();
    server.sql(&database, ANOTHER_PROGRAM).unwrap();
    Central { server, database }
}

fn adoption(create_missing: bool) -> Adoption {
    Adoption { names: NAMES.iter().map(|name| name.parse().unwrap()).collect(), create_missing }
}

async fn adopt(place: &Central<'_>, adoption: Adoption) -> InitReport {
    central::init(&place.url(), InitOptions { adopt: Some(adoption), ..InitOptions::default() }).await.unwrap()
}

/// The database, adopted.
async fn adopted() -> Central<'static> {
    let place = found();
    adopt(&place, adoption(false)).await;
    place
}

/// An id of the fixture, from its end.
fn uuid(end: &str) -> String {
    format!("00000000-0000-4000-8000-{end:0>12}")
}
