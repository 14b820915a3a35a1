//! Central by itself, on a real server: schema, capture, numbering, feed, push.

mod capture;
mod checked;
mod initialised;
mod numbering;
mod pushes;
mod receipts;
mod refusals;
mod rights;
mod trouble;
mod values;
mod without_super;

use merge::{HybridTime, Key, Row, RowId};
use migrations::entity;
use sqlx::ConnectOptions as _;
use sqlx::mysql::{MySqlConnectOptions, MySqlConnection};
use sync::central::{
    Batch, Central, CentralUrl, Feed, FeedRow, FeedState, InitOptions, ItemOutcome, Known, PushItem, PushState,
    Receipt, init,
};
use world::mariadb::{MariaDb, shared};

/// A database of its own, with schema and triggers, and a connection of ours to it.
pub(crate) struct Place<'a> {
    server: &'a MariaDb,
    database: String,
    central: Central,
}

impl Place<'static> {
    pub(crate) async fn new() -> Self {
        Self::on(shared().unwrap()).await
    }
}

impl<'a> Place<'a> {
    pub(crate) async fn on(server: &'a MariaDb) -> Self {
        let database = server.fresh_database("central").unwrap();
        let url = server.url(&database).parse().unwrap();
        init(&url, InitOptions::default()).await.unwrap();
        let central = Central::connect(&url).await.unwrap();
        Self { server, database, central }
    }

    pub(crate) fn url(&self) -> CentralUrl {
        self.server.url(&self.database).parse().unwrap()
    }

    /// Runs SQL as any other program would, and returns what it printed.
    pub(crate) fn sql(&self, statements: &str) -> String {
        self.server.sql(&self.database, statements).unwrap().trim_end().to_owned()
    }

    /// A connection of another program, for transactions that stay open.
    pub(crate) async fn foreign(&self) -> MySqlConnection {
        let options = MySqlConnectOptions::new().username("root").socket(self.server.socket()).database(&self.database);
        options.connect().await.unwrap()
    }

    /// Numbers what is committed and reads all of it after `after`.
    pub(crate) async fn pull(&self, after: u64) -> Feed {
        self.central.sequence().await.unwrap();
        self.central.feed(after, 10_000).await.unwrap()
    }

    /// Pushes, and expects that it is answered.
    pub(crate) async fn push(&self, batch: &Batch) -> Receipt {
        self.central.push(batch).await.unwrap()
    }

    /// The row as central has it.
    pub(crate) async fn row(&self, id: &RowId) -> Option<Row> {
        match self.central.rows(std::slice::from_ref(id)).await.unwrap().remove(0).state {
            FeedState::Present(row) => Some(row),
            FeedState::Deleted { .. } => None,
            FeedState::Unreadable { column, reason } => panic!("{column} {reason}"),
        }
    }
}

/// A key that looks like a UUID, from a small number.
pub(crate) fn uuid(number: u32) -> String {
    format!("00000000-0000-7000-8000-{number:012}")
}

/// A complete row of clients, as a replica holds it.
pub(crate) fn client(number: u32, name: &str) -> Row {
    Row::new(entity("clients").unwrap())
        .with("id", uuid(number))
        .with("name", name)
        .with("client_type", "msp_client")
        .with("is_active", true)
        .with("created_at", "2026-01-01T00:00:00.000000Z")
        .with("updated_at", "2026-01-01T00:00:00.000000Z")
}

pub(crate) fn site(number: u32, of_client: u32, name: &str) -> Row {
    Row::new(entity("sites").unwrap())
        .with("id", uuid(number))
        .with("client_id", uuid(of_client))
        .with("name", name)
        .with("vpn_required", false)
        .with("created_at", "2026-01-01T00:00:00.000000Z")
        .with("updated_at", "2026-01-01T00:00:00.000000Z")
}

pub(crate) fn id(table: &str, number: u32) -> RowId {
    RowId::new(entity(table).unwrap(), Key::new(uuid(number)))
}

/// A row that was never agreed on.
pub(crate) fn created(row: Row, time: u64) -> PushItem {
    PushItem { id: row.id(), base: None, local: PushState::Present(row), time: HybridTime(time) }
}

pub(crate) fn edited(base: Row, row: Row, time: u64) -> PushItem {
    PushItem { id: row.id(), base: Some(base), local: PushState::Present(row), time: HybridTime(time) }
}

pub(crate) fn deleted(base: Row, time: u64) -> PushItem {
    let local = PushState::Deleted { image: Some(base.clone()) };
    PushItem { id: base.id(), base: Some(base), local, time: HybridTime(time) }
}

pub(crate) const REPLICA: &str = "00000000-0000-7000-8000-00000000000a";

pub(crate) fn batch(batch_no: u64, items: Vec<PushItem>) -> Batch {
    Batch { replica_id: REPLICA.into(), batch_no, cursor: 0, known: Known::default(), items }
}

/// What central agreed to hold, or why not.
pub(crate) fn agreed(outcome: &ItemOutcome) -> Option<&Row> {
    match outcome {
        ItemOutcome::Agreed { row, .. } => row.as_ref(),
        ItemOutcome::Refused(why) => panic!("refused: {}", why.message),
    }
}

/// A feed as text: `table number state`, in its order.
pub(crate) fn told(rows: &[FeedRow]) -> Vec<String> {
    rows.iter()
        .map(|row| {
            let state = match &row.state {
                FeedState::Present(_) => "there",
                FeedState::Deleted { image: Some(_) } => "gone",
                FeedState::Deleted { image: None } => "gone without image",
                FeedState::Unreadable { column, .. } => column,
            };
            let number = row.id.key.as_str().rsplit('-').next().unwrap_or_default().trim_start_matches('0');
            format!("{} {number} {state}", row.id.entity.name)
        })
        .collect()
}
