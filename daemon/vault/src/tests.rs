//! Known answers, made by another implementation (Python's `cryptography`), and what no alteration gets past.

use proptest::prelude::*;
use zeroize::Zeroizing;

use super::*;

const ROW: &str = "0190d3c2-0000-7000-8000-000000000001";

fn key(name: u8, first: u8) -> DataKey {
    let mut bytes = Zeroizing::new([0; 32]);
    (first..).zip(bytes.iter_mut()).for_each(|(value, byte)| *byte = value);
    DataKey::new(KeyId([0x0a, 0x0b, 0x0c, name]), bytes)
}

fn nonce() -> Nonce {
    std::array::from_fn(|at| 100 + u8::try_from(at).unwrap())
}

fn salt() -> Salt {
    std::array::from_fn(|at| u8::try_from(at).unwrap())
}

fn place() -> Place<'static> {
    Place::new("credentials", "password_encrypted", ROW).unwrap()
}

fn passphrase(text: &str) -> Passphrase {
    Passphrase::new(Zeroizing::new(text.to_owned())).unwrap()
}

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

#[test]
fn a_sealed_value_is_as_another_implementation_makes_it() {
    let known = bytes("010a0b0c0d6465666768696a6b6c6d6e6f2b74ac141c8a22be560d2d9bbf2c7fb8153af95da1c685c16d05818f9a");
    let ring = Keyring::new(key(0x0d, 0));
    assert!(ring.seal(&place(), b"correct horse", nonce()).unwrap() == known);
    assert_eq!(ring.open(&place(), &known).unwrap().as_slice(), b"correct horse");
}

#[test]
fn a_link_is_as_another_implementation_makes_it() {
    let link = ChainKey::new(&key(0x0d, 0), "machine-a").link(&[0; 32], b"record");
    assert_eq!(link.as_slice(), bytes("15c77db7b232b10b7589a414223280024a85bd63f56b2e2a52a4d61db69c9160"));
}

#[test]
fn a_wrapped_key_is_as_another_implementation_makes_it() {
    let known = bytes(concat!(
        "010a0b0c0d000100000000000300000004000102030405060708090a0b0c0d0e0f6465666768696a6b6c6d6e6f",
        "fde11e1e11e3dd72bb176a198d528715cd9f783d4de7c610e2f8901cce9c11a140de68d5bb84188fe6a6f410baf6ce85"
    ));
    let words = passphrase("twelve chars and more");
    let wrapped = WrappedKey::new(&key(0x0d, 0), &words, salt(), nonce()).unwrap();
    assert!(wrapped.as_bytes() == known);
    assert!(wrapped.open(&words).is_ok_and(|opened| opened.expose() == key(0x0d, 0).expose()));
    assert_eq!(wrapped.open(&passphrase("twelve chars and less")).err(), Some(VaultError::Passphrase));
    for at in [1, 20, 40, 50, known.len() - 1] {
        let mut altered = known.clone();
        altered[at] ^= 1;
        let opened = WrappedKey::from_bytes(&altered).unwrap().open(&words);
        assert_eq!(opened.err(), Some(VaultError::Passphrase), "byte {at}");
    }
}

#[test]
fn a_wrapped_key_that_asks_for_too_much_is_refused_before_any_work() {
    let mut blob = vec![1; 93];
    blob[5..17].fill(0xff);
    let opened = WrappedKey::from_bytes(&blob).unwrap().open(&passphrase("twelve chars and more"));
    assert_eq!(opened.err(), Some(VaultError::Excessive));
    assert_eq!(WrappedKey::from_bytes(&blob[1..]).err(), Some(VaultError::Malformed));
}

#[test]
fn a_short_passphrase_is_refused() {
    assert!(Passphrase::new(Zeroizing::new("eleven char".to_owned())).is_none());
    assert!(Passphrase::new(Zeroizing::new("zwölf Zeichen".to_owned())).is_some());
}

#[test]
fn old_values_open_while_new_ones_are_sealed_with_the_new_key() {
    let mut ring = Keyring::new(key(1, 0));
    let old = ring.seal(&place(), b"old", nonce()).unwrap();
    assert_eq!(ring.make_current(KeyId([9; 4])), Err(VaultError::UnknownKey(KeyId([9; 4]))));
    assert!(ring.add(key(2, 50)).unwrap());
    ring.make_current(key(2, 50).id()).unwrap();
    let new = ring.seal(&place(), b"new", nonce()).unwrap();
    assert_eq!((Keyring::key_of(&old), Keyring::key_of(&new)), (Ok(key(1, 0).id()), Ok(key(2, 50).id())));
    assert_eq!(ring.open(&place(), &old).unwrap().as_slice(), b"old");
    assert_eq!(ring.open(&place(), &new).unwrap().as_slice(), b"new");
    let without = Keyring::new(key(1, 0));
    assert_eq!(without.open(&place(), &new).err(), Some(VaultError::UnknownKey(key(2, 50).id())));
}

