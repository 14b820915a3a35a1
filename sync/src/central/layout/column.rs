//! One column: whether what central has there can hold the catalogue's values, and how they cross.

use merge::Value;
use migrations::entity::ColumnDefault;
use migrations::{Column, Kind};

use crate::central::introspect::FoundColumn;
use crate::central::sql::name;

/// A column of central that holds a column of the catalogue.
#[derive(Clone, Debug)]
pub(in crate::central) struct Physical {
    /// Its name there.
    pub name: String,
    kind: Kind,
    data_type: String,
    pub(super) collation: Option<String>,
    /// Its collation holds letters of both cases equal, and so it holds one UUID in several forms.
    folds: bool,
    fraction: u8,
    scale: u8,
    /// Whether NULL may be written.
    pub nullable: bool,
    /// Whether the server changes it by itself when other columns change.
    pub moves_by_itself: bool,
    /// What NULL there means here, where there must be a value.
    null_is: Option<Value>,
}

/// Whether a column of central can hold a column of the catalogue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::central) enum Fit {
    /// Every value.
    Whole,
    /// Not every value, or not in every form: this is different.
    Partly(String),
    /// None, because of this.
    Not(String),
}

impl Physical {
    pub(super) fn new(column: &Column, found: &FoundColumn) -> Self {
        Self {
            name: found.name.clone(),
            kind: column.kind,
            data_type: found.data_type.clone(),
            collation: found.collation.clone(),
            folds: column.kind == Kind::Uuid && found.ignores_case(),
            fraction: found.fraction,
            scale: found.scale,
            nullable: found.nullable,
            moves_by_itself: found.moves_by_itself(),
            null_is: if found.nullable && !column.nullable { stand_in(column) } else { None },
        }
    }

    /// As an identifier.
    pub(in crate::central) fn quoted(&self) -> String {
        name(&self.name)
    }

    /// The expression by which it is read, as text or bytes; `side` is a prefix such as `OLD.`.
    pub(in crate::central) fn to_read(&self, side: &str) -> String {
        let place = format!("{side}{}", self.quoted());
        match self.kind {
            Kind::DateTime => format!("DATE_FORMAT({place}, '%Y-%m-%dT%H:%i:%s.%fZ')"),
            Kind::Int | Kind::BigInt | Kind::Bool | Kind::Decimal(..) if self.data_type == "bit" => {
                format!("CAST({place} + 0 AS CHAR)")
            }
            Kind::Int | Kind::BigInt | Kind::Bool | Kind::Decimal(..) | Kind::Date => format!("CAST({place} AS CHAR)"),
            Kind::Uuid | Kind::String(_) | Kind::Text | Kind::Json => self.as_text(side),
            Kind::Blob => place,
        }
    }

    /// A text column, in the form that keys are compared in.
    pub(in crate::central) fn as_text(&self, side: &str) -> String {
        let place = format!("{side}{}", self.quoted());
        match self.data_type.as_str() {
            "uuid" | "inet4" | "inet6" => format!("CAST({place} AS CHAR)"),
            _ if self.folds => format!("LOWER({place})"),
            _ => place,
        }
    }

    /// Itself, as its index serves it, where its values are in the order of their text.
    pub(super) fn in_order(&self) -> String {
        if self.data_type == "uuid" { self.as_text("") } else { self.quoted() }
    }

    /// Its canonical value as JSON, for the image of a row that goes.
    pub(in crate::central) fn to_image(&self, side: &str) -> String {
        let place = format!("{side}{}", self.quoted());
        match self.kind {
            Kind::Int | Kind::BigInt if self.data_type == "bit" => format!("{place} + 0"),
            Kind::Int | Kind::BigInt => place,
            // One collation for all: JSON_OBJECT refuses a mixture (1271), and with it the DELETE.
            Kind::Uuid | Kind::String(_) | Kind::Text | Kind::Json => {
                format!("CONVERT({} USING utf8mb4) COLLATE utf8mb4_bin", self.as_text(side))
            }
            // A comparison would become true or false there, and not 0 or 1.
            Kind::Bool => format!("IF({place} IS NULL, NULL, IF({place}, 1, 0))"),
            Kind::Decimal(_, scale) => format!("CAST({place} * {} AS SIGNED)", 10_u64.pow(u32::from(scale))),
            Kind::Date => format!("CAST({place} AS CHAR)"),
            Kind::DateTime => format!("DATE_FORMAT({place}, '%Y-%m-%dT%H:%i:%s.%fZ')"),
            Kind::Blob => format!("HEX({place})"),
        }
    }

