//! Searching bytes for texts in every form that they could have been written down in.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use regex::bytes::{Regex, RegexBuilder};
use world::random::Random;

/// Letters of half a text: enough that it is found nowhere by chance.
const HALF: usize = 16;

/// Texts to look for. Either half of one is enough, so that one that was cut is found, too.
pub(super) struct Needles {
    any: Regex,
    forms: Vec<(Vec<u8>, String)>,
}

/// A text that nothing else contains: letters and digits, so that most ways to quote a text leave it as it is.
pub(super) fn rare_text(random: &mut Random) -> String {
    const LETTERS: &[u8] = b"abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789";
    (0..2 * HALF).map(|_| char::from(*random.pick(LETTERS))).collect()
}

impl Needles {
    /// Texts that [`rare_text`] has made.
    pub(super) fn new<'t>(texts: impl IntoIterator<Item = &'t str>) -> Needles {
        let texts = texts.into_iter().flat_map(|text| [&text[..HALF], &text[HALF..]]);
        let forms: Vec<(Vec<u8>, String)> = texts
            .flat_map(|half| forms(half).into_iter().map(move |(form, bytes)| (bytes, format!("{form} of {half}"))))
            .collect();
        let escaped = |bytes: &[u8]| {
            bytes.iter().fold(String::new(), |mut text, byte| {
                write!(text, "\\x{byte:02x}").unwrap();
                text
            })
        };
        let any: Vec<String> = forms.iter().map(|(bytes, _)| escaped(bytes)).collect();
        let any = RegexBuilder::new(&any.join("|")).unicode(false).size_limit(1 << 28).build().unwrap();
        Needles { any, forms }
    }

    /// What is in these bytes: the form, and of what.
    pub(super) fn found_in(&self, bytes: &[u8]) -> Vec<String> {
        let name = |found: &[u8]| {
            let form = self.forms.iter().find(|(form, _)| form == found);
            form.map_or_else(|| String::from_utf8_lossy(found).into_owned(), |(_, name)| name.clone())
        };
        let mut found: Vec<String> = self.any.find_iter(bytes).map(|found| name(found.as_bytes())).collect();
        found.sort();
        found.dedup();
        found
    }

    /// What is in the files below a folder, with the file.
    pub(super) fn found_below(&self, folder: &Path) -> Vec<String> {
        files(folder, &|path, bytes| {
            self.found_in(bytes).into_iter().map(|found| format!("{}: {found}", path.display())).collect()
        })
    }
}

/// Each file below a folder; one that goes meanwhile, or is no file, holds nothing.
fn files(folder: &Path, look: &dyn Fn(&Path, &[u8]) -> Vec<String>) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let kind = entry.file_type().unwrap();
        if kind.is_dir() {
            found.extend(files(&entry.path(), look));
        } else if kind.is_file() {
            found.extend(look(&entry.path(), &fs::read(entry.path()).unwrap_or_default()));
        }
    }
    found
}

fn forms(text: &str) -> Vec<(&'static str, Vec<u8>)> {
    let each = |form: fn(u16) -> Vec<u8>| text.encode_utf16().flat_map(form).collect::<Vec<u8>>();
    let hex = text.bytes().fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"));
    let mut forms = vec![
        ("plain", text.into()),
        ("backwards", text.bytes().rev().collect()),
        ("hexadecimal", hex.clone().into()),
        ("hexadecimal", hex.to_uppercase().into()),
        ("UTF-16", each(|unit| unit.to_le_bytes().into())),
        ("UTF-16, big end first", each(|unit| unit.to_be_bytes().into())),
        ("JSON escapes", each(|unit| format!("\\u{unit:04x}").into())),
    ];
    // It may begin at any of three places of what was encoded; the letters at the ends are its neighbours', too.
    for before in 0..3 {
        let encoded = STANDARD.encode([&[b' '; 2][..before], text.as_bytes()].concat());
        let whole = (before + text.len()) / 3 * 4;
        let own = [0, 2, 3][before]..whole;
        // The other alphabet differs in two letters only.
        let other = encoded[own.clone()].replace('+', "-").replace('/', "_");
        forms.extend([("Base64", encoded[own].into()), ("Base64 of URLs", other.into())]);
    }
    forms
}

#[test]
fn every_form_of_a_text_is_found_and_half_of_it_too() {
    let mut random = Random::new(4);
    let (text, other) = (rare_text(&mut random), rare_text(&mut random));
    let needles = Needles::new([text.as_str()]);
    for before in ["", "x", "xy"] {
        let around = format!("{before}{text} and more");
        let utf16: Vec<u8> = around.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let hex = around.bytes().fold(String::new(), |hex, byte| format!("{hex}{byte:02X}"));
        for bytes in [around.clone().into_bytes(), utf16, hex.into_bytes(), STANDARD.encode(&around).into_bytes()] {
            let found = needles.found_in(&bytes);
            assert_eq!(found.len(), 2, "both halves: {found:?}");
        }
    }
    assert_eq!(needles.found_in(&text.as_bytes()[..HALF]).len(), 1);
    assert!(needles.found_in(other.as_bytes()).is_empty());
    assert!(needles.found_in(&text.as_bytes()[1..HALF]).is_empty());
}
