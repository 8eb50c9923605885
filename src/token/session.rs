//! The session that a link leads to: a short JWT that any backend can verify, with keys that never signed a link.
//!
//! Each signing key of the folder has a companion for sessions, derived from the seed and its `kid`. The companions'
//! public halves are published, those of the links' keys are not: so a link's token can never pass for a session, even
//! with a backend that looks at signature, issuer and audience alone.

use std::fmt;

use aws_lc_rs::{
    rand,
    signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey},
};
use data_encoding::BASE64URL_NOPAD;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Keyring;

const TYPE: &str = "session+jwt";
const ALGORITHM: &str = "EdDSA";
/// Browsers keep cookies of 4 KiB.
const LONGEST: usize = 3072;

/// The session keys of a keyring, one beside each signing key.
pub struct SessionKeys {
    /// Oldest first.
    keys: Vec<(String, Ed25519KeyPair)>,
}

/// The claims of a session (RFC 7519 §4.1; `amr`: RFC 8176).
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// Our name.
    pub iss: String,
    /// For whom it is.
    pub aud: String,
    /// The user id.
    pub sub: String,
    /// Unix seconds.
    pub iat: i64,
    /// Unix seconds.
    pub exp: i64,
    /// A new one for every sign-in.
    pub sid: String,
    /// The proof of who the person is: a link in a mail. A site asks for more before anything that matters.
    pub amr: Vec<String>,
    /// The campaign whose link it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub campaign: Option<String>,
    /// The address, masked, for the pages.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub masked: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    alg: String,
    typ: String,
    kid: String,
}

impl Session {
    /// A new session with an id of its own.
    #[must_use]
    pub fn new(issuer: &str, audience: &str, user_id: &str, life: SignedDuration, now: Timestamp) -> Self {
        let mut sid = [0; 16];
        rand::fill(&mut sid).expect("the system gives random bytes");
        Self {
            iss: issuer.to_owned(),
            aud: audience.to_owned(),
            sub: user_id.to_owned(),
            iat: now.as_second(),
            exp: now.as_second().saturating_add(life.as_secs()),
            sid: BASE64URL_NOPAD.encode(&sid),
            amr: vec!["email-link".to_owned()],
            campaign: None,
            masked: None,
        }
    }
}

impl SessionKeys {
    /// Derives the session keys of a keyring.
    #[must_use]
    pub fn of(keyring: &Keyring) -> Self {
        let keys = keyring
            .kids()
            .map(|kid| {
                let kid = format!("s-{kid}");
                let seed = keyring.derive_seed(&format!("linkpost/1 session {kid}"));
                let pair = Ed25519KeyPair::from_seed_unchecked(seed.as_slice())
                    .expect("any 32 bytes are an Ed25519 seed");
                (kid, pair)
            })
            .collect();
        Self { keys }
    }

    /// Signs with the newest key.
    #[must_use]
    pub fn sign(&self, session: &Session) -> String {
        let (kid, pair) = self.keys.last().expect("a keyring has a key");
        let header = Header { alg: ALGORITHM.to_owned(), typ: TYPE.to_owned(), kid: kid.clone() };
        let part = |value: &[u8]| BASE64URL_NOPAD.encode(value);
        let json = "plain structs of text and numbers are always JSON";
        let message = format!(
            "{}.{}",
            part(&serde_json::to_vec(&header).expect(json)),
            part(&serde_json::to_vec(session).expect(json))
        );
        let signature = part(pair.sign(message.as_bytes()).as_ref());
        format!("{message}.{signature}")
    }

    /// The session in a cookie, if it is ours and has not ended.
    #[must_use]
    pub fn verify(&self, text: &str, issuer: &str, audience: &str, now: Timestamp) -> Option<Session> {
        if text.len() > LONGEST {
            return None;
        }
        let (message, signature) = text.rsplit_once('.')?;
        let (header, payload) = message.split_once('.')?;
        let decoded = |part: &str| BASE64URL_NOPAD.decode(part.as_bytes()).ok();
        let header: Header = serde_json::from_slice(&decoded(header)?).ok()?;
        if header.alg != ALGORITHM || header.typ != TYPE {
            return None;
        }
        let (_, pair) = self.keys.iter().find(|(kid, _)| *kid == header.kid)?;
        let public = UnparsedPublicKey::new(&ED25519, pair.public_key().as_ref());
        public.verify(message.as_bytes(), &decoded(signature)?).ok()?;
        let session: Session = serde_json::from_slice(&decoded(payload)?).ok()?;
        let ours = session.iss == issuer && session.aud == audience;
        (ours && session.exp > now.as_second()).then_some(session)
    }

