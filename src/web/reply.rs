//! Answers, and the headers that all of them carry.

use http_body_util::Full;
use hyper::{
    Response, StatusCode,
    body::Bytes,
    header::{
        ALLOW, CACHE_CONTROL, CONNECTION, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderMap, HeaderName,
        HeaderValue, LOCATION, REFERRER_POLICY, RETRY_AFTER, SET_COOKIE, STRICT_TRANSPORT_SECURITY,
        X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
    },
};
use serde_json::Value;

/// An answer in memory.
pub(super) type Reply = Response<Full<Bytes>>;

const POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; \
                      frame-ancestors 'none'; base-uri 'none'";

pub(super) fn html(status: StatusCode, page: String) -> Reply {
    with_type(status, "text/html; charset=utf-8", page)
}

/// JSON with exactly the content type that Clerk's client wants.
pub(super) fn json(status: StatusCode, value: &Value) -> Reply {
    with_type(status, "application/json", value.to_string())
}

pub(super) fn with_type(status: StatusCode, media_type: &'static str, body: impl Into<Bytes>) -> Reply {
    let mut reply = Response::new(Full::new(body.into()));
    *reply.status_mut() = status;
    reply.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    reply
}

/// Off to a path of our own; the token does not come along.
pub(super) fn see_other(target: &str) -> Reply {
    let mut reply = with_type(StatusCode::SEE_OTHER, "text/plain; charset=utf-8", "");
    set(reply.headers_mut(), LOCATION, target);
    reply
}

pub(super) fn not_allowed(methods: &'static str) -> Reply {
    allowing(with_type(StatusCode::METHOD_NOT_ALLOWED, "text/plain; charset=utf-8", ""), methods)
}

/// The same answer, behind which the connection ends.
pub(super) fn last(mut reply: Reply) -> Reply {
    reply.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    reply
}

/// The same answer with the methods that may be used.
pub(super) fn allowing(mut reply: Reply, methods: &'static str) -> Reply {
    reply.headers_mut().insert(ALLOW, HeaderValue::from_static(methods));
    reply
}

/// The same answer with a cookie.
pub(super) fn with_cookie(mut reply: Reply, cookie: &str) -> Reply {
    if let Ok(value) = HeaderValue::from_str(cookie) {
        reply.headers_mut().append(SET_COOKIE, value);
    }
    reply
}

/// The same answer with the time after which another try makes sense.
pub(super) fn with_retry_after(mut reply: Reply, wait: std::time::Duration) -> Reply {
    let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    set(reply.headers_mut(), RETRY_AFTER, &seconds.max(1).to_string());
    reply
}

/// The same answer, to be kept by browsers for a while.
pub(super) fn for_a_while(mut reply: Reply) -> Reply {
    reply.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=300"));
    reply
}

/// What every answer says, whatever it is.
pub(super) fn secured(mut reply: Reply, secure: bool) -> Reply {
    let headers = reply.headers_mut();
    let fixed = [
        (REFERRER_POLICY, "no-referrer"),
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (X_FRAME_OPTIONS, "DENY"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        (HeaderName::from_static("permissions-policy"), "interest-cohort=(), browsing-topics=()"),
        (HeaderName::from_static("x-robots-tag"), "noindex, nofollow"),
    ];
    for (name, value) in fixed {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if secure {
        headers.insert(STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=31536000"));
    }
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    reply
}

fn set(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}
