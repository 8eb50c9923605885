//! What the double answers.

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{Path, RawQuery, Request as HttpRequest, State as Extracted},
    http::{Method, StatusCode, header},
    middleware::{self, Next},
    response::Response,
    routing::{get, post},
};
use serde_json::{Value, json};

use super::{KEY, Made, Request, Shared, Strange, shapes};

pub(super) fn app(state: Shared) -> Router {
    Router::new()
        .route("/v1/sign_in_tokens", post(create))
        .route("/v1/sign_in_tokens/{id}/revoke", post(revoke))
        .route("/v1/users", get(users))
        .route("/v1/users/count", get(count))
        .route("/v1/invitations", post(invite))
        .route("/v1/invitations/bulk", post(invite_all))
        .route("/v1/invitations/{id}/revoke", post(revoke_invitation))
        .fallback(async || error(404, "resource_not_found", "not found", "Resource not found", None))
        .layer(middleware::from_fn_with_state(Arc::clone(&state), gate))
        .with_state(state)
}

/// Notes the request, checks the key and the limit.
async fn gate(Extracted(state): Extracted<Shared>, request: HttpRequest, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let bytes = axum::body::to_bytes(body, 1 << 20).await.unwrap();
    let headers: BTreeMap<_, _> = parts
        .headers
        .iter()
        .map(|(name, value)| (name.to_string(), value.to_str().unwrap_or("?").to_owned()))
        .collect();
    let bearer = headers.get("authorization").cloned();
    let json = headers.get("content-type").is_some_and(|value| value.starts_with("application/json"));
    let wait = {
        let mut state = state.lock().unwrap();
        state.requests.push(Request {
            line: format!("{} {}", parts.method, parts.uri),
            headers,
            body: String::from_utf8_lossy(&bytes).into_owned(),
        });
        state.bell.notify_waiters();
        state.throttle()
    };
    if let Some(wait) = wait {
        let mut response =
            error(429, "too_many_requests", "Too many requests", "Too many requests, retry later", None);
        let seconds = wait.as_secs_f64().ceil().max(1.0);
        response.headers_mut().insert(header::RETRY_AFTER, format!("{seconds}").parse().unwrap());
        return response;
    }
    match bearer.as_deref().map(|value| value.strip_prefix("Bearer ")) {
        None => {
            return error(
                401,
                "authentication_invalid",
                "Invalid authentication",
                "Unable to authenticate the request, you need to supply an active session",
                None,
            );
        }
        Some(None) => {
            return error(
                401,
                "authorization_header_format_invalid",
                "Invalid Authorization header format",
                "Invalid Authorization header format. Must be 'Bearer <YOUR_API_KEY>'",
                None,
            );
        }
        Some(Some(key)) if key != KEY && key != "YOUR_SECRET_KEY" => {
            let words =
                "The provided Clerk Secret Key is invalid. Make sure that your Clerk Secret Key is correct.";
            return error(401, "clerk_key_invalid", words, words, None);
        }
        Some(Some(_)) => {}
    }
    if parts.method == Method::POST && !bytes.is_empty() && !json {
        return error(
            415,
            "unsupported_content_type",
            "Content-Type is not supported",
            "Content-Type is not supported",
            None,
        );
    }
    let answer = next.run(HttpRequest::from_parts(parts, Body::from(bytes))).await;
    state.lock().unwrap().bell.notify_waiters();
    answer
}

/// How the answer to a creation leaves the double.
enum Fate {
    Answered(Option<Strange>),
    /// It never comes.
    Hung,
    /// The gateway in front answers instead.
    Gateway,
}

async fn create(Extracted(state): Extracted<Shared>, body: Bytes) -> Response {
    let (user_id, expires_in) = match wanted(&body) {
        Ok(wanted) => wanted,
        Err(refusal) => return *refusal,
    };
    let (made, fate) = match make(&mut state.lock().unwrap(), user_id, expires_in) {
        Ok(made) => made,
        Err(refusal) => return *refusal,
    };
    let strange = match fate {
        Fate::Answered(strange) => strange,
        Fate::Hung => std::future::pending().await,
        Fate::Gateway => return page(502, "502 Bad Gateway"),
    };
    match strange {
        None => answer(200, &shapes::token(&made, true)),
        Some(Strange::NoContent) => Response::builder().status(204).body(Body::empty()).unwrap(),
        Some(Strange::NotJson) => garbled(),
        Some(Strange::Repeated) => answer(200, &shapes::token(&state.lock().unwrap().tokens[0], true)),
        Some(strange) => answer(200, &shapes::strange(&made, strange)),
    }
}

