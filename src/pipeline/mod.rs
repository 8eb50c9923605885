//! The one path: claim → issue → render → compose → offer → intend → transfer → settle.
//!
//! Knows no command line, no terminal, no file and no environment. A preview takes the same path with harmless parts.

mod deadline;
mod lifetime;
mod misunderstood;
mod parts;
mod shared;
mod supply;
mod window;

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use tokio::{
    sync::mpsc,
    task::JoinSet,
    time::{Instant, sleep_until, timeout},
};
use tokio_util::sync::CancellationToken;

use deadline::Deadline;
pub use parts::{Bounds, Halt, News, Parts};
use shared::{SHORTEST_WAIT, Shared};
use supply::{Supplied, Supply};

use crate::{
    delivery::{Courier, Offer, Ready, Remark},
    email::Link,
    failpoint,
    ledger::{Claim, Intended, Outcome, Settled, Try},
    message::Message,
    pacing::{Reaction, Reputation, Slot},
    replies::{Fault, Reading},
    token::{IssueError, Issued, TokenIssuer, clerk::Swept},
};

/// How long a retry repeats the first try's `Date`, and with it every byte: a relay that got it twice may drop one.
const SAME_BYTES_FOR: SignedDuration = SignedDuration::from_hours(2);
/// How long the end of a stopped run may take to revoke tokens.
const HURRIED: Duration = Duration::from_secs(10);

/// Sends every due mail of the run, each result told to `report`. With `wait` it stays until nothing is left that a
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

