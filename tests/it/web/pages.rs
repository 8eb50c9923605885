//! The way through the accept page, and the headers of every answer.

use data_encoding::BASE64URL_NOPAD;
use serde_json::Value;

use super::{KEY, ORIGIN, Serve, accept, mailed, redeemed};
use crate::support::{judge, python};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_click_signs_in_once_and_leads_home_without_the_token() {
    let (fixture, tokens) = mailed(1).await;
    let serve = Serve::start(&fixture);
    let mut browser = serve.browser();
    let page = browser.get(&accept(&tokens[0]));
    assert_eq!((page.status, page.title()), (200, "Sign in to Example"), "{page:?}");
    assert!(page.body.contains("Continue as p***@example.com"), "{}", page.body);
    assert!(!page.body.contains("<script") && !page.body.contains("person1"), "{}", page.body);
    let landed = browser.form("/accept-token", &page.fields());
    assert_eq!((landed.status, landed.header("location")), (303, Some("/home")), "{landed:?}");
    assert_eq!(redeemed(&fixture), 1);
    assert!(browser.cookies.contains_key("__Host-session"), "{landed:?}");
    let again = browser.get(&accept(&tokens[0]));
    assert_eq!((again.status, again.title()), (200, "You are signed in"));
    let stranger = serve.browser().get(&accept(&tokens[0]));
    assert_eq!((stranger.status, stranger.title()), (410, "This link has been used"));
    assert!(stranger.body.contains("https://app.example.com/sign-in") || stranger.body.contains("sign-in"));
    assert!(!serve.said().contains(&tokens[0][..40]), "{}", serve.said());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn looking_at_a_link_a_thousand_times_leaves_it_unspent() {
    let (fixture, tokens) = mailed(1).await;
    let serve = Serve::start(&fixture);
    let path = accept(&tokens[0]);
    for round in 0..1000 {
        let mut browser = serve.browser();
        let page = match round % 4 {
            0 => browser.ask("HEAD", &path, &[], ""),
            1 => browser.ask("GET", &path, &[("sec-purpose", "prefetch;prerender")], ""),
            2 => browser.ask("GET", &path, &[("user-agent", "Slackbot-LinkExpanding 1.0")], ""),
            _ => browser.get(&path),
        };
        assert_eq!(page.status, 200);
        assert_eq!(page.body.is_empty(), round % 4 == 0);
    }
    for method in ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "get"] {
        assert_eq!(serve.browser().ask(method, &path, &[], "").status, 405, "{method}");
    }
    assert_eq!(redeemed(&fixture), 0);
    assert_eq!(serve.browser().click(&path).status, 303);
    assert_eq!(redeemed(&fixture), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_form_that_our_page_did_not_show_to_this_browser_spends_nothing() {
    let (fixture, tokens) = mailed(2).await;
    let serve = Serve::start(&fixture);
    let mut victim = serve.browser();
    let mut attacker = serve.browser();
    let stolen = attacker.get(&accept(&tokens[0])).fields();
    let check = |browser: &mut super::Browser, fields: &[(String, String)], title: &str| {
        let page = browser.form("/accept-token", fields);
        assert_eq!((page.status, page.title()), (403, title), "{page:?}");
    };
    // The attacker's page and check in the victim's browser: signing somebody in as the attacker (login CSRF).
    check(&mut victim, &stolen, "Please open the link again");
    let other = victim.get(&accept(&tokens[1])).fields();
    check(&mut victim, &stolen, "Please open the link again");
    // The check of another link.
    let mixed: Vec<_> = stolen.iter().take(1).chain(other.iter().skip(1)).cloned().collect();
    check(&mut victim, &mixed, "Please open the link again");
    // What a browser says about another site.
    for (name, value) in [("origin", "https://evil.example"), ("sec-fetch-site", "cross-site")] {
        victim.headers = vec![(name.to_owned(), value.to_owned())];
        check(&mut victim, &other, "This did not come from us");
    }
    assert_eq!(redeemed(&fixture), 0);
    for (name, value) in [("origin", ORIGIN), ("sec-fetch-site", "same-origin")] {
        victim.headers = vec![(name.to_owned(), value.to_owned())];
        assert_eq!(victim.form("/accept-token", &other).status, 303, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn somebody_who_is_signed_in_as_another_is_asked() {
    let (fixture, tokens) = mailed(2).await;
    let serve = Serve::start(&fixture);
    let mut browser = serve.browser();
    assert_eq!(browser.click(&accept(&tokens[0])).status, 303);
    let first = browser.cookies["__Host-session"].clone();
    let page = browser.get(&accept(&tokens[1]));
    assert_eq!((page.status, page.title()), (200, "You are signed in as somebody else"));
    // Without the word of the person nothing is switched.
    let fields: Vec<_> = page.fields().into_iter().filter(|(name, _)| name != "switch").collect();
    let asked = browser.form("/accept-token", &fields);
    assert_eq!((asked.status, asked.title()), (409, "You are signed in as somebody else"));
    assert_eq!((redeemed(&fixture), &browser.cookies["__Host-session"]), (1, &first));
    assert_eq!(browser.form("/accept-token", &page.fields()).status, 303);
    assert_ne!(browser.cookies["__Host-session"], first);
    assert_eq!(redeemed(&fixture), 2);
    // A link that somebody else has used is no way back into one's own session.
    let used = browser.get(&accept(&tokens[0]));
    assert_eq!((used.status, used.title()), (410, "This link has been used"));
    assert_eq!(browser.get(&accept(&tokens[1])).title(), "You are signed in");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_id_is_new_whatever_the_browser_brought_along() {
    let (fixture, tokens) = mailed(2).await;
    let serve = Serve::start(&fixture);
    let mut browser = serve.browser();
    assert_eq!(browser.click(&accept(&tokens[0])).status, 303);
    let planted = browser.cookies["__Host-session"].clone();
    let mut victim = serve.browser();
    victim.cookies.insert("__Host-session".to_owned(), format!("{planted}x"));
    assert_eq!(victim.click(&accept(&tokens[1])).status, 303);
    let sid = |cookie: &str| claims(cookie)["sid"].as_str().unwrap().to_owned();
    assert_ne!(sid(&victim.cookies["__Host-session"]), sid(&planted));
    assert_eq!(claims(&victim.cookies["__Host-session"])["sub"], "user_2");
}

fn claims(cookie: &str) -> Value {
    let payload = cookie.split('.').nth(1).unwrap();
    serde_json::from_slice(&BASE64URL_NOPAD.decode(payload.as_bytes()).unwrap()).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_standard_library_verifies_the_session_and_takes_no_link_for_one() {
    if !python("jwt") {
        return;
    }
    let (fixture, tokens) = mailed(1).await;
    let serve = Serve::start(&fixture);
    let mut browser = serve.browser();
    assert_eq!(browser.click(&accept(&tokens[0])).status, 303);
    let script = r#"
import json, sys, urllib.request, jwt
base, session, link = sys.argv[1:]
keys = jwt.PyJWKSet.from_dict(json.load(urllib.request.urlopen(base + "/.well-known/jwks.json")))
def read(token):
    key = keys[jwt.get_unverified_header(token)["kid"]]
    return jwt.decode(token, key, algorithms=["EdDSA"], audience="https://app.example.com",
        issuer="https://example.com", options={"require": ["exp", "iat", "sub", "sid"]})
claims = read(session)
assert claims["sub"] == "user_1" and claims["amr"] == ["email-link"] and claims["campaign"] == "spring", claims
assert claims["masked"] == "p***@example.com", claims
for key in keys.keys:
    try:
        jwt.decode(link, key, algorithms=["EdDSA"], audience="https://app.example.com", issuer="https://example.com")
    except jwt.InvalidSignatureError:
        continue
    raise SystemExit("a link passes for a session")
print("ok")
"#;
    let base = format!("http://{}", serve.address);
    let output = std::process::Command::new("python3")
        .args(["-c", script, &base, &browser.cookies["__Host-session"], &tokens[0]])
        .output()
        .unwrap();
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        "ok\n",
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(judge("PyJWT", true));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_answer_carries_the_headers_that_keep_a_link_secret() {
    let (fixture, tokens) = mailed(1).await;
    let serve = Serve::start(&fixture);
    let accept = accept(&tokens[0]);
    let paths =
        [accept.as_str(), "/accept-token?token=x", "/nothing", "/home", "/v1/sign_in_tokens", "/healthz"];
    for path in paths.into_iter().chain(["/signed-in", "/answered", "/unsubscribe?u=x"]) {
        let page = serve.browser().get(path);
        let check = |name: &str, expected: &str| {
            assert!(
                page.header(name).is_some_and(|value| value.contains(expected)),
                "{path} {name}: {page:?}"
            );
        };
        check("referrer-policy", "no-referrer");
        check("cache-control", "no-store");
        check("x-content-type-options", "nosniff");
        check("strict-transport-security", "max-age=");
        let policy = "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; \
                      frame-ancestors 'none'; base-uri 'none'";
        check("content-security-policy", policy);
        assert!(!page.body.contains("evil.example"), "the host of a request is nobody's word: {path}");
    }
    let cookie = serve.browser().get(&accept).header("set-cookie").unwrap().to_owned();
    for part in ["__Host-linkpost=", "; Path=/", "; HttpOnly", "; Secure", "; SameSite=Lax"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    assert!(!cookie.contains("Domain"), "{cookie}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_figures_count_and_stay_in_the_house() {
    let (fixture, tokens) = mailed(1).await;
    fixture.edit("linkpost.toml", "[web]", "[web]\nclient_address_header = \"x-forwarded-for\"");
    let serve = Serve::start(&fixture);
    assert_eq!(serve.browser().click(&accept(&tokens[0])).status, 303);
    assert_eq!(serve.browser().get(&accept(&tokens[0])).status, 410);
    let figures = serve.browser().get("/metrics");
    for line in [
        "linkpost_web_events_total{event=\"redeemed\"} 1\n",
        "linkpost_web_events_total{event=\"refused_used\"} 1\n",
        "linkpost_web_requests_total{route=\"accept\",status=\"3xx\"} 1\n",
        "# TYPE linkpost_web_connections gauge\n",
    ] {
        assert!(figures.body.contains(line), "{line} in {}", figures.body);
    }
    let mut outside = serve.browser();
    outside.headers.push(("x-forwarded-for".to_owned(), "127.0.0.1, 203.0.113.9".to_owned()));
    assert_eq!(outside.get("/metrics").status, 404);
    assert_eq!(outside.get("/healthz").body, "ok\n");
    assert!(!serve.said_with("203.0.113.0/24").contains("203.0.113.9"));
    assert!(!serve.said().contains(KEY));
}
