//! The shapes of Clerk's answers, as far as they are read. Further members are ignored.

use secrecy::SecretString;
use serde::Deserialize;

/// `POST /v1/sign_in_tokens`.
#[derive(Deserialize)]
pub(super) struct SignInTokenBody {
    pub(super) id: String,
    pub(super) user_id: Option<String>,
    pub(super) token: Option<SecretString>,
    pub(super) url: Option<SecretString>,
    /// Unix milliseconds.
    #[serde(default)]
    pub(super) created_at: i64,
}

/// One of `POST /v1/invitations/bulk`.
#[derive(Deserialize)]
pub(super) struct InvitationBody {
    pub(super) id: String,
    pub(super) email_address: String,
    pub(super) url: Option<SecretString>,
    /// Unix milliseconds.
    #[serde(default)]
    pub(super) created_at: i64,
}

/// `POST /v1/sign_in_tokens/{id}/revoke`, and the same of an invitation.
#[derive(Deserialize)]
pub(super) struct RevokedBody {
    pub(super) id: String,
    pub(super) status: Option<String>,
}

/// One of `GET /v1/users`.
#[derive(Deserialize)]
pub(super) struct UserBody {
    pub(super) id: String,
    #[serde(default)]
    pub(super) banned: bool,
    #[serde(default)]
    pub(super) locked: bool,
    #[serde(default)]
    pub(super) deprovisioned: bool,
    #[serde(default)]
    pub(super) email_addresses: Vec<EmailBody>,
}

/// An address of a user.
#[derive(Deserialize)]
pub(super) struct EmailBody {
    pub(super) email_address: String,
    pub(super) verification: Option<VerificationBody>,
}

/// Whether the user has shown that an address is theirs.
#[derive(Deserialize)]
pub(super) struct VerificationBody {
    pub(super) status: Option<String>,
}

impl RevokedBody {
    /// Whether the answer says that this token is revoked.
    pub(super) fn says(&self, id: &str) -> bool {
        self.id == id && self.status.as_deref().is_none_or(|status| status == "revoked")
    }
}

impl UserBody {
    /// The reason that Clerk does not let this user sign in.
    pub(super) fn barred(&self) -> Option<&'static str> {
        [(self.banned, "banned"), (self.locked, "locked"), (self.deprovisioned, "deprovisioned")]
            .into_iter()
            .find_map(|(barred, word)| barred.then_some(word))
    }
}

impl EmailBody {
    pub(super) fn is_verified(&self) -> bool {
        self.verification.as_ref().and_then(|verification| verification.status.as_deref()) == Some("verified")
    }
}
