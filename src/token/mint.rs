//! Tokens that are asked for one by one: no campaign, no recipient, a random `jti`.

use std::sync::Arc;

use aws_lc_rs::rand;
use data_encoding::BASE64URL_NOPAD;
use jiff::{SignedDuration, Timestamp};

use super::{
    IssueError, Issued, Keyring, LocalSettings,
    claims::hash_jti,
    link::LinkForm,
    local::{check_text, sign},
};
use crate::{campaign::TokenLife, ledger::TokenRecord};

/// The letters and digits of an id.
const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// A new token for `user_id`, to be kept in the ledger before anybody gets it.
pub fn mint(
    keyring: &Keyring,
    settings: &LocalSettings,
    user_id: &str,
    life: SignedDuration,
    now: Timestamp,
) -> Result<Issued, IssueError> {
    let refused = |error: &dyn std::fmt::Display| IssueError::Refused(error.to_string());
    check_text("user id", user_id).map_err(|error| refused(&error))?;
    if !life.is_positive() || life > TokenLife::LONGEST {
        return Err(IssueError::Refused(format!(
            "a token life of `{life:#}` is out of bounds, expected 1 second to 30 days"
        )));
    }
    let form = LinkForm::new(&settings.page, &settings.parameter, Vec::new());
    let form = Arc::new(form.map_err(|error| refused(&error))?);
    let key = keyring
        .signing(settings.algorithm)
        .ok_or_else(|| IssueError::Unavailable("there is no signing key".to_owned()))?;
    let jti = BASE64URL_NOPAD.encode(&random::<16>());
    let issued_at = now.as_second();
    let record = TokenRecord {
        jti_hash: hash_jti(&jti),
        kid: key.kid.clone(),
        issued_at,
        expires_at: issued_at.saturating_add(life.as_secs()),
        generation: 1,
    };
    sign(key, &form, &settings.issuer, &settings.audience, user_id, jti, record)
}

/// A new id of the form that Clerk's tokens have: `sit_` and 27 letters and digits (160 bits).
#[must_use]
pub fn mint_id() -> String {
    // 248 is the largest multiple of 62 in a byte: what lies above would make the first letters likelier.
    let mut id = "sit_".to_owned();
    while id.len() < 31 {
        let letters = random::<32>().into_iter().filter(|byte| *byte < 248);
        let letters = letters.filter_map(|byte| BASE62.get(usize::from(byte % 62)));
        id.extend(letters.map(|letter| char::from(*letter)).take(31 - id.len()));
    }
    id
}

fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    rand::fill(&mut bytes).expect("the system gives random bytes");
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_look_like_the_originals_and_differ() {
        let ids: std::collections::BTreeSet<_> = (0..1000).map(|_| mint_id()).collect();
        assert_eq!(ids.len(), 1000);
        for id in ids {
            let rest = id.strip_prefix("sit_").unwrap();
            assert!(rest.len() == 27 && rest.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{id}");
        }
    }
}
