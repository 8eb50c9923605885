//! Tokens that Clerk mints: one request each, shared with the live application's budget, gone from memory once the mail
//! is made. The ledger knows each by its id, so that it can be revoked; nobody else can list them.

mod answer;
mod budget;
mod client;
mod created;
mod directory;
mod invitations;
mod issue;
mod roster;
mod wire;

pub use directory::Directory;
pub use invitations::INVITATIONS_AN_HOUR;

use std::{fmt, sync::Arc, time::Duration};

use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret, SecretString};
use tokio_util::sync::CancellationToken;
use url::Url;

use self::{
    answer::Refusal,
    client::{Call, Client, Pulse},
    invitations::Invitations,
    roster::Roster,
    wire::RevokedBody,
};
use super::{IssueError, link::LinkForm};
use crate::{
    audience::Recipient,
    campaign::TokenLife,
    clock::Clock,
    ledger::{LiveToken, Run, TokenEnd, TokenKind, TokenRecord},
    replies::Rules,
};

/// Requests in ten seconds that Clerk grants a key, by the key's kind.
const LIVE_BUDGET: f64 = 1000.0;
const TEST_BUDGET: f64 = 100.0;
const WINDOW_SECONDS: f64 = 10.0;
/// The number of tokens that are revoked at the same time.
const AT_ONCE: usize = 16;
/// Tokens that are read from the ledger at once.
const PAGE: u32 = 500;
/// The time that a token may wait for its mail before it is minted anew.
const OLDEST: SignedDuration = SignedDuration::from_mins(1);

/// The settings of Clerk.
#[derive(Debug, Clone)]
pub struct ClerkSettings {
    /// The address of the Backend API: https, or http on this machine.
    pub api_url: Url,
    /// The secret key of the instance.
    pub key: SecretString,
    /// Requests a second.
    pub rate: f64,
    /// The look of the link.
    pub link: ClerkLink,
    /// The organization that becomes active at sign-in.
    pub organization: Option<String>,
    /// The deadline of one request.
    pub deadline: Duration,
    /// The time without anything from Clerk after which the run stops.
    pub patience: Duration,
    /// The rules for whose fault a refusal is.
    pub rules: Rules,
}

/// The page that a link leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClerkLink {
    /// To a page of one's own, with the token as a parameter.
    Page {
        /// The page.
        page: Url,
        /// The parameter's name.
        parameter: String,
    },
    /// To Clerk's Account Portal, as Clerk says.
    AccountPortal {
        /// The page that the person goes to from there.
        redirect_url: Option<Url>,
    },
}

/// No issuer can be made of these settings.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ClerkError(pub String);

/// The fate of tokens that were to be revoked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Recalled {
    /// Revoked now.
    pub revoked: u64,
    /// Signed in with before.
    pub used: u64,
    /// Not known to Clerk.
    pub gone: u64,
    /// Clerk refused; they live on.
    pub left: u64,
}

/// Tokens that an earlier run left behind, found at the start of a run or at its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Swept {
    /// Tokens without a mail that were revoked.
    pub revoked: u64,
    /// Tokens whose answer never came: they may live, and nobody holds them.
    pub orphans: u64,
}

/// Issues the Clerk tokens of one campaign.
pub struct ClerkIssuer {
    client: Arc<Client>,
    invitations: Invitations,
    roster: Roster,
    /// Beats with every token that a mail can carry.
    minted: Pulse,
    /// For pages of one's own: the same for all.
    page: Option<Arc<LinkForm>>,
    redirect_url: Option<Url>,
    organization: Option<String>,
    parameters: Vec<(String, String)>,
    life: TokenLife,
    clock: Clock,
}

impl ClerkSettings {
    /// The part `share` of what Clerk grants a key like this, in requests a second. A key of an unknown kind gets the
    /// small budget.
    #[must_use]
    pub fn rate_of(key: &SecretString, share: f64) -> f64 {
        let budget = if key.expose_secret().starts_with("sk_live_") { LIVE_BUDGET } else { TEST_BUDGET };
        budget / WINDOW_SECONDS * share
    }
}

impl ClerkIssuer {
    /// Checks the settings and makes an issuer of them. `parameters` stand in every link, after the token.
    pub fn new(
        settings: &ClerkSettings,
        life: TokenLife,
        parameters: Vec<(String, String)>,
        clock: Clock,
    ) -> Result<Self, ClerkError> {
        let (page, redirect_url) = match &settings.link {
            ClerkLink::Page { page, parameter } => {
                let form = LinkForm::new(page, parameter, parameters.clone())
                    .map_err(|error| ClerkError(error.to_string()))?;
                (Some(Arc::new(form)), None)
            }
            ClerkLink::AccountPortal { redirect_url } => (None, redirect_url.clone()),
        };
        let client = Arc::new(Client::new(settings, clock)?);
        Ok(Self {
            invitations: Invitations::new(Arc::clone(&client)),
            roster: Roster::default(),
            minted: Pulse::new(),
            client,
            page,
            redirect_url,
            organization: settings.organization.clone(),
            parameters,
            life,
            clock,
        })
    }

