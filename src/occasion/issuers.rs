//! Who makes the tokens of an occasion, and the keys of its messages.

use std::sync::Arc;

use aws_lc_rs::hmac;

use super::{obstacle::Obstacle, project::Occasion};
use crate::{
    campaign::{Campaign, TokenLife},
    clock::Clock,
    email::MessageKeys,
    problem::Diagnosis,
    settings::{ClerkSignIn, LocalSignIn, NoSecret, SignIn},
    token::{Keyring, Like, LocalIssuer, PreviewIssuer, Purpose, TokenIssuer, clerk::ClerkIssuer},
};

impl Occasion {
    /// The issuer of real tokens; a rehearsal asks nobody outside this machine for one.
    pub fn issuer(&self, keyring: &Arc<Keyring>, rehearsal: bool) -> Result<TokenIssuer, Obstacle> {
        match &self.settings.sign_in {
            SignIn::Local(sign_in) => self.local_issuer(sign_in, Arc::clone(keyring)).map(TokenIssuer::Local),
            SignIn::Clerk(_) if rehearsal => self.preview_issuer().map(TokenIssuer::Preview),
            SignIn::Clerk(sign_in) => self.clerk_issuer(sign_in).map(Arc::new).map(TokenIssuer::Clerk),
        }
    }

    fn clerk_issuer(&self, sign_in: &ClerkSignIn) -> Result<ClerkIssuer, Obstacle> {
        let Campaign { token_life, link_parameters, .. } = self.campaign.clone();
        clerk_issuer(sign_in, token_life, link_parameters)
    }

    fn local_issuer(&self, sign_in: &LocalSignIn, keyring: Arc<Keyring>) -> Result<LocalIssuer, Obstacle> {
        let Campaign { id, occasion, token_life, link_parameters, .. } = self.campaign.clone();
        LocalIssuer::new(keyring, sign_in.local(), id, occasion, token_life, link_parameters)
            .map_err(|error| Obstacle::setting(error.to_string()))
    }

    /// The issuer of links that sign nobody in.
    pub fn preview_issuer(&self) -> Result<PreviewIssuer, Obstacle> {
        let (page, parameter) = self.settings.sign_in.page();
        let Campaign { id, occasion, token_life, link_parameters, .. } = self.campaign.clone();
        let like = match &self.settings.sign_in {
            SignIn::Local(sign_in) => Like::Local(sign_in.local()),
            SignIn::Clerk(_) => Like::Clerk,
        };
        PreviewIssuer::new(&page, parameter, id, occasion, token_life, link_parameters, like)
            .map_err(|error| Obstacle::setting(error.to_string()))
    }
}

/// An issuer of Clerk's tokens, or why there is none.
pub fn clerk_issuer(
    sign_in: &ClerkSignIn,
    life: TokenLife,
    parameters: Vec<(String, String)>,
) -> Result<ClerkIssuer, Obstacle> {
    if let Some(none) = &sign_in.wants_key {
        return Err(no_secret("`[sign_in.clerk]` is chosen", none));
    }
    ClerkIssuer::new(&sign_in.settings, life, parameters, Clock::System)
        .map_err(|error| Obstacle::setting(format!("`[sign_in.clerk]`: {error}")))
}

/// A secret is used, and is not there; `why` says what it is for.
pub(super) fn no_secret(why: &str, none: &NoSecret) -> Obstacle {
    match none {
        NoSecret::Unset(name) => Obstacle::Setting(
            Diagnosis::new(format!("{why}, but the environment holds no {name}"))
                .hint(format!("set {name}, or {name}_FILE to a file that only you can read")),
        ),
        NoSecret::Unreadable(problem) => Obstacle::Files(vec![(**problem).clone()]),
    }
}

/// The keys of the messages' ids, derived from the key folder.
#[must_use]
pub fn message_keys(keyring: &Keyring) -> MessageKeys {
    MessageKeys {
        message_id: keyring.derive(Purpose::MessageId),
        unsubscribe: keyring.derive(Purpose::Unsubscribe),
    }
}

/// Keys for mails that nobody gets: their ids lead nowhere.
#[must_use]
pub fn harmless_keys() -> MessageKeys {
    let key = |purpose: &[u8]| hmac::Key::new(hmac::HMAC_SHA256, purpose);
    MessageKeys { message_id: key(b"preview message id"), unsubscribe: key(b"preview unsubscribe id") }
}
