//! Tests of `token`: keys on disk, tokens that come back the same, forgeries, and an independent judge.

mod forged;
mod issued;
mod judge;
mod key_files;

use std::{path::PathBuf, sync::Arc};

use jiff::{SignedDuration, Timestamp};
use linkpost::{
    audience::{Address, Cells, Fields, Recipient, RecipientKey},
    campaign::{CampaignId, TokenLife},
    ledger::TokenRecord,
    token::{Algorithm, Issued, Keyring, LocalIssuer, LocalSettings, Refusal, Verified, verify},
};
use tempfile::TempDir;
use url::Url;

const ISSUER: &str = "https://example.com";
const AUDIENCE: &str = "https://app.example.com";
const LIFE: SignedDuration = SignedDuration::from_hours(72);

/// A key folder that is gone when the test ends.
struct Folder {
    _parent: TempDir,
    path: PathBuf,
}

impl Folder {
    fn empty() -> Self {
        let parent = TempDir::new().unwrap();
        let path = parent.path().join("keys");
        Self { _parent: parent, path }
    }

    fn with(algorithm: Algorithm) -> Self {
        let folder = Self::empty();
        Keyring::create(&folder.path, algorithm, start()).unwrap();
        folder
    }

    fn open(&self) -> Keyring {
        Keyring::open(&self.path).unwrap()
    }

    /// An issuer as a new process would make it.
    fn issuer(&self, algorithm: Algorithm) -> LocalIssuer {
        issuer(Arc::new(self.open()), algorithm)
    }

    fn verify(&self, token: &str, now: Timestamp) -> Result<Verified, Refusal> {
        verify(token, &self.open(), ISSUER, AUDIENCE, now)
    }
}

fn start() -> Timestamp {
    "2026-11-22T09:30:15Z".parse().unwrap()
}

fn after(seconds: i64) -> Timestamp {
    start() + SignedDuration::from_secs(seconds)
}

fn settings(algorithm: Algorithm) -> LocalSettings {
    LocalSettings {
        page: Url::parse("https://app.example.com/in").unwrap(),
        parameter: "token".to_owned(),
        issuer: ISSUER.to_owned(),
        audience: AUDIENCE.to_owned(),
        algorithm,
    }
}

fn life() -> TokenLife {
    TokenLife::new(LIFE).unwrap()
}

fn issuer(keyring: Arc<Keyring>, algorithm: Algorithm) -> LocalIssuer {
    let campaign = CampaignId::parse("spring").unwrap();
    LocalIssuer::new(keyring, settings(algorithm), campaign, "2026-11".to_owned(), life(), Vec::new())
        .unwrap()
}

fn recipient(user_id: &str) -> Recipient {
    Recipient {
        line: 2,
        key: RecipientKey(user_id.to_owned()),
        user_id: user_id.to_owned(),
        address: Address::parse("ada@example.com").unwrap(),
        name: None,
        fields: Fields::new(),
        cells: Cells::default(),
    }
}

/// The token's text and its record, from a new process, for `user_1`.
fn issue(
    folder: &Folder,
    algorithm: Algorithm,
    former: Option<&TokenRecord>,
    now: Timestamp,
) -> (String, TokenRecord) {
    let Issued { link, record } = folder.issuer(algorithm).issue(&recipient("user_1"), former, now).unwrap();
    (link.token().expose().to_owned(), record)
}
