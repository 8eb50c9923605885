//! Sign-in tokens and the links that carry them.
//!
//! A token is a secret: [`SignInToken`] and [`SignInLink`] print their type's name and nothing else, are never
//! serialised, and are wiped when dropped. What the ledger keeps is a [`crate::ledger::TokenRecord`].

use secrecy::{ExposeSecret, SecretString};
use url::Url;

/// The text of a token. Whoever holds it is signed in.
pub struct SignInToken(SecretString);

/// A link that signs its recipient in, and the parameters that every link of the campaign carries.
pub struct SignInLink {
    page: Url,
    parameter: String,
    token: SignInToken,
    parameters: Vec<(String, String)>,
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

impl std::fmt::Debug for SignInToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SignInToken")
    }
}

impl SignInLink {
    /// A link to `page` with the token as the query parameter `parameter`, after the page's own query.
    #[must_use]
    pub fn new(page: Url, parameter: String, token: SignInToken, parameters: Vec<(String, String)>) -> Self {
        Self { page, parameter, token, parameters }
    }

    /// The token inside.
    #[must_use]
    pub fn token(&self) -> &SignInToken {
        &self.token
    }

    /// The link's text with `extra` parameters added: a secret like the token in it.
    #[must_use]
    pub fn url<'a>(&'a self, extra: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
        let mut url = self.page.clone();
        {
            let mut query = url.query_pairs_mut();
            query.append_pair(&self.parameter, self.token.expose());
            for (name, value) in &self.parameters {
                query.append_pair(name, value);
            }
            for (name, value) in extra {
                query.append_pair(name, value);
            }
        }
        url.into()
    }
}

impl std::fmt::Debug for SignInLink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SignInLink")
    }
}
