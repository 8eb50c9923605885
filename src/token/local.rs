//! Local tokens: JWTs that linkpost signs itself, rebuilt from a few numbers and never stored.

use std::{fmt, sync::Arc};

use aws_lc_rs::hmac;
use data_encoding::BASE64URL_NOPAD;
use jiff::Timestamp;
use jsonwebtoken::Header;
use url::Url;

use super::{
    Algorithm, IssueError, Issued, Keyring, Purpose, SignInLink, SignInToken,
    claims::{Claims, LEEWAY, LONGEST_TOKEN, TOKEN_TYPE, hash_jti},
    keys::SigningKey,
    link::{LinkError, LinkForm},
};
use crate::{
    audience::{KEY_SEPARATOR, Recipient},
    campaign::{CampaignId, TokenLife},
    ledger::TokenRecord,
    problem::Diagnosis,
};

/// The settings of local tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalSettings {
    /// The page that takes the token: https, or http on the machine itself.
    pub page: Url,
    /// The query parameter that carries the token.
    pub parameter: String,
    /// `iss`: who we are.
    pub issuer: String,
    /// `aud`: who redeems the token.
    pub audience: String,
    /// The algorithm of new tokens: its newest key signs them.
    pub algorithm: Algorithm,
}

/// The reason that no issuer can be made of these settings. Each text says what was found and what was expected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IssuerError {
    /// The page, the token's parameter or the campaign's link parameters.
    #[error(transparent)]
    Link(#[from] LinkError),
    /// The keyring has no key of the algorithm.
    #[error("{}", Diagnosis::new(format!("there is no `{}` key, expected at least one", .0.name())).hint("make one with `linkpost keys new`"))]
    NoKey(Algorithm),
    /// Issuer, audience or occasion.
    #[error("the {0} is empty, holds a control character or is longer than 256 bytes")]
    Text(&'static str),
}

/// Issues the local tokens of one campaign and occasion.
pub struct LocalIssuer {
    keyring: Arc<Keyring>,
    jti_key: hmac::Key,
    form: Arc<LinkForm>,
    issuer: String,
    audience: String,
    algorithm: Algorithm,
    campaign: CampaignId,
    occasion: String,
    life: TokenLife,
}

impl LocalIssuer {
    /// Checks the settings and makes an issuer of them. `parameters` stand in every link, after the token.
    pub fn new(
        keyring: Arc<Keyring>,
        settings: LocalSettings,
        campaign: CampaignId,
        occasion: String,
        life: TokenLife,
        parameters: Vec<(String, String)>,
    ) -> Result<Self, IssuerError> {
        let LocalSettings { page, parameter, issuer, audience, algorithm } = settings;
        let form = Arc::new(LinkForm::new(&page, &parameter, parameters)?);
        check_text("issuer", &issuer)?;
        check_text("audience", &audience)?;
        check_text("occasion", &occasion)?;
        if keyring.signing(algorithm).is_none() {
            return Err(IssuerError::NoKey(algorithm));
        }
        let jti_key = keyring.derive(Purpose::Jti);
        Ok(Self { keyring, jti_key, form, issuer, audience, algorithm, campaign, occasion, life })
    }

    /// The link for `recipient`.
    ///
    /// The token of an earlier try comes back byte for byte while at least half of its life remains, its key is
    /// there, and it is still this recipient's; otherwise the next generation is minted, and its record takes the
    /// place of the former one in the ledger: only one token of a recipient can be redeemed.
    pub fn issue(
        &self,
        recipient: &Recipient,
        former: Option<&TokenRecord>,
        now: Timestamp,
    ) -> Result<Issued, IssueError> {
        if recipient.user_id.is_empty() {
            return Err(IssueError::Refused(
                "the user id is empty, expected whom the link signs in".to_owned(),
            ));
        }
        if let Some(record) = former.filter(|record| is_fresh(record, now))
            && let Some(key) = self.keyring.find(&record.kid)
        {
            let jti = self.jti(recipient, record.generation);
            // Another hash means another seed, campaign or user: rebuilt, the token would not be the one on record.
            if hash_jti(&jti) == record.jti_hash {
                return self.sign(key, recipient, jti, record.clone());
            }
        }
        let generation = former.map_or(Some(1), |record| record.generation.checked_add(1));
        let generation =
            generation.ok_or_else(|| IssueError::Refused("no token generation is left".to_owned()))?;
        let key = self.keyring.signing(self.algorithm);
        let key = key.ok_or_else(|| IssueError::Unavailable("there is no signing key".to_owned()))?;
        let jti = self.jti(recipient, generation);
        let issued_at = now.as_second();
        let record = TokenRecord {
            jti_hash: hash_jti(&jti),
            kid: key.kid.clone(),
            issued_at,
            expires_at: issued_at.saturating_add(self.life.as_secs()),
            generation,
        };
        self.sign(key, recipient, jti, record)
    }

    /// The id of a token: 128 bits that nobody can guess, the same whenever the same token is built. The user id is
    /// one of its ingredients, so that a list that changes whom an address belongs to never brings an old id back.
    fn jti(&self, recipient: &Recipient, generation: u32) -> String {
        // The recipient key comes last: it may hold separators itself, the others hold none.
        let text = format!(
            "{campaign}{KEY_SEPARATOR}{occasion}{KEY_SEPARATOR}{generation}{KEY_SEPARATOR}{user}{KEY_SEPARATOR}{key}",
            campaign = self.campaign,
            occasion = self.occasion,
            user = recipient.user_id,
            key = recipient.key.0,
        );
        let tag = hmac::sign(&self.jti_key, text.as_bytes());
        let half = tag.as_ref().get(..16).expect("SHA-256 has 32 bytes");
        BASE64URL_NOPAD.encode(half)
    }

    fn sign(
        &self,
        key: &SigningKey,
        recipient: &Recipient,
        jti: String,
        record: TokenRecord,
    ) -> Result<Issued, IssueError> {
        let (issuer, audience) = (&self.issuer, &self.audience);
        sign(key, &self.form, issuer, audience, &recipient.user_id, jti, record)
    }
}

/// Signs what `record` and the `jti` say, and puts the token into a link.
pub(super) fn sign(
    key: &SigningKey,
    form: &Arc<LinkForm>,
    issuer: &str,
    audience: &str,
    user_id: &str,
    jti: String,
    record: TokenRecord,
) -> Result<Issued, IssueError> {
    let expires = Timestamp::from_second(record.expires_at)
        .map_err(|_| IssueError::Refused("the token's end is out of the calendar".to_owned()))?;
    let mut header = Header::new(key.algorithm.of_library());
    header.typ = Some(TOKEN_TYPE.to_owned());
    header.kid = Some(key.kid.clone());
    let claims = Claims {
        iss: issuer.to_owned(),
        aud: audience.to_owned(),
        sub: user_id.to_owned(),
        iat: record.issued_at,
        nbf: record.issued_at,
        exp: record.expires_at,
        jti,
    };
    let token = jsonwebtoken::encode(&header, &claims, &key.signs)
        .map(SignInToken::new)
        .map_err(|_| IssueError::Unavailable(format!("the key `{}` does not sign", key.kid)))?;
    let length = token.expose().len();
    if length > LONGEST_TOKEN {
        return Err(IssueError::Refused(format!(
            "the user id of {} bytes makes a token of {length} bytes, expected at most {LONGEST_TOKEN}",
            user_id.len()
        )));
    }
    Ok(Issued { link: SignInLink::new(Arc::clone(form), token, expires), record })
}

impl fmt::Debug for LocalIssuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LocalIssuer")
    }
}

