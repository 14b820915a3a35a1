//! The vault's keys and central: publishing them wrapped, joining with the passphrase, rotating, and taking over by itself
//! what another machine rotated to.
//!
//! Central never learns a key. It keeps each one wrapped by the passphrase, for machines that join, and a key that came
//! later also sealed under the one that was current then, for machines that have that one.

use sync::central::StoredKey;
use sync::{Store, StoreError};
use vault::{DataKey, Keyring, Passphrase, Salt, VaultError, WrappedKey};

use super::known::{self, KnownKey};
use super::{SecretError, Vault, new_key, nonce};
use crate::central_link::{CentralLink, LinkError};
use crate::phase::Trouble;

/// Why the vault's keys were not exchanged.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ExchangeError {
    /// Central cannot be asked.
    #[error("ask central for the vault's keys: {0}")]
    Link(#[from] LinkError),
    /// A key or a value.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// The keys of this machine cannot be read or written.
    #[error("{}", .0.reason)]
    Here(Trouble),
    /// The replica.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The passphrase does not open what central has.
    #[error("the passphrase is not that of the vault at central")]
    Passphrase,
    /// A passphrase that is to be set is too easily guessed.
    #[error("the passphrase is too short: 12 characters at least")]
    Short,
    /// There is a vault at central already.
    #[error("central has a vault already, made by another machine")]
    Exists,
    /// There is none yet.
    #[error("central has no vault yet")]
    None,
    /// Another machine was quicker.
    #[error("another machine changed the vault at this very moment")]
    Raced,
}

impl ExchangeError {
    /// What its reader can do.
    pub(crate) fn hint(&self) -> &str {
        match self {
            ExchangeError::Link(LinkError::Unconfigured) => "name one: claudetools setup --central URL",
            ExchangeError::Link(LinkError::Central(error)) => {
                error.hint().unwrap_or("try again when central can be reached")
            }
            ExchangeError::Secret(error) => error.hint(),
            ExchangeError::Here(trouble) => &trouble.hint,
            ExchangeError::Store(_) => "run: claudetools doctor",
            ExchangeError::Passphrase => "ask who made it (claudetools vault init), or whoever set it last",
            ExchangeError::Short => "take a few words that do not belong together",
            ExchangeError::Exists => "join it: claudetools vault join",
            ExchangeError::None => "make it from this machine's key: claudetools vault init",
            ExchangeError::Raced => "run it again",
        }
    }
}

impl From<VaultError> for ExchangeError {
    fn from(error: VaultError) -> ExchangeError {
        match error {
            VaultError::Passphrase => ExchangeError::Passphrase,
            other => ExchangeError::Secret(other.into()),
        }
    }
}

/// What an exchange works with.
pub(crate) struct Exchange<'a> {
    pub(crate) vault: &'a Vault,
    pub(crate) store: &'a Store,
    pub(crate) central: &'a CentralLink,
}

type Outcome = Result<(), ExchangeError>;

