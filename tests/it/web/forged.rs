//! Forged, damaged and misdirected tokens: refused, and all alike.

use std::fs;

use data_encoding::BASE64URL_NOPAD;
use jsonwebtoken::{Algorithm, EncodingKey, crypto::sign};
use rustls::pki_types::{PrivatePkcs8KeyDer, pem::PemObject};

use super::{Serve, accept, client::Page, mailed, redeemed};

fn without_date(page: &Page) -> Page {
    let mut page = page.clone();
    page.headers.retain(|(name, _)| name != "date");
    page
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_forgery_gets_the_same_answer_and_spends_nothing() {
    let (fixture, tokens) = mailed(1).await;
    let pem = fs::read_dir(fixture.path("keys")).unwrap().map(|entry| entry.unwrap().path());
    let pem = pem.into_iter().find(|path| path.extension().is_some_and(|ending| ending == "pem")).unwrap();
    let document = PrivatePkcs8KeyDer::from_pem_file(&pem).unwrap();
    let ours = EncodingKey::from_ed_der(document.secret_pkcs8_der());
    let pair = aws_lc_rs::signature::Ed25519KeyPair::from_pkcs8(document.secret_pkcs8_der()).unwrap();
    let public = aws_lc_rs::signature::KeyPair::public_key(&pair).as_ref().to_vec();
    let parts: Vec<&str> = tokens[0].split('.').collect();
    let text = |part: &str| String::from_utf8(BASE64URL_NOPAD.decode(part.as_bytes()).unwrap()).unwrap();
    let (header, claims) = (text(parts[0]), text(parts[1]));
    let signed = |header: &str, claims: &str, key: &EncodingKey, algorithm: Algorithm| {
        let message = format!(
            "{}.{}",
            BASE64URL_NOPAD.encode(header.as_bytes()),
            BASE64URL_NOPAD.encode(claims.as_bytes())
        );
        let signature = sign(message.as_bytes(), key, algorithm).unwrap();
        format!("{message}.{signature}")
    };
    let ed = |header: &str, claims: &str| signed(header, claims, &ours, Algorithm::EdDSA);
    let but = |text: &str, from: &str, to: &str| {
        assert!(text.contains(from), "{from} in {text}");
        text.replacen(from, to, 1)
    };
    let exp = {
        let claims: serde_json::Value = serde_json::from_str(&claims).unwrap();
        claims["exp"].as_i64().unwrap()
    };
    let hs256 = but(&header, "EdDSA", "HS256");
    let forgeries = [
        (
            "none",
            format!("{}.{}.", BASE64URL_NOPAD.encode(but(&header, "EdDSA", "none").as_bytes()), parts[1]),
        ),
        ("no signature", format!("{}.{}.", parts[0], parts[1])),
        (
            "the public key as a secret",
            signed(&hs256, &claims, &EncodingKey::from_secret(&public), Algorithm::HS256),
        ),
        ("another kid", ed(&but(&header, "\"kid\":\"2", "\"kid\":\"3"), &claims)),
        ("a path as kid", ed(&but(&header, "\"kid\":\"2", "\"kid\":\"../2"), &claims)),
        ("another audience", ed(&header, &but(&claims, "app.example.com", "other.example.com"))),
        ("another issuer", ed(&header, &but(&claims, "\"https://example.com\"", "\"https://evil.example\""))),
        ("another user", ed(&header, &but(&claims, "user_1", "user_2"))),
        ("no expiry", ed(&header, &but(&claims, &format!("\"exp\":{exp},"), ""))),
        ("a life of years", ed(&header, &but(&claims, &exp.to_string(), &(exp + 99_999_999).to_string()))),
        ("not valid yet", ed(&header, &but(&claims, "\"nbf\":1", "\"nbf\":9"))),
        ("a claim twice", ed(&header, &but(&claims, "{", "{\"sub\":\"user_2\","))),
        ("a further claim", ed(&header, &but(&claims, "{", "{\"admin\":true,"))),
        ("crit", ed(&but(&header, "{", "{\"crit\":[\"x\"],"), &claims)),
        ("jku", ed(&but(&header, "{", "{\"jku\":\"https://evil.example\","), &claims)),
        ("another typ", ed(&but(&header, "email-link+jwt", "session+jwt"), &claims)),
        ("trailing bytes", format!("{}A", tokens[0])),
        ("a fourth part", format!("{}.x", tokens[0])),
        ("a jti that was never sent", ed(&header, &claims.replace(jti(&claims), "AAAAAAAAAAAAAAAAAAAAAA"))),
        ("cut", tokens[0][..tokens[0].len() - 1].to_owned()),
        ("too long", "x".repeat(3000)),
        ("nonsense", "%F0%9F%8E%89".to_owned()),
        ("a quote", "%22%3E%3Cscript%3Ealert(1)%3C/script%3E".to_owned()),
    ];
    let serve = Serve::start(&fixture);
    let expected = without_date(&serve.browser().get(&accept("x")));
    assert_eq!((expected.status, expected.title()), (404, "This link does not work"));
    for (name, forgery) in &forgeries {
        let page = serve.browser().get(&accept(forgery));
        // Whoever has one that is not valid yet had the key: it teaches nothing to say that a clock is wrong.
        let is_early = *name == "not valid yet" && page.title() == "This link is not valid yet";
        assert!(is_early || without_date(&page) == expected, "{name}: {page:?}");
        let body = format!("{{\"token\":\"{forgery}\"}}");
        let bearer = format!("Bearer {}", super::KEY);
        let headers = [("content-type", "application/json"), ("authorization", bearer.as_str())];
        let answer = serve.browser().ask("POST", "/v1/tickets/redeem", &headers, &body);
        assert!(answer.status == 400 && answer.body.contains("ticket_invalid_code"), "{name}: {answer:?}");
    }
    assert_eq!(redeemed(&fixture), 0);
    assert_eq!(serve.browser().click(&accept(&tokens[0])).status, 303);
}

fn jti(claims: &str) -> &str {
    let (_, rest) = claims.split_once("\"jti\":\"").unwrap();
    rest.split_once('"').unwrap().0
}
