//! The links of a campaign that were used, and its tokens by state.

use jiff::Timestamp;

use crate::{
    campaign::CampaignId,
    ledger::{
        handle::Ledger,
        rules::LedgerError,
        store::{ReadPool, Sql, differs, json, values},
        tries::TokenKind,
    },
};

/// A link that was used, for people to look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsedLink {
    /// The line in the list.
    pub line: u64,
    /// The user.
    pub user_id: Option<String>,
    /// The address that the mail went to.
    pub address: Option<String>,
}

/// The number of Clerk's tokens of a campaign in each state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TokenTally {
    /// Known and not ended.
    pub live: u64,
    /// Known to be used.
    pub used: u64,
    /// Taken back.
    pub revoked: u64,
    /// Those whose answer was lost and that have not ended yet; nobody holds them.
    pub orphans: u64,
    /// The number of invitations among the orphans.
    pub orphaned_invitations: u64,
    /// The latest end of an orphan.
    pub orphans_end: Option<Timestamp>,
}

const USED: Sql = differs!("links_used");

const TALLY: Sql = Sql::shared("
select t.state, t.kind, count(*), max(t.expires_at) from clerk_token t join recipient r on r.id = t.recipient_id
    join occasion o on o.id = r.occasion_id
where o.campaign = ?1 and (t.state not in ('asked', 'orphan') or t.expires_at > ?2) group by t.state, t.kind");

impl Ledger {
    /// The tokens that a service minted for a campaign, by state.
    pub async fn token_tally(&self, campaign: &CampaignId) -> Result<TokenTally, LedgerError> {
        tally(&self.inner.readers, campaign, self.inner.clock.now().as_second()).await
    }

    /// The links of an occasion that were used, in list order; of `only` these user ids and canonical addresses, or of
    /// all where it is empty.
    pub async fn used_links(
        &self,
        campaign: &CampaignId,
        occasion: &str,
        only: &[String],
    ) -> Result<Vec<UsedLink>, LedgerError> {
        used(&self.inner.readers, campaign, occasion, only).await
    }
}

/// The links of an occasion that were used.
async fn used(
    readers: &ReadPool,
    campaign: &CampaignId,
    occasion: &str,
    only: &[String],
) -> Result<Vec<UsedLink>, LedgerError> {
    let rows: Vec<(i64, Option<String>, Option<String>)> =
        readers.all(USED, values![campaign.as_str(), occasion, json(only)]).await?;
    let used = |(line, user_id, address)| UsedLink {
        line: u64::try_from(line).unwrap_or_default(),
        user_id,
        address,
    };
    Ok(rows.into_iter().map(used).collect())
}

/// The minted tokens of a campaign by state; of those whose answer was lost the ones that may still live at `now`, Unix
/// seconds.
async fn tally(readers: &ReadPool, campaign: &CampaignId, now: i64) -> Result<TokenTally, LedgerError> {
    let rows: Vec<(String, String, i64, i64)> = readers.all(TALLY, values![campaign.as_str(), now]).await?;
    let mut tally = TokenTally::default();
    for (state, kind, count, end) in rows {
        let count = u64::try_from(count).unwrap_or_default();
        match state.as_str() {
            "live" => tally.live += count,
            "used" => tally.used += count,
            "revoked" | "gone" => tally.revoked += count,
            // A question under way is an orphan unless its answer still comes.
            _ => {
                tally.orphans += count;
                if kind == TokenKind::Invitation.name() {
                    tally.orphaned_invitations += count;
                }
                tally.orphans_end = tally.orphans_end.max(Timestamp::from_second(end).ok());
            }
        }
    }
    Ok(tally)
}
