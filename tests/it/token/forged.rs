//! Forgeries: each differs in one thing from a token that is accepted, and each is refused.

use std::fs;

use data_encoding::BASE64URL_NOPAD;
use jsonwebtoken::{Algorithm as Jwa, EncodingKey, crypto::sign};
use linkpost::token::{Algorithm, Keyring, Refusal, verify};
use proptest::prelude::*;
use rustls::pki_types::{PrivatePkcs8KeyDer, pem::PemObject};

use super::{AUDIENCE, Folder, ISSUER, after, issue, start};

/// A forger who has our keys, to show that more than the signature is checked.
struct Forger {
    folder: Folder,
    keyring: Keyring,
    ed25519: EncodingKey,
    hs256: EncodingKey,
    ed25519_public: Vec<u8>,
    ed25519_kid: String,
    hs256_kid: String,
}

const JTI: &str = "AAAAAAAAAAAAAAAAAAAAAA";

impl Forger {
    fn new() -> Self {
        let folder = Folder::empty();
        let first = Keyring::create(&folder.path, Algorithm::EdDsa, start()).unwrap();
        let second = Keyring::create(&folder.path, Algorithm::Hs256, after(1)).unwrap();
        let document = PrivatePkcs8KeyDer::from_pem_file(&first.path).unwrap();
        let pair = aws_lc_rs::signature::Ed25519KeyPair::from_pkcs8(document.secret_pkcs8_der()).unwrap();
        let secret =
            BASE64URL_NOPAD.decode(fs::read_to_string(&second.path).unwrap().trim_end().as_bytes()).unwrap();
        Self {
            keyring: folder.open(),
            folder,
            ed25519: EncodingKey::from_ed_der(document.secret_pkcs8_der()),
            hs256: EncodingKey::from_secret(&secret),
            ed25519_public: aws_lc_rs::signature::KeyPair::public_key(&pair).as_ref().to_vec(),
            ed25519_kid: first.kid,
            hs256_kid: second.kid,
        }
    }

