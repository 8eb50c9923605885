//! Values on their way into the database and out of it.

use std::fmt;

use data_encoding::HEXLOWER;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use crate::hash::sha256;

/// A SHA-256 in a set-based statement: bytes in the code and in the database, hexadecimal in the JSON between them.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(in crate::ledger) struct Digest(pub(in crate::ledger) [u8; 32]);

impl Digest {
    /// The digest of a text.
    pub(in crate::ledger) fn of(text: &str) -> Self {
        Self(sha256(text.as_bytes()))
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&hex(&self.0))
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let bytes = HEXLOWER.decode(text.as_bytes()).map_err(D::Error::custom)?;
        bytes.try_into().map(Self).map_err(|_| D::Error::custom("no digest of 32 bytes"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

/// The values of a set-based statement.
pub(in crate::ledger) fn json(values: &(impl Serialize + ?Sized)) -> String {
    serde_json::to_string(values).expect("plain structs of text and numbers are always JSON")
}

/// Bytes in hexadecimal.
pub(in crate::ledger) fn hex(bytes: &[u8]) -> String {
    HEXLOWER.encode(bytes)
}
