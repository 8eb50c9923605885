//! The keys that the pages use, read again every few seconds so that a new key works and a retired one does not.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use aws_lc_rs::{constant_time::verify_slices_are_equal, hmac, rand};
use data_encoding::BASE64URL_NOPAD;
use tokio::time::Instant;
use tracing::warn;

use crate::hash::sha256;
use crate::token::{KeyError, Keyring, Purpose, SessionKeys};

const FRESH: Duration = Duration::from_secs(5);

/// What is derived from the key folder.
pub(super) struct Secrets {
    pub(super) keyring: Keyring,
    pub(super) sessions: SessionKeys,
    form: hmac::Key,
}

/// The key folder, watched.
pub(super) struct Keys {
    folder: PathBuf,
    read: Mutex<(Instant, Arc<Secrets>)>,
}

impl Keys {
    pub(super) fn open(folder: PathBuf) -> Result<Self, KeyError> {
        let secrets = Secrets::of(Keyring::open(&folder)?);
        Ok(Self { folder, read: Mutex::new((Instant::now(), Arc::new(secrets))) })
    }

    /// The keys as they are now; a folder that cannot be read any more leaves those of before.
    pub(super) fn now(&self) -> Arc<Secrets> {
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        if read.0.elapsed() >= FRESH {
            read.0 = Instant::now();
            match Keyring::open(&self.folder) {
                Ok(keyring) => read.1 = Arc::new(Secrets::of(keyring)),
                Err(error) => warn!("the keys cannot be read again: {error}"),
            }
        }
        Arc::clone(&read.1)
    }
}

impl Secrets {
    fn of(keyring: Keyring) -> Self {
        let (sessions, form) = (SessionKeys::of(&keyring), keyring.derive(Purpose::Form));
        Self { keyring, sessions, form }
    }

    /// The proof that a form with this token came from a page of ours, shown to the browser with this secret.
    pub(super) fn form_check(&self, browser: &str, token: &str) -> String {
        let tag = hmac::sign(&self.form, format!("{browser}\n{token}").as_bytes());
        BASE64URL_NOPAD.encode(tag.as_ref())
    }

    /// Whether a form's proof is right.
    pub(super) fn form_is_ours(&self, browser: &str, token: &str, check: &str) -> bool {
        same(&self.form_check(browser, token), check)
    }
}

/// Whether two secrets are the same, in a time that tells nothing about where they differ or how long they are.
pub(super) fn same(one: &str, other: &str) -> bool {
    verify_slices_are_equal(&sha256(one.as_bytes()), &sha256(other.as_bytes())).is_ok()
}

/// 128 random bits as 22 letters.
pub(super) fn random() -> String {
    let mut bytes = [0; 16];
    rand::fill(&mut bytes).expect("the system gives random bytes");
    BASE64URL_NOPAD.encode(&bytes)
}

/// Whether a text can be an opaque id of ours: 22 letters of base64url.
pub(super) fn is_opaque(text: &str) -> bool {
    text.len() == 22 && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}