    fn header(&self) -> String {
        format!(r#"{{"alg":"EdDSA","typ":"email-link+jwt","kid":"{}"}}"#, self.ed25519_kid)
    }

    fn claims() -> String {
        let iat = start().as_second();
        format!(
            r#"{{"iss":"{ISSUER}","aud":"{AUDIENCE}","sub":"user_1","iat":{iat},"nbf":{iat},"exp":{},"jti":"{JTI}"}}"#,
            iat + 3600
        )
    }

    fn signed(&self, header: &str, claims: &str) -> String {
        signed(header, claims, &self.ed25519, Jwa::EdDSA)
    }

    fn verify(&self, token: &str) -> Result<(), Refusal> {
        verify(token, &self.keyring, ISSUER, AUDIENCE, start()).map(drop)
    }
}

fn signed(header: &str, claims: &str, key: &EncodingKey, algorithm: Jwa) -> String {
    let message = format!(
        "{}.{}",
        BASE64URL_NOPAD.encode(header.as_bytes()),
        BASE64URL_NOPAD.encode(claims.as_bytes())
    );
    let signature = sign(message.as_bytes(), key, algorithm).unwrap();
    format!("{message}.{signature}")
}

/// The text with one thing in it replaced; it must be there.
fn but(text: &str, from: &str, to: &str) -> String {
    assert!(text.contains(from), "`{from}` is not in {text}");
    text.replacen(from, to, 1)
}

#[test]
fn what_the_forger_changes_nothing_in_is_accepted() {
    let forger = Forger::new();
    assert_eq!(forger.verify(&forger.signed(&forger.header(), &Forger::claims())), Ok(()));
    let header = but(&but(&forger.header(), "EdDSA", "HS256"), &forger.ed25519_kid, &forger.hs256_kid);
    assert_eq!(forger.verify(&signed(&header, &Forger::claims(), &forger.hs256, Jwa::HS256)), Ok(()));
    // White space inside the object is free (RFC 8259 §2); before it, none of ours has any.
    let header = but(&forger.header(), "{", " {");
    assert_eq!(forger.verify(&forger.signed(&header, &Forger::claims())), Err(Refusal::Malformed));
    let header = but(&forger.header(), "{", "{\n ");
    assert_eq!(forger.verify(&forger.signed(&header, &Forger::claims())), Ok(()));
}

#[test]
fn a_forged_header_is_refused_even_with_a_good_signature() {
    let forger = Forger::new();
    let header = forger.header();
    let kid = forger.ed25519_kid.as_str();
    let check = |header: &str, expected: Refusal| {
        assert_eq!(forger.verify(&forger.signed(header, &Forger::claims())), Err(expected), "{header}");
    };
    for alg in
        ["none", "None", "NONE", "nOnE", "", "eddsa", "EDDSA", "HS256", "HS512", "RS256", "ES256", "Ed25519"]
    {
        check(&but(&header, "EdDSA", alg), Refusal::Algorithm);
    }
    for bad in ["../seed", "a/b", "a.b", "a b", "", &"k".repeat(65), "ké", "k\\u0000", "' or 1=1 --"] {
        check(&but(&header, kid, bad), Refusal::Header);
    }
    check(&but(&header, kid, &"k".repeat(64)), Refusal::UnknownKey);
    check(&but(&header, kid, &kid.to_lowercase()), Refusal::UnknownKey);
    check(&but(&header, kid, "seed"), Refusal::UnknownKey);
    // The other key's name: its algorithm decides.
    check(&but(&header, kid, &forger.hs256_kid), Refusal::Algorithm);
    for typ in ["JWT", "jwt", "at+jwt", "EMAIL-LINK+JWT", "application/email-link+jwt", ""] {
        check(&but(&header, "email-link+jwt", typ), Refusal::Header);
    }
    for member in [
        r#""jku":"https://example.com/keys""#,
        r#""jwk":{"kty":"OKP","crv":"Ed25519","x":"AAAA"}"#,
        r#""x5u":"https://example.com/keys""#,
        r#""x5c":["AAAA"]"#,
        r#""x5t":"AAAA""#,
        r#""crit":["exp"]"#,
        r#""b64":false"#,
        r#""zip":"DEF""#,
        r#""cty":"JWT""#,
        r#""enc":"A256GCM""#,
        r#""any":null"#,
        r#""alg":"none""#,
        r#""alg":"EdDSA""#,
        r#""typ":"email-link+jwt""#,
        r#""kid":"x""#,
    ] {
        check(&but(&header, "}", &format!(",{member}}}")), Refusal::Header);
        check(&but(&header, "{", &format!("{{{member},")), Refusal::Header);
    }
    for (from, to) in [
        (r#""alg":"EdDSA","#, ""),
        (r#","typ":"email-link+jwt""#, ""),
        (r#""EdDSA""#, "null"),
        (r#""EdDSA""#, r#"["EdDSA"]"#),
        (r#""email-link+jwt""#, "1"),
        ("kid", "KID"),
    ] {
        check(&but(&header, from, to), Refusal::Header);
    }
    for text in
        [format!("{header} x"), format!("{header}{header}"), format!("[{header}]"), header[1..].to_owned()]
    {
        check(&text, Refusal::Malformed);
    }
    let array = format!(r#"["EdDSA","email-link+jwt","{kid}"]"#);
    for text in [array.as_str(), "", "{", "null", "\u{feff}{}"] {
        check(text, Refusal::Malformed);
    }
    check("{}", Refusal::Header);
}

#[test]
fn forged_claims_are_refused_even_with_a_good_signature() {
    let forger = Forger::new();
    let claims = Forger::claims();
    let check = |claims: &str, expected: Refusal| {
        assert_eq!(forger.verify(&forger.signed(&forger.header(), claims)), Err(expected), "{claims}");
    };
    let iat = start().as_second();
    let claim = |name: &str, value: i64| format!(r#""{name}":{value}"#);
    for name in ["iss", "aud", "sub", "iat", "nbf", "exp", "jti"] {
        let value = claims.split(&format!(r#""{name}":"#)).nth(1).unwrap();
        let value = &value[..value.find([',', '}']).unwrap()];
        let member = format!(r#""{name}":{value}"#);
        let missing = but(&claims, &member, "").replace(",,", ",").replace("{,", "{").replace(",}", "}");
        check(&missing, Refusal::Claims);
        check(&but(&claims, &member, &format!(r#""{name}":null"#)), Refusal::Claims);
        check(&but(&claims, &member, &format!(r#""{name}":[{value}]"#)), Refusal::Claims);
        check(&but(&claims, &member, &format!("{member},{member}")), Refusal::Claims);
    }
    for (name, value) in [("iat", iat), ("nbf", iat), ("exp", iat + 3600)] {
        let member = claim(name, value);
        check(&but(&claims, &member, &format!(r#""{name}":"{value}""#)), Refusal::Claims);
        check(&but(&claims, &member, &format!(r#""{name}":{value}.0"#)), Refusal::Claims);
        check(&but(&claims, &member, &format!(r#""{name}":{value}e0"#)), Refusal::Claims);
        check(&but(&claims, &member, &format!(r#""{name}":99999999999999999999"#)), Refusal::Claims);
    }
    for (from, to) in [(ISSUER, "https://example.com/"), (ISSUER, "https://evil.example"), (ISSUER, "")] {
        check(&but(&claims, from, to), Refusal::Issuer);
    }
    for to in ["https://APP.example.com", "https://other.example.com", ""] {
        check(&but(&claims, AUDIENCE, to), Refusal::Audience);
    }
    check(&but(&claims, r#""sub":"user_1""#, r#""sub":"""#), Refusal::Claims);
    for jti in [
        "",
        "AAAA",
        &JTI[1..],
        "AAAAAAAAAAAAAAAAAAAAAB",
        "AAAAAAAAAAAAAAAAAAAAAA==",
        "AAAAAAAAAAAAAAAAAAAAA+",
    ] {
        check(&but(&claims, JTI, jti), Refusal::Claims);
    }
    check(&but(&claims, "{", r#"{"admin":true,"#), Refusal::Claims);
    check(&but(&claims, &claim("iat", iat), &claim("iat", iat + 301)), Refusal::NotYet);
    check(&but(&claims, &claim("nbf", iat), &claim("nbf", iat + 301)), Refusal::NotYet);
    check(&but(&claims, &claim("exp", iat + 3600), &claim("exp", iat)), Refusal::Claims);
    check(&but(&claims, &claim("exp", iat + 3600), &claim("exp", iat - 1)), Refusal::Claims);
    check(&but(&claims, &claim("exp", iat + 3600), &claim("exp", -1)), Refusal::Claims);
    check(&but(&claims, &claim("exp", iat + 3600), &claim("exp", i64::MAX)), Refusal::Claims);
    check(&but(&claims, &claim("iat", iat), &claim("iat", i64::MIN)), Refusal::Claims);
    check(&but(&claims, &claim("exp", iat + 3600), &claim("exp", iat + 30 * 86_400 + 1)), Refusal::Claims);
    let longest = but(&claims, &claim("exp", iat + 3600), &claim("exp", iat + 30 * 86_400));
    assert_eq!(
        forger.verify(&forger.signed(&forger.header(), &longest)),
        Ok(()),
        "thirty days, and no second more"
    );
    let past = but(&claims, &claim("iat", iat), &claim("iat", iat - 7200));
    check(&but(&past, &claim("exp", iat + 3600), &claim("exp", iat)), Refusal::Expired);
    for text in [format!("{claims}x"), format!("{claims}{claims}"), format!("[{claims}]"), String::new()] {
        check(&text, Refusal::Malformed);
    }
    check(&but(&claims, "user_1", &"u".repeat(2500)), Refusal::TooLong);
}

#[test]
fn a_token_may_have_two_kibibytes_and_no_byte_more() {
    let forger = Forger::new();
    // Base64 skips every fourth length, so two of the parts have to grow.
    let token = |length: usize| {
        let grown = (1000..1500).flat_map(|user| (0..3).map(move |spaces| (user, spaces)));
        let tokens = grown.map(|(user, spaces)| {
            let header = but(&forger.header(), "{", &format!("{{{}", " ".repeat(spaces)));
            forger.signed(&header, &but(&Forger::claims(), "user_1", &"u".repeat(user)))
        });
        tokens.into_iter().find(|token| token.len() == length).unwrap()
    };
    assert_eq!(forger.verify(&token(2048)), Ok(()));
    assert_eq!(forger.verify(&token(2049)), Err(Refusal::TooLong));
}

#[test]
fn a_signature_by_anything_but_the_named_key_is_refused() {
    let forger = Forger::new();
    let claims = Forger::claims();
    let header = forger.header();
    let good = forger.signed(&header, &claims);
    let check = |token: &str, expected: Refusal| assert_eq!(forger.verify(token), Err(expected), "{token}");

    // The public key as an HMAC secret, raw and in the encodings that a page may publish.
    let as_hs256 = but(&header, "EdDSA", "HS256");
    let der = [
        &[0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00][..],
        &forger.ed25519_public,
    ]
    .concat();
    let pem = format!(
        "-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n",
        data_encoding::BASE64.encode(&der)
    );
    let text = BASE64URL_NOPAD.encode(&forger.ed25519_public);
    for secret in [&forger.ed25519_public[..], &der, pem.as_bytes(), text.as_bytes(), b""] {
        let key = EncodingKey::from_secret(secret);
        check(&signed(&as_hs256, &claims, &key, Jwa::HS256), Refusal::Algorithm);
        check(&signed(&header, &claims, &key, Jwa::HS256), Refusal::Signature);
        let named = but(&as_hs256, &forger.ed25519_kid, &forger.hs256_kid);
        check(&signed(&named, &claims, &key, Jwa::HS256), Refusal::Signature);
    }
    // Another algorithm of the same family with the right secret.
    let named = but(&as_hs256, &forger.ed25519_kid, &forger.hs256_kid);
    check(&signed(&named, &claims, &forger.hs256, Jwa::HS512), Refusal::Signature);
    // A stranger's key under our key's name.
    let stranger = Forger::new();
    check(&signed(&header, &claims, &stranger.ed25519, Jwa::EdDSA), Refusal::Signature);
    check(&stranger.signed(&stranger.header(), &claims), Refusal::UnknownKey);

    let (message, signature) = good.rsplit_once('.').unwrap();
    let other = forger.signed(&header, &but(&claims, "user_1", "user_2"));
    let (other_message, other_signature) = other.rsplit_once('.').unwrap();
    check(&format!("{message}.{other_signature}"), Refusal::Signature);
    check(&format!("{other_message}.{signature}"), Refusal::Signature);
    check(&format!("{message}."), Refusal::Signature);
    check(&format!("{message}.{}", &signature[..40]), Refusal::Signature);
    check(&format!("{message}.{signature}AAAA"), Refusal::Signature);
    // S + L signs the same message for a verifier that does not reduce (RFC 8032 §5.1.7).
    let order: [u8; 32] = [
        0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0,
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
    ];
    let mut bytes = BASE64URL_NOPAD.decode(signature.as_bytes()).unwrap();
    let mut carry = 0;
    for (byte, add) in bytes[32..].iter_mut().zip(order) {
        let sum = u16::from(*byte) + u16::from(add) + carry;
        *byte = sum.to_le_bytes()[0];
        carry = sum >> 8;
    }
    check(&format!("{message}.{}", BASE64URL_NOPAD.encode(&bytes)), Refusal::Signature);
}

#[test]
fn a_token_in_any_other_shape_is_refused() {
    let forger = Forger::new();
    let good = forger.signed(&forger.header(), &Forger::claims());
    let parts: Vec<&str> = good.split('.').collect();
    let [header, claims, signature] = parts[..] else { panic!("three parts") };
    let last = |text: &str, to: char| format!("{}{to}", &text[..text.len() - 1]);
    let shapes = [
        String::new(),
        ".".to_owned(),
        "..".to_owned(),
        format!("{header}.{claims}"),
        format!("{header}..{signature}"),
        format!(".{claims}.{signature}"),
        format!("{good}."),
        format!(".{good}"),
        format!("{good}.{signature}"),
        format!("{good}\n"),
        format!(" {good}"),
        format!("{good}\0"),
        format!("{good}%20"),
        format!("{good}="),
        format!("{header}=.{claims}.{signature}"),
        format!("{header}.{claims}==.{signature}"),
        format!("{claims}.{header}.{signature}"),
        format!("{signature}.{claims}.{header}"),
        format!("{header}.{signature}.{claims}"),
        format!("Bearer {good}"),
        good.replace('.', "%2E"),
        good.replace('.', ".."),
        good.to_uppercase(),
        good.chars().rev().collect(),
        // The two loose bits at the end of 64 bytes: `A` is 0, `B` would be the same bytes read kindly.
        last(signature, 'B'),
        format!("{header}.{claims}.{}", last(signature, 'B')),
        format!("{header}.{claims}.{}", signature.replace(['-', '_'], "+") + "+"),
        "PREVIEW.0123456789abcdef.signs-nobody-in".to_owned(),
        "x".repeat(2048),
    ];
    for shape in &shapes {
        assert_ne!(*shape, good);
        assert!(forger.verify(shape).is_err(), "{shape}");
    }
    for long in [format!("{good}{}", "A".repeat(3072)), "x".repeat(2049), ".".repeat(3072), "é".repeat(1025)]
    {
        assert_eq!(forger.verify(&long), Err(Refusal::TooLong));
    }
    // Unsecured and encrypted forms (RFC 7519 §6.1, RFC 7516 §3.1).
    for alg in ["none", "None", "NONE"] {
        let header = BASE64URL_NOPAD.encode(but(&forger.header(), "EdDSA", alg).as_bytes());
        for signature in ["", signature] {
            assert_eq!(forger.verify(&format!("{header}.{claims}.{signature}")), Err(Refusal::Algorithm));
        }
    }
    assert!(forger.verify(&format!("{header}.{claims}.{signature}.{claims}.{signature}")).is_err());
}

#[test]
fn time_bounds_are_exact() {
    for algorithm in Algorithm::ALL {
        let folder = Folder::with(algorithm);
        let (token, record) = issue(&folder, algorithm, None, start());
        let end = record.expires_at - record.issued_at;
        let check = |seconds: i64, expected: Option<Refusal>| {
            assert_eq!(folder.verify(&token, after(seconds)).err(), expected, "{seconds} s");
        };
        check(-301, Some(Refusal::NotYet));
        check(-300, None);
        check(0, None);
        check(end - 1, None);
        check(end, Some(Refusal::Expired));
        check(end + 30, Some(Refusal::Expired));
    }
}

#[test]
fn another_installation_refuses_the_token() {
    let folder = Folder::with(Algorithm::EdDsa);
    let (token, _) = issue(&folder, Algorithm::EdDsa, None, start());
    let check = |issuer: &str, audience: &str, expected: Refusal| {
        assert_eq!(verify(&token, &folder.open(), issuer, audience, start()), Err(expected));
    };
    check("https://other.example", AUDIENCE, Refusal::Issuer);
    check(ISSUER, "https://other.example", Refusal::Audience);
    check(AUDIENCE, ISSUER, Refusal::Issuer);
}

/// One edit at a place, so that the text is another one.
fn edited(token: &str, place: usize, edit: u8, with: char) -> Option<String> {
    let mut characters: Vec<char> = token.chars().collect();
    let place = place % characters.len();
    match edit % 5 {
        0 => characters[place] = with,
        1 => characters.insert(place, with),
        2 => drop(characters.remove(place)),
        3 => characters.truncate(place),
        _ => {
            let next = (place + 1) % characters.len();
            characters.swap(place, next);
        }
    }
    let text: String = characters.into_iter().collect();
    (text != token).then_some(text)
}

#[test]
fn no_edit_of_a_token_is_accepted() {
    for algorithm in Algorithm::ALL {
        let folder = Folder::with(algorithm);
        let (token, _) = issue(&folder, algorithm, None, start());
        let keyring = folder.open();
        let check = |token: &str| verify(token, &keyring, ISSUER, AUDIENCE, start());
        assert!(check(&token).is_ok());
        // Every character against every other character of the alphabet.
        let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.=+/ \n";
        for place in 0..token.len() {
            for with in alphabet.chars() {
                if let Some(edited) = edited(&token, place, 0, with) {
                    assert!(check(&edited).is_err(), "{edited}");
                }
            }
        }
        let character = prop_oneof![proptest::char::range('!', '~'), any::<char>()];
        let edits = (any::<usize>(), any::<u8>(), character);
        proptest!(ProptestConfig::with_cases(4096), |((place, edit, with) in edits)| {
            if let Some(edited) = edited(&token, place, edit, with) {
                prop_assert!(check(&edited).is_err(), "{}", edited);
            }
        });
    }
}

#[test]
fn no_text_whatever_is_accepted_or_makes_verifying_panic() {
    let forger = Forger::new();
    let key = &forger.ed25519;
    proptest!(ProptestConfig::with_cases(4096), |(
        text in any::<String>(),
        parts in "[A-Za-z0-9_=-]{0,80}\\.[A-Za-z0-9_=-]{0,80}\\.[A-Za-z0-9_=-]{0,90}",
    )| {
        prop_assert!(forger.verify(&text).is_err());
        prop_assert!(forger.verify(&parts).is_err());
        // Signed by us, so that the texts reach the parser of the claims.
        prop_assert!(forger.verify(&signed(&text, &Forger::claims(), key, Jwa::EdDSA)).is_err());
        prop_assert!(forger.verify(&signed(&forger.header(), &text, key, Jwa::EdDSA)).is_err());
    });
    assert!(forger.folder.path.exists());
}