#[test]
fn a_key_of_a_name_that_is_taken_is_refused() {
    let mut ring = Keyring::new(key(1, 0));
    assert_eq!(ring.add(key(1, 0)), Ok(false));
    assert_eq!(ring.add(key(1, 50)), Err(VaultError::SameName(key(1, 0).id())));
}

#[test]
fn a_key_is_handed_on_to_who_has_the_one_before() {
    let mut ring = Keyring::new(key(1, 0));
    ring.add(key(2, 50)).unwrap();
    let handed = ring.hand_on(key(2, 50).id(), key(1, 0).id(), nonce()).unwrap();
    let other = Keyring::new(key(1, 0));
    assert!(other.take_over(key(2, 50).id(), &handed).is_ok_and(|taken| taken.expose() == key(2, 50).expose()));
    assert_eq!(other.take_over(key(3, 50).id(), &handed).err(), Some(VaultError::Tampered), "under another name");
    let stranger = Keyring::new(key(4, 0));
    assert_eq!(stranger.take_over(key(2, 50).id(), &handed).err(), Some(VaultError::UnknownKey(key(1, 0).id())));
}

#[test]
fn the_canary_tells_a_wrong_key_of_the_same_name() {
    let canary = key(1, 0).canary(nonce()).unwrap();
    assert!(key(1, 0).is_of(&canary));
    assert!(!key(1, 50).is_of(&canary));
    assert!(!key(2, 0).is_of(&canary));
}

#[test]
fn the_names_of_keys_are_written_and_read() {
    assert_eq!("0a0b0c0d".parse(), Ok(KeyId([10, 11, 12, 13])));
    assert_eq!(KeyId([10, 11, 12, 13]).to_string(), "0a0b0c0d");
    for wrong in ["", "0A0B0C0D", "+a0b0c0d", "0a0b0c0", "0a0b0c0d0"] {
        assert!(wrong.parse::<KeyId>().is_err(), "{wrong}");
    }
}

#[test]
fn names_with_a_nul_make_no_place() {
    assert!(Place::new("a\0b", "c", ROW).is_err() && Place::new("a", "b\0c", ROW).is_err());
    assert!(Place::new("", "b", ROW).is_err());
}

#[test]
fn a_form_of_the_future_is_told_from_rubbish() {
    assert_eq!(Keyring::key_of(&[2; 60]), Err(VaultError::Version(2)));
    for rubbish in [&[][..], &[0; 60], &[1; 32]] {
        assert_eq!(Keyring::key_of(rubbish), Err(VaultError::Malformed));
    }
}

proptest! {
    #[test]
    fn what_is_sealed_opens_unaltered(plain in prop::collection::vec(any::<u8>(), 0..300), nonce in any::<Nonce>()) {
        let ring = Keyring::new(key(1, 0));
        let sealed = ring.seal(&place(), &plain, nonce).unwrap();
        prop_assert_eq!(ring.open(&place(), &sealed).unwrap().to_vec(), plain);
        let opened = ring.open(&place(), &sealed[..sealed.len() - 1]);
        prop_assert!(opened.is_err(), "cut off");
    }

    #[test]
    fn no_altered_bit_gets_past(plain in prop::collection::vec(any::<u8>(), 0..40), at in any::<prop::sample::Index>(), bit in 0..8) {
        let ring = Keyring::new(key(1, 0));
        let mut sealed = ring.seal(&place(), &plain, nonce()).unwrap();
        let at = at.index(sealed.len());
        sealed[at] ^= 1_u8 << bit;
        prop_assert!(ring.open(&place(), &sealed).is_err());
    }

    #[test]
    fn what_is_moved_to_another_place_does_not_open(
        (table, column, row) in ("[a-c]{1,3}", "[a-c]{1,3}", "[a-c\\x00]{0,4}"),
        (table2, column2, row2) in ("[a-c]{1,3}", "[a-c]{1,3}", "[a-c\\x00]{0,4}"),
    ) {
        let ring = Keyring::new(key(1, 0));
        let sealed = ring.seal(&Place::new(&table, &column, &row).unwrap(), b"secret", nonce()).unwrap();
        let same = (&table, &column, &row) == (&table2, &column2, &row2);
        prop_assert_eq!(ring.open(&Place::new(&table2, &column2, &row2).unwrap(), &sealed).is_ok(), same);
    }

    #[test]
    fn a_link_depends_on_all_that_it_vouches_for(
        record in prop::collection::vec(any::<u8>(), 1..40), previous in any::<Link>(), at in any::<prop::sample::Index>()
    ) {
        let chain = ChainKey::new(&key(1, 0), "machine");
        let link = chain.link(&previous, &record);
        let mut altered = record.clone();
        altered[at.index(record.len())] ^= 1;
        prop_assert_ne!(chain.link(&previous, &altered), link);
        let mut other = previous;
        other[at.index(32)] ^= 1;
        prop_assert_ne!(chain.link(&other, &record), link);
        prop_assert_ne!(ChainKey::new(&key(1, 0), "another").link(&previous, &record), link);
        prop_assert_ne!(ChainKey::new(&key(1, 50), "machine").link(&previous, &record), link);
    }
}
