//! One token for one recipient: asked for when its turn has come, on record before its mail goes, asked for again where
//! the answer was lost.

use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::{
    ClerkIssuer, DAY,
    answer::Reply,
    client::{Call, Waits},
    created::Created,
    invitations::{Turn, Wanted},
    is_without_user, revocation, revoked,
};
use crate::{
    audience::Recipient,
    ledger::{
        Asked, CLERK_KID, Claim, LedgerError, LiveToken, Question, Run, TokenEnd, TokenKind, TokenRecord,
        hash_of,
    },
    token::{IssueError, Issued, SignInLink},
};

/// The age that a token may have when its answer is here, in seconds, where the answer does not say.
const LONGEST_ANSWER: i64 = 15;

/// The contents of a good answer.
enum Made {
    Usable(Issued),
    /// Nothing that a mail can carry. If Clerk named the token, the next question revokes it.
    Unusable(String),
}

impl ClerkIssuer {
    /// A new token for the claimed recipient, on record before this returns. Earlier ones are revoked first: their text
    /// is gone, so no mail can carry them again.
    pub async fn issue(
        &self,
        run: &Run,
        claim: &Claim,
        halt: &CancellationToken,
    ) -> Result<Issued, IssueError> {
        let kind = if is_without_user(claim.recipient()) { TokenKind::Invitation } else { TokenKind::SignIn };
        if kind == TokenKind::SignIn
            && let Some(words) = self.roster.barred(&self.client, run, claim, halt).await?
        {
            return Err(IssueError::Refused(words));
        }
        let mut waits = Waits::new();
        let (mut again, mut placed) = (claim.token().is_some(), false);
        loop {
            if halt.is_cancelled() {
                return Err(IssueError::Interrupted);
            }
            let latest_end = self.clock.now().as_second().saturating_add(self.life_of(kind));
            let question = run.question(claim, kind, latest_end);
            let turn = match kind {
                TokenKind::SignIn => self.ask(run, &question, claim.recipient(), &mut placed, halt).await?,
                TokenKind::Invitation => {
                    let wanted = self.invitation(question, claim.recipient(), again);
                    self.invitations.invite(run, wanted, halt).await?
                }
            };
            let (asked, reply) = match turn {
                Turn::Answered(asked, reply) => (asked, reply),
                Turn::Earlier(asked) => {
                    again = true;
                    self.revoke_earlier(run, asked, halt).await?;
                    continue;
                }
            };
            let reason = match reply {
                Reply::Good(body) => {
                    again = true;
                    match self.made(run, claim, asked, kind, &body, halt).await? {
                        Made::Usable(issued) => return Ok(issued),
                        Made::Unusable(reason) => reason,
                    }
                }
                Reply::Refused(refusal) => {
                    self.minted.beat();
                    run.record_no_token(asked, TokenEnd::Refused).await?;
                    let words = refusal.to_string();
                    return Err(if refusal.is_unclear {
                        IssueError::Unclear(words)
                    } else {
                        IssueError::Refused(words)
                    });
                }
                Reply::Us(reading, refusal) => {
                    run.record_no_token(asked, TokenEnd::Refused).await?;
                    return Err(IssueError::Us(refusal.of_us(reading)));
                }
                Reply::Later(reason) => {
                    // While it waits for its next turn there is no question that could have been answered.
                    run.record_no_token(asked, TokenEnd::Refused).await?;
                    reason
                }
                Reply::Lost(reason) => {
                    // Perhaps a token was made. Nobody can ask for it again, so it is counted and another one created.
                    again = true;
                    run.record_no_token(asked, TokenEnd::Orphan).await?;
                    reason
                }
            };
            self.client.wait(&mut waits, &self.minted, reason, halt).await?;
        }
    }

    /// Asks for a sign-in token once its place in the budget is there. The question is written down after the wait:
    /// whoever dies waiting has asked nothing.
    async fn ask(
        &self,
        run: &Run,
        question: &Question,
        recipient: &Recipient,
        placed: &mut bool,
        halt: &CancellationToken,
    ) -> Result<Turn, IssueError> {
        if !*placed {
            self.client.ready(halt).await?;
        }
        let asked = run.record_token_request(question).await?;
        // A place that was not used is kept for the next time.
        *placed = !asked.live.is_empty();
        if *placed {
            return Ok(Turn::Earlier(asked));
        }
        let reply = self.client.send(&self.creation(recipient)).await;
        Ok(Turn::Answered(asked, reply))
    }

