//! The ways in which local tokens are signed.

/// The signature of local tokens. Both give the same bytes for the same claims, so a token can be rebuilt (RFC 8032
/// §5.1.6, RFC 2104); ECDSA and RSA-PSS cannot, and are not offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Algorithm {
    /// Ed25519 (RFC 8037): whoever verifies needs no secret. The default.
    EdDsa,
    /// HMAC with SHA-256 and a random key of 256 bits: whoever verifies could sign as well.
    Hs256,
}

impl Algorithm {
    /// Both, the default first.
    pub const ALL: [Self; 2] = [Self::EdDsa, Self::Hs256];

    /// The name in the header of a token (RFC 7518 §3.1, RFC 8037 §3.1).
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::EdDsa => "EdDSA",
            Self::Hs256 => "HS256",
        }
    }

    pub(super) const fn of_library(self) -> jsonwebtoken::Algorithm {
        match self {
            Self::EdDsa => jsonwebtoken::Algorithm::EdDSA,
            Self::Hs256 => jsonwebtoken::Algorithm::HS256,
        }
    }
}
