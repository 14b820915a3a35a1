//! The accounts whose rights the triggers run with.
//!
//! A trigger keeps the account that made it. Once that is dropped, every write of its table fails with error 1449, ours
//! and those of other programs. Who may read the accounts is told at once. The user of a machine may not; for it a row is
//! written, changed and deleted in a transaction that is rolled back, and the server says what is wrong. That is done in a
//! schema of our own only: in another program's tables other triggers may do what no rollback undoes.

use std::collections::{BTreeSet, HashMap, HashSet};

use migrations::{Column, Entity, Kind};
use sqlx::Row as _;
use sqlx::mysql::MySqlConnection;

use super::CentralError;
use super::error::server_error;
use super::layout::Layout;
use super::sql::{name, run, run_made};
use super::triggers::Installed;

/// References and conditions are not what this is about.
const BEGIN: &str = "SET @ct_foreign_key_checks = @@foreign_key_checks, @ct_check_constraint_checks = @@check_constraint_checks, \
                     foreign_key_checks = 0, check_constraint_checks = 0; START TRANSACTION";
const END: &str = "ROLLBACK; SET foreign_key_checks = @ct_foreign_key_checks, \
                   check_constraint_checks = @ct_check_constraint_checks";

/// Those of the accounts that do not exist, as far as this user may know.
pub(super) async fn gone(
    connection: &mut MySqlConnection,
    layout: &Layout,
    installed: &HashMap<String, Installed>,
) -> Result<HashSet<String>, CentralError> {
    let ours = || installed.iter().filter(|(name, it)| it.is_ours(name)).map(|(_, it)| it);
    let definers: BTreeSet<&str> = ours().map(|it| it.definer.as_str()).collect();
    let me: String = sqlx::query("SELECT CURRENT_USER()").fetch_one(&mut *connection).await?.try_get_unchecked(0)?;
    let mut gone = HashSet::new();
    for definer in definers.into_iter().filter(|definer| *definer != me) {
        let is_gone = match exists(connection, definer).await? {
            Some(exists) => !exists,
            None if layout.is_adopted => false,
            None => {
                let tables: BTreeSet<&str> =
                    ours().filter(|it| it.definer == definer).map(|it| it.table.as_str()).collect();
                let entity = tables.into_iter().find_map(|table| Some(layout.named(table)?.entity));
                match entity {
                    Some(entity) => fails(connection, entity).await?,
                    None => false,
                }
            }
        };
        if is_gone {
            gone.insert(definer.to_owned());
        }
    }
    Ok(gone)
}

/// Whether there is such an account; None for a user who may not know.
async fn exists(connection: &mut MySqlConnection, account: &str) -> Result<Option<bool>, CentralError> {
    let text = "SELECT COUNT(*) FROM mysql.user WHERE CONCAT(User, '@', Host) = ?";
    match sqlx::query(text).bind(account).fetch_one(connection).await.map_err(CentralError::from) {
        Ok(row) => Ok(Some(row.try_get_unchecked::<i64, _>(0)? > 0)),
        Err(CentralError::Denied(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

/// True when a write of this table fails for want of a definer.
async fn fails(connection: &mut MySqlConnection, entity: &'static Entity) -> Result<bool, CentralError> {
    run(connection, BEGIN).await?;
    let tried = attempt(connection, entity).await;
    run(connection, END).await?;
    match tried {
        Err(error) if server_error(&error).is_some_and(|(code, _)| code == 1449) => Ok(true),
        // What else stands in the way of writing is a finding of its own.
        Err(sqlx::Error::Database(_)) | Ok(()) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

async fn attempt(connection: &mut MySqlConnection, entity: &'static Entity) -> Result<(), sqlx::Error> {
    let given = || entity.columns.iter().filter(|column| !column.nullable && column.default.is_none());
    let names: Vec<String> = given().map(|column| name(column.name)).collect();
    let values: Vec<String> = given().map(any_value).collect();
    // The values stay the same throughout.
    let variables: Vec<String> = (0..values.len()).map(|at| format!("@ct_probe_{at}")).collect();
    let set: Vec<String> =
        variables.iter().zip(&values).map(|(variable, value)| format!("{variable} = {value}")).collect();
    let is: Vec<String> = given()
        .zip(&variables)
        .filter(|(column, _)| entity.primary_key.contains(&column.name))
        .map(|(column, variable)| format!("{} = {variable}", name(column.name)))
        .collect();
    let (table, is) = (name(entity.name), is.join(" AND "));
    let key = name(entity.primary_key[0]);
    run_made(connection, format!("SET {}", set.join(", "))).await?;
    let insert = format!("INSERT INTO {table} ({}) VALUES ({})", names.join(", "), variables.join(", "));
    run_made(connection, insert).await?;
    run_made(connection, format!("UPDATE {table} SET {key} = {key} WHERE {is}")).await?;
    run_made(connection, format!("DELETE FROM {table} WHERE {is}")).await
}

/// A value that such a column takes.
fn any_value(column: &Column) -> String {
    match column.kind {
        Kind::Uuid => "UUID()".to_owned(),
        Kind::String(length) => format!("LEFT(UUID(), {length})"),
        Kind::Int | Kind::BigInt | Kind::Bool | Kind::Decimal(..) => "0".to_owned(),
        Kind::Date => "CURRENT_DATE".to_owned(),
        Kind::DateTime => "UTC_TIMESTAMP(6)".to_owned(),
        Kind::Json => "'{}'".to_owned(),
        Kind::Text | Kind::Blob => "''".to_owned(),
    }
}
