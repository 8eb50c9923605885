//! What a clock that was ahead has skipped or given up: once the clock is right, it is due again.

use jiff::{SignedDuration, Timestamp};

use crate::{
    campaign::CampaignId,
    ledger::{
        handle::Ledger,
        rules::LedgerError,
        store::{Connection, Sql, values},
    },
};

/// How far apart clocks that are right may be.
pub(super) const SLACK: SignedDuration = SignedDuration::from_mins(15);

/// Occasions that a clock which was ahead has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DueAgain {
    /// Their names, in the order of their due times.
    pub occasions: Vec<String>,
    /// The time that the clock showed, at the last of them.
    pub clock: Timestamp,
}

const AHEAD: Sql = Sql::shared(
    "
select id, occasion, coalesce(closed_at, due_at) from occasion
where campaign = ?1 and closed is not null and purged_at is null and coalesce(closed_at, due_at) > ?2
order by due_at",
);

/// What waited then waits again, as whatever is put back does.
const WAIT_AGAIN: Sql = Sql::shared(
    "
update recipient set
    state = 'pending', next_attempt_at = null, held_until = null, deferrals = 0, first_try_at = null,
    first_date = null, revoked_at = case when recipient.jti_hash is not null then coalesce(recipient.revoked_at, ?2) end,
    again_at = ?2, changed_at = ?2
where occasion_id = ?1 and state = 'expired' and exists (select 1 from occasion o
    where o.id = ?1 and o.closed_at = recipient.changed_at and o.closed = recipient.reason)",
);

const OPEN_AGAIN: Sql = Sql::shared("update occasion set closed = null, closed_at = null where id = ?1");

/// Nobody has begun it, so nothing is known of it but that it passed.
const FORGET: Sql = Sql::shared(
    "
delete from occasion where id = ?1 and generation = 0 and not exists (select 1 from epoch where occasion_id = ?1)",
);

impl Ledger {
    /// Takes back what a clock which was ahead has skipped or given up; `None` where there is nothing such.
    pub(super) async fn due_again(&self, campaign: &CampaignId) -> Result<Option<DueAgain>, LedgerError> {
        let now = self.inner.clock.now().as_millisecond();
        let looked = ahead(&mut self.inner.readers.get().await?, campaign, now).await?;
        if looked.is_empty() {
            return Ok(None);
        }
        let (campaign, requests) = (campaign.clone(), &self.inner.requests);
        requests
            .alone(move |connection, now| {
                Box::pin(async move { take_back(connection, &campaign, now).await })
            })
            .await
    }
}

/// The same in milliseconds.
pub(super) fn slack_ms() -> i64 {
    i64::try_from(SLACK.as_millis()).unwrap_or_default()
}

async fn ahead(
    connection: &mut Connection,
    campaign: &CampaignId,
    now: i64,
) -> Result<Vec<(i64, String, i64)>, LedgerError> {
    connection.all(AHEAD, values![campaign.as_str(), now.saturating_add(slack_ms())]).await
}

async fn take_back(
    connection: &mut Connection,
    campaign: &CampaignId,
    now: i64,
) -> Result<Option<DueAgain>, LedgerError> {
    let mut occasions = Vec::new();
    let mut clock = None;
    for (id, name, at) in ahead(connection, campaign, now).await? {
        if connection.execute(FORGET, values![id]).await? == 0 {
            connection.execute(WAIT_AGAIN, values![id, now]).await?;
            connection.execute(OPEN_AGAIN, values![id]).await?;
        }
        occasions.push(name);
        clock = clock.max(Timestamp::from_millisecond(at).ok());
    }
    Ok(clock.map(|clock| DueAgain { occasions, clock }))
}
