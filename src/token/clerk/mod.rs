//! Tokens that Clerk mints: one request each, shared with the live application's budget, gone from memory once the mail
//! is made. The ledger knows each by its id, so that it can be revoked; nobody else can list them.

mod answer;
mod budget;
mod client;
mod directory;
mod invitations;
mod minted;
mod wire;

pub use directory::{Directory, Unresolved};
pub use invitations::INVITATIONS_AN_HOUR;

use std::{fmt, sync::Arc, time::Duration};

use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use tokio_util::sync::CancellationToken;
use url::Url;

use self::{
    answer::{Refusal, Reply},
    client::{Call, Client, Waits},
    invitations::Invitations,
    minted::Minted,
};
use super::{IssueError, Issued, link::LinkForm, local::check_life};
use crate::{
    audience::Recipient,
    clock::Clock,
    ledger::{Asked, Claim, LedgerError, LiveToken, MINTED, Run, TokenEnd, TokenKind, TokenRecord, hash_of},
    replies::Rules,
};

/// Requests in ten seconds that Clerk grants a key, by the key's kind.
const LIVE_BUDGET: f64 = 1000.0;
const TEST_BUDGET: f64 = 100.0;
const WINDOW_SECONDS: f64 = 10.0;
/// How many tokens are revoked at the same time.
const AT_ONCE: usize = 16;
/// Tokens that are read from the ledger at once.
const PAGE: u32 = 500;
/// How long a token may wait for its mail before it is minted anew.
const OLDEST: SignedDuration = SignedDuration::from_mins(1);

/// What the settings say about Clerk.
#[derive(Debug, Clone)]
pub struct ClerkSettings {
    /// Where the Backend API is: https, or http on this machine.
    pub api_url: Url,
    /// The secret key of the instance.
    pub key: SecretString,
    /// Requests a second.
    pub rate: f64,
    /// How the link looks.
    pub link: ClerkLink,
    /// The organization that becomes active at sign-in.
    pub organization: Option<String>,
    /// How long one request may take.
    pub deadline: Duration,
    /// How long nothing may come from Clerk before the run stops.
    pub patience: Duration,
    /// Whose fault a refusal is.
    pub rules: Rules,
}

/// Where a link leads.
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
        /// Where the person goes from there.
        redirect_url: Option<Url>,
    },
}

/// No issuer can be made of these settings.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ClerkError(pub String);

/// What became of tokens that were to be revoked.
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

