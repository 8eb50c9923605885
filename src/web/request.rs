//! A request, read whole and within limits, and what can be asked of it.

use std::{pin::pin, time::Duration};

use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::{
    HeaderMap, Method, Request, StatusCode,
    body::{Body, Bytes},
    header::{CONTENT_TYPE, COOKIE, HeaderName, ORIGIN},
};
use url::form_urlencoded;

use super::{client::Client, strict};

/// The longest body: no form of ours is near it.
pub(super) const LONGEST_BODY: usize = 8 * 1024;
/// The longest address: a link in a mail has at most a quarter of it.
pub(super) const LONGEST_URL: usize = 4 * 1024;

/// What is left of `&amp;` where it was taken for `&`.
const ESCAPED: &str = "amp;";

/// How long a client may go on with a body that is too long, once it was told so.
const LEAVE: Duration = Duration::from_secs(2);

/// A request in memory.
pub(super) struct Visit {
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) headers: HeaderMap,
    pub(super) client: Client,
    query: String,
    body: Bytes,
}

impl Visit {
    /// Reads a request that came in a head with `good_lines`; `Err` where it is none, is too long or takes too long.
    pub(super) async fn read<B>(
        request: Request<B>,
        client: Client,
        good_lines: bool,
        deadline: Duration,
    ) -> Result<Self, StatusCode>
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let (head, body) = request.into_parts();
        if !good_lines || !strict::has_host(head.version, &head.headers) {
            return Err(StatusCode::BAD_REQUEST);
        }
        let length = head.uri.path_and_query().map_or(0, |path| path.as_str().len());
        if length > LONGEST_URL {
            return Err(StatusCode::URI_TOO_LONG);
        }
        if body.size_hint().lower() > LONGEST_BODY as u64 {
            tokio::spawn(pass_over(body));
            return Err(StatusCode::PAYLOAD_TOO_LARGE);
        }
        let body = Limited::new(body, LONGEST_BODY).collect();
        let body = match tokio::time::timeout(deadline, body).await {
            Ok(Ok(body)) => body.to_bytes(),
            Ok(Err(error)) if error.is::<LengthLimitError>() => return Err(StatusCode::PAYLOAD_TOO_LARGE),
            Ok(Err(_)) => return Err(StatusCode::BAD_REQUEST),
            Err(_) => return Err(StatusCode::REQUEST_TIMEOUT),
        };
        Ok(Self {
            method: head.method,
            path: head.uri.path().to_owned(),
            query: head.uri.query().unwrap_or_default().to_owned(),
            headers: head.headers,
            client,
            body,
        })
    }

    /// Whether it may change something.
    pub(super) fn is_post(&self) -> bool {
        self.method == Method::POST
    }

    /// A parameter of the address; `None` also where it comes twice, since nobody knows which is meant. In HTML `&` is
    /// written `&amp;`, and some programs take it from there as it stands.
    pub(super) fn query(&self, name: &str) -> Option<String> {
        let query = self.query.as_bytes();
        only(query, name)
            .or_else(|| only(query, &format!("{ESCAPED}{name}")).filter(|_| !self.has_twice(name)))
    }

    /// Whether a parameter of the address comes more than once.
    pub(super) fn has_twice(&self, name: &str) -> bool {
        form_urlencoded::parse(self.query.as_bytes()).filter(|(known, _)| known == name).count() > 1
    }

    /// All parameters of the address, as they came.
    pub(super) fn whole_query(&self) -> &str {
        &self.query
    }

    /// The parameters of the address that are none of `names`, in order, each name once, as a query.
    pub(super) fn query_without(&self, names: &[&str]) -> String {
        let mut seen: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut rest = form_urlencoded::Serializer::new(String::new());
        for (name, value) in form_urlencoded::parse(self.query.as_bytes()) {
            let name = name.strip_prefix(ESCAPED).unwrap_or(&name);
            if !seen.iter().any(|known| *known == name) {
                rest.append_pair(name, &value);
                seen.push(name.to_owned());
            }
        }
        rest.finish()
    }

    /// A field of a form; `None` also where it comes twice, or where the body is no form.
    pub(super) fn field(&self, name: &str) -> Option<String> {
        if self.media_type() == "application/x-www-form-urlencoded" { only(&self.body, name) } else { None }
    }

    /// The body as it came.
    pub(super) fn body(&self) -> &[u8] {
        &self.body
    }

    /// The body's media type without parameters, in lower case.
    pub(super) fn media_type(&self) -> String {
        let value = self.header(&CONTENT_TYPE).unwrap_or_default();
        value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
    }

    /// A header that came once.
    pub(super) fn header(&self, name: &HeaderName) -> Option<&str> {
        let mut values = self.headers.get_all(name).iter();
        let value = values.next()?;
        if values.next().is_some() { None } else { value.to_str().ok() }
    }

    /// A cookie; `None` also where two have the name, since one of them is not ours.
    pub(super) fn cookie(&self, name: &str) -> Option<&str> {
        let pairs = self.headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
        let pairs = pairs.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
        let mut values = pairs.filter(|(known, _)| *known == name).map(|(_, value)| value);
        let value = values.next()?;
        if values.next().is_some() { None } else { Some(value) }
    }

    /// Whether a form of our own pages sent it, as far as the browser says. Our pages ask for no referrer, so
    /// browsers write `Origin: null`; the form's own proof decides then.
    pub(super) fn is_from(&self, origin: &str) -> bool {
        let site = self.header(&HeaderName::from_static("sec-fetch-site"));
        let from = self.header(&ORIGIN);
        let told_twice = from.is_none() && self.headers.contains_key(ORIGIN);
        site.is_none_or(|site| site == "same-origin")
            && from.is_none_or(|from| from == "null" || from == origin)
            && !told_twice
    }
}

