//! Verifying a local token, as strictly as RFC 8725 asks: nothing in the token decides how it is checked.

use std::fmt;

use data_encoding::BASE64URL_NOPAD;
use jiff::Timestamp;
use serde::de::DeserializeOwned;

use super::{
    Keyring,
    claims::{Claims, Header, LEEWAY, LONGEST_TOKEN, TOKEN_TYPE, hash_jti},
};
use crate::campaign::TokenLife;

/// A token that our key signed for this audience and that is valid now. Whether it was used before, only the ledger
/// knows: look up [`Verified::jti_hash`].
#[derive(Clone, PartialEq, Eq)]
pub struct Verified {
    /// The token's own id.
    pub jti: String,
    /// SHA-256 over the characters of the `jti`: what the ledger keeps.
    pub jti_hash: [u8; 32],
    /// Whom the token signs in.
    pub user_id: String,
    /// The key that signed it.
    pub kid: String,
    /// `iat`.
    pub issued_at: Timestamp,
    /// `exp`.
    pub expires_at: Timestamp,
}

/// Why a token was refused. It is for logs and tests; whoever shows a token gets one answer for all of them, so that
/// guessing teaches nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// More than 2 KiB.
    #[error("the token is too long")]
    TooLong,
    /// Not three parts of base64url without padding, or no JSON object where one belongs.
    #[error("the token is no signed JWT in compact form")]
    Malformed,
    /// A member is missing, comes twice, has a wrong type or does not belong there.
    #[error("the token's header is not `alg`, `typ` and `kid` of a sign-in link")]
    Header,
    /// No key of that name. Keys that were retired are unknown as well.
    #[error("the token's key is unknown")]
    UnknownKey,
    /// The header names another algorithm than the key is for.
    #[error("the token names another algorithm than its key")]
    Algorithm,
    /// The key did not sign this.
    #[error("the token's signature is wrong")]
    Signature,
    /// A claim is missing, comes twice, has a wrong type or makes no sense.
    #[error("the token's claims are incomplete or wrong")]
    Claims,
    /// From somebody else.
    #[error("the token has another issuer")]
    Issuer,
    /// For somebody else.
    #[error("the token has another audience")]
    Audience,
    /// `nbf` or `iat` lies more than five minutes in the future.
    #[error("the token is not valid yet")]
    NotYet,
    /// `exp` has come.
    #[error("the token has expired")]
    Expired,
}

/// Checks everything that can be checked without the ledger.
///
/// The algorithm is the key's, never the token's choice (RFC 8725 §3.1). The signature is checked before the claims
/// are looked at, so that a forger learns nothing from the order.
pub fn verify(
    token: &str,
    keyring: &Keyring,
    issuer: &str,
    audience: &str,
    now: Timestamp,
) -> Result<Verified, Refusal> {
    if token.len() > LONGEST_TOKEN {
        return Err(Refusal::TooLong);
    }
    let (message, signature) = token.rsplit_once('.').ok_or(Refusal::Malformed)?;
    let (header, payload) = message.split_once('.').ok_or(Refusal::Malformed)?;
    let header: Header = read_object(header, Refusal::Header)?;
    if header.typ != TOKEN_TYPE {
        return Err(Refusal::Header);
    }
    if !is_kid(&header.kid) {
        return Err(Refusal::Header);
    }
    let key = keyring.find(&header.kid).ok_or(Refusal::UnknownKey)?;
    if header.alg != key.algorithm.name() {
        return Err(Refusal::Algorithm);
    }
    let algorithm = key.algorithm.of_library();
    match jsonwebtoken::crypto::verify(signature, message.as_bytes(), &key.verifies, algorithm) {
        Ok(true) => {}
        Ok(false) => return Err(Refusal::Signature),
        // The signature is no base64url in its one spelling.
        Err(_) => return Err(Refusal::Malformed),
    }
    let claims: Claims = read_object(payload, Refusal::Claims)?;
    check_claims(claims, header.kid, issuer, audience, now)
}

fn check_claims(
    claims: Claims,
    kid: String,
    issuer: &str,
    audience: &str,
    now: Timestamp,
) -> Result<Verified, Refusal> {
    let Claims { iss, aud, sub, iat, nbf, exp, jti } = claims;
    if iss != issuer {
        return Err(Refusal::Issuer);
    }
    if aud != audience {
        return Err(Refusal::Audience);
    }
    let jti_is_128_bits = BASE64URL_NOPAD.decode(jti.as_bytes()).is_ok_and(|bytes| bytes.len() == 16);
    let life_is_allowed =
        exp.checked_sub(iat).is_some_and(|life| 0 < life && life <= TokenLife::LONGEST.as_secs());
    if sub.is_empty() || !jti_is_128_bits || !life_is_allowed {
        return Err(Refusal::Claims);
    }
    let issued_at = Timestamp::from_second(iat).map_err(|_| Refusal::Claims)?;
    let expires_at = Timestamp::from_second(exp).map_err(|_| Refusal::Claims)?;
    let latest = now.as_second().saturating_add(LEEWAY);
    if nbf > latest || iat > latest {
        return Err(Refusal::NotYet);
    }
    if now.as_second() >= exp {
        return Err(Refusal::Expired);
    }
    let jti_hash = hash_jti(&jti);
    Ok(Verified { jti, jti_hash, user_id: sub, kid, issued_at, expires_at })
}

/// The names that a key can have at all: 1 to 64 characters, so that a `kid` never reaches a path or a query.
fn is_kid(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
}

/// Reads one part of a token: base64url in its one spelling, then a JSON object without members that come twice.
fn read_object<T: DeserializeOwned>(part: &str, refusal: Refusal) -> Result<T, Refusal> {
    let json = BASE64URL_NOPAD.decode(part.as_bytes()).map_err(|_| Refusal::Malformed)?;
    // serde would take an array for a struct as well.
    if json.first() != Some(&b'{') {
        return Err(Refusal::Malformed);
    }
    serde_json::from_slice(&json).map_err(|error| if error.is_data() { refusal } else { Refusal::Malformed })
}

/// The `jti` is the ledger's affair, and a user id may be an address: neither is printed.
impl fmt::Debug for Verified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verified")
            .field("kid", &self.kid)
            .field("issued_at", &self.issued_at)
            .field("expires_at", &self.expires_at)
            .finish_non_exhaustive()
    }
}
