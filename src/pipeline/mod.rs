//! The one path: claim → issue → render → compose → offer → intend → transfer → settle.
//!
//! Here are the rounds of a run and the workers of a round, as far as a claim with its turn; `recipient` is the rest of
//! the path.
//!
//! Knows no command line, no terminal, no file and no environment. A preview takes the same path with harmless parts.

mod deadline;
mod lifetime;
mod misunderstood;
mod parts;
mod prefetch;
mod recipient;
mod shared;
mod window;

use std::{
    sync::{Arc, Mutex, atomic::AtomicU64},
    time::Duration,
};

use tokio::{
    sync::mpsc,
    task::JoinSet,
    time::{Instant, sleep_until, timeout},
};
use tokio_util::sync::CancellationToken;

use deadline::Deadline;
pub use parts::{Bounds, Halt, News, Parts};
use prefetch::Prefetch;
use recipient::send_one;
use shared::{SHORTEST_WAIT, Shared};

use crate::{
    delivery::Courier,
    failpoint,
    pacing::Reputation,
    token::{TokenIssuer, clerk::Swept},
};

/// How long the end of a stopped run may take to revoke tokens.
const HURRIED: Duration = Duration::from_secs(10);

/// Sends every due mail of the run and reports each result. With `wait` it stays until nothing is left that a
/// later try could send. Ends early when `stop` is cancelled: nothing new is claimed, what is under way is finished,
/// and what was claimed is released.
pub async fn send_all(
    parts: Arc<Parts>,
    bounds: Bounds,
    stop: CancellationToken,
    mut report: impl FnMut(News),
) -> Result<(), Halt> {
    let (news, mut reports) = mpsc::channel(256);
    let began = (parts.clock.now(), Instant::now());
    let deadline = if bounds.scheduled { Deadline::of(&parts.run, bounds.not_after).await? } else { None };
    let shared = Arc::new(Shared {
        parts,
        selection: bounds.selection.clone(),
        window: bounds.window.clone(),
        deadline,
        budget: AtomicU64::new(bounds.limit.unwrap_or(u64::MAX)),
        reputation: Reputation::new(bounds.accept_refusals),
        wait: bounds.wait,
        capped: Mutex::default(),
        halt: stop.child_token(),
        news,
        began,
    });
    let rounds = rounds(Arc::clone(&shared), &bounds);
    tokio::pin!(rounds);
    let ended = loop {
        tokio::select! {
            biased;
            Some(one) = reports.recv() => report(one),
            ended = &mut rounds => break ended,
        }
    };
    let released = shared.parts.run.release_all().await;
    let ended = ended.and_then(|()| match shared.reputation.everybody() {
        Some((misunderstood, reason)) => Err(misunderstood::halt(misunderstood, None, reason)),
        None => Ok(()),
    });
    failpoint::reach("released");
    while let Ok(one) = reports.try_recv() {
        report(one);
    }
    let righted = match &ended {
        Err(halt) => misunderstood::put_right(&shared.parts, halt).await,
        Ok(()) => Ok(0),
    };
    if let Ok(rows @ 1..) = righted {
        report(News::PutBack { rows });
    }
    tidy(&shared.parts, ended.is_ok() && !stop.is_cancelled()).await;
    ended.and(released.map(drop).map_err(Halt::from)).and(righted.map(drop).map_err(Halt::from))
}

/// Takes back the tokens whose mail did not go. What cannot be taken back now, the next run takes back.
async fn tidy(parts: &Parts, patient: bool) {
    let TokenIssuer::Clerk(issuer) = &parts.issuer else { return };
    let never = CancellationToken::new();
    let sweep = issuer.sweep(&parts.run, &never);
    let swept =
        if patient { sweep.await } else { timeout(HURRIED, sweep).await.unwrap_or(Ok(Swept::default())) };
    if let Err(error) = swept {
        tracing::info!(%error, "tokens without a mail are left for the next run");
    }
}

/// Sends in rounds: each sends what is due, and the next begins when something is due again.
async fn rounds(shared: Arc<Shared>, bounds: &Bounds) -> Result<(), Halt> {
    let Shared { parts, halt, .. } = &*shared;
    loop {
        parts.run.expire(bounds.not_after).await?;
        shared.expire_untried().await?;
        shared.put_off_closed().await?;
        round(&shared, bounds.connections).await?;
        if shared.expire_untried().await? > 0 {
            // What was tried before has a time of its own, and may still be due.
            continue;
        }
        if !bounds.wait || halt.is_cancelled() {
            return Ok(());
        }
        let Some(due) = parts.run.next_due().await? else { return Ok(()) };
        // The wait is monotonic; what is due is asked again after it. The floor keeps a strange clock from spinning.
        let wait = Duration::try_from(due.duration_since(parts.clock.now())).unwrap_or_default();
        let until = Instant::now() + wait.max(SHORTEST_WAIT);
        shared.report(News::Waiting { due }).await;
        let waited = tokio::select! {
            () = halt.cancelled() => false,
            () = sleep_until(until) => true,
        };
        if !waited {
            return Ok(());
        }
        parts.delivery.forget_outage();
    }
}

/// Runs all workers until nothing is due.
async fn round(shared: &Arc<Shared>, connections: usize) -> Result<(), Halt> {
    let mut workers = JoinSet::new();
    for _ in 0..connections {
        let shared = Arc::clone(shared);
        workers.spawn(async move { work(&shared).await });
    }
    let mut ended = Ok(());
    while let Some(worker) = workers.join_next().await {
        let result = worker.unwrap_or(Err(Halt::Fault));
        ended = ended.and(result);
    }
    ended
}

/// Runs one worker until nothing is due: a courier of its own, a few claims at a time.
async fn work(shared: &Arc<Shared>) -> Result<(), Halt> {
    let mut courier = shared.parts.delivery.courier();
    let mut prefetch = Prefetch::new(Arc::clone(shared));
    let ended = send_each(shared, &mut prefetch, &mut courier).await;
    if ended.is_err() {
        shared.halt.cancel();
    }
    let released = prefetch.release().await;
    if ended.is_ok() {
        courier.close().await;
    }
    ended.and(released)
}

async fn send_each(shared: &Shared, prefetch: &mut Prefetch, courier: &mut Courier) -> Result<(), Halt> {
    while !shared.halt.is_cancelled() {
        shared.check_clock()?;
        if !prefetch.top_up().await? {
            break;
        }
        let mut slot = match shared.parts.caps.take(shared.parts.clock.now()) {
            Ok(slot) => slot,
            Err(until) if shared.cap(until).await => continue,
            Err(_) => break,
        };
        // A relay and the rate are waited for with the claim in hand, so a stop must be able to end the wait.
        tokio::select! {
            biased;
            () = shared.halt.cancelled() => break,
            ready = get_ready(shared, courier) => ready?,
        }
        let Some(next) = prefetch.next().await? else { break };
        if !shared.in_time(&next.claim) {
            // It expires with the others after the round, when all claims are given back.
            shared.give_back(next.claim).await?;
            break;
        }
        if !shared.admits(&next.claim) {
            shared.put_off(next.claim).await?;
            continue;
        }
        send_one(shared, courier, next, &mut slot).await?;
    }
    Ok(())
}

/// Waits for a connection, then for the turn: the rate is one of mails, not of tries to connect.
async fn get_ready(shared: &Shared, courier: &mut Courier) -> Result<(), Halt> {
    courier.ready(|trouble| shared.mention(trouble)).await.map_err(Halt::Relay)?;
    shared.parts.pace.ready().await;
    Ok(())
}
