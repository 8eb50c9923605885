//! Sign-in tokens and the links that carry them.
//!
//! A [`TokenIssuer`] gives each recipient a [`SignInLink`] and the ledger a [`TokenRecord`]. A local token is a JWT
//! signed by the newest key of a [`Keyring`]; [`verify()`] takes it back. Its text is a function of the record, the
//! recipient and the key, so a crash loses nothing: the next try rebuilds the same bytes, and no token is ever stored.
//!
//! A token is a secret: [`SignInToken`] and [`SignInLink`] print their type's name and nothing else, are never
//! serialised, and are wiped when dropped.

mod algorithm;
mod claims;
pub mod clerk;
mod key_folder;
mod keys;
mod link;
mod local;
mod mint;
mod preview;
mod session;
mod verify;

pub use algorithm::Algorithm;
pub use key_folder::KeyError;
pub use keys::{KeyInfo, Keyring, NewKey, Purpose};
pub use link::{LinkError, SignInLink};
pub use local::{IssuerError, LocalIssuer, LocalSettings};
pub use mint::{mint, mint_id};
pub use preview::{Like, PreviewIssuer};
pub use session::{Session, SessionKeys};
pub use verify::{Refusal, Verified, verify};

use std::{fmt, sync::Arc};

use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use tokio_util::sync::CancellationToken;

use self::clerk::ClerkIssuer;
use crate::{
    ledger::{Claim, LedgerError, Run, TokenRecord},
    replies,
};

/// The text of a token. Whoever holds it is signed in.
pub struct SignInToken(SecretString);

/// The source of the tokens.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "a run has one issuer")]
pub enum TokenIssuer {
    /// Signed here, with a key of ours.
    Local(LocalIssuer),
    /// Minted by Clerk, one request each.
    Clerk(Arc<ClerkIssuer>),
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

/// The reason that there is no token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IssueError {
    /// Not for this recipient; the others are not concerned.
    #[error("{0}")]
    Refused(String),
    /// Not for this recipient, and the service does not say why in words that are known.
    #[error("{0}")]
    Unclear(String),
    /// For nobody at the moment.
    #[error("{0}")]
    Unavailable(String),
    /// For nobody: the token service refuses us.
    #[error("{0}")]
    Us(replies::Refusal),
    /// The run was stopped before there was one.
    #[error("the run was stopped")]
    Interrupted,
    /// The ledger cannot record it.
    #[error(transparent)]
    Ledger(LedgerError),
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
    /// The link for the claimed recipient. The token of an earlier try comes back if it still can.
    pub async fn issue(
        &self,
        run: &Run,
        claim: &Claim,
        now: Timestamp,
        halt: &CancellationToken,
    ) -> Result<Issued, IssueError> {
        match self {
            Self::Local(issuer) => issuer.issue(claim.recipient(), claim.token(), now),
            Self::Clerk(issuer) => issuer.issue(run, claim, halt).await,
            Self::Preview(issuer) => issuer.issue(claim.recipient(), now),
        }
    }

    /// Whether a token has waited too long for its mail and has to be issued again.
    #[must_use]
    pub fn is_stale(&self, issued: &Issued, now: Timestamp) -> bool {
        match self {
            Self::Local(_) | Self::Preview(_) => false,
            Self::Clerk(clerk) => clerk.is_stale(&issued.record, now),
        }
    }

    /// The issuer of Clerk's tokens, where it is one.
    #[must_use]
    pub fn clerk(&self) -> Option<Arc<ClerkIssuer>> {
        match self {
            Self::Local(_) | Self::Preview(_) => None,
            Self::Clerk(issuer) => Some(Arc::clone(issuer)),
        }
    }

    /// The most tokens in a second; `None`: as many as are wanted.
    #[must_use]
    pub fn rate(&self) -> Option<f64> {
        match self {
            Self::Local(_) | Self::Preview(_) => None,
            Self::Clerk(issuer) => Some(issuer.rate()),
        }
    }
}
