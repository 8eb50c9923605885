//! The keyring: the keys that sign and verify sign-in tokens, and the seed that every other key is derived from.

use std::{fmt, path::Path, path::PathBuf};

use aws_lc_rs::{
    hkdf, hmac, rand,
    signature::{Ed25519KeyPair, KeyPair},
};
use data_encoding::BASE64;
use jiff::Timestamp;
use jsonwebtoken::{DecodingKey, EncodingKey};
use rustls::pki_types::{PrivatePkcs8KeyDer, pem::PemObject};
use zeroize::{Zeroize, Zeroizing};

use super::{
    Algorithm,
    key_folder::{self, KeyError, KeyFile, SEED},
};

/// The purpose of a derived key. Keys of different purposes say nothing about each other (RFC 5869 §3.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// The `jti` of local tokens.
    Jti,
    /// The `Message-ID` of a mail, the same on every try.
    MessageId,
    /// The opaque id in unsubscribe links.
    Unsubscribe,
    /// The proof in a form that its page came from us.
    Form,
}

impl Purpose {
    /// Every purpose.
    pub const ALL: [Self; 4] = [Self::Jti, Self::MessageId, Self::Unsubscribe, Self::Form];

    /// The HKDF `info`. Never change one: it would change every id ever derived with it.
    const fn label(self) -> &'static [u8] {
        match self {
            Self::Jti => b"linkpost/1 jti",
            Self::MessageId => b"linkpost/1 message-id",
            Self::Unsubscribe => b"linkpost/1 unsubscribe",
            Self::Form => b"linkpost/1 form",
        }
    }
}

/// The keys of one key folder. It never prints what it holds, and wipes it when dropped.
pub struct Keyring {
    seed: Zeroizing<[u8; 32]>,
    /// Oldest first.
    keys: Vec<SigningKey>,
}

/// One signing key, both halves.
pub(super) struct SigningKey {
    pub(super) kid: String,
    pub(super) algorithm: Algorithm,
    pub(super) signs: EncodingKey,
    pub(super) verifies: DecodingKey,
    created: Timestamp,
}

/// A key that was just made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewKey {
    /// The key's name in tokens.
    pub kid: String,
    /// The algorithm that it signs with.
    pub algorithm: Algorithm,
    /// The file it lies in.
    pub path: PathBuf,
}

/// A key as `keys list` shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyInfo {
    /// The key's name in tokens.
    pub kid: String,
    /// The algorithm that it signs with.
    pub algorithm: Algorithm,
    /// The time at which it was made.
    pub created: Timestamp,
    /// Whether it signs new tokens where the settings name its algorithm; every key verifies.
    pub signing: bool,
}

impl Keyring {
    /// Makes a new signing key in `folder`, and where they are not there yet the folder (mode 0700) and the seed.
    ///
    /// The files have mode 0600 and are on disk when this returns; none that exists is touched. The `kid` is the
    /// second of `now` and a random part. It always sorts after the keys that are there: should the clock stand
    /// before the newest of them, the new key is dated one second after it.
    pub fn create(folder: &Path, algorithm: Algorithm, now: Timestamp) -> Result<NewKey, KeyError> {
        key_folder::make(folder)?;
        let listing = key_folder::list(folder)?;
        if !listing.has_seed {
            if !listing.keys.is_empty() {
                return Err(key_folder::seed_gone(folder));
            }
            // The seed first: a folder with a signing key always has a seed.
            key_folder::write_new(&folder.join(SEED), &key_folder::encode_secret(&random_secret()))?;
        }
        let created = match listing.keys.last() {
            Some(newest) => key_folder::second_after(newest)?.max(now),
            None => now,
        };
        let kid = key_folder::kid(created, u32::from_be_bytes(*random::<4>()));
        let text = match algorithm {
            Algorithm::EdDsa => new_ed25519_pem(),
            Algorithm::Hs256 => key_folder::encode_secret(&random_secret()),
        };
        let path = key_folder::key_path(folder, &kid, algorithm);
        key_folder::write_new(&path, &text)?;
        Ok(NewKey { kid, algorithm, path })
    }

    /// Reads every key of `folder`.
    ///
    /// Refused are folders and files that group or others can read or that belong to another user, files that are
    /// no keys, damaged keys, and a folder without a seed or without a signing key.
    pub fn open(folder: &Path) -> Result<Self, KeyError> {
        let listing = key_folder::list(folder)?;
        if !listing.has_seed && !listing.keys.is_empty() {
            return Err(key_folder::seed_gone(folder));
        }
        if listing.keys.is_empty() {
            return Err(key_folder::missing(folder));
        }
        let seed_path = folder.join(SEED);
        let seed = key_folder::decode_secret(&seed_path, &key_folder::read(&seed_path)?)?;
        let keys = listing.keys.iter().map(read_key).collect::<Result<_, _>>()?;
        Ok(Self { seed, keys })
    }

