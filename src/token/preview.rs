//! Tokens for looking at: links like the real ones that sign nobody in.

use std::{fmt::Write as _, sync::Arc};

use jiff::Timestamp;
use url::Url;

use super::{
    IssueError, Issued, IssuerError, SignInLink, SignInToken, claims::hash_jti, link::LinkForm,
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
    ) -> Result<Self, IssuerError> {
        let form = Arc::new(LinkForm::new(page, parameter, parameters)?);
        check_text("occasion", &occasion)?;
        Ok(Self { form, campaign, occasion, life })
    }

    /// The link for `recipient`, with the token `PREVIEW.<16 hexadecimal digits>.signs-nobody-in`.
    pub fn issue(&self, recipient: &Recipient, now: Timestamp) -> Result<Issued, IssueError> {
        let text =
            format!("{}{KEY_SEPARATOR}{}{KEY_SEPARATOR}{}", self.campaign, self.occasion, recipient.key.0);
        let mut token = String::with_capacity(40);
        token.push_str("PREVIEW.");
        for byte in sha256(text.as_bytes()).iter().take(8) {
            write!(token, "{byte:02x}").expect("a string takes everything");
        }
        token.push_str(".signs-nobody-in");

        let issued_at = now.as_second();
        let expires_at = issued_at.saturating_add(self.life.as_secs());
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
