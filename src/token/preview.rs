//! Tokens for looking at: links like the real ones that sign nobody in.

use std::{fmt::Write as _, sync::Arc};

use jiff::Timestamp;
use url::Url;

use super::{
    Algorithm, IssueError, Issued, IssuerError, LocalSettings, SignInLink, SignInToken,
    claims::{Claims, TOKEN_TYPE, hash_jti},
    link::LinkForm,
    local::check_text,
};
use crate::hash::sha256;
use crate::{
    audience::{KEY_SEPARATOR, Recipient},
    campaign::{CampaignId, TokenLife},
    ledger::TokenRecord,
};

/// Issues tokens for a preview: told apart at a glance, different for each recipient, signed by no key.
#[derive(Debug)]
pub struct PreviewIssuer {
    form: Arc<LinkForm>,
    campaign: CampaignId,
    occasion: String,
    life: TokenLife,
    model: Like,
}

/// Whose tokens those of a preview are like: as long as theirs, so that a link which is too long shows before the send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Like {
    /// Ours.
    Local(LocalSettings),
    /// Clerk's.
    Clerk,
}

/// How long Clerk's tokens are, in characters: as long as the longest that was seen.
const CLERK: usize = 720;
/// A key's id as `keys new` makes it: a time and eight hexadecimal digits.
const KEY_ID: usize = 24;
/// A token's id: 128 bits in base64url.
const JTI: usize = 22;
/// The fewest hexadecimal digits that tell one preview from another.
const FEWEST_DIGITS: usize = 16;

impl Like {
    /// How long such a token is for a user.
    fn length(&self, user_id: &str, issued_at: i64, expires_at: i64) -> usize {
        let Self::Local(settings) = self else { return CLERK };
        let base64 = |bytes: usize| (bytes * 4).div_ceil(3);
        let claims = Claims {
            iss: settings.issuer.clone(),
            aud: settings.audience.clone(),
            sub: user_id.to_owned(),
            iat: issued_at,
            nbf: issued_at,
            exp: expires_at,
            jti: "j".repeat(JTI),
        };
        let claims = serde_json::to_string(&claims).map_or(0, |claims| claims.len());
        let (algorithm, id) = (settings.algorithm.name(), "k".repeat(KEY_ID));
        let header = format!(r#"{{"typ":"{TOKEN_TYPE}","alg":"{algorithm}","kid":"{id}"}}"#).len();
        let signature = match settings.algorithm {
            Algorithm::EdDsa => 64,
            Algorithm::Hs256 => 32,
        };
        base64(header) + 1 + base64(claims) + 1 + base64(signature)
    }
}

impl PreviewIssuer {
    /// Makes an issuer whose links look like those of a campaign with these settings.
    pub fn new(
        page: &Url,
        parameter: &str,
        campaign: CampaignId,
        occasion: String,
        life: TokenLife,
        parameters: Vec<(String, String)>,
        model: Like,
    ) -> Result<Self, IssuerError> {
        let form = Arc::new(LinkForm::new(page, parameter, parameters)?);
        check_text("occasion", &occasion)?;
        Ok(Self { form, campaign, occasion, life, model })
    }

    /// The link for `recipient`, with the token `PREVIEW.<hexadecimal digits>.signs-nobody-in`, as long as a real one.
    pub fn issue(&self, recipient: &Recipient, now: Timestamp) -> Result<Issued, IssueError> {
        const HEAD: &str = "PREVIEW.";
        const TAIL: &str = ".signs-nobody-in";
        let issued_at = now.as_second();
        let expires_at = issued_at.saturating_add(self.life.as_secs());
        let length = self.model.length(&recipient.user_id, issued_at, expires_at);
        let digits = length.saturating_sub(HEAD.len() + TAIL.len()).max(FEWEST_DIGITS);
        let text =
            format!("{}{KEY_SEPARATOR}{}{KEY_SEPARATOR}{}", self.campaign, self.occasion, recipient.key.0);
        let mut token = String::with_capacity(length);
        token.push_str(HEAD);
        let mut hash = sha256(text.as_bytes());
        while token.len() < HEAD.len() + digits {
            for byte in hash {
                write!(token, "{byte:02x}").expect("a string takes everything");
            }
            hash = sha256(&hash);
        }
        token.truncate(HEAD.len() + digits);
        token.push_str(TAIL);
        let expires = Timestamp::from_second(expires_at)
            .map_err(|_| IssueError::Refused("the token's end is out of the calendar".to_owned()))?;
        let record = TokenRecord {
            jti_hash: hash_jti(&token),
            kid: "preview".to_owned(),
            issued_at,
            expires_at,
            generation: 1,
        };
        let link = SignInLink::new(Arc::clone(&self.form), SignInToken::new(token), expires);
        Ok(Issued { link, record })
    }
}