/// What was found lying about at the start of a run, or at its end.
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
    /// For pages of one's own: the same for all.
    page: Option<Arc<LinkForm>>,
    redirect_url: Option<Url>,
    organization: Option<String>,
    parameters: Vec<(String, String)>,
    life: SignedDuration,
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
        life: SignedDuration,
        parameters: Vec<(String, String)>,
        clock: Clock,
    ) -> Result<Self, ClerkError> {
        check_life(life).map_err(|error| ClerkError(error.to_string()))?;
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
            client,
            page,
            redirect_url,
            organization: settings.organization.clone(),
            parameters,
            life,
            clock,
        })
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

    /// A new token for the claimed recipient, on record before this returns. Earlier ones are revoked first: their text
    /// is gone, so no mail can carry them again.
    pub async fn issue(
        &self,
        run: &Run,
        claim: &Claim,
        halt: &CancellationToken,
    ) -> Result<Issued, IssueError> {
        let recipient = claim.recipient();
        let kind = if is_without_user(recipient) { TokenKind::Invitation } else { TokenKind::SignIn };
        let mut waits = Waits::new();
        let mut asked: Option<Asked> = None;
        let mut again = claim.token().is_some();
        loop {
            if halt.is_cancelled() {
                return Err(self.give_up(run, asked, IssueError::Interrupted).await);
            }
            let now = self.clock.now().as_second();
            let mut question = match asked.take() {
                Some(question) => question,
                None => run.ask_token(claim, kind, now.saturating_add(self.life_of(kind))).await?,
            };
            for earlier in &question.live {
                again = true;
                if let Err(error) = self.revoke(run, earlier, halt).await {
                    return Err(self.give_up(run, Some(question), error).await);
                }
            }
            let reply = match kind {
                TokenKind::SignIn => self.client.once(&self.creation(recipient), halt).await,
                TokenKind::Invitation => {
                    let wanted = self.invitation(recipient, again);
                    self.invitations.invite(wanted, halt).await
                }
            };
            let reason = match reply {
                Ok(Reply::Good(body)) => return self.made(run, claim, question, kind, &body, halt).await,
                Ok(Reply::Refused(refusal)) => {
                    let words = refusal.to_string();
                    let error = if refusal.is_unclear {
                        IssueError::Unclear(words)
                    } else {
                        IssueError::Refused(words)
                    };
                    return Err(self.give_up(run, Some(question), error).await);
                }
                Ok(Reply::Us(reading, refusal)) => {
                    let error = IssueError::Us(refusal.of_us(reading));
                    return Err(self.give_up(run, Some(question), error).await);
                }
                Err(stopped) => return Err(self.give_up(run, Some(question), stopped).await),
                Ok(Reply::Later(reason)) => {
                    question.live.clear();
                    asked = Some(question);
                    reason
                }
                Ok(Reply::Lost(reason)) => {
                    // Perhaps a token was made. Nobody can ask for it again, so it is counted and another one minted.
                    run.unmade_token(question, TokenEnd::Orphan).await?;
                    again = true;
                    reason
                }
            };
            if let Err(error) = self.client.wait(&mut waits, reason, halt).await {
                return Err(self.give_up(run, asked, error).await);
            }
        }
    }

    /// Revokes one token and writes down what became of it.
    pub async fn revoke(
        &self,
        run: &Run,
        token: &LiveToken,
        halt: &CancellationToken,
    ) -> Result<TokenEnd, IssueError> {
        let end = match self.client.ask(&revocation(token), halt).await? {
            Ok(_) => TokenEnd::Revoked,
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
        let mut swept = Swept { orphans: run.lost_tokens().await?, revoked: 0 };
        let mut after = 0;
        loop {
            let page = run.useless_tokens(after, PAGE).await?;
            let Some(last) = page.last() else { return Ok(swept) };
            after = last.number;
            swept.revoked += self.revoke_all(run, page, halt, || {}).await?.revoked;
        }
    }

    /// Writes down that there is no token, and hands back why. A ledger that cannot record is the graver reason.
    async fn give_up(&self, run: &Run, asked: Option<Asked>, error: IssueError) -> IssueError {
        match asked {
            Some(question) => match run.unmade_token(question, TokenEnd::Refused).await {
                Ok(()) => error,
                Err(ledger) => ledger.into(),
            },
            None => error,
        }
    }

    /// Puts a token on record and into a link.
    async fn made(
        &self,
        run: &Run,
        claim: &Claim,
        asked: Asked,
        kind: TokenKind,
        body: &[u8],
        halt: &CancellationToken,
    ) -> Result<Issued, IssueError> {
        let number = asked.number();
        let Ok(minted) = Minted::read(kind, body) else {
            run.unmade_token(asked, TokenEnd::Orphan).await?;
            return Err(IssueError::Unavailable("Clerk's answer holds no token that can be read".to_owned()));
        };
        let now = self.clock.now().as_second();
        // It lives since it was made, which is a little before its answer is here.
        let since = minted.made_at(now).unwrap_or(now.saturating_sub(LONGEST_ANSWER));
        let expires_at = since.saturating_add(self.life_of(kind));
        let id = minted.id.clone();
        let recorded = run.made_token(asked, &id, expires_at).await;
        let token = LiveToken { number, clerk_id: id, kind };
        if let Err(error) = recorded {
            // Nobody would know it any more: better there is none.
            let _not_even_that = self.client.ask(&revocation(&token), halt).await;
            return Err(error.into());
        }
        let recipient = claim.recipient();
        let generation = claim.token().map_or(0, |former| former.generation).saturating_add(1);
        let record = TokenRecord {
            jti_hash: hash_of(&token.clerk_id),
            kid: MINTED.to_owned(),
            issued_at: now,
            expires_at,
            generation,
        };
        let link = if minted.is_for(recipient) {
            minted
                .link(self.page.as_ref(), self.redirect_url.as_ref(), &self.parameters, expires_at)
                .map_err(|error| error.to_string())
        } else {
            Err("Clerk made the token for somebody else: nothing was sent".to_owned())
        };
        match link {
            Ok(link) => Ok(Issued { link, record }),
            Err(reason) => {
                self.revoke(run, &token, halt).await?;
                Err(IssueError::Refused(reason))
            }
        }
    }

    fn creation(&self, recipient: &Recipient) -> Call {
        let mut body = json!({ "user_id": recipient.user_id, "expires_in_seconds": self.life.as_secs() });
        if let (Some(organization), Some(members)) = (&self.organization, body.as_object_mut()) {
            members.insert("org_id".to_owned(), organization.clone().into());
        }
        Call::post("/v1/sign_in_tokens", Some(&body))
    }

    fn invitation(&self, recipient: &Recipient, again: bool) -> invitations::Wanted {
        let page = self.page.as_ref().map(|page| page.page().to_owned());
        invitations::Wanted {
            address: recipient.address.canonical(),
            redirect_url: self.redirect_url.as_ref().map(ToString::to_string).or(page),
            days: self.life_of(TokenKind::Invitation) / DAY,
            again,
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
/// How old a token may be when its answer is here, in seconds, where the answer does not say.
const LONGEST_ANSWER: i64 = 15;

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

/// What a refused revocation says about the token; `None` where it says nothing.
fn end_of(refusal: &Refusal) -> Option<TokenEnd> {
    let words = refusal.to_string();
    match refusal.status {
        404 => Some(TokenEnd::Gone),
        400 if words.contains("accepted") => Some(TokenEnd::Used),
        400 if words.contains("revoked") || words.contains("expired") => Some(TokenEnd::Revoked),
        _ => None,
    }
}

impl From<LedgerError> for IssueError {
    fn from(error: LedgerError) -> Self {
        Self::Ledger(error)
    }
}

impl fmt::Debug for ClerkIssuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClerkIssuer")
    }
}
