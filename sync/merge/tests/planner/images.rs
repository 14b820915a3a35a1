//! Rows as bytes, and time.

use merge::{HybridTime, Row, Value, decode, encode};
use migrations::catalogue::{CREDENTIALS, TASKS};
use proptest::prelude::*;
use proptest::sample::select;

use crate::generate::{all, empty, row};

proptest! {
    #[test]
    fn an_image_gives_back_its_row(row in select(all()).prop_flat_map(row)) {
        prop_assert_eq!(decode(row.entity(), &encode(&row)).ok(), Some(row));
    }

    #[test]
    fn any_bytes_give_a_row_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
        let row = empty(CREDENTIALS).with("password_encrypted", bytes.clone()).with("notes", "\u{1f600}\0\"");
        prop_assert_eq!(decode(CREDENTIALS, &encode(&row)).ok(), Some(row));
        prop_assert!(decode(CREDENTIALS, &bytes).is_err());
    }
}

/// What is sent is told apart by its bytes, and builds of other versions read them.
#[test]
fn an_image_is_a_json_object_of_what_is_there() {
    let row = Row::new(CREDENTIALS).with("id", "a\"\n").with("password_encrypted", vec![0, 255]).with("is_active", 1);
    let text = String::from_utf8(encode(&row)).unwrap_or_default();
    assert_eq!(text, r#"{"id":"a\"\n","password_encrypted":"00ff","is_active":1}"#);
    assert_eq!(encode(&Row::new(CREDENTIALS)), b"{}");
}

#[test]
fn images_of_other_schema_versions_are_read() {
    let row = decode(TASKS, br#"{"id":"key","column_of_later":7,"title":null}"#).ok();
    assert_eq!(row, Some(empty(TASKS)));
}

#[test]
fn damage_is_told_without_the_value() {
    for (image, reason) in [
        (r#"{"title":["secret"]}"#, "a value is neither number nor text"),
        (r#"{"password_encrypted":"secret"}"#, "a blob is not hexadecimal"),
        (r#"{"password_encrypted":"abc"}"#, "a blob is not hexadecimal"),
        (r#"{"title":18446744073709551615}"#, "a number is out of range"),
    ] {
        let entity = if image.contains("password") { CREDENTIALS } else { TASKS };
        let error = decode(entity, image.as_bytes()).expect_err(reason).to_string();
        assert_eq!(error, format!("damaged image of a row of {}: {reason}", entity.name));
    }
}

#[test]
fn stamps_only_grow_and_bow_to_their_limit() {
    let stamp = HybridTime(10);
    assert_eq!(stamp.next(5), HybridTime(11), "the clock went back");
    assert_eq!(stamp.next(20), HybridTime(20));
    assert_eq!(HybridTime(u64::MAX).next(20), HybridTime(u64::MAX));
    assert_eq!((stamp.clamped(HybridTime(7)), stamp.clamped(HybridTime(12))), (HybridTime(7), stamp));
    assert!(Value::Null < Value::Int(i64::MIN), "a tie falls to the value, not to the NULL");
}