/// Whose token is asked for, and for how many seconds; as Clerk checks it.
fn wanted(body: &[u8]) -> Result<(String, i64), Box<Response>> {
    let refusal =
        |status, code, message, long, param| Err(Box::new(error(status, code, message, long, param)));
    let Ok(body) = serde_json::from_slice::<Value>(body) else {
        let long = "The request body is invalid.";
        return refusal(400, "request_body_invalid", "Request body invalid", long, None);
    };
    let Some(user_id) = body.get("user_id").and_then(Value::as_str) else {
        let long = "user_id must be included.";
        return refusal(422, "form_param_missing", "is missing", long, Some("user_id"));
    };
    let expires_in = match body.get("expires_in_seconds") {
        None | Some(Value::Null) => Some(2_592_000),
        Some(value) => value.as_i64().filter(|seconds| *seconds >= 1),
    };
    let Some(expires_in) = expires_in else {
        let long = "expires_in_seconds is invalid";
        return refusal(422, "form_param_value_invalid", "is invalid", long, Some("expires_in_seconds"));
    };
    Ok((user_id.to_owned(), expires_in))
}

/// Makes a token, unless Clerk or the options of the double are against it.
fn make(state: &mut super::State, user_id: String, expires_in: i64) -> Result<(Made, Fate), Box<Response>> {
    state.creations += 1;
    let nth = state.creations;
    if let Some((_, banned)) = state.options.banned_meanwhile.filter(|(at, _)| *at == nth) {
        state.users.get_mut(banned).unwrap().banned = true;
    }
    let each = |each: Option<usize>| each.is_some_and(|each| nth.is_multiple_of(each));
    let refusal = |status, code, message, long: &str| Err(Box::new(error(status, code, message, long, None)));
    if let Some((_, status, code)) = state.options.refuse_from.filter(|(from, ..)| nth >= *from) {
        return refusal(status, code, "refused", "the request was refused");
    }
    if each(state.options.fail_each) {
        let long =
            "There was an internal error on our servers. We've been notified and are working on fixing it.";
        return refusal(500, "internal_clerk_error", "Oops, an unexpected error occurred", long);
    }
    if state.options.banned_at_creation.contains(&user_id) {
        return refusal(403, "user_banned", "The user is banned", "The user is banned");
    }
    if !state.users.contains_key(&user_id) {
        return refusal(
            404,
            "resource_not_found",
            "not found",
            &format!("No user was found with id {user_id}"),
        );
    }
    let fate = if each(state.options.hang_each) {
        Fate::Hung
    } else if each(state.options.gateway_each) {
        Fate::Gateway
    } else {
        let strange = state.options.strange_each.filter(|(nth, _)| each(Some(*nth)));
        Fate::Answered(strange.map(|(_, strange)| strange))
    };
    let number = state.tokens.len() + 1;
    let id = shapes::id("sit_", number);
    let text = shapes::ticket("sign_in_token", &id, number);
    let answered = matches!(fate, Fate::Answered(None));
    let made = Made { id, whose: user_id, text, status: "pending", answered, expires_in };
    state.tokens.push(made.clone());
    state.bell.notify_waiters();
    Ok((made, fate))
}

/// What a page in front of a hotel's network says.
fn garbled() -> Response {
    page(200, "Welcome to our network")
}

fn page(status: u16, words: &str) -> Response {
    let html = format!("<html><body>{words}</body></html>");
    Response::builder().status(status).header("content-type", "text/html").body(Body::from(html)).unwrap()
}

/// Whether this answer is one of those that are no JSON.
fn is_garbled(state: &mut super::State) -> bool {
    let left = state.options.garbled;
    state.options.garbled = left.saturating_sub(1);
    left > 0
}

async fn revoke(Extracted(state): Extracted<Shared>, Path(id): Path<String>) -> Response {
    let mut state = state.lock().unwrap();
    let Some(made) = state.tokens.iter_mut().find(|made| made.id == id) else {
        return error(404, "resource_not_found", "not found", "Resource not found", None);
    };
    if made.status != "pending" {
        let words = format!(
            "Sign in token cannot be revoked because its status is {}. Only pending tokens can be revoked.",
            made.status
        );
        return error(400, "sign_in_token_cannot_be_revoked_code", "cannot revoke", &words, None);
    }
    made.status = "revoked";
    let body = shapes::token(made, false);
    if is_garbled(&mut state) { garbled() } else { answer(200, &body) }
}

/// The users that a query asks for, in the order of their ids.
fn asked(state: &Shared, query: Option<&str>) -> Vec<super::User> {
    let pairs: Vec<(String, String)> =
        url::form_urlencoded::parse(query.unwrap_or_default().as_bytes()).into_owned().collect();
    let all = |name: &str| -> Vec<String> {
        pairs.iter().filter(|(key, _)| key == name).map(|(_, value)| value.to_lowercase()).collect()
    };
    let (ids, addresses) = (all("user_id"), all("email_address"));
    assert!(ids.len() <= 100 && addresses.len() <= 100, "Clerk takes at most a hundred");
    let state = state.lock().unwrap();
    state
        .users
        .values()
        .filter(|user| ids.is_empty() || ids.contains(&user.id.to_lowercase()))
        .filter(|user| {
            addresses.is_empty()
                || user.addresses.iter().any(|(address, _)| addresses.contains(&address.to_lowercase()))
        })
        .cloned()
        .collect()
}

