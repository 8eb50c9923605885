//! Redeeming for sites with sessions of their own: server to server, with the key, once.

use hyper::StatusCode;
use serde_json::{Value, json};

use super::{
    Door,
    accept::{LONGEST_WORDS, given},
    damage,
    metrics::Event,
    reply::{self, Reply},
    request::Visit,
    secrets,
    tokens::{self, Wrong},
};
use crate::{
    hash::sha256,
    ledger::{LedgerError, Redeemed, Redemption, TokenStatus},
    token::Refusal,
};

impl Door<'_> {
    /// `POST /v1/tickets/redeem` with `token`, and where wanted `question`, `answer`, `words` and `nonce`: a caller
    /// that lost the answer may ask again for two minutes with the same nonce.
    pub(super) async fn redeem_ticket(&self, visit: &Visit) -> Result<Reply, LedgerError> {
        let body = match self.api(visit).and_then(|()| tokens::object(visit)) {
            Ok(body) => body,
            Err(wrong) => return Ok(wrong.reply()),
        };
        let text = |name: &str| body.get(name).and_then(Value::as_str).map(str::to_owned);
        // A site hands over what its page was given, damage and all.
        let tokens = damage::tokens(Some(&text("token").unwrap_or_default()), "");
        let verified = match self.first_good(&tokens, &self.keys.now()) {
            Ok((_, verified)) => verified,
            Err(Refusal::Expired) => return Ok(self.refused(Some(TokenStatus::Expired))),
            Err(_) => return Ok(self.refused(None)),
        };
        let ticket = self.web.ledger.ticket(&verified.jti_hash).await?;
        let Some(ticket) = ticket.filter(|ticket| ticket.user_id == verified.user_id) else {
            return Ok(self.refused(None));
        };
        let words = text("words").map(|words| words.trim().chars().take(LONGEST_WORDS).collect());
        let given =
            ticket.origin.as_ref().and_then(|origin| given(origin, text("question"), text("answer"), words));
        let answered = given.is_some();
        let nonce = text("nonce").filter(|nonce| !nonce.is_empty()).unwrap_or_else(secrets::random);
        let redemption = Redemption {
            jti_hash: verified.jti_hash,
            user_id: verified.user_id,
            by: sha256(format!("server {nonce}").as_bytes()),
            given,
        };
        match self.web.ledger.redeem(redemption).await? {
            Redeemed::Now => self.web.counts.event(Event::Redeemed),
            Redeemed::Again => self.web.counts.event(Event::RedeemedAgain),
            Redeemed::Refused(status) => return Ok(self.refused(Some(status))),
            Redeemed::Unknown => return Ok(self.refused(None)),
        }
        if answered {
            self.web.counts.event(Event::Answered);
        }
        let origin = ticket.origin.as_ref();
        let parameters: serde_json::Map<_, _> = origin
            .into_iter()
            .flat_map(|origin| origin.page.link_parameters.iter())
            .map(|(name, value)| (name.clone(), value.as_str().into()))
            .collect();
        Ok(reply::json(
            StatusCode::OK,
            &json!({
                "object": "ticket", "user_id": ticket.user_id,
                "campaign": origin.map(|origin| origin.campaign.as_str()),
                "occasion": origin.map(|origin| origin.occasion.as_str()),
                "parameters": parameters, "answered": answered,
            }),
        ))
    }

    /// The codes are those that Clerk's Frontend API has for the same ends.
    fn refused(&self, status: Option<TokenStatus>) -> Reply {
        let (event, code, words) = match status {
            Some(TokenStatus::Used) => (
                Event::Used,
                "sign_in_token_already_used_code",
                "This sign in token has already been used. Each token can only be used once.",
            ),
            Some(TokenStatus::Revoked) => (
                Event::Revoked,
                "sign_in_token_revoked_code",
                "This sign in token has been revoked and cannot be used anymore.",
            ),
            Some(TokenStatus::Expired) => {
                (Event::Expired, "ticket_expired_code", "This ticket has expired and cannot be used anymore.")
            }
            Some(TokenStatus::Open) | None => {
                (Event::UnknownToken, "ticket_invalid_code", "This ticket is invalid.")
            }
        };
        self.web.counts.event(event);
        Wrong::new(StatusCode::BAD_REQUEST, code, words, words).reply()
    }
}
