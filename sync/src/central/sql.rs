//! Statements that are put together: the one place where text becomes SQL.

use std::fmt::Write as _;

use merge::Key;
use sqlx::mysql::{MySqlArguments, MySqlConnection};
use sqlx::query::Query;
use sqlx::{AssertSqlSafe, MySql};

/// A statement of this crate's own text, identifiers of the catalogue, and names that were [quoted](name). Values are always bound, so that nothing a
/// user or another program wrote can become part of the text.
pub(super) fn statement(text: String) -> Query<'static, MySql, MySqlArguments> {
    sqlx::query(AssertSqlSafe(text))
}

/// Runs fixed statements without values or results, parted by `;`, in one round trip.
pub(super) async fn run(connection: &mut MySqlConnection, text: &'static str) -> Result<(), sqlx::Error> {
    sqlx::raw_sql(text).execute(connection).await?;
    Ok(())
}

/// [`run`] for a statement that takes no parameters, such as DDL, made of the same parts as in [`statement`] or of names
/// that were [quoted](name).
pub(super) async fn run_made(connection: &mut MySqlConnection, text: String) -> Result<(), sqlx::Error> {
    sqlx::raw_sql(AssertSqlSafe(text)).execute(connection).await?;
    Ok(())
}

/// A name as an identifier.
pub(super) fn name(text: &str) -> String {
    format!("`{}`", text.replace('`', "``"))
}

/// `?, ?, ?`
pub(super) fn places(count: usize) -> String {
    repeated("?", count)
}

/// `(?, ?), (?, ?)`, or any other piece, `count` times.
pub(super) fn repeated(piece: &str, count: usize) -> String {
    let mut text = String::with_capacity((piece.len() + 2) * count);
    for i in 0..count {
        let _ = write!(text, "{}{piece}", if i > 0 { ", " } else { "" });
    }
    text
}

/// Binds the parts of each key.
pub(super) fn bind_keys<'q, 'k>(
    mut query: Query<'q, MySql, MySqlArguments>,
    keys: impl IntoIterator<Item = &'k Key>,
) -> Query<'q, MySql, MySqlArguments> {
    for key in keys {
        for part in key.parts() {
            query = query.bind(part.to_owned());
        }
    }
    query
}

/// The next larger of a few list lengths, so that few different statements are prepared; fill up with repetitions.
pub(super) fn rounded_up(count: usize) -> usize {
    [1, 8, 64, 256].into_iter().find(|size| *size >= count).unwrap_or(count)
}

/// The list, its last element repeated up to [`rounded_up`]: the same set for an `IN`.
pub(super) fn padded<T>(list: &[T]) -> impl Iterator<Item = &T> {
    let filler = list.last().into_iter().cycle().take(rounded_up(list.len()) - list.len());
    list.iter().chain(filler)
}