/// Whether a token can go out again: valid by our own rules now, with at least half of its life left.
pub(super) fn is_fresh(record: &TokenRecord, now: Timestamp) -> bool {
    let now = now.as_second();
    let bounds = record.expires_at.checked_sub(record.issued_at).zip(record.expires_at.checked_sub(now));
    bounds.is_some_and(|(life, left)| {
        0 < life
            && life <= TokenLife::LONGEST.as_secs()
            && left.saturating_mul(2) >= life
            && record.issued_at <= now.saturating_add(LEEWAY)
    })
}

pub(super) fn check_text(name: &'static str, text: &str) -> Result<(), IssuerError> {
    let good = !text.is_empty() && text.len() <= 256 && !text.chars().any(char::is_control);
    if good { Ok(()) } else { Err(IssuerError::Text(name)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_of_the_life_decides_whether_a_token_goes_out_again() {
        let check = |issued_at: i64, expires_at: i64, now: i64, expected: bool| {
            let record =
                TokenRecord { jti_hash: [0; 32], kid: "k".to_owned(), issued_at, expires_at, generation: 1 };
            let now = Timestamp::from_second(now).unwrap();
            assert_eq!(is_fresh(&record, now), expected, "{record:?} at {now}");
        };
        check(1000, 2000, 1000, true);
        check(1000, 2000, 1500, true);
        check(1000, 2000, 1501, false);
        check(1000, 2001, 1500, true);
        check(1000, 2001, 1501, false);
        check(1000, 2000, 2000, false);
        check(1000, 2000, 3000, false);
        // A clock that went back: what would not be valid now does not go out now.
        check(1000, 2000, 700, true);
        check(1000, 2000, 699, false);
        // No token of ours: nothing to rebuild.
        check(1000, 1000, 1000, false);
        check(2000, 1000, 500, false);
        check(0, TokenLife::LONGEST.as_secs(), 0, true);
        check(0, TokenLife::LONGEST.as_secs() + 1, 0, false);
        check(i64::MIN, i64::MAX, 0, false);
    }
}
