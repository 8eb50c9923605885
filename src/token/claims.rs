//! The contents of a local token, and its limits: the one place that issuing and verifying agree on.

use crate::hash::sha256;
use serde::{Deserialize, Serialize};

/// The `typ` of the header: a token of any other kind, even from the same keys, signs nobody in (RFC 8725 §3.11).
pub(super) const TOKEN_TYPE: &str = "email-link+jwt";

/// The longest token, in bytes. It stands in a link, and mail programs cut long links.
pub(super) const LONGEST_TOKEN: usize = 2048;

/// Seconds by which the issuer's clock may run ahead of ours: `nbf` and `iat` may lie this far in the future. A few
/// minutes, as RFC 7519 §4.1.5 has it. `exp` has no leeway: an expired token is expired here as it is in the ledger.
pub(super) const LEEWAY: i64 = 300;

/// The header of a local token, all of it: any further member is refused (`jku`, `jwk`, `x5u`, `x5c`, `crit` and the
/// rest of RFC 7515 §4.1 let the token say which key to believe).
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Header {
    pub(super) alg: String,
    pub(super) typ: String,
    pub(super) kid: String,
}

/// The claims of a local token, all of them (RFC 7519 §4.1). The order is the order of the bytes: changing it would
/// change every token that is rebuilt.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Claims {
    pub(super) iss: String,
    pub(super) aud: String,
    /// The user id.
    pub(super) sub: String,
    pub(super) iat: i64,
    pub(super) nbf: i64,
    pub(super) exp: i64,
    /// 128 bits in base64url without padding.
    pub(super) jti: String,
}

/// The ledger's record of a token: SHA-256 over the characters of its `jti`.
///
/// The hash of the `jti` and not of the token, so that no second spelling of a token is a second chance.
pub(super) fn hash_jti(jti: &str) -> [u8; 32] {
    sha256(jti.as_bytes())
}