/// A round sends what is due. The next begins when something is due again.
async fn rounds(shared: Arc<Shared>, bounds: &Bounds) -> Result<(), Halt> {
    let Shared { parts, halt, .. } = &*shared;
    loop {
        parts.run.expire(bounds.not_after).await?;
        shared.expire_untried().await?;
        shared.hold().await?;
        round(&shared, bounds.connections).await?;
        if shared.expire_untried().await? > 0 {
            // What was tried before has a time of its own, and may still be due.
            continue;
        }
        if !bounds.wait || halt.is_cancelled() {
            return Ok(());
        }
        let Some(due) = parts.run.next_due().await? else { return Ok(()) };
        // The wait is monotonic; what is due is asked again behind it. The floor keeps a strange clock from spinning.
        let wait = Duration::try_from(due.duration_since(parts.clock.now())).unwrap_or_default();
        let until = Instant::now() + wait.max(SHORTEST_WAIT);
        shared.tell(News::Waiting { due }).await;
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

/// All workers, until nothing is due.
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

/// One worker: a courier of its own, a few claims at a time, until nothing is due.
async fn work(shared: &Arc<Shared>) -> Result<(), Halt> {
    let mut courier = shared.parts.delivery.courier();
    let mut supply = Supply::new(Arc::clone(shared));
    let ended = send_each(shared, &mut supply, &mut courier).await;
    if ended.is_err() {
        shared.halt.cancel();
    }
    let released = supply.release().await;
    if ended.is_ok() {
        courier.close().await;
    }
    ended.and(released)
}

async fn send_each(shared: &Shared, supply: &mut Supply, courier: &mut Courier) -> Result<(), Halt> {
    while !shared.halt.is_cancelled() {
        shared.check_clock()?;
        if !supply.fill().await? {
            break;
        }
        let mut slot = match shared.parts.caps.take(shared.parts.clock.now()) {
            Ok(slot) => slot,
            Err(until) if shared.cap(until).await => continue,
            // Behind the round, when all claims are given back, it ends with the others.
            Err(_) => break,
        };
        // A relay and the rate are waited for with the claim in hand, so a stop must be able to end the wait.
        tokio::select! {
            biased;
            () = shared.halt.cancelled() => break,
            ready = get_ready(shared, courier) => ready?,
        }
        let Some(supplied) = supply.next().await? else { break };
        if !shared.in_time(&supplied.claim) {
            // Behind the round, when all claims are given back, it ends with the others.
            shared.give_back(supplied.claim).await?;
            break;
        }
        if !shared.admits(&supplied.claim) {
            shared.put_off(supplied.claim).await?;
            continue;
        }
        send_one(shared, courier, supplied, &mut slot).await?;
    }
    Ok(())
}

/// A connection first, then the turn: the rate is one of mails, not of tries to connect.
async fn get_ready(shared: &Shared, courier: &mut Courier) -> Result<(), Halt> {
    courier.ready(|trouble| shared.mention(trouble)).await.map_err(Halt::Relay)?;
    shared.parts.pace.ready().await;
    Ok(())
}

/// One recipient, from token to settlement; and what the relay's answer means for the others.
async fn send_one(
    shared: &Shared,
    courier: &mut Courier,
    supplied: Supplied,
    slot: &mut Slot<'_>,
) -> Result<(), Halt> {
    let unclear = match &supplied.issued {
        Err(IssueError::Unclear(_)) => Some(Reading::new(Fault::Unclear, true)),
        Err(_) | Ok(_) => None,
    };
    let settled = settle_one(shared, courier, supplied, slot).await;
    let remark = courier.take_remark(|trouble| shared.mention(trouble));
    let remark = unclear.map_or(remark, |reading| Remark::Refused(Box::new(reading)));
    let Some(settled) = settled? else {
        // The connection had gone, and nothing was offered: the mail waits for its turn again.
        shared.budget.fetch_add(1, Ordering::Relaxed);
        return Ok(());
    };
    let parts = &shared.parts;
    let reason = settled.reason.clone().unwrap_or_default();
    shared.tell(News::Settled(settled)).await;
    match shared.reputation.observe(&remark, &reason, &parts.pace) {
        Reaction::GoOn => Ok(()),
        Reaction::Slower(rate) => {
            shared.tell(News::Slower { rate, reason }).await;
            Ok(())
        }
        Reaction::Stop(misunderstood) => {
            let relay = courier.relay();
            let quota = misunderstood.reading.fault == Fault::Quota;
            let halt = misunderstood::halt(misunderstood, relay.clone(), reason);
            match (halt, relay) {
                (Halt::Refused { refusal, .. }, Some(relay)) if quota && parts.delivery.rest(&relay) => {
                    misunderstood::remember(parts, &refusal).await?;
                    shared.tell(News::Resting(refusal)).await;
                    Ok(())
                }
                (halt, _) => Err(halt),
            }
        }
    }
}

/// One recipient, from token to settlement; `None` where the claim was given back since there was no connection.
async fn settle_one(
    shared: &Shared,
    courier: &mut Courier,
    supplied: Supplied,
    slot: &mut Slot<'_>,
) -> Result<Option<Settled>, Halt> {
    let parts = &shared.parts;
    let run = &parts.run;
    let now = parts.clock.now();
    let Supplied { claim, issued } = supplied;
    let issued = match issued {
        Ok(issued) => Ok(issued),
        Err(IssueError::Refused(reason) | IssueError::Unclear(reason)) => Err(reason),
        Err(error) => {
            run.release(vec![claim]).await?;
            return Err(Halt::Tokens(error));
        }
    };
    let (message, attempt) = match issued.and_then(|issued| prepare(parts, &claim, issued, now)) {
        Ok(prepared) => prepared,
        Err(reason) => return Ok(Some(run.settle(claim, Outcome::Rejected { reason }).await?)),
    };
    failpoint::reach("composed");
    match courier.offer(&claim, &message, |trouble| shared.mention(trouble)).await {
        Ok(Offer::Ready(ready)) => {
            hand_over(parts, claim, ready, &message, attempt, || slot.used(now)).await.map(Some)
        }
        Ok(Offer::Refused(outcome)) => Ok(Some(run.settle(claim, outcome).await?)),
        Ok(Offer::Gone) => {
            run.release(vec![claim]).await?;
            Ok(None)
        }
        Err(stop) => {
            run.release(vec![claim]).await?;
            Err(Halt::Relay(stop))
        }
    }
}

/// The link, the words and the bytes of a mail, with the try to be written down; or why there is no such mail.
fn prepare(parts: &Parts, claim: &Claim, issued: Issued, now: Timestamp) -> Result<(Message, Try), String> {
    failpoint::reach("minted");
    let url = issued.link.url([]).map_err(|error| error.to_string())?;
    let link = Link { url: &url, token: issued.link.token().expose(), expires: issued.link.expires() };
    let date = date_of(claim, now);
    let message = parts
        .letter
        .render(claim.recipient(), &link)
        .and_then(|email| parts.letter.compose(claim.recipient(), &email, &link, date))
        .map_err(|defect| defect.message)?;
    let attempt = Try {
        token: issued.record,
        message_id: message.message_id().to_owned(),
        message_sha256: message.sha256(),
        date,
        unsubscribe_id: message.unsubscribe_id().to_owned(),
    };
    Ok((message, attempt))
}

/// A mail that is awaited: the try is written down, then the body leaves. `leaves` is called in between.
async fn hand_over(
    parts: &Parts,
    claim: Claim,
    ready: Ready<'_>,
    message: &Message,
    attempt: Try,
    leaves: impl FnOnce(),
) -> Result<Settled, Halt> {
    let run = &parts.run;
    if let Some(reason) = lifetime::too_old(&attempt.token, parts.clock.now()) {
        ready.abandon().await;
        return Ok(run.settle(claim, Outcome::Deferred { reason }).await?);
    }
    let (line, key) = (claim.recipient().line, claim.recipient().key.clone());
    match run.intend(claim, attempt).await {
        Ok(Intended::Go(intent)) => {
            leaves();
            let outcome = ready.transfer(&intent, message).await;
            Ok(run.settle(intent, outcome).await?)
        }
        Ok(Intended::Withdrawn(state)) => {
            ready.abandon().await;
            Ok(Settled { line, key, state, reason: None })
        }
        Err(error) => {
            ready.abandon().await;
            Err(error.into())
        }
    }
}

/// The `Date` header: that of the first try as long as the bytes shall stay the same.
fn date_of(claim: &Claim, now: Timestamp) -> Timestamp {
    claim.first_date().filter(|first| now.duration_since(*first).abs() <= SAME_BYTES_FOR).unwrap_or(now)
}
