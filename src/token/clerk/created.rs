//! A token as Clerk made it, and the link that carries it.

use std::sync::Arc;

use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use url::Url;
use zeroize::Zeroizing;

use super::wire::{InvitationBody, SignInTokenBody};
use crate::{
    audience::Recipient,
    ledger::TokenKind,
    token::{LinkError, SignInLink, SignInToken, link::LinkForm},
};

/// A token as Clerk made it.
pub(super) struct Created {
    kind: TokenKind,
    pub(super) id: String,
    /// The person that it is for: a user id, or an address.
    whose: Option<String>,
    token: Option<SecretString>,
    url: Option<SecretString>,
    /// Unix milliseconds.
    at_ms: i64,
}

impl Created {
    /// Reads Clerk's answer. `Err` where it holds no id: then nobody can revoke what was made.
    pub(super) fn read(kind: TokenKind, body: &[u8]) -> Result<Self, &'static str> {
        let unreadable = |_| "Clerk's answer is no token that can be read";
        let created = match kind {
            TokenKind::SignIn => {
                let SignInTokenBody { id, user_id, token, url, created_at } =
                    serde_json::from_slice(body).map_err(unreadable)?;
                Self { kind, id, whose: user_id, token, url, at_ms: created_at }
            }
            TokenKind::Invitation => {
                let InvitationBody { id, email_address, url, created_at } =
                    serde_json::from_slice(body).map_err(unreadable)?;
                Self { kind, id, whose: Some(email_address), token: None, url, at_ms: created_at }
            }
        };
        if created.id.is_empty() { Err("Clerk's answer holds no `id`") } else { Ok(created) }
    }

    /// The time at which it was made, Unix seconds, if Clerk's clock and ours agree within a minute.
    pub(super) fn made_at(&self, now: i64) -> Option<i64> {
        let at = self.at_ms.div_euclid(1000);
        (now.saturating_sub(60)..=now).contains(&at).then_some(at)
    }

    /// Whether it is for somebody else: it would sign a stranger in. `Err` where the answer does not say whose it is.
    pub(super) fn is_for_another(&self, recipient: &Recipient) -> Result<bool, LinkError> {
        let whose =
            self.whose.as_deref().filter(|whose| !whose.is_empty()).ok_or_else(|| missing("user_id"))?;
        Ok(match self.kind {
            TokenKind::SignIn => whose != recipient.user_id,
            TokenKind::Invitation => !whose.eq_ignore_ascii_case(&recipient.address.canonical()),
        })
    }

    /// The link that carries it: to `page` where there is one, else where Clerk says. An invitation always leads where
    /// Clerk says, since it opens an account.
    pub(super) fn link(
        self,
        page: Option<&Arc<LinkForm>>,
        redirect_url: Option<&Url>,
        parameters: &[(String, String)],
        expires_at: i64,
    ) -> Result<SignInLink, LinkError> {
        let expires = Timestamp::from_second(expires_at)
            .map_err(|_| LinkError("the token's end is out of the calendar".to_owned()))?;
        let there = |secret: &SecretString| !secret.expose_secret().is_empty();
        let token = self.token.filter(there).ok_or_else(|| missing("token"));
        if let (Some(page), TokenKind::SignIn) = (page, self.kind) {
            return Ok(SignInLink::new(Arc::clone(page), SignInToken(token?), expires));
        }
        let url = self.url.as_ref().filter(|url| there(url)).ok_or_else(|| missing("url"))?.expose_secret();
        let (token, redirect_url) = match self.kind {
            TokenKind::SignIn => (token?, redirect_url),
            TokenKind::Invitation => (ticket_of(url).ok_or_else(|| missing("ticket"))?, None),
        };
        let form = LinkForm::around(url, token.expose_secret(), parameters.to_vec(), redirect_url)?;
        Ok(SignInLink::new(Arc::new(form), SignInToken(token), expires))
    }
}

fn missing(what: &str) -> LinkError {
    LinkError(format!("Clerk's answer holds no `{what}`"))
}

/// The ticket in an invitation's address.
fn ticket_of(url: &str) -> Option<SecretString> {
    let url = Zeroizing::new(url.to_owned());
    let (_, query) = url.split_once('?')?;
    query
        .split(['&', '#'])
        .filter_map(|pair| pair.split_once('='))
        .find(|(name, value)| ["ticket", "__clerk_ticket"].contains(name) && !value.is_empty())
        .map(|(_, value)| SecretString::from(value.to_owned()))
}
