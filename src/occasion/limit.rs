//! How long a run takes at least, and which limit makes it so.

use super::project::Occasion;
use crate::{
    campaign::WithoutUser,
    ledger::{LedgerError, Run},
    token::{TokenIssuer, clerk::INVITATIONS_AN_HOUR},
};

/// A limit on how fast a campaign leaves.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Limit {
    /// So many tokens a second from the token service.
    Tokens(f64),
    /// The token service's invitations an hour.
    Invitations,
    /// So many mails a second, as the settings say.
    Mails(f64),
}

/// The limit that makes a run last longest.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Slowest {
    /// Which it is.
    pub limit: Limit,
    /// How long the run takes by it, in seconds.
    pub seconds: f64,
}

impl Slowest {
    /// The slowest limit of a run with so many mails; `None` where tokens come from this machine.
    pub async fn find(
        occasion: &Occasion,
        issuer: &TokenIssuer,
        run: &Run,
        mails: u64,
    ) -> Result<Option<Self>, LedgerError> {
        let Some(tokens) = issuer.rate() else { return Ok(None) };
        let invited = match occasion.campaign.audience.without_user_id {
            WithoutUser::Invite => run.waiting_without_user().await?,
            WithoutUser::Refuse | WithoutUser::LookUp => 0,
        };
        Ok(Self::of(mails, invited, tokens, occasion.settings.rate))
    }

    /// The slowest limit for so many mails, of which so many people are invited; `tokens` and `rate` are tokens and
    /// mails a second.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "an estimate for people")]
    pub fn of(mails: u64, invited: u64, tokens: f64, rate: Option<f64>) -> Option<Self> {
        let by = |limit, number: u64, rate: f64| Self { limit, seconds: number as f64 / rate };
        let mut limits = vec![by(Limit::Tokens(tokens), mails.saturating_sub(invited), tokens)];
        if invited > 0 {
            let hours = (invited - 1) / INVITATIONS_AN_HOUR;
            limits.push(by(Limit::Invitations, hours, 1.0 / 3600.0));
        }
        limits.extend(rate.map(|rate| by(Limit::Mails(rate), mails, rate)));
        limits.into_iter().max_by(|one, other| one.seconds.total_cmp(&other.seconds))
    }
}
