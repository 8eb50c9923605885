//! The token API: Clerk's two endpoints for sign-in tokens, with local tokens behind them.
//!
//! Names, status codes and error bodies are those of Clerk's Backend API of 2026-05-12, so that its clients work with
//! only the host changed. The content type is exactly `application/json`: with anything more `@clerk/backend` would
//! take the body for text.

use hyper::{StatusCode, header::AUTHORIZATION};
use jiff::SignedDuration;
use secrecy::ExposeSecret;
use serde_json::{Map, Value, json};

use super::{
    Door,
    metrics::Event,
    reply::{self, Reply},
    request::Visit,
    route::revoked_id,
    secrets,
};
use crate::{
    ledger::{ApiToken, LedgerError, Revoked},
    token::{IssueError, mint, mint_id},
};

/// The life of a token that was asked for without one, in seconds: Clerk's.
const LIFE: i64 = 2_592_000;
const LONGEST_USER_ID: usize = 256;

/// What is wrong with a request, in Clerk's words.
pub(super) struct Wrong {
    status: StatusCode,
    code: &'static str,
    message: &'static str,
    long: String,
    parameter: Option<&'static str>,
}

impl Wrong {
    pub(super) fn new(
        status: StatusCode,
        code: &'static str,
        message: &'static str,
        long: impl Into<String>,
    ) -> Self {
        Self { status, code, message, long: long.into(), parameter: None }
    }

    fn of(parameter: &'static str, code: &'static str, message: &'static str, long: String) -> Self {
        Self { status: StatusCode::UNPROCESSABLE_ENTITY, code, message, long, parameter: Some(parameter) }
    }

    pub(super) fn reply(self) -> Reply {
        let mut error = json!({ "message": self.message, "long_message": self.long, "code": self.code });
        if let (Some(parameter), Some(error)) = (self.parameter, error.as_object_mut()) {
            error.insert("meta".to_owned(), json!({ "param_name": parameter }));
        }
        reply::json(self.status, &json!({ "errors": [error], "clerk_trace_id": secrets::random() }))
    }
}

/// Whether a path is one for programs, which take every answer for JSON.
pub(super) fn is_api(path: &str) -> bool {
    path.strip_prefix("/v1").is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// A request that could not be read, or for which there is nothing.
pub(super) fn unanswered(status: StatusCode) -> Wrong {
    let (code, message, long) = match status {
        StatusCode::NOT_FOUND => ("resource_not_found", "not found", "Resource not found"),
        StatusCode::METHOD_NOT_ALLOWED => {
            ("method_not_allowed", "method not allowed", "Another method is expected: see the header Allow")
        }
        StatusCode::PAYLOAD_TOO_LARGE => {
            ("request_body_too_large", "Request body too large", "The request body may have 8192 bytes")
        }
        StatusCode::URI_TOO_LONG => {
            ("request_url_too_long", "Request URL too long", "The path and query may have 4096 bytes")
        }
        StatusCode::REQUEST_TIMEOUT => {
            ("request_timeout", "Request timeout", "The request did not come within its time")
        }
        _ => (
            "bad_request",
            "Bad request",
            "The request is no HTTP/1.1 request with one Host and a whole body",
        ),
    };
    Wrong::new(status, code, message, long)
}

/// The ledger does not answer.
pub(super) fn unavailable() -> Reply {
    let long = "The service cannot record anything at the moment. Try again in a minute.";
    Wrong::new(StatusCode::SERVICE_UNAVAILABLE, "service_unavailable", "Service unavailable", long).reply()
}

impl Door<'_> {
    /// `POST /v1/sign_in_tokens`.
    pub(super) async fn create_token(&self, visit: &Visit) -> Result<Reply, LedgerError> {
        let (user_id, life) = match self.api(visit).and_then(|()| object(visit)).and_then(|body| asked(&body))
        {
            Ok(asked) => asked,
            Err(wrong) => return Ok(wrong.reply()),
        };
        let (secrets, now) = (self.keys.now(), self.web.clock.now());
        let life = SignedDuration::from_secs(life);
        let issued = match mint(&secrets.keyring, &self.sign_in.local, &user_id, life, now) {
            Ok(issued) => issued,
            Err(IssueError::Refused(why)) => {
                return Ok(Wrong::of("user_id", "form_param_value_invalid", "is invalid", why).reply());
            }
            Err(
                IssueError::Unclear(_)
                | IssueError::Unavailable(_)
                | IssueError::Us(_)
                | IssueError::Interrupted,
            ) => {
                return Ok(unavailable());
            }
            Err(IssueError::Ledger(error)) => return Err(error),
        };
        let Ok(url) = issued.link.url([]) else { return Ok(unavailable()) };
        let id = mint_id();
        // In the ledger first: a token that nobody can call back must not exist.
        let minted = ApiToken { id: id.clone(), user_id: user_id.clone(), record: issued.record };
        self.web.ledger.keep_api_token(minted).await?;
        self.web.counts.event(Event::Minted);
        let at = now.as_millisecond();
        Ok(reply::json(
            StatusCode::OK,
            &json!({
                "object": "sign_in_token", "id": id, "status": "pending", "user_id": user_id,
                "token": issued.link.token().expose(), "url": url.as_str(),
                "created_at": at, "updated_at": at,
            }),
        ))
    }

    /// `POST /v1/sign_in_tokens/{id}/revoke`.
    pub(super) async fn revoke_token(&self, visit: &Visit) -> Result<Reply, LedgerError> {
        if let Err(wrong) = self.api(visit) {
            return Ok(wrong.reply());
        }
        let id = revoked_id(&visit.path).unwrap_or_default();
        let cannot = |status: &str| {
            let long = format!(
                "Sign in token cannot be revoked because its status is {status}. Only pending tokens can be revoked."
            );
            let code = "sign_in_token_cannot_be_revoked_code";
            Wrong::new(StatusCode::BAD_REQUEST, code, "cannot revoke", long).reply()
        };
        Ok(match self.web.ledger.revoke_api_token(id).await? {
            Revoked::Done { user_id, created_at, updated_at } => {
                self.web.counts.event(Event::MintedRevoked);
                reply::json(
                    StatusCode::OK,
                    &json!({
                        "object": "sign_in_token", "id": id, "status": "revoked", "user_id": user_id,
                        "url": null, "created_at": created_at, "updated_at": updated_at,
                    }),
                )
            }
            Revoked::WasUsed => cannot("accepted"),
            Revoked::WasRevoked => cannot("revoked"),
            Revoked::Unknown => {
                let code = "resource_not_found";
                Wrong::new(StatusCode::NOT_FOUND, code, "not found", "Resource not found").reply()
            }
        })
    }

    /// Whether the caller has the key (compared in constant time).
    pub(super) fn api(&self, visit: &Visit) -> Result<(), Wrong> {
        if self.web.limits.may_guess(visit.client.address).is_err() && !self.has_key(visit) {
            self.web.counts.event(Event::TooMany);
            let long = "Too many requests, retry later";
            return Err(Wrong::new(
                StatusCode::TOO_MANY_REQUESTS,
                "too_many_requests",
                "Too many requests",
                long,
            ));
        }
        if bearer(visit).is_none() {
            let message = "Invalid Authorization header format";
            let long = "Invalid Authorization header format. Must be 'Bearer <YOUR_API_KEY>'";
            return Err(Wrong::new(
                StatusCode::UNAUTHORIZED,
                "authorization_header_format_invalid",
                message,
                long,
            ));
        }
        if self.has_key(visit) {
            return Ok(());
        }
        self.web.counts.event(Event::WrongKey);
        let _ = self.web.limits.guess(visit.client.address);
        let message =
            "The provided Clerk Secret Key is invalid. Make sure that your Clerk Secret Key is correct.";
        Err(Wrong::new(StatusCode::UNAUTHORIZED, "clerk_key_invalid", message, message))
    }

    fn has_key(&self, visit: &Visit) -> bool {
        let key = self.sign_in.api_key.as_ref();
        key.zip(bearer(visit)).is_some_and(|(key, given)| secrets::same(key.expose_secret(), given))
    }
}

