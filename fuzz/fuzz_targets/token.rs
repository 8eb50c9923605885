//! A token's text from anybody: nothing but our own is accepted.
#![no_main]

use std::sync::{Arc, LazyLock};

use jiff::{SignedDuration, Timestamp};
use libfuzzer_sys::fuzz_target;
use linkpost::{
    audience::{Address, Fields, Recipient, RecipientKey},
    campaign::CampaignId,
    token::{Algorithm, Keyring, LocalIssuer, LocalSettings, verify},
};

const ISSUER: &str = "https://example.com";
const AUDIENCE: &str = "https://app.example.com";

struct Ours {
    keyring: Arc<Keyring>,
    token: String,
    now: Timestamp,
}

static OURS: LazyLock<Ours> = LazyLock::new(|| {
    let folder = tempfile::tempdir().expect("a folder");
    let keys = folder.path().join("keys");
    let now: Timestamp = "2026-11-22T09:30:15Z".parse().expect("a time");
    Keyring::create(&keys, Algorithm::EdDsa, now).expect("keys");
    let keyring = Arc::new(Keyring::open(&keys).expect("keys"));
    let settings = LocalSettings {
        page: "https://app.example.com/in".parse().expect("a URL"),
        parameter: "token".to_owned(),
        issuer: ISSUER.to_owned(),
        audience: AUDIENCE.to_owned(),
        algorithm: Algorithm::EdDsa,
    };
    let campaign = CampaignId::parse("spring").expect("a name");
    let life = SignedDuration::from_hours(72);
    let issuer =
        LocalIssuer::new(Arc::clone(&keyring), settings, campaign, "once".to_owned(), life, Vec::new())
            .expect("an issuer");
    let recipient = Recipient {
        line: 2,
        key: RecipientKey("user_1".to_owned()),
        user_id: "user_1".to_owned(),
        address: Address::parse("ada@example.com").expect("an address"),
        name: None,
        fields: Fields::new(),
    };
    let issued = issuer.issue(&recipient, None, now).expect("a token");
    Ours { keyring, token: issued.link.token().expose().to_owned(), now }
});

fuzz_target!(|input: (u16, Vec<u8>)| {
    let (place, bytes) = input;
    let Ours { keyring, token, now } = &*OURS;
    let text = String::from_utf8_lossy(&bytes);
    let check = |text: &str| {
        let accepted = verify(text, keyring, ISSUER, AUDIENCE, *now).is_ok();
        assert_eq!(accepted, text == token, "accepted: {accepted}");
    };
    check(token);
    check(&text);
    // Our own, with a piece of it replaced.
    let place = usize::from(place) % token.len();
    let end = (place + text.len()).min(token.len());
    check(&format!("{}{text}{}", &token[..place], &token[end..]));
    // Each part of it with the others kept.
    let parts: Vec<_> = token.split('.').collect();
    for replaced in 0..parts.len() {
        let mut parts = parts.clone();
        parts[replaced] = &text;
        check(&parts.join("."));
    }
});
