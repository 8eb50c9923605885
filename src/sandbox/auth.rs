//! The credentials that the relay wants, and how they come in.

use data_encoding::BASE64;
use secrecy::{ExposeSecret, SecretString};

/// The one user that the relay knows.
#[derive(Debug, Clone)]
pub struct Auth {
    /// The user's name.
    pub user: String,
    /// The password, or the bearer token of `XOAUTH2`.
    pub secret: SecretString,
    /// What `EHLO` offers.
    pub mechanisms: Vec<Mechanism>,
}

/// A way to show credentials.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mechanism {
    /// `PLAIN` (RFC 4616).
    Plain,
    /// `LOGIN`, never a standard and everywhere.
    Login,
    /// `XOAUTH2`, as Google and Microsoft have it.
    Xoauth2,
}

impl Mechanism {
    /// The name on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Plain => "PLAIN",
            Self::Login => "LOGIN",
            Self::Xoauth2 => "XOAUTH2",
        }
    }

    /// What to ask for, in base64, and in which order.
    pub(super) const fn challenges(self) -> &'static [&'static str] {
        match self {
            Self::Plain | Self::Xoauth2 => &[""],
            Self::Login => &["VXNlcm5hbWU6", "UGFzc3dvcmQ6"],
        }
    }
}

impl Auth {
    /// A user with every mechanism on offer.
    #[must_use]
    pub fn new(user: &str, secret: &str) -> Self {
        Self {
            user: user.to_owned(),
            secret: SecretString::from(secret),
            mechanisms: vec![Mechanism::Plain, Mechanism::Login, Mechanism::Xoauth2],
        }
    }

    /// The mechanism of this name, if it is on offer.
    pub(super) fn mechanism(&self, name: &str) -> Option<Mechanism> {
        self.mechanisms.iter().copied().find(|mechanism| mechanism.name().eq_ignore_ascii_case(name))
    }

    /// Whether the answers are this user's; `None` where they cannot be read.
    pub(super) fn accepts(&self, mechanism: Mechanism, answers: &[Vec<u8>]) -> Option<bool> {
        let decoded: Vec<String> = answers
            .iter()
            .map(|answer| String::from_utf8(BASE64.decode(answer).ok()?).ok())
            .collect::<Option<_>>()?;
        let secret = self.secret.expose_secret();
        match (mechanism, decoded.as_slice()) {
            (Mechanism::Plain, [whole]) => {
                let mut parts = whole.split('\0');
                let (Some(_), Some(user), Some(password), None) =
                    (parts.next(), parts.next(), parts.next(), parts.next())
                else {
                    return None;
                };
                Some(user == self.user && password == secret)
            }
            (Mechanism::Login, [user, password]) => Some(*user == self.user && password == secret),
            (Mechanism::Xoauth2, [whole]) => {
                Some(*whole == format!("user={}\x01auth=Bearer {secret}\x01\x01", self.user))
            }
            (Mechanism::Plain | Mechanism::Login | Mechanism::Xoauth2, _) => None,
        }
    }
}