impl Exchange<'_> {
    /// Looks at central's keys: notes them, takes over those that are handed on under a key of this machine, and seals
    /// with the one that is current there. What it needs a passphrase for, the report says.
    pub(crate) async fn refresh(&self) -> Result<Vec<StoredKey>, ExchangeError> {
        let _turn = self.vault.turn.lock().await;
        self.refreshed().await
    }

    async fn refreshed(&self) -> Result<Vec<StoredKey>, ExchangeError> {
        let stored = self.central.with(async |central| Ok::<_, LinkError>(central.vault_keys().await?)).await?;
        if stored.is_empty() {
            return Ok(stored);
        }
        self.note(&stored).await?;
        let mut ring = self.vault.ring()?;
        super::check(&ring, &self.known().await?).map_err(ExchangeError::Here)?;
        let before = (ring.current(), ring.keys().count());
        while let Some(taken) = takeable(&ring, &stored) {
            tracing::info!(key = %taken.id(), "a key of the vault was taken over");
            ring.add(taken)?;
        }
        if let Some(current) = stored.iter().find(|key| key.is_current) {
            // One that is not here is had by joining.
            let _ = current.key_id.parse().and_then(|id| ring.make_current(id));
        }
        if (ring.current(), ring.keys().count()) != before {
            self.put(ring).await?;
        }
        Ok(stored)
    }

    /// Makes the vault at central, of this machine's keys and a passphrase.
    pub(crate) async fn init(&self, passphrase: Passphrase) -> Outcome {
        let _turn = self.vault.turn.lock().await;
        let ring = self.vault.ring()?;
        if !self.refreshed().await?.is_empty() {
            return Err(ExchangeError::Exists);
        }
        self.publish(&ring, ring.keys().cloned().collect(), Vec::new(), passphrase).await
    }

    /// Gets the vault's keys with its passphrase, and gives it those that only this machine has.
    pub(crate) async fn join(&self, passphrase: Passphrase) -> Outcome {
        let _turn = self.vault.turn.lock().await;
        let stored = self.central.with(async |central| Ok::<_, LinkError>(central.vault_keys().await?)).await?;
        if stored.is_empty() {
            return Err(ExchangeError::None);
        }
        let (keys, passphrase) = unwrapped(stored.clone(), passphrase).await?;
        self.note(&stored).await?;
        let mut ring = match (self.vault.ring(), keys.first()) {
            (Ok(ring), _) => ring,
            // A file that cannot be used is never written over: it may hold the only copy of a key.
            (Err(_), Some(first)) if !self.vault.file.exists() => Keyring::new(first.clone()),
            (Err(error), _) => return Err(error.into()),
        };
        for key in keys {
            ring.add(key)?;
        }
        let at_central = |id: &str| stored.iter().any(|key| key.key_id == id);
        let own: Vec<DataKey> = ring.keys().filter(|key| !at_central(&key.id().to_string())).cloned().collect();
        if let Some(current) = stored.iter().find(|key| key.is_current) {
            ring.make_current(current.key_id.parse::<vault::KeyId>()?)?;
        }
        if !own.is_empty() {
            self.publish(&ring, own, stored, passphrase).await?;
        }
        self.put(ring).await
    }

    /// Makes a new key, which seals from now on. Machines that have the current one take it over by themselves.
    pub(crate) async fn rotate(&self, passphrase: Passphrase) -> Outcome {
        let _turn = self.vault.turn.lock().await;
        let stored = self.refreshed().await?;
        if stored.is_empty() {
            return Err(ExchangeError::None);
        }
        let (_, passphrase) = unwrapped(stored.clone(), passphrase).await?;
        let mut ring = self.vault.ring()?;
        let key = new_key()?;
        ring.add(key.clone())?;
        // On disk before anybody can hear of it, and current only once central has it.
        self.put(ring.clone()).await?;
        let mut next = ring.clone();
        next.make_current(key.id())?;
        self.publish(&next, vec![key], stored, passphrase).await?;
        self.put(next).await
    }

    /// Wraps all keys by another passphrase. It needs none before: who has the keys needs none.
    pub(crate) async fn change_passphrase(&self, passphrase: Passphrase) -> Outcome {
        let _turn = self.vault.turn.lock().await;
        let stored = self.refreshed().await?;
        if stored.is_empty() {
            return Err(ExchangeError::None);
        }
        let ring = self.vault.ring()?;
        let keys: Result<Vec<DataKey>, ExchangeError> =
            stored.iter().map(|key| Ok(ring.get(key.key_id.parse::<vault::KeyId>()?)?.clone())).collect();
        self.publish(&ring, keys?, stored, passphrase).await
    }

    /// Stores these keys at central, wrapped; the ring's current key is the current one there.
    async fn publish(
        &self,
        ring: &Keyring,
        keys: Vec<DataKey>,
        seen: Vec<StoredKey>,
        passphrase: Passphrase,
    ) -> Outcome {
        let before = seen.iter().find(|key| key.is_current).and_then(|key| key.key_id.parse().ok());
        let current = ring.current();
        let ring = ring.clone();
        let wrapping = move || -> Result<Vec<StoredKey>, ExchangeError> {
            let stored = keys.iter().map(|key| {
                let handed_on = match before {
                    Some(before) if before != key.id() => Some(ring.hand_on(key.id(), before, nonce()?)?),
                    _ => None,
                };
                Ok(StoredKey {
                    key_id: key.id().to_string(),
                    wrapped: WrappedKey::new(key, &passphrase, salt()?, nonce()?)?.as_bytes().to_vec(),
                    handed_on,
                    canary: key.canary(nonce()?)?,
                    is_current: key.id() == current,
                })
            });
            stored.collect()
        };
        let stored = blocking(wrapping).await?;
        let done =
            self.central.with(async |central| Ok::<_, LinkError>(central.store_vault_keys(&seen, &stored).await?));
        if !done.await? {
            return Err(ExchangeError::Raced);
        }
        self.refreshed().await.map(drop)
    }

    async fn known(&self) -> Result<Vec<KnownKey>, ExchangeError> {
        Ok(self.store.read_async(|tx| known::keys(tx.connection())).await?)
    }

    async fn note(&self, stored: &[StoredKey]) -> Outcome {
        let stored = stored.to_vec();
        Ok(self.store.write_async(move |tx| known::mirror(tx.connection(), &stored, tx.now_us())).await?)
    }

    /// Puts keys into use: on disk, then on record, with a canary for those that have none.
    async fn put(&self, ring: Keyring) -> Outcome {
        let (canaries, current) = (super::canaries(&ring)?, ring.current().to_string());
        self.vault.replace(ring).map_err(ExchangeError::Here)?;
        let noted = self.store.write_async(move |tx| {
            for (id, canary) in canaries {
                known::enter(tx.connection(), &id, &canary, tx.now_us())?;
            }
            known::make_current(tx.connection(), &current)
        });
        Ok(noted.await?)
    }
}

/// A key that is handed on under one of the ring, and not in it yet.
fn takeable(ring: &Keyring, stored: &[StoredKey]) -> Option<DataKey> {
    stored.iter().find_map(|key| {
        let id: vault::KeyId = key.key_id.parse().ok()?;
        let handed = key.handed_on.as_ref().filter(|_| ring.get(id).is_err())?;
        ring.take_over(id, handed).ok().filter(|taken| taken.is_of(&key.canary))
    })
}

/// All keys that central has, and the passphrase back.
async fn unwrapped(
    stored: Vec<StoredKey>,
    passphrase: Passphrase,
) -> Result<(Vec<DataKey>, Passphrase), ExchangeError> {
    blocking(move || {
        let open = |key: &StoredKey| WrappedKey::from_bytes(&key.wrapped)?.open(&passphrase);
        let keys = stored.iter().map(open).collect::<Result<Vec<_>, _>>()?;
        Ok((keys, passphrase))
    })
    .await
}

/// Stretching a passphrase takes a good part of a second and 64 MiB: not on a thread that serves requests.
async fn blocking<T: Send + 'static>(
    job: impl FnOnce() -> Result<T, ExchangeError> + Send + 'static,
) -> Result<T, ExchangeError> {
    let stopped = |_| ExchangeError::Store(StoreError::Closed);
    tokio::task::spawn_blocking(job).await.map_err(stopped)?
}

fn salt() -> Result<Salt, SecretError> {
    let mut salt = Salt::default();
    getrandom::fill(&mut salt)?;
    Ok(salt)
}
