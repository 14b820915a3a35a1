//! Rows from before the triggers: they enter the feed, or a machine would never hear of them.

use sqlx::mysql::MySqlConnection;

use super::CentralError;
use super::layout::Table;
use super::sql::statement;

/// Puts the rows that the change log does not know into the outbox; how many there were.
///
/// The outbox must have been numbered before, and the triggers must be there: then what is in neither is from before.
pub(super) async fn enrol_table(connection: &mut MySqlConnection, table: &Table) -> Result<u64, CentralError> {
    Ok(statement(enrol(table)).execute(connection).await?.rows_affected())
}

/// Their time is that of their last change, where they tell it.
fn enrol(table: &Table) -> String {
    let changed = ["updated_at", "created_at"].into_iter().find_map(|column| table.column(column));
    let time = match changed {
        Some(column) => {
            format!("GREATEST(0, COALESCE(TIMESTAMPDIFF(MICROSECOND, '1970-01-01', t.{}), 0))", column.quoted())
        }
        None => "0".to_owned(),
    };
    let key = format!("CONVERT({} USING utf8mb4)", table.key_text("t."));
    format!(
        "INSERT INTO ct_sync_outbox (tbl, pk, op, time_us) SELECT '{entity}', {key}, 'I', {time} FROM {from} t \
         LEFT JOIN ct_sync_rows r ON r.tbl = '{entity}' AND r.pk = {key} COLLATE utf8mb4_nopad_bin WHERE r.pk IS NULL",
        entity = table.entity.name,
        from = table.quoted(),
    )
}
