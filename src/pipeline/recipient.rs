//! The path of one mail: issue → render → compose → offer → intend → transfer → settle.

use std::sync::atomic::Ordering;

use jiff::{SignedDuration, Timestamp};

use super::{Halt, News, Parts, Shared, lifetime, misunderstood, prefetch::Prefetched};
use crate::{
    delivery::{Courier, Offer, Ready, Remark},
    email::Link,
    failpoint,
    ledger::{Claim, Intended, Outcome, Settled, Try},
    message::Message,
    pacing::{Reaction, Slot},
    replies::{Fault, Reading},
    token::{IssueError, Issued},
};

/// How long a retry repeats the first try's `Date`, and with it every byte: a relay that got it twice may drop one.
const SAME_BYTES_FOR: SignedDuration = SignedDuration::from_hours(2);

/// Sends to one recipient, from token to settlement, and draws from the relay's answer what it means for the others.
pub(super) async fn send_one(
    shared: &Shared,
    courier: &mut Courier,
    next: Prefetched,
    slot: &mut Slot<'_>,
) -> Result<(), Halt> {
    let unclear = match &next.issued {
        Err(IssueError::Unclear(_)) => Some(Reading::new(Fault::Unclear, true)),
        Err(_) | Ok(_) => None,
    };
    let settled = settle_one(shared, courier, next, slot).await;
    let remark = courier.take_remark(|trouble| shared.mention(trouble));
    let remark = unclear.map_or(remark, |reading| Remark::Refused(Box::new(reading)));
    let Some(settled) = settled? else {
        // The connection had gone, and nothing was offered: the mail waits for its turn again.
        shared.budget.fetch_add(1, Ordering::Relaxed);
        return Ok(());
    };
    let parts = &shared.parts;
    let reason = settled.reason.clone().unwrap_or_default();
    shared.report(News::Settled(settled)).await;
    match shared.reputation.observe(&remark, &reason, &parts.pace) {
        Reaction::GoOn => Ok(()),
        Reaction::Slower(rate) => {
            shared.report(News::Slower { rate, reason }).await;
            Ok(())
        }
        Reaction::Stop(misunderstood) => {
            let relay = courier.relay();
            let quota = misunderstood.reading.fault == Fault::Quota;
            let halt = misunderstood::halt(misunderstood, relay.clone(), reason);
            match (halt, relay) {
                (Halt::Refused { refusal, .. }, Some(relay)) if quota && parts.delivery.rest(&relay) => {
                    misunderstood::remember(parts, &refusal).await?;
                    shared.report(News::Resting(refusal)).await;
                    Ok(())
                }
                (halt, _) => Err(halt),
            }
        }
    }
}

/// Sends to one recipient, from token to settlement; `None` where the claim was given back since there was no
/// connection.
async fn settle_one(
    shared: &Shared,
    courier: &mut Courier,
    next: Prefetched,
    slot: &mut Slot<'_>,
) -> Result<Option<Settled>, Halt> {
    let parts = &shared.parts;
    let run = &parts.run;
    let now = parts.clock.now();
    let Prefetched { claim, issued } = next;
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

/// Hands over a mail that the relay waits for: the try is written down, then the body leaves. `leaves` is called in
/// between.
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
