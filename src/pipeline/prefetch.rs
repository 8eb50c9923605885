//! Claims with their tokens, a little ahead of the mails: a token that comes from across the network is minted while
//! the mails before it are sent. Bounded in number, and what waited too long is minted anew.

use std::{
    collections::VecDeque,
    sync::{Arc, atomic::Ordering},
};

use tokio::task::JoinHandle;

use super::{Halt, Shared, shared::take};
use crate::{
    ledger::Claim,
    token::{IssueError, Issued},
};

/// How many recipients a worker claims at once: few, so that a stop releases little and the order stays the list's.
const CLAIM_AT_ONCE: u64 = 8;
/// Tokens are minted for what is sent within so many seconds.
const AHEAD_SECONDS: f64 = 10.0;

/// A claim and its token, or why there is none.
pub(super) struct Prefetched {
    pub(super) claim: Claim,
    pub(super) issued: Result<Issued, IssueError>,
}

/// One worker's claims whose mails have not had their turn.
pub(super) struct Prefetch {
    shared: Arc<Shared>,
    pending: VecDeque<Pending>,
    /// Whether tokens are minted before their turn.
    early: bool,
}

#[expect(clippy::large_enum_variant, reason = "there are a few of them")]
enum Pending {
    Claimed(Claim),
    Minting(JoinHandle<Prefetched>),
}

impl Prefetch {
    /// Nothing claimed yet.
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        // At a slow pace a token would only grow old: it is minted when its turn has come.
        let parts = &shared.parts;
        let early = parts.issuer.rate().is_some() && parts.pace.rate() * AHEAD_SECONDS > 2.0;
        Self { shared, pending: VecDeque::new(), early }
    }

    /// Claims more where few are left. `false`: nothing is due.
    pub(super) async fn top_up(&mut self) -> Result<bool, Halt> {
        let Shared { parts, selection, budget, .. } = &*self.shared;
        let few = if self.early { CLAIM_AT_ONCE / 2 } else { 0 };
        if self.pending.len() as u64 <= few {
            let limit = take(budget, CLAIM_AT_ONCE);
            let claims = match limit {
                0 => Vec::new(),
                limit => parts.run.claim(selection, u32::try_from(limit).unwrap_or(1)).await?,
            };
            budget.fetch_add(limit - claims.len() as u64, Ordering::Relaxed);
            for claim in claims {
                self.pending.push_back(if self.early {
                    Pending::Minting(tokio::spawn(issue(Arc::clone(&self.shared), claim)))
                } else {
                    Pending::Claimed(claim)
                });
            }
        }
        Ok(!self.pending.is_empty())
    }

    /// The next in list order. `None`: there is none, or the run was stopped before its token was there.
    pub(super) async fn next(&mut self) -> Result<Option<Prefetched>, Halt> {
        let mut next = match self.pending.pop_front() {
            None => return Ok(None),
            Some(Pending::Claimed(claim)) => issue(Arc::clone(&self.shared), claim).await,
            Some(Pending::Minting(minting)) => minting.await.map_err(|_| Halt::Fault)?,
        };
        let parts = &self.shared.parts;
        let stale = |issued: &Issued| parts.issuer.is_stale(issued, parts.clock.now());
        if next.issued.as_ref().is_ok_and(stale) {
            next = issue(Arc::clone(&self.shared), next.claim).await;
        }
        if matches!(next.issued, Err(IssueError::Interrupted)) {
            parts.run.release(vec![next.claim]).await?;
            return Ok(None);
        }
        Ok(Some(next))
    }

    /// Gives back what was claimed. The end of the run takes back the tokens that were minted already.
    pub(super) async fn release(self) -> Result<(), Halt> {
        let mut claims = Vec::with_capacity(self.pending.len());
        for pending in self.pending {
            claims.push(match pending {
                Pending::Claimed(claim) => claim,
                Pending::Minting(minting) => minting.await.map_err(|_| Halt::Fault)?.claim,
            });
        }
        if claims.is_empty() { Ok(()) } else { Ok(self.shared.parts.run.release(claims).await?) }
    }
}

async fn issue(shared: Arc<Shared>, claim: Claim) -> Prefetched {
    let Shared { parts, halt, .. } = &*shared;
    let issued = parts.issuer.issue(&parts.run, &claim, parts.clock.now(), halt).await;
    Prefetched { claim, issued }
}
