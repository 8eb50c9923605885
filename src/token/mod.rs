//! Sign-in tokens and the links that carry them.
//!
//! A [`TokenIssuer`] gives each recipient a [`SignInLink`] and the ledger a [`TokenRecord`]. A local token is a JWT
//! signed by the newest key of a [`Keyring`]; [`verify()`] takes it back. Its text is a function of the record, the
//! recipient and the key, so a crash loses nothing: the next try rebuilds the same bytes, and no token is ever stored.
//!
//! A token is a secret: [`SignInToken`] and [`SignInLink`] print their type's name and nothing else, are never
//! serialised, and are wiped when dropped.

mod claims;
mod key_folder;
mod keys;
mod link;
mod local;
mod mint;
mod preview;
mod session;
mod verify;

pub use claims::{LONGEST_LIFE, SHORTEST_LIFE};
pub use key_folder::KeyError;
pub use keys::{Algorithm, KeyInfo, Keyring, NewKey, Purpose};
pub use link::{LinkError, SignInLink};
pub use local::{IssuerError, LocalIssuer, LocalSettings};
pub use mint::{mint, mint_id};
pub use preview::PreviewIssuer;
pub use session::{Session, SessionKeys};
pub use verify::{Refusal, Verified, verify};

use std::fmt;

use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};

use crate::{audience::Recipient, ledger::TokenRecord};

/// The text of a token. Whoever holds it is signed in.
pub struct SignInToken(SecretString);

/// Where the tokens come from.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "a run has one issuer")]
pub enum TokenIssuer {
    /// Signed here, with a key of ours.
    Local(LocalIssuer),
    /// For looking at; they sign nobody in.
    Preview(PreviewIssuer),
}

/// A link, and what the ledger keeps of the token in it.
#[derive(Debug)]
pub struct Issued {
    /// For the message.
    pub link: SignInLink,
    /// For the ledger.
    pub record: TokenRecord,
}

/// Why there is no token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IssueError {
    /// Not for this recipient; the others are not concerned.
    #[error("{0}")]
    Refused(String),
    /// For nobody at the moment.
    #[error("{0}")]
    Unavailable(String),
}

impl SignInToken {
    /// Wraps a token's text.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(SecretString::from(text))
    }

    /// The text, for the message and for nothing else.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl fmt::Debug for SignInToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SignInToken")
    }
}

impl TokenIssuer {
    /// The link for `recipient`. `former` is the token of an earlier try, which comes back if it still can.
    #[expect(clippy::unused_async, reason = "an issuer may live across the network")]
    pub async fn issue(
        &self,
        recipient: &Recipient,
        former: Option<&TokenRecord>,
        now: Timestamp,
    ) -> Result<Issued, IssueError> {
        match self {
            Self::Local(issuer) => issuer.issue(recipient, former, now),
            Self::Preview(issuer) => issuer.issue(recipient, now),
        }
    }
}