    /// Everybody on the list has just been asked about: for a while nobody is asked about again.
    pub async fn trust_the_look_up(&self) {
        self.roster.asked_all().await;
    }

    /// The number of people who got no token since they were barred at Clerk after the list was booked.
    #[must_use]
    pub fn barred(&self) -> u64 {
        self.roster.kept()
    }

    /// The most tokens a second, without throttling.
    #[must_use]
    pub fn rate(&self) -> f64 {
        self.client.budget.full()
    }

    /// Whether a token has waited too long for its mail.
    #[must_use]
    pub fn is_stale(&self, record: &TokenRecord, now: Timestamp) -> bool {
        let oldest = OLDEST.as_secs().min(self.life.as_secs() / 4);
        now.as_second().saturating_sub(record.issued_at) > oldest
    }

    /// Revokes one token and writes down what became of it.
    pub async fn revoke(
        &self,
        run: &Run,
        token: &LiveToken,
        halt: &CancellationToken,
    ) -> Result<TokenEnd, IssueError> {
        let end = match self.client.ask(&revocation(token), halt, |body| revoked(token, body)).await? {
            Ok(()) => TokenEnd::Revoked,
            Err(refusal) => end_of(&refusal).ok_or_else(|| IssueError::Refused(refusal.to_string()))?,
        };
        run.end_token(token.number, end).await?;
        Ok(end)
    }

    /// Revokes tokens, several at a time. Those that Clerk refuses to revoke live on and are counted.
    pub async fn revoke_all(
        self: &Arc<Self>,
        run: &Arc<Run>,
        tokens: Vec<LiveToken>,
        halt: &CancellationToken,
        mut tell: impl FnMut(),
    ) -> Result<Recalled, IssueError> {
        let mut recalled = Recalled::default();
        let mut tokens = tokens.into_iter();
        let mut revoking = tokio::task::JoinSet::new();
        loop {
            while revoking.len() < AT_ONCE
                && let Some(token) = tokens.next()
            {
                let (issuer, run, halt) = (Arc::clone(self), Arc::clone(run), halt.clone());
                revoking.spawn(async move { issuer.revoke(&run, &token, &halt).await });
            }
            let Some(done) = revoking.join_next().await else { return Ok(recalled) };
            match done.unwrap_or(Err(IssueError::Interrupted)) {
                Ok(TokenEnd::Revoked | TokenEnd::Refused | TokenEnd::Orphan) => recalled.revoked += 1,
                Ok(TokenEnd::Used) => recalled.used += 1,
                Ok(TokenEnd::Gone) => recalled.gone += 1,
                Err(IssueError::Refused(_)) => recalled.left += 1,
                Err(error) => return Err(error),
            }
            tell();
        }
    }

    /// Counts lost answers as orphans, and revokes the tokens that no mail needs. The run holds no claims meanwhile.
    pub async fn sweep(
        self: &Arc<Self>,
        run: &Arc<Run>,
        halt: &CancellationToken,
    ) -> Result<Swept, IssueError> {
        let mut swept = Swept { orphans: run.mark_orphans().await?, revoked: 0 };
        let mut after = 0;
        loop {
            let page = run.unneeded_tokens(after, PAGE).await?;
            let Some(last) = page.last() else { return Ok(swept) };
            after = last.number;
            swept.revoked += self.revoke_all(run, page, halt, || {}).await?.revoked;
        }
    }

    /// In seconds. An invitation lives for whole days.
    fn life_of(&self, kind: TokenKind) -> i64 {
        match kind {
            TokenKind::SignIn => self.life.as_secs(),
            TokenKind::Invitation => {
                let days = self.life.as_secs().saturating_add(DAY - 1) / DAY;
                days.clamp(1, 365) * DAY
            }
        }
    }
}

const DAY: i64 = 24 * 60 * 60;
/// Whether a row has no user of Clerk's: its user id is its address then.
#[must_use]
pub fn is_without_user(recipient: &Recipient) -> bool {
    recipient.user_id == recipient.address.canonical()
}

fn revocation(token: &LiveToken) -> Call {
    let what = match token.kind {
        TokenKind::SignIn => "sign_in_tokens",
        TokenKind::Invitation => "invitations",
    };
    Call::post(format!("/v1/{what}/{}/revoke", token.clerk_id), None)
}

/// Whether an answer says that the token is revoked now.
fn revoked(token: &LiveToken, body: &[u8]) -> Result<(), &'static str> {
    match serde_json::from_slice::<RevokedBody>(body) {
        Ok(answer) if answer.says(&token.clerk_id) => Ok(()),
        Ok(_) | Err(_) => Err("Clerk's answer does not say that the token is revoked"),
    }
}

/// The news in a refused revocation about the token; `None` where it has none.
fn end_of(refusal: &Refusal) -> Option<TokenEnd> {
    let words = refusal.to_string();
    match refusal.status {
        404 => Some(TokenEnd::Gone),
        400 if words.contains("accepted") => Some(TokenEnd::Used),
        400 if words.contains("revoked") || words.contains("expired") => Some(TokenEnd::Revoked),
        _ => None,
    }
}

impl fmt::Debug for ClerkIssuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClerkIssuer")
    }
}
