//! The network between a machine and central: what it loses, repeats and delivers late.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::Duration;

use merge::RowId;
use sync::Clock;
use sync::central::{Batch, CentralError, Feed, FeedRow, Head, Heartbeat, Limits, Receipt, Sequenced};
use sync::engine::Remote;

use super::model::Model;

/// What becomes of an exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It never reaches central.
    RequestLost,
    /// It is done, and the answer is lost.
    AnswerLost,
    /// It is done twice.
    Twice,
    /// The sender hears nothing, and it is done later.
    Late,
    /// Central gives the transaction up.
    Deadlock,
}

impl Fault {
    pub(crate) const ALL: [Self; 5] = [Self::RequestLost, Self::AnswerLost, Self::Twice, Self::Late, Self::Deadlock];

    /// For the summary.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::RequestLost => "request lost",
            Self::AnswerLost => "acknowledgement lost",
            Self::Twice => "request repeated",
            Self::Late => "request late",
            Self::Deadlock => "deadlock",
        }
    }
}

/// What is under way without anybody waiting for it.
pub(crate) enum Late {
    Push(Batch),
    Resolve(Batch),
}

#[derive(Default)]
struct Weather {
    /// For the exchanges to come, in their order: None lets one pass.
    faults: VecDeque<Option<Fault>>,
    late: VecDeque<Late>,
    /// Those that struck.
    struck: Vec<Fault>,
}

/// One machine's link. Clones share it.
#[derive(Clone)]
pub(crate) struct Link {
    pub(crate) model: Model,
    weather: Arc<Mutex<Weather>>,
}

impl Link {
    pub(crate) fn new(model: Model) -> Self {
        Self { model, weather: Arc::default() }
    }

    fn weather(&self) -> MutexGuard<'_, Weather> {
        self.weather.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets `after` exchanges pass, and then this happen.
    pub(crate) fn disturb(&self, after: usize, fault: Fault) {
        let mut weather = self.weather();
        weather.faults.extend(std::iter::repeat_n(None, after));
        weather.faults.push_back(Some(fault));
    }

    /// Nothing more goes wrong.
    pub(crate) fn heal(&self) {
        self.weather().faults.clear();
    }

    /// Takes what has happened since the last call.
    pub(crate) fn struck(&self) -> Vec<Fault> {
        std::mem::take(&mut self.weather().struck)
    }

    /// Delivers the oldest request that was late; false when there is none.
    pub(crate) async fn deliver(&self) -> bool {
        let late = self.weather().late.pop_front();
        // Nobody waits for the answer.
        match late {
            Some(Late::Push(batch)) => drop(self.model.push(&batch).await),
            Some(Late::Resolve(batch)) => drop(self.model.resolve(&batch).await),
            None => return false,
        }
        true
    }

    fn fault(&self) -> Option<Fault> {
        let mut weather = self.weather();
        let fault = weather.faults.pop_front().flatten();
        weather.struck.extend(fault);
        fault
    }

    /// An exchange: on its way there, done, on its way back.
    async fn exchange<T, F: Future<Output = Result<T, CentralError>> + Send>(
        &self,
        late: Option<Late>,
        mut job: impl FnMut() -> F + Send,
    ) -> Result<T, CentralError> {
        pause().await;
        let lost = || CentralError::Unreachable("the network is down".into());
        let answer = match self.fault() {
            None => job().await,
            Some(Fault::RequestLost) => Err(lost()),
            Some(Fault::AnswerLost) => job().await.and(Err(lost())),
            Some(Fault::Twice) => {
                drop(job().await);
                job().await
            }
            Some(Fault::Late) => {
                self.weather().late.extend(late);
                Err(lost())
            }
            Some(Fault::Deadlock) => Err(CentralError::Deadlock),
        };
        pause().await;
        answer
    }
}

/// Suspends the caller once.
async fn pause() {
    let mut paused = false;
    std::future::poll_fn(|_| if std::mem::replace(&mut paused, true) { Poll::Ready(()) } else { Poll::Pending }).await;
}

impl Remote for Link {
    fn limits(&self) -> Limits {
        self.model.limits()
    }

    async fn recheck(&self) -> Result<(), CentralError> {
        self.exchange(None, async || Ok(())).await
    }

    async fn clock_offset_us(&self, clock: &dyn Clock) -> Result<i64, CentralError> {
        let ours = clock.now_us();
        let theirs = self.exchange(None, async || Ok(self.model.now_us())).await?;
        Ok(i64::try_from(i128::from(theirs) - i128::from(ours)).unwrap_or(0))
    }

    async fn head(&self) -> Result<Head, CentralError> {
        self.exchange(None, async || {
            let feed = self.model.feed(u64::MAX - 1, 0);
            Ok(Head { epoch: feed.epoch, seq: feed.head, outbox: true })
        })
        .await
    }

    async fn sequence(&self) -> Result<Sequenced, CentralError> {
        self.exchange(None, async || Ok(self.model.sequence())).await
    }

    async fn feed(&self, after: u64, limit: usize) -> Result<Feed, CentralError> {
        self.exchange(None, async || Ok(self.model.feed(after, limit))).await
    }

    async fn rows(&self, ids: &[RowId]) -> Result<Vec<FeedRow>, CentralError> {
        self.exchange(None, async || Ok(self.model.rows(ids))).await
    }

    async fn push(&self, batch: &Batch) -> Result<Receipt, CentralError> {
        self.exchange(Some(Late::Push(batch.clone())), async || self.model.push(batch).await).await
    }

    async fn resolve(&self, batch: &Batch) -> Result<Option<Receipt>, CentralError> {
        self.exchange(Some(Late::Resolve(batch.clone())), async || self.model.resolve(batch).await).await
    }

    async fn batch_no(&self, replica_id: &str) -> Result<Option<u64>, CentralError> {
        self.exchange(None, async || Ok(Some(self.model.batch_no(replica_id)))).await
    }

    async fn rest(&self, _: Duration) {
        pause().await;
    }

    async fn heartbeat(&self, _: &Heartbeat) -> Result<(), CentralError> {
        self.exchange(None, async || Ok(())).await
    }
}
