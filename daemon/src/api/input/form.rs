//! The form that texts are brought into, so that equal names are equal bytes on every machine.

use unicode_normalization::UnicodeNormalization;

use crate::api::plan::Form;

/// The text in its form; None when nothing is left of it, or it cannot have that form.
pub(crate) fn formed(form: Form, text: &str) -> Option<String> {
    let name =
        |text: &str, blank: &str| text.split_whitespace().collect::<Vec<_>>().join(blank).nfc().collect::<String>();
    let formed = match form {
        Form::AsGiven => return Some(text.to_owned()),
        Form::Name => name(text, " "),
        Form::LowerName => name(&text.to_lowercase(), " "),
        Form::Tag => name(&text.to_lowercase(), "-"),
        Form::Guid => text.to_ascii_lowercase(),
        Form::Slug => text.to_owned(),
    };
    let fits = match form {
        Form::Guid => is_uuid(&formed),
        Form::Slug => is_slug(&formed),
        _ => !formed.is_empty(),
    };
    fits.then_some(formed)
}

/// A hyphenated UUID in lower case.
pub(super) fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(i, b)| match i {
            8 | 13 | 18 | 23 => b == b'-',
            _ => matches!(b, b'0'..=b'9' | b'a'..=b'f'),
        })
}

fn is_slug(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b'/' | b'-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_names_become_equal_bytes() {
        assert_eq!(formed(Form::Name, "  Acme\t Inc ").as_deref(), Some("Acme Inc"));
        assert_eq!(formed(Form::Name, "Cafe\u{301}"), formed(Form::Name, "Café"));
        assert_eq!(formed(Form::Tag, "Active  Directory").as_deref(), Some("active-directory"));
        assert_eq!(formed(Form::LowerName, "Ann@Example.COM").as_deref(), Some("ann@example.com"));
        assert_eq!(formed(Form::AsGiven, "  as it is "), Some("  as it is ".to_owned()));
    }

    #[test]
    fn what_cannot_have_the_form_is_refused() {
        for (form, text) in [
            (Form::Name, " \u{a0}"),
            (Form::Tag, ""),
            (Form::Slug, "A b"),
            (Form::Slug, ""),
            (Form::Guid, "0190f5b2-7c3e-7d4a-8b21-3f6e5d4c2b1"),
            (Form::Guid, "not a guid at all, but as long as it"),
        ] {
            assert_eq!(formed(form, text), None, "{text}");
        }
    }
}