    /// The value as it will come back once it was written; Err when the server would make another of it.
    pub(super) fn fitted(&self, value: &Value) -> Result<Value, ()> {
        match (self.kind, value) {
            (Kind::DateTime, Value::Text(text)) if self.fraction < 6 && text.len() == 27 => {
                let kept = 19 + if self.fraction == 0 { 0 } else { 1 + usize::from(self.fraction) };
                let rest = if kept == 19 { ".000000Z" } else { &"000000Z"[usize::from(self.fraction)..] };
                Ok(Value::Text(format!("{}{rest}", &text[..kept])))
            }
            (Kind::Decimal(_, scale), Value::Int(number)) if self.scale < scale => {
                let unit = 10_i64.pow(u32::from(scale - self.scale));
                if number % unit == 0 { Ok(value.clone()) } else { Err(()) }
            }
            // CHAR(n) forgets blanks at the end.
            (Kind::String(_) | Kind::Text | Kind::Json, Value::Text(text)) if self.data_type == "char" => {
                Ok(Value::Text(text.trim_end_matches(' ').to_owned()))
            }
            _ => Ok(value.clone()),
        }
    }

    /// True when every value comes back as it was written.
    pub(super) fn is_faithful(&self) -> bool {
        match self.kind {
            Kind::DateTime => self.fraction == 6,
            Kind::Decimal(_, scale) => self.scale >= scale,
            Kind::String(_) | Kind::Text | Kind::Json => self.data_type != "char",
            _ => true,
        }
    }

    /// What NULL at central means here.
    pub(in crate::central) fn null(&self) -> Value {
        self.null_is.clone().unwrap_or(Value::Null)
    }
}

/// The value of a mandatory column that central has no value for; None where nothing can stand in.
pub(in crate::central) fn stand_in(column: &Column) -> Option<Value> {
    match (column.default, column.kind) {
        (Some(ColumnDefault::Bool(flag)), _) => Some(flag.into()),
        (Some(ColumnDefault::Int(number)), _) => Some(number.into()),
        (Some(ColumnDefault::Text(text)), _) => Some(text.into()),
        (Some(ColumnDefault::Decimal(text)), Kind::Decimal(_, scale)) => decimal(text, scale),
        // The same on every machine, and whoever knows better wins against it.
        (Some(ColumnDefault::Now), _) => Some("1970-01-01T00:00:00.000000Z".into()),
        (None, Kind::String(_) | Kind::Text) => Some("".into()),
        _ => None,
    }
}

/// "5.00" with scale 2 as 500.
fn decimal(text: &str, scale: u8) -> Option<Value> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    format!("{whole}{fraction:0<width$}", width = usize::from(scale)).parse().ok().map(Value::Int)
}

const TEXTS: &[&str] = &["char", "varchar", "tinytext", "text", "mediumtext", "longtext", "enum", "set"];
const WHOLES: &[&str] = &["tinyint", "smallint", "mediumint", "int", "bigint", "bit"];
const BYTES: &[&str] = &["tinyblob", "blob", "mediumblob", "longblob", "varbinary"];

/// Whether the column found can hold the catalogue's.
pub(in crate::central) fn judge(column: &Column, found: &FoundColumn) -> Fit {
    let is = |types: &[&str]| types.contains(&found.data_type.as_str());
    if found.is_generated() {
        return Fit::Not(format!("{} is computed by the server", found.name));
    }
    let holds = match column.kind {
        Kind::Uuid => is(&["char", "varchar", "uuid", "tinytext", "text"]) && found.length.is_none_or(|n| n >= 36),
        Kind::String(_) | Kind::Text | Kind::Json => is(TEXTS) || is(&["uuid", "inet4", "inet6"]),
        Kind::Int | Kind::BigInt => is(WHOLES) || (is(&["decimal"]) && found.scale == 0),
        Kind::Bool => is(WHOLES),
        Kind::Decimal(..) => is(&["decimal"]) || is(WHOLES),
        Kind::Date => is(&["date"]),
        Kind::DateTime => is(&["datetime", "timestamp"]),
        Kind::Blob => is(BYTES),
    };
    if !holds {
        return Fit::Not(format!("{} is {}, which cannot hold it", found.name, found.full_type));
    }
    difference(column, found).map_or(Fit::Whole, Fit::Partly)
}

/// How a column differs from what this build makes, None when it does not.
pub(in crate::central) fn difference(column: &Column, found: &FoundColumn) -> Option<String> {
    let kind = type_name(column.kind);
    if found.full_type != kind {
        return Some(format!("its column {} is {} instead of {kind}", found.name, found.full_type));
    }
    if let Some(collation) = collation(column).filter(|collation| found.collation.as_deref() != Some(*collation)) {
        let has = found.collation.as_deref().unwrap_or("no collation");
        return Some(format!("its column {} has {has} instead of {collation}", found.name));
    }
    match (found.nullable, column.nullable) {
        (true, false) => Some(format!("its column {} may be NULL", found.name)),
        (false, true) => Some(format!("its column {} may not be NULL", found.name)),
        _ => None,
    }
}

fn type_name(kind: Kind) -> String {
    match kind {
        Kind::Uuid => "char(36)".into(),
        Kind::String(length) => format!("varchar({length})"),
        Kind::Text | Kind::Json => "mediumtext".into(),
        Kind::Int => "int".into(),
        Kind::BigInt => "bigint".into(),
        Kind::Bool => "tinyint".into(),
        Kind::Decimal(precision, scale) => format!("decimal({precision},{scale})"),
        Kind::Date => "date".into(),
        Kind::DateTime => "datetime(6)".into(),
        Kind::Blob => "mediumblob".into(),
    }
}