    /// The public halves as a JSON Web Key Set (RFC 7517, RFC 8037).
    #[must_use]
    pub fn jwks(&self) -> Value {
        let keys: Vec<Value> = self
            .keys
            .iter()
            .rev()
            .map(|(kid, pair)| {
                json!({
                    "kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": ALGORITHM, "kid": kid,
                    "x": BASE64URL_NOPAD.encode(pair.public_key().as_ref()),
                })
            })
            .collect();
        json!({ "keys": keys })
    }
}

impl fmt::Debug for SessionKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionKeys([redacted])")
    }
}

/// The person of a session stays out of logs.
impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("iat", &self.iat).field("exp", &self.exp).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::token::Algorithm;

    #[test]
    fn a_session_is_read_back_until_it_ends_and_by_nobody_else() {
        let folder = tempfile::tempdir().unwrap();
        let keys_in = |name: &str| {
            let path = folder.path().join(name);
            Keyring::create(&path, Algorithm::Hs256, Timestamp::UNIX_EPOCH).unwrap();
            SessionKeys::of(&Keyring::open(&path).unwrap())
        };
        let (ours, theirs) = (keys_in("ours"), keys_in("theirs"));
        let start = Timestamp::from_second(1_800_000_000).unwrap();
        let life = SignedDuration::from_hours(1);
        let session = Session::new("issuer", "audience", "user_ada", life, start);
        let text = ours.sign(&session);
        let check =
            |keys: &SessionKeys, text: &str, issuer: &str, audience: &str, second: i64, good: bool| {
                let now = Timestamp::from_second(second).unwrap();
                let found = keys.verify(text, issuer, audience, now);
                assert_eq!(found.is_some(), good, "{issuer} {audience} {second}");
            };
        check(&ours, &text, "issuer", "audience", 1_800_000_000, true);
        check(&ours, &text, "issuer", "audience", 1_800_003_599, true);
        check(&ours, &text, "issuer", "audience", 1_800_003_600, false);
        check(&ours, &text, "other", "audience", 1_800_000_000, false);
        check(&ours, &text, "issuer", "other", 1_800_000_000, false);
        check(&theirs, &text, "issuer", "audience", 1_800_000_000, false);
        check(&ours, &format!("{text}A"), "issuer", "audience", 1_800_000_000, false);
        check(&ours, &"x".repeat(9000), "issuer", "audience", 1_800_000_000, false);
        let none = BASE64URL_NOPAD.encode(br#"{"alg":"none","typ":"session+jwt","kid":"x"}"#);
        let payload = text.split('.').nth(1).unwrap();
        check(&ours, &format!("{none}.{payload}."), "issuer", "audience", 1_800_000_000, false);
        // Whatever else these keys may come to sign is no session.
        let (kid, pair) = ours.keys.last().unwrap();
        for (alg, typ, good) in [
            (ALGORITHM, TYPE, true),
            (ALGORITHM, "email-link+jwt", false),
            (ALGORITHM, "JWT", false),
            ("Ed25519", TYPE, false),
        ] {
            let header = json!({ "alg": alg, "typ": typ, "kid": kid }).to_string();
            let message = format!("{}.{payload}", BASE64URL_NOPAD.encode(header.as_bytes()));
            let signature = BASE64URL_NOPAD.encode(pair.sign(message.as_bytes()).as_ref());
            check(&ours, &format!("{message}.{signature}"), "issuer", "audience", 1_800_000_000, good);
        }
        let again = Session::new("issuer", "audience", "user_ada", life, start);
        assert_ne!(session.sid, again.sid, "an id is never used twice");
    }
}
