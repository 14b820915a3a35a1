//! A look at central: one small query that tells whether a round would find anything to do.

use sqlx::Row as _;
use sqlx::mysql::MySqlConnection;

use super::connect::ANSWER_WITHIN;
use super::layout::Layout;
use super::pool::within;
use super::sql::statement;
use super::{Central, CentralError};

/// What a machine needs to know to stay still.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Look {
    /// Names central's numbering.
    pub epoch: String,
    /// The last number that was given out.
    pub seq: u64,
    /// True when committed changes wait for a number.
    pub outbox: bool,
    /// This machine's latest batch as central has it; None when central does not know the machine.
    pub batch_no: Option<u64>,
}

impl Central {
    /// Looks for news, in one statement. Errors like every other exchange when this build may not work with the schema.
    pub async fn look(&self, replica_id: &str) -> Result<Look, CentralError> {
        let mut lease = self.lease().await?;
        let look = within(ANSWER_WITHIN, look(lease.connection(), &self.layout(), replica_id)).await?;
        lease.keep();
        Ok(look)
    }
}

async fn look(connection: &mut MySqlConnection, layout: &Layout, replica_id: &str) -> Result<Look, CentralError> {
    let text = format!(
        "SELECT epoch, last_seq, EXISTS (SELECT 1 FROM ct_sync_outbox), {}, \
         (SELECT batch_no FROM ct_sync_machines WHERE replica_id = ?) FROM ct_sync_counter WHERE id = 1",
        layout.mark()
    );
    let row = statement(text).bind(replica_id).fetch_optional(connection).await?;
    let row = row.ok_or_else(|| CentralError::NotInitialised("the row of ct_sync_counter".into()))?;
    layout.require_same(&row.try_get_unchecked::<Option<String>, _>(3)?.unwrap_or_default())?;
    let outbox: i64 = row.try_get_unchecked(2)?;
    Ok(Look {
        epoch: row.try_get_unchecked(0)?,
        seq: row.try_get_unchecked(1)?,
        outbox: outbox != 0,
        batch_no: row.try_get_unchecked(4)?,
    })
}