/// Reads for a moment what nobody wants: a client that is told "no" while it writes would else lose the answer.
async fn pass_over(body: impl Body<Data = Bytes>) {
    let mut body = pin!(body);
    let all = async { while let Some(Ok(_)) = body.frame().await {} };
    let _late = tokio::time::timeout(LEAVE, all).await;
}

fn only(pairs: &[u8], name: &str) -> Option<String> {
    let mut values = form_urlencoded::parse(pairs).filter(|(known, _)| known == name);
    let (_, value) = values.next()?;
    if values.next().is_some() { None } else { Some(value.into_owned()) }
}

#[cfg(test)]
mod tests {
    use http_body_util::Full;

    use super::*;

    async fn visit(request: hyper::http::request::Builder, body: &str) -> Result<Visit, StatusCode> {
        let request = request.header("host", "x").body(Full::new(Bytes::from(body.to_owned()))).unwrap();
        let client = Client { address: "192.0.2.9".parse().unwrap(), behind: None };
        Visit::read(request, client, true, Duration::from_secs(1)).await
    }

    #[tokio::test]
    async fn what_is_too_long_or_given_twice_is_not_taken() {
        let long = format!("/accept?token={}", "x".repeat(LONGEST_URL));
        assert_eq!(visit(Request::get(long), "").await.err(), Some(StatusCode::URI_TOO_LONG));
        let body = "x".repeat(LONGEST_BODY + 1);
        assert_eq!(visit(Request::post("/"), &body).await.err(), Some(StatusCode::PAYLOAD_TOO_LARGE));
        let request = Request::post("/a?token=1&token=2&u=3")
            .header("content-type", "application/x-www-form-urlencoded; charset=utf-8")
            .header("cookie", "a=1; b=2; a=3")
            .header("cookie", "c=4");
        let visit = visit(request, "x=1&y=%C3%BC&x=2").await.unwrap();
        assert_eq!((visit.query("token"), visit.query("u")), (None, Some("3".to_owned())));
        assert_eq!((visit.field("x"), visit.field("y")), (None, Some("ü".to_owned())));
        assert_eq!((visit.cookie("a"), visit.cookie("b"), visit.cookie("c")), (None, Some("2"), Some("4")));
    }

    #[tokio::test]
    async fn a_form_of_another_site_is_known_by_what_the_browser_says() {
        let check = async |headers: &[(&str, &str)], expected: bool| {
            let mut request = Request::post("/");
            for (name, value) in headers {
                request = request.header(*name, *value);
            }
            let visit = visit(request, "").await.unwrap();
            assert_eq!(visit.is_from("https://app.example.com"), expected, "{headers:?}");
        };
        check(&[], true).await;
        check(&[("origin", "null"), ("sec-fetch-site", "same-origin")], true).await;
        check(&[("origin", "https://app.example.com")], true).await;
        check(&[("origin", "https://evil.example")], false).await;
        check(&[("origin", "http://app.example.com")], false).await;
        check(&[("origin", "https://app.example.com"), ("origin", "https://evil.example")], false).await;
        check(&[("sec-fetch-site", "cross-site")], false).await;
        check(&[("sec-fetch-site", "same-site")], false).await;
        check(&[("origin", "null"), ("sec-fetch-site", "cross-site")], false).await;
    }
}