    /// Takes a question back that was not asked, and revokes the tokens that have to go first.
    async fn revoke_earlier(
        &self,
        run: &Run,
        mut asked: Asked,
        halt: &CancellationToken,
    ) -> Result<(), IssueError> {
        let earlier = std::mem::take(&mut asked.live);
        run.record_no_token(asked, TokenEnd::Refused).await?;
        for token in earlier {
            self.revoke(run, &token, halt).await?;
        }
        Ok(())
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
    ) -> Result<Made, IssueError> {
        let number = asked.number();
        let created = match Created::read(kind, body) {
            Ok(created) => created,
            Err(words) => {
                run.record_no_token(asked, TokenEnd::Orphan).await?;
                return Ok(Made::Unusable(words.to_owned()));
            }
        };
        let now = self.clock.now().as_second();
        // It lives since it was made, which is a little before its answer is here.
        let since = created.made_at(now).unwrap_or(now.saturating_sub(LONGEST_ANSWER));
        let expires_at = since.saturating_add(self.life_of(kind));
        let id = created.id.clone();
        let recorded = run.record_token(asked, &id, expires_at).await;
        let token = LiveToken { number, clerk_id: id, kind };
        if recorded == Ok(false) {
            // Perhaps a copy of an earlier answer: that token is somebody's, and stays as it is.
            return Ok(Made::Unusable("Clerk's answer names a token that was made before".to_owned()));
        }
        if let Err(error) = recorded {
            // Nobody would know it any more: better there is none.
            let _not_even_that =
                self.client.ask(&revocation(&token), halt, |body| revoked(&token, body)).await;
            return Err(error.into());
        }
        let is_for_another = match created.is_for_another(claim.recipient()) {
            Ok(is_for_another) => is_for_another,
            Err(error) => return Ok(Made::Unusable(error.to_string())),
        };
        if is_for_another {
            self.minted.beat();
            self.revoke(run, &token, halt).await?;
            let words = "Clerk made the token for somebody else: nothing was sent";
            return Err(IssueError::Refused(words.to_owned()));
        }
        let link = created.link(self.page.as_ref(), self.redirect_url.as_ref(), &self.parameters, expires_at);
        match link {
            Ok(link) => {
                self.minted.beat();
                Ok(Made::Usable(issued(claim, link, &token.clerk_id, now, expires_at)))
            }
            Err(error) => Ok(Made::Unusable(error.to_string())),
        }
    }

    fn creation(&self, recipient: &Recipient) -> Call {
        let mut body = json!({ "user_id": recipient.user_id, "expires_in_seconds": self.life.as_secs() });
        if let (Some(organization), Some(members)) = (&self.organization, body.as_object_mut()) {
            members.insert("org_id".to_owned(), organization.clone().into());
        }
        Call::post("/v1/sign_in_tokens", Some(&body))
    }

    fn invitation(&self, question: Question, recipient: &Recipient, again: bool) -> Wanted {
        let page = self.page.as_ref().map(|page| page.page().to_owned());
        Wanted {
            question,
            address: recipient.address.canonical(),
            redirect_url: self.redirect_url.as_ref().map(ToString::to_string).or(page),
            days: self.life_of(TokenKind::Invitation) / DAY,
            again,
        }
    }
}

/// A link with what the ledger keeps of its token.
fn issued(claim: &Claim, link: SignInLink, id: &str, now: i64, expires_at: i64) -> Issued {
    let generation = claim.token().map_or(0, |former| former.generation).saturating_add(1);
    let record = TokenRecord {
        jti_hash: hash_of(id),
        kid: CLERK_KID.to_owned(),
        issued_at: now,
        expires_at,
        generation,
    };
    Issued { link, record }
}

impl From<LedgerError> for IssueError {
    fn from(error: LedgerError) -> Self {
        Self::Ledger(error)
    }
}
