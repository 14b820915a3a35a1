//! Secrets of many kinds, made at run time, so that scanners of this repository find none in it.

use crate::random::Random;

/// What a secret of each kind looks like: in braces so many letters of an alphabet, U capitals and digits, H hexadecimal,
/// M of both cases and digits, L small letters and digits, D digits. The last of them is what is searched for.
pub const KINDS: &[&str] = &[
    "AKIA{U16}",
    "ghp_{M36}",
    "github_pat_{M22}_{M59}",
    "glpat-{M20}",
    "xoxb-{D12}-{D12}-{M24}",
    "https://hooks.slack.com/services/T{U8}/B{U8}/{M24}",
    "sk_live_{M24}",
    "whsec_{M32}",
    "sk-ant-api03-{M93}",
    "sk-proj-{M48}",
    "AIza{M35}",
    "ya29.{M60}",
    "GOCSPX-{M28}",
    "eyJ{M20}.eyJ{M40}.{M43}",
    "npm_{M36}",
    "pypi-{M70}",
    "cio{M32}",
    "SG.{M22}.{M43}",
    "SK{H32}",
    "dop_v1_{H64}",
    "hf_{M34}",
    "hvs.{M28}",
    "AGE-SECRET-KEY-1{U58}",
    "{D9}:AA{M33}",
    "LTAI{M20}",
    "abc8Q~{M34}",
    "v1.0-{H24}-{H146}",
    "dapi{H32}",
    "dp.pt.{M43}",
    "fo1_{M43}",
    "HRKU-AA{M58}",
    "sha256~{M43}",
    "pscale_tkn_{M43}",
    "pul-{H40}",
    "SCW{U17}",
    "sbp_{H40}",
    "tskey-auth-{M12}-{M24}",
    "{M14}.atlasv1.{M65}",
    "AQVN{M36}",
    "AKCp{M69}",
    "ATATT3{M186}",
    "ATBB{M32}",
    "bkua_{H40}",
    "CCIPAT_{M22}_{H40}",
    "CLOJARS_{L60}",
    "ddp_{M36}",
    "dckr_pat_{M27}",
    "dt0c01.{U24}.{U64}",
    "figd_{M40}",
    "glsa_{M32}_{H8}",
    "lin_api_{M40}",
    "NRAK-{U27}",
    "oy2{L43}",
    "PMAK-{H24}-{H34}",
    "rdme_{L70}",
    "rubygems_{H48}",
    "sntryu_{H64}",
    "sqp_{H40}",
    "sgp_{H40}",
    "ops_eyJ{M120}",
    "A3-{U6}-{U11}-{U5}-{U5}-{U5}",
    "pat{M14}.{H64}",
    "CFPAT-{M43}",
    "https://discord.com/api/webhooks/{D18}/{M68}",
    "sl.{M140}",
    "duffel_live_{M43}",
    "EZAK{M54}",
    "EAA{M120}",
    "gsk_{M52}",
    "pat-na1-{H8}-{H4}-{H4}-{H4}-{H12}",
    "{H32}-us12",
    "key-{H32}",
    "ntn_{M46}",
    "pplx-{M48}",
    "r8_{M37}",
    "xkeysib-{H64}-{M16}",
    "shippo_live_{H40}",
    "shpat_{H32}",
    "sq0atp-{M22}",
    "tfp_{M50}",
    "xai-{M80}",
    "$2b$12${M53}",
    "machine example.com login me password {M12}",
    "sshpass -p {M12} ssh example.com",
    "mysql -u root -p{M12} shop",
    "Cookie: sid={M32}",
    "https://files.example.com/a?X-Amz-Signature={H64}",
    "otpauth://totp/me?secret={B32}",
    "PrivateKey = {M42}8=",
    "postgres://app:{M14}@db.example.com/shop",
    "Authorization: Bearer {M40}",
    "curl -u admin:{M12} https://example.com",
    "DB_PASSWORD={M16}",
    "Server=db;User Id=sa;Password={M14};Encrypt=yes",
    "<private>{M20}</private>",
    "WIDGET_AUTH={R32}",
];

/// A secret of that shape in what stands around it, and the part of it that must be found nowhere.
///
/// # Panics
/// When the shape is none of [`KINDS`].
#[expect(clippy::expect_used, reason = "the shapes stand above")]
pub fn made(shape: &str, random: &mut Random) -> (String, String) {
    let (mut text, mut last, mut rest) = (String::new(), String::new(), shape);
    while let Some((before, after)) = rest.split_once('{') {
        let (piece, after) = after.split_once('}').expect("a closed brace");
        last = drawn(&piece[..1], piece[1..].parse().expect("a number"), random);
        text.push_str(before);
        text.push_str(&last);
        rest = after;
    }
    // Eight letters are found by chance: the piece before them counts.
    (text.clone() + rest, if last.len() < 12 { text } else { last })
}

fn drawn(alphabet: &str, length: usize, random: &mut Random) -> String {
    let letters: &[u8] = match alphabet {
        "U" => b"ABCDEFGHJKLMNPQRSTUVWXYZ23456789",
        "H" => b"0123456789abcdef",
        "L" => b"abcdefghijkmnpqrstuvwxyz0123456789",
        "D" => b"123456789",
        "B" => b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567",
        _ => b"abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789",
    };
    let mut text: Vec<u8> = (0..length).map(|_| *random.pick(letters)).collect();
    // As random as can be, but never without a digit or a letter of either case.
    if length >= 12 && matches!(alphabet, "M" | "R") {
        text[1..4].copy_from_slice(b"7gK");
        if alphabet == "R" {
            text.copy_from_slice(&b"q7Rz2LmX9vKdT4wB8sYfH3pNc6JgW5tE"[..length]);
        }
    }
    if alphabet == "U" || alphabet == "L" {
        text[0] = b'7';
    }
    text.into_iter().map(char::from).collect()
}
