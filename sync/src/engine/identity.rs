//! Whether both sides are what they were when they last agreed: a replica may be an older copy of itself, and so may central.

use tracing::warn;

use super::remote::Remote;
use super::round::Round;
use super::status::SyncError;
use crate::central::{CentralError, Known};
use crate::local;

impl<R: Remote> Round<'_, R> {
    /// What this replica knows of central.
    pub(super) async fn known(&self) -> Result<Known, SyncError> {
        let read = |tx: &mut local::WriteTx<'_>| Ok((local::cursor(tx)?.0, local::batch_numbers(tx)?.1));
        let (epoch, acknowledged) = self.store.write_async(read).await?;
        Ok(Known { epoch, acknowledged })
    }

    /// Compares what central and this replica know of this replica's batches. Fewer here: it is an older copy of itself.
    /// Fewer there than central has acknowledged: central was restored from a backup, even if others have pushed so much
    /// since that its head is above the cursor again.
    pub(super) async fn recognise(&mut self) -> Result<(), SyncError> {
        let (sent, acknowledged) = self.store.write_async(|tx| local::batch_numbers(tx)).await?;
        let Some(known) = self.central.batch_no(&self.store.replica_id()).await? else { return Ok(()) };
        if known > sent {
            return Err(CentralError::Rewound { known, sent }.into());
        }
        self.store.write_async(|tx| local::forget_unheard(tx)).await?;
        if known < acknowledged {
            warn!(known, acknowledged, "central was restored from a backup: comparing from the beginning");
            self.forget_agreements().await?;
        }
        Ok(())
    }

    /// Central is not what both sides agreed with.
    pub(super) async fn forget_agreements(&self) -> Result<(), SyncError> {
        let start_over = |tx: &mut local::WriteTx<'_>| {
            let (epoch, _) = local::cursor(tx)?;
            local::start_over(tx, epoch.as_deref().unwrap_or_default())
        };
        Ok(self.store.write_async(start_over).await?)
    }

    /// This file is a copy, or was restored from a backup: another machine, as far as central is concerned.
    pub(super) async fn take_another_identity(&mut self) -> Result<(), SyncError> {
        let id = local::new_id(self.store.clock().now_us());
        warn!(
            old = self.store.replica_id(),
            new = id,
            "this replica is a copy or a restored backup: it takes a new identity"
        );
        let new = id.clone();
        let reason = "central knew later batches of this replica: it was restored from a backup, or copied";
        self.store.write_async(move |tx| local::become_another(tx, &new, reason)).await?;
        self.store.set_replica_id(id);
        Ok(())
    }
}