async fn users(Extracted(state): Extracted<Shared>, RawQuery(query): RawQuery) -> Response {
    let pairs: BTreeMap<String, String> =
        url::form_urlencoded::parse(query.as_deref().unwrap_or_default().as_bytes()).into_owned().collect();
    let limit = pairs.get("limit").map_or(10, |limit| limit.parse::<usize>().unwrap());
    assert!((1..=500).contains(&limit), "Clerk's limits of `limit`");
    if is_garbled(&mut state.lock().unwrap()) {
        return garbled();
    }
    let users: Vec<_> = asked(&state, query.as_deref()).iter().take(limit).map(shapes::user).collect();
    answer(200, &Value::Array(users))
}

async fn count(Extracted(state): Extracted<Shared>, RawQuery(query): RawQuery) -> Response {
    let count = asked(&state, query.as_deref()).len();
    answer(200, &json!({ "object": "total_count", "total_count": count }))
}

async fn invite(Extracted(state): Extracted<Shared>, body: Bytes) -> Response {
    let wanted: Value = serde_json::from_slice(&body).unwrap();
    match invited(&state, &[wanted]) {
        Ok(mut all) => answer(200, &all.remove(0)),
        Err(refusal) => *refusal,
    }
}

async fn invite_all(Extracted(state): Extracted<Shared>, body: Bytes) -> Response {
    let wanted: Vec<Value> = serde_json::from_slice(&body).unwrap();
    if wanted.is_empty() || wanted.len() > 10 {
        return error(422, "form_param_value_invalid", "is invalid", "at most 10 invitations", None);
    }
    match invited(&state, &wanted) {
        Ok(all) => answer(200, &Value::Array(all)),
        Err(refusal) => *refusal,
    }
}

/// All or none.
fn invited(state: &Shared, wanted: &[Value]) -> Result<Vec<Value>, Box<Response>> {
    let mut state = state.lock().unwrap();
    for one in wanted {
        let address = one["email_address"].as_str().unwrap();
        assert_eq!(one["notify"], false, "Clerk would write to the person itself");
        let pending = state.invitations.iter().any(|made| made.whose == address && made.status == "pending");
        let user = state.users.values().any(|user| user.addresses.iter().any(|(known, _)| known == address));
        if user || (pending && one["ignore_existing"] != true) {
            let words =
                format!("There are already pending invitations for the following email addresses: {address}");
            return Err(Box::new(error(
                400,
                "duplicate_record",
                "duplicate invitation",
                &words,
                Some("email_address"),
            )));
        }
    }
    let mut all = Vec::new();
    for one in wanted {
        let number = state.invitations.len() + 1;
        let id = shapes::id("inv_", number);
        let text = shapes::ticket("invitation", &id, number);
        let whose = one["email_address"].as_str().unwrap().to_owned();
        let expires_in = one["expires_in_days"].as_i64().unwrap() * 86_400;
        let made = Made { id, whose, text, status: "pending", answered: true, expires_in };
        all.push(shapes::invitation(&made));
        state.invitations.push(made);
    }
    Ok(all)
}

async fn revoke_invitation(Extracted(state): Extracted<Shared>, Path(id): Path<String>) -> Response {
    let mut state = state.lock().unwrap();
    let Some(made) = state.invitations.iter_mut().find(|made| made.id == id) else {
        return error(404, "resource_not_found", "not found", "Resource not found", None);
    };
    if made.status != "pending" {
        let words = format!("The invitation is already {}", made.status);
        return error(400, "invitation_already_revoked", "already revoked", &words, None);
    }
    made.status = "revoked";
    let mut body = shapes::invitation(made);
    body["revoked"] = true.into();
    answer(200, &body)
}

fn error(status: u16, code: &str, message: &str, long: &str, param: Option<&str>) -> Response {
    let mut one = json!({ "message": message, "long_message": long, "code": code });
    if let Some(param) = param {
        one["meta"] = json!({ "param_name": param });
    }
    answer(status, &json!({ "errors": [one], "clerk_trace_id": "7f3a0c" }))
}

/// The content type is exactly this: Clerk's own client takes anything else for text.
fn answer(status: u16, body: &Value) -> Response {
    Response::builder()
        .status(StatusCode::from_u16(status).unwrap())
        .header(header::CONTENT_TYPE, "application/json")
        .body(Body::from(body.to_string()))
        .unwrap()
}