fn bearer(visit: &Visit) -> Option<&str> {
    let (scheme, key) = visit.header(&AUTHORIZATION)?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(key.trim()).filter(|key| !key.is_empty())
}

/// The body, which has to be a JSON object and has to say so.
pub(super) fn object(visit: &Visit) -> Result<Map<String, Value>, Wrong> {
    if visit.media_type() != "application/json" {
        return Err(Wrong::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported_content_type",
            "Content-Type is not supported",
            "Only application/json is supported",
        ));
    }
    serde_json::from_slice(visit.body()).map_err(|_| {
        let long = "The request body is invalid. Please consult the API documentation for more information.";
        Wrong::new(StatusCode::BAD_REQUEST, "request_body_invalid", "Request body invalid", long)
    })
}

/// Whom a token is asked for, and for how many seconds.
fn asked(body: &Map<String, Value>) -> Result<(String, i64), Wrong> {
    let missing =
        || Wrong::of("user_id", "form_param_missing", "is missing", "user_id must be included.".into());
    let invalid = |name: &'static str| {
        Wrong::of(name, "form_param_value_invalid", "is invalid", format!("{name} is invalid"))
    };
    let user_id = match body.get("user_id") {
        None | Some(Value::Null) => return Err(missing()),
        Some(Value::String(user_id)) if user_id.is_empty() => return Err(missing()),
        Some(Value::String(user_id)) => user_id.clone(),
        Some(Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => {
            return Err(invalid("user_id"));
        }
    };
    if user_id.len() > LONGEST_USER_ID || user_id.chars().any(char::is_control) {
        return Err(invalid("user_id"));
    }
    let life = match body.get("expires_in_seconds") {
        None | Some(Value::Null) => LIFE,
        Some(value) => value
            .as_i64()
            .filter(|life| (1..=LIFE).contains(life))
            .ok_or_else(|| invalid("expires_in_seconds"))?,
    };
    // There are no organizations here: one that is asked for could not be honoured.
    if !body.get("org_id").is_none_or(Value::is_null) {
        return Err(invalid("org_id"));
    }
    Ok((user_id, life))
}