/// The collation that a column must have, None where any will do.
fn collation(column: &Column) -> Option<&'static str> {
    match column.kind {
        Kind::Uuid => Some("ascii_bin"),
        Kind::String(_) if column.exact => Some("utf8mb4_nopad_bin"),
        _ => None,
    }
}

/// A column as this build makes it.
#[cfg(test)]
pub(in crate::central) fn as_made(column: &Column) -> FoundColumn {
    let full_type = type_name(column.kind);
    let text = matches!(column.kind, Kind::Uuid | Kind::String(_) | Kind::Text | Kind::Json);
    let length = match column.kind {
        Kind::Uuid => Some(36),
        Kind::String(length) => Some(u64::from(length)),
        _ => None,
    };
    FoundColumn {
        name: column.name.to_owned(),
        data_type: full_type.split('(').next().unwrap_or_default().to_owned(),
        full_type,
        collation: text.then(|| collation(column).unwrap_or("utf8mb4_unicode_ci").to_owned()),
        nullable: column.nullable,
        has_default: column.nullable || column.default.is_some(),
        extra: String::new(),
        length,
        fraction: if column.kind == Kind::DateTime { 6 } else { 0 },
        scale: if let Kind::Decimal(_, scale) = column.kind { scale } else { 0 },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(data_type: &str, full_type: &str) -> FoundColumn {
        FoundColumn {
            name: "x".into(),
            data_type: data_type.into(),
            full_type: full_type.into(),
            ..FoundColumn::default()
        }
    }

    #[test]
    fn what_can_hold_what() {
        let fits = |column: Column, found: &FoundColumn| match judge(&column, found) {
            Fit::Whole => "whole",
            Fit::Partly(_) => "partly",
            Fit::Not(_) => "not",
        };
        assert_eq!(fits(Column::text("x"), &found("mediumtext", "mediumtext")), "whole");
        assert_eq!(fits(Column::text("x"), &found("text", "text")), "partly");
        assert_eq!(fits(Column::uuid("x"), &found("int", "int")), "not");
        assert_eq!(fits(Column::uuid("x"), &found("uuid", "uuid")), "partly");
        assert_eq!(fits(Column::uuid("x"), &FoundColumn { length: Some(32), ..found("char", "char(32)") }), "not");
        assert_eq!(fits(Column::datetime("x"), &found("timestamp", "timestamp")), "partly");
        assert_eq!(fits(Column::datetime("x"), &found("varchar", "varchar(30)")), "not");
        assert_eq!(fits(Column::string("x", 9), &found("enum", "enum('a')")), "partly");
        let computed = FoundColumn { extra: "STORED GENERATED".into(), ..found("mediumtext", "mediumtext") };
        assert_eq!(fits(Column::text("x"), &computed), "not");
    }

    #[test]
    fn values_are_cut_as_the_server_would_cut_them_or_refused() {
        let time = Value::from("2026-03-29T01:30:00.123456Z");
        for (fraction, kept) in
            [(0, "2026-03-29T01:30:00.000000Z"), (3, "2026-03-29T01:30:00.123000Z"), (6, "2026-03-29T01:30:00.123456Z")]
        {
            let found = FoundColumn { fraction, ..found("datetime", "datetime") };
            let physical = Physical::new(&Column::datetime("x"), &found);
            assert_eq!(physical.fitted(&time), Ok(kept.into()), "{fraction}");
            assert_eq!(physical.is_faithful(), fraction == 6);
        }
        let whole = Physical::new(&Column::decimal("x", 10, 2), &found("int", "int"));
        assert_eq!(whole.fitted(&Value::Int(1200)), Ok(Value::Int(1200)));
        assert_eq!(whole.fitted(&Value::Int(1250)), Err(()));
        let padded = Physical::new(&Column::string("x", 9), &found("char", "char(9)"));
        assert_eq!(padded.fitted(&"a ".into()), Ok("a".into()));
    }

    #[test]
    fn null_where_there_must_be_a_value_is_the_default() {
        let nullable = FoundColumn { nullable: true, ..found("varchar", "varchar(9)") };
        assert_eq!(Physical::new(&Column::string("x", 9).default_text("open"), &nullable).null(), "open".into());
        assert_eq!(Physical::new(&Column::string("x", 9).null(), &nullable).null(), Value::Null);
        assert_eq!(Physical::new(&Column::uuid("x"), &nullable).null(), Value::Null);
    }

    #[test]
    fn every_column_of_ours_is_held_whole_and_faithfully() {
        for entity in migrations::ENTITIES {
            for column in entity.columns {
                let found = as_made(column);
                assert_eq!(judge(column, &found), Fit::Whole, "{}.{}", entity.name, column.name);
                assert!(Physical::new(column, &found).is_faithful());
            }
        }
    }
}
