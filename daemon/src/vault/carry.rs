//! The vault's keys on their way in a file: each wrapped by a passphrase, as central keeps them. For machines without a
//! central, where nobody else has them.

use std::fmt::Write as _;

use hooks::home::Home;
use vault::{KeyId, Keyring, Passphrase, Salt, VaultError, WrappedKey};

use super::{SecretError, file_of, keyfile, missing, nonce, of_file, trouble};
use crate::phase::Trouble;
use crate::server::guard::hex;

/// The keys of a home, wrapped: `current ID`, then `key HEX` for each.
pub(crate) fn wrapped(home: &Home, passphrase: &Passphrase) -> Result<String, Trouble> {
    let ring = keyfile::read(&file_of(home)).map_err(|error| of_file(&error))?.ok_or_else(|| missing(home))?;
    wrap(&ring, passphrase).map_err(|error| trouble(&error))
}

fn wrap(ring: &Keyring, passphrase: &Passphrase) -> Result<String, SecretError> {
    let mut text = format!("current {}\n", ring.current());
    for key in ring.keys() {
        let mut salt = Salt::default();
        getrandom::fill(&mut salt)?;
        let wrapped = WrappedKey::new(key, passphrase, salt, nonce()?)?;
        let _ = writeln!(text, "key {}", hex(wrapped.as_bytes())); // writing to a String cannot fail
    }
    Ok(text)
}

/// Whether a home has keys already.
pub(crate) fn has_keys(home: &Home) -> bool {
    file_of(home).exists()
}

/// Opens wrapped keys and makes them those of a home that has none.
pub(crate) fn unwrap(home: &Home, text: &str, passphrase: &Passphrase) -> Result<(), Trouble> {
    let ring = open(text, passphrase).map_err(|error| match error {
        VaultError::Passphrase => Trouble {
            reason: "the passphrase is not the one that wrapped the keys of this backup".to_owned(),
            hint: "it was asked for when the backup was made; without it: --without-keys".to_owned(),
        },
        other => trouble(&other.into()),
    })?;
    keyfile::write(&file_of(home), &ring).map_err(|error| of_file(&error))
}

fn open(text: &str, passphrase: &Passphrase) -> Result<Keyring, VaultError> {
    let (mut ring, mut current) = (None::<Keyring>, None::<KeyId>);
    for line in text.lines() {
        match line.split_once(' ') {
            Some(("current", id)) => current = Some(id.parse().map_err(|_| VaultError::Malformed)?),
            Some(("key", digits)) => {
                let bytes = bytes(digits).ok_or(VaultError::Malformed)?;
                let key = WrappedKey::from_bytes(&bytes)?.open(passphrase)?;
                match &mut ring {
                    Some(ring) => drop(ring.add(key)?),
                    None => ring = Some(Keyring::new(key)),
                }
            }
            _ => return Err(VaultError::Malformed),
        }
    }
    let (mut ring, current) = ring.zip(current).ok_or(VaultError::Malformed)?;
    ring.make_current(current)?;
    Ok(ring)
}

fn bytes(digits: &str) -> Option<Vec<u8>> {
    let is_even = digits.len().is_multiple_of(2) && digits.is_ascii();
    let pairs = (0..digits.len() / 2).map(|at| u8::from_str_radix(&digits[2 * at..2 * at + 2], 16).ok());
    is_even.then(|| pairs.collect()).flatten()
}

#[cfg(test)]
mod tests {
    use zeroize::Zeroizing;

    use super::*;
    use crate::vault::new_key;

    fn passphrase(text: &str) -> Passphrase {
        Passphrase::existing(Zeroizing::new(text.to_owned()))
    }

    #[test]
    fn keys_come_back_with_their_passphrase_only_and_are_never_in_clear() {
        let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (from, to) = (Home::at(from.path()), Home::at(to.path()));
        assert!(wrapped(&from, &passphrase("four words in a row")).is_err(), "there are none yet");
        let mut ring = Keyring::new(new_key().unwrap());
        ring.add(new_key().unwrap()).unwrap();
        let last = ring.keys().last().unwrap().id();
        ring.make_current(last).unwrap();
        keyfile::write(&file_of(&from), &ring).unwrap();
        let text = wrapped(&from, &passphrase("four words in a row")).unwrap();
        assert!(ring.keys().all(|key| !text.contains(&hex(key.expose()))));

        let wrong = unwrap(&to, &text, &passphrase("four words in a rox")).unwrap_err();
        assert!(wrong.reason.contains("passphrase") && !has_keys(&to), "{wrong:?}");
        assert!(unwrap(&to, "key 00\n", &passphrase("x")).is_err() && !has_keys(&to));
        unwrap(&to, &text, &passphrase("four words in a row")).unwrap();
        let back = keyfile::read(&file_of(&to)).unwrap().unwrap();
        assert_eq!(back.current(), ring.current());
        assert!(back.keys().map(|key| *key.expose()).eq(ring.keys().map(|key| *key.expose())));
    }
}