    /// The keys, oldest first.
    #[must_use]
    pub fn list(&self) -> Vec<KeyInfo> {
        let info = |key: &SigningKey| KeyInfo {
            kid: key.kid.clone(),
            algorithm: key.algorithm,
            created: key.created,
            signing: self.signing(key.algorithm).is_some_and(|newest| newest.kid == key.kid),
        };
        self.keys.iter().map(info).collect()
    }

    /// The key for one purpose, derived from the seed by HKDF-SHA256 (RFC 5869). It survives key rotation.
    #[must_use]
    pub fn derive(&self, purpose: Purpose) -> hmac::Key {
        let extracted = hkdf::Salt::new(hkdf::HKDF_SHA256, b"linkpost").extract(self.seed.as_slice());
        extracted
            .expand(&[purpose.label()], hmac::HMAC_SHA256)
            .map(hmac::Key::from)
            .expect("HKDF-SHA256 gives up to 8160 bytes, and a key takes 32")
    }

    /// Every key's name, oldest first.
    pub(super) fn kids(&self) -> impl Iterator<Item = &str> {
        self.keys.iter().map(|key| key.kid.as_str())
    }

    /// 32 bytes for one purpose, derived from the seed by HKDF-SHA256 (RFC 5869).
    pub(super) fn derive_seed(&self, info: &str) -> Zeroizing<[u8; 32]> {
        let extracted = hkdf::Salt::new(hkdf::HKDF_SHA256, b"linkpost").extract(self.seed.as_slice());
        let mut bytes = Zeroizing::new([0; 32]);
        extracted
            .expand(&[info.as_bytes()], hkdf::HKDF_SHA256)
            .and_then(|okm| okm.fill(bytes.as_mut_slice()))
            .expect("HKDF-SHA256 gives up to 8160 bytes, and this takes 32");
        bytes
    }

    /// The key that signs new tokens: the newest of its algorithm.
    pub(super) fn signing(&self, algorithm: Algorithm) -> Option<&SigningKey> {
        self.keys.iter().rev().find(|key| key.algorithm == algorithm)
    }

    /// The key called `kid`.
    pub(super) fn find(&self, kid: &str) -> Option<&SigningKey> {
        self.keys.iter().find(|key| key.kid == kid)
    }
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keyring([redacted])")
    }
}

fn read_key(file: &KeyFile) -> Result<SigningKey, KeyError> {
    let text = key_folder::read(&file.path)?;
    let (signs, verifies) = match file.algorithm {
        Algorithm::EdDsa => parse_ed25519(&text)
            .ok_or_else(|| key_folder::corrupt(&file.path, "an Ed25519 key, PKCS#8 in PEM"))?,
        Algorithm::Hs256 => {
            let secret = key_folder::decode_secret(&file.path, &text)?;
            (EncodingKey::from_secret(secret.as_slice()), DecodingKey::from_secret(secret.as_slice()))
        }
    };
    let KeyFile { kid, algorithm, created, .. } = file.clone();
    Ok(SigningKey { kid, algorithm, signs, verifies, created })
}

/// Signing wants the PKCS#8 document, verifying the 32 bytes of the public half.
fn parse_ed25519(pem: &str) -> Option<(EncodingKey, DecodingKey)> {
    let mut sections = PrivatePkcs8KeyDer::pem_slice_iter(pem.as_bytes());
    let mut document = sections.next()?.ok()?;
    let pair = Ed25519KeyPair::from_pkcs8(document.secret_pkcs8_der()).ok();
    let keys = pair.map(|pair| {
        let signs = EncodingKey::from_ed_der(document.secret_pkcs8_der());
        (signs, DecodingKey::from_ed_der(pair.public_key().as_ref()))
    });
    document.zeroize();
    keys.filter(|_| sections.next().is_none())
}

/// A new key as PKCS#8 version 1 (RFC 5208) in PEM (RFC 7468): what OpenSSL and Python read.
fn new_ed25519_pem() -> Zeroizing<String> {
    let document = Ed25519KeyPair::generate()
        .and_then(|pair| pair.to_pkcs8v1())
        .expect("the system gives random bytes, and a new key can be written down");
    let mut pem = Zeroizing::new(String::with_capacity(256));
    pem.push_str("-----BEGIN PRIVATE KEY-----\n");
    // 48 bytes of a version 1 document are 64 characters: one line, the longest that RFC 7468 §2 allows.
    BASE64.encode_append(document.as_ref(), &mut pem);
    pem.push_str("\n-----END PRIVATE KEY-----\n");
    pem
}

fn random_secret() -> Zeroizing<[u8; 32]> {
    random()
}

fn random<const N: usize>() -> Zeroizing<[u8; N]> {
    let mut bytes = Zeroizing::new([0; N]);
    rand::fill(bytes.as_mut_slice()).expect("the system gives random bytes");
    bytes
}
