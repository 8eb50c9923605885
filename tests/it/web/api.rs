//! The token API, and redeeming from server to server.

use std::process::Command;

use serde_json::{Value, json};

use super::{KEY, Serve, accept, client::Page, fixture, mailed, redeemed};
use crate::support::judge;

fn ask(serve: &Serve, path: &str, body: &str) -> (Page, Value) {
    with(
        serve,
        path,
        &[("content-type", "application/json"), ("authorization", &format!("Bearer {KEY}"))],
        body,
    )
}

fn with(serve: &Serve, path: &str, headers: &[(&str, &str)], body: &str) -> (Page, Value) {
    let page = serve.browser().ask("POST", path, headers, body);
    assert_eq!(page.header("content-type"), Some("application/json"), "{page:?}");
    let value = serde_json::from_str(&page.body).unwrap();
    (page, value)
}

#[test]
fn a_token_is_made_used_once_and_cannot_be_called_back_then() {
    let fixture = fixture(1);
    let serve = Serve::start(&fixture);
    let (page, made) = ask(&serve, "/v1/sign_in_tokens", r#"{"user_id":"user_123"}"#);
    assert_eq!(page.status, 200, "{made}");
    assert_eq!(
        (&made["object"], &made["status"], &made["user_id"]),
        (&json!("sign_in_token"), &json!("pending"), &json!("user_123"))
    );
    let (id, token) = (made["id"].as_str().unwrap(), made["token"].as_str().unwrap());
    assert!(id.starts_with("sit_") && id.len() == 31, "{made}");
    assert_eq!(made["url"], json!(format!("{}{}", super::ORIGIN, accept(token))));
    assert!(
        made["created_at"].as_i64().unwrap() > 1_700_000_000_000 && made["created_at"] == made["updated_at"]
    );
    assert_eq!(serve.browser().click(&accept(token)).status, 303);
    assert_eq!(serve.browser().get(&accept(token)).status, 410);
    let (page, answer) = ask(&serve, &format!("/v1/sign_in_tokens/{id}/revoke"), "");
    assert_eq!(
        (page.status, &answer["errors"][0]["code"]),
        (400, &json!("sign_in_token_cannot_be_revoked_code"))
    );
    assert!(answer["errors"][0]["long_message"].as_str().unwrap().contains("status is accepted"), "{answer}");

    let (_, made) = ask(
        &serve,
        "/v1/sign_in_tokens",
        r#"{"user_id":"user_9","expires_in_seconds":60,"org_id":null,"x":1}"#,
    );
    let (id, token) = (made["id"].as_str().unwrap(), made["token"].as_str().unwrap());
    let (page, revoked) = ask(&serve, &format!("/v1/sign_in_tokens/{id}/revoke"), "");
    assert_eq!(
        (page.status, &revoked["status"], &revoked["id"]),
        (200, &json!("revoked"), &json!(id)),
        "{revoked}"
    );
    assert!(revoked.get("token").is_none());
    assert_eq!(serve.browser().get(&accept(token)).title(), "This link was withdrawn");
    let (page, answer) = ask(&serve, &format!("/v1/sign_in_tokens/{id}/revoke"), "");
    assert!(
        page.status == 400 && answer["errors"][0]["long_message"].as_str().unwrap().contains("is revoked")
    );
    let (page, answer) = ask(&serve, "/v1/sign_in_tokens/sit_0/revoke", "");
    assert_eq!((page.status, &answer["errors"][0]["code"]), (404, &json!("resource_not_found")));
    for name in ["linkpost.db", "linkpost.db-wal"] {
        let bytes = std::fs::read(fixture.path(name)).unwrap_or_default();
        assert!(
            !String::from_utf8_lossy(&bytes).contains(&token[token.len() - 60..]),
            "a token at rest: {name}"
        );
    }
}

#[test]
fn a_token_that_is_called_back_signs_nobody_in_whose_page_was_open_before() {
    let fixture = fixture(1);
    let serve = Serve::start(&fixture);
    let (_, made) = ask(&serve, "/v1/sign_in_tokens", r#"{"user_id":"user_123"}"#);
    let (id, token) = (made["id"].as_str().unwrap(), made["token"].as_str().unwrap());
    let mut browser = serve.browser();
    let open = browser.get(&accept(token));
    assert_eq!(open.status, 200);
    assert_eq!(ask(&serve, &format!("/v1/sign_in_tokens/{id}/revoke"), "").0.status, 200);
    let sent = browser.form("/accept-token", &open.fields());
    assert_eq!((sent.status, sent.title()), (410, "This link was withdrawn"), "{sent:?}");
    assert!(!browser.cookies.keys().any(|name| name.ends_with("session")), "{:?}", browser.cookies);
    let body = format!("{{\"token\":\"{token}\",\"nonce\":\"one\"}}");
    let (page, answer) = ask(&serve, "/v1/tickets/redeem", &body);
    assert_eq!(
        (page.status, answer["errors"][0]["code"].as_str()),
        (400, Some("sign_in_token_revoked_code"))
    );
}

#[test]
fn what_is_wrong_is_told_in_clerks_words() {
    let fixture = fixture(1);
    let serve = Serve::start(&fixture);
    let check = |body: &str, status: u16, code: &str, parameter: Option<&str>| {
        let (page, answer) = ask(&serve, "/v1/sign_in_tokens", body);
        let error = &answer["errors"][0];
        assert_eq!((page.status, error["code"].as_str()), (status, Some(code)), "{body}: {answer}");
        assert_eq!(error["meta"]["param_name"].as_str(), parameter, "{body}: {answer}");
        assert!(error["message"].is_string() && error["long_message"].is_string(), "{answer}");
        assert!(answer["clerk_trace_id"].is_string(), "{answer}");
    };
    check("{}", 422, "form_param_missing", Some("user_id"));
    check(r#"{"user_id":null}"#, 422, "form_param_missing", Some("user_id"));
    check(r#"{"user_id":""}"#, 422, "form_param_missing", Some("user_id"));
    check(r#"{"user_id":7}"#, 422, "form_param_value_invalid", Some("user_id"));
    check("{\"user_id\":\"a\\u0000\"}", 422, "form_param_value_invalid", Some("user_id"));
    let long = format!("{{\"user_id\":\"{}\"}}", "u".repeat(257));
    check(&long, 422, "form_param_value_invalid", Some("user_id"));
    for life in ["0", "-1", "2592001", "\"60\"", "1.5", "99999999999999999999"] {
        let body = format!("{{\"user_id\":\"u\",\"expires_in_seconds\":{life}}}");
        check(&body, 422, "form_param_value_invalid", Some("expires_in_seconds"));
    }
    check(r#"{"user_id":"u","org_id":"org_1"}"#, 422, "form_param_value_invalid", Some("org_id"));
    for body in ["", "{", "[]", "null", "user_id=u"] {
        check(body, 400, "request_body_invalid", None);
    }
    let bearer = format!("Bearer {KEY}");
    let refused = |headers: &[(&str, &str)], status: u16, code: &str| {
        let (page, answer) = with(&serve, "/v1/sign_in_tokens", headers, r#"{"user_id":"u"}"#);
        assert_eq!((page.status, answer["errors"][0]["code"].as_str()), (status, Some(code)), "{headers:?}");
    };
    let json_type = ("content-type", "application/json");
    refused(&[json_type], 401, "authorization_header_format_invalid");
    refused(&[json_type, ("authorization", KEY)], 401, "authorization_header_format_invalid");
    refused(&[json_type, ("authorization", "Bearer sk_test_wrong")], 401, "clerk_key_invalid");
    refused(&[("content-type", "text/plain"), ("authorization", &bearer)], 415, "unsupported_content_type");
    assert!(!serve.said().contains(KEY) && !serve.said().contains("sk_test_wrong"));
}

#[test]
fn who_guesses_the_key_is_told_to_wait_and_who_has_it_is_not() {
    let fixture = fixture(1);
    fixture.edit("linkpost.toml", "bad_tokens_per_minute = 1000000\n", "");
    let serve = Serve::start(&fixture);
    let status = |key: &str| {
        let bearer = format!("Bearer {key}");
        let headers = [("content-type", "application/json"), ("authorization", bearer.as_str())];
        with(&serve, "/v1/sign_in_tokens", &headers, r#"{"user_id":"u"}"#).0.status
    };
    let statuses: Vec<_> = (0..12).map(|number| status(&format!("sk_test_{number}"))).collect();
    assert_eq!(statuses, [[401; 10].as_slice(), &[429; 2]].concat());
    assert_eq!(status(KEY), 200);
}

#[test]
fn whatever_is_wrong_below_v1_is_told_as_json() {
    let fixture = fixture(1);
    let serve = Serve::start(&fixture);
    let bearer = format!("Bearer {KEY}");
    let headers = [("content-type", "application/json"), ("authorization", bearer.as_str())];
    let check = |method: &str, path: &str, body: &str, status: u16, code: &str| {
        let page = serve.browser().ask(method, path, &headers, body);
        assert_eq!(page.header("content-type"), Some("application/json"), "{method} {path}: {page:?}");
        let answer: Value =
            serde_json::from_str(&page.body).unwrap_or_else(|_| panic!("{method} {path}: {page:?}"));
        let error = &answer["errors"][0];
        assert_eq!((page.status, error["code"].as_str()), (status, Some(code)), "{method} {path}: {answer}");
        assert!(error["message"].is_string() && error["long_message"].is_string(), "{answer}");
        assert!(answer["clerk_trace_id"].is_string(), "{answer}");
        page
    };
    let body = r#"{"user_id":"u"}"#;
    for path in [
        "/v1",
        "/v1/",
        "/v1/users/user_1",
        "/v1/sign_in_tokens/",
        "/v1/tickets",
        "/v1/sign_in_tokens/x/revoke/",
    ] {
        for method in ["GET", "POST", "DELETE"] {
            check(method, path, body, 404, "resource_not_found");
        }
    }
    for path in ["/v1/sign_in_tokens", "/v1/sign_in_tokens/sit_1/revoke", "/v1/tickets/redeem"] {
        for method in ["GET", "PUT", "PATCH", "DELETE", "OPTIONS"] {
            let page = check(method, path, "", 405, "method_not_allowed");
            assert_eq!(page.header("allow"), Some("POST"));
        }
        check("POST", path, &" ".repeat(9000), 413, "request_body_too_large");
        check("POST", &format!("{path}?x={}", "y".repeat(5000)), body, 414, "request_url_too_long");
    }
    let raw = |request: &str| String::from_utf8(serve.browser().exchange(request.as_bytes())).unwrap();
    let no_host = raw("POST /v1/sign_in_tokens HTTP/1.1\r\n\r\n");
    assert!(no_host.starts_with("HTTP/1.1 400") && no_host.contains("\"code\":\"bad_request\""), "{no_host}");
    // What only begins like it is a page.
    assert!(serve.browser().get("/v10").header("content-type").unwrap().starts_with("text/html"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_site_with_sessions_of_its_own_redeems_once() {
    let (fixture, tokens) = mailed(4).await;
    let serve = Serve::start(&fixture);
    let body = |token: &str, nonce: &str| json!({ "token": token, "nonce": nonce }).to_string();
    let (page, ticket) = ask(&serve, "/v1/tickets/redeem", &body(&tokens[0], "a"));
    assert_eq!(page.status, 200, "{ticket}");
    let expected = json!({
        "object": "ticket", "user_id": "user_1", "campaign": "spring", "occasion": "once",
        "parameters": {}, "answered": false,
    });
    assert_eq!(ticket, expected);
    assert_eq!(redeemed(&fixture), 1);
    // A caller that lost the answer says the same nonce; everybody else comes too late.
    assert_eq!(ask(&serve, "/v1/tickets/redeem", &body(&tokens[0], "a")).0.status, 200);
    let (page, answer) = ask(&serve, "/v1/tickets/redeem", &body(&tokens[0], "b"));
    assert_eq!((page.status, &answer["errors"][0]["code"]), (400, &json!("sign_in_token_already_used_code")));
    let (page, _) = ask(&serve, "/v1/tickets/redeem", &json!({ "token": tokens[1] }).to_string());
    assert_eq!(page.status, 200);
    let (page, _) = ask(&serve, "/v1/tickets/redeem", &json!({ "token": tokens[1] }).to_string());
    assert_eq!(page.status, 400, "without a nonce nobody asks twice");
    assert_eq!(ask(&serve, "/v1/tickets/redeem", &body(&tokens[2], "")).0.status, 200);
    assert_eq!(
        ask(&serve, "/v1/tickets/redeem", &body(&tokens[2], "")).0.status,
        400,
        "an empty one is none"
    );
    // What a browser brings along is no nonce.
    let mut browser = serve.browser();
    assert_eq!(browser.click(&accept(&tokens[3])).status, 303);
    let brought = body(&tokens[3], &browser.cookies["__Host-linkpost"]);
    assert_eq!(ask(&serve, "/v1/tickets/redeem", &brought).0.status, 400);
    assert_eq!(serve.browser().get(&accept(&tokens[0])).status, 410);
    let headers = [("content-type", "application/json"), ("authorization", "Bearer guess")];
    assert_eq!(with(&serve, "/v1/tickets/redeem", &headers, &body(&tokens[1], "a")).0.status, 401);
}

#[test]
fn the_guides_curl_works_with_only_the_host_changed() {
    let fixture = fixture(1);
    let serve = Serve::start(&fixture);
    let (url, authorization) =
        (format!("http://{}/v1/sign_in_tokens", serve.address), format!("Authorization: Bearer {KEY}"));
    let output = Command::new("curl")
        .args(["-sS", &url, "-X", "POST", "-H", &authorization, "-H", "Content-Type: application/json"])
        .args(["-d", r#"{ "user_id": "user_123" }"#])
        .output();
    if !judge("curl", output.is_ok()) {
        return;
    }
    let made: Value = serde_json::from_slice(&output.unwrap().stdout).unwrap();
    assert_eq!(made["user_id"], "user_123");
    assert_eq!(serve.browser().click(&accept(made["token"].as_str().unwrap())).status, 303);
}

#[test]
fn the_real_clerk_client_creates_and_revokes() {
    let Some(mut node) = super::browser::node("clerk.cjs", "@clerk/backend") else { return };
    let fixture = fixture(1);
    let serve = Serve::start(&fixture);
    let output = node.arg(format!("http://{}", serve.address)).arg(KEY).output().unwrap();
    let said =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.trim_end().ends_with("ok"), "{said}");
}
