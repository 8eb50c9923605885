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
pub(super) struct Minted {
    kind: TokenKind,
    pub(super) id: String,
    /// Whom it is for: a user id, or an address.
    whose: String,
    token: Option<SecretString>,
    url: Option<SecretString>,
    /// Unix milliseconds.
    created_at: i64,
}

impl Minted {
    pub(super) fn read(kind: TokenKind, body: &[u8]) -> Result<Self, serde_json::Error> {
        Ok(match kind {
            TokenKind::SignIn => {
                let SignInTokenBody { id, user_id, token, url, created_at } = serde_json::from_slice(body)?;
                Self { kind, id, whose: user_id, token, url, created_at }
            }
            TokenKind::Invitation => {
                let InvitationBody { id, email_address, url, created_at } = serde_json::from_slice(body)?;
                Self { kind, id, whose: email_address, token: None, url, created_at }
            }
        })
    }

    /// When it was made, Unix seconds, if Clerk's clock and ours agree within a minute.
    pub(super) fn made_at(&self, now: i64) -> Option<i64> {
        let at = self.created_at.div_euclid(1000);
        (now.saturating_sub(60)..=now).contains(&at).then_some(at)
    }

    /// A token for somebody else would sign a stranger in.
    pub(super) fn is_for(&self, recipient: &Recipient) -> bool {
        match self.kind {
            TokenKind::SignIn => self.whose == recipient.user_id,
            TokenKind::Invitation => self.whose.eq_ignore_ascii_case(&recipient.address.canonical()),
        }
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
        let missing = |what: &str| LinkError(format!("Clerk's answer holds no `{what}`"));
        if let (Some(page), TokenKind::SignIn) = (page, self.kind) {
            let token = self.token.ok_or_else(|| missing("token"))?;
            return Ok(SignInLink::new(Arc::clone(page), SignInToken(token), expires));
        }
        let url = self.url.as_ref().ok_or_else(|| missing("url"))?.expose_secret();
        let (token, redirect_url) = match self.kind {
            TokenKind::SignIn => (self.token.ok_or_else(|| missing("token"))?, redirect_url),
            TokenKind::Invitation => (ticket_of(url).ok_or_else(|| missing("ticket"))?, None),
        };
        let form = LinkForm::around(url, token.expose_secret(), parameters.to_vec(), redirect_url)?;
        Ok(SignInLink::new(Arc::new(form), SignInToken(token), expires))
    }
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
