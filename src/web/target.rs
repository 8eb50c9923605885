//! Where a link may lead after signing in: a path of our own site that somebody allowed, and nothing else.

use url::{Url, form_urlencoded};

/// The parameters of a link that name a target.
pub(super) const NAMES: [&str; 2] = ["next", "to"];
const LONGEST: usize = 1024;

/// Whether `target` is a plain path on our own site, however a browser or a proxy reads it.
pub(super) fn is_plain(target: &str) -> bool {
    let graphic = target.len() <= LONGEST && target.bytes().all(|byte| byte.is_ascii_graphic());
    if !graphic || !target.starts_with('/') {
        return false;
    }
    let path = path_of(target);
    let mut text = target.as_bytes().to_vec();
    // What is harmless once decoded may not be when it is decoded again.
    for _ in 0..4 {
        if text.iter().any(|byte| byte.is_ascii_control() || *byte == b'\\') {
            return false;
        }
        let decoded = decode(&text);
        if decoded == text {
            break;
        }
        text = decoded;
    }
    let mut segments = String::from_utf8_lossy(path.as_bytes()).into_owned();
    for _ in 0..4 {
        // `;` starts a parameter of a segment for some servers: `/..;/` is `/../` to them.
        let segment = |segment: &str| matches!(segment.split(';').next(), Some("." | ".."));
        if segments.contains("//") || segments.split('/').any(segment) {
            return false;
        }
        segments = String::from_utf8_lossy(&decode(segments.as_bytes())).into_owned();
    }
    // Servers differ in what they make of an escape that is none, and of bytes that are no text.
    let whole = |part: &str| part.len() >= 2 && part.bytes().take(2).all(|byte| byte.is_ascii_hexdigit());
    if !target.split('%').skip(1).all(whole) || String::from_utf8(decode(path.as_bytes())).is_err() {
        return false;
    }
    // The last word has a browser's own parser.
    let Ok(site) = Url::parse("https://site.invalid/") else { return false };
    site.join(target).is_ok_and(|url| url.origin() == site.origin() && url.path() == path)
}

/// Whether `target` is plain and one of `paths`: equal, or below one that ends in `/*`.
pub(super) fn is_allowed(target: &str, paths: &[String]) -> bool {
    let path = path_of(target);
    is_plain(target)
        && paths.iter().any(|allowed| match allowed.strip_suffix('*') {
            Some(below) => below.ends_with('/') && path.starts_with(below),
            None => path == allowed,
        })
}

/// `target` with further parameters added, where it has none of the name; of two with one name the first counts.
pub(super) fn with_parameters(target: &str, parameters: &[(String, String)]) -> String {
    let (rest, fragment) = target.split_once('#').map_or((target, None), |(rest, last)| (rest, Some(last)));
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    let mut query = query.to_owned();
    for (name, value) in parameters.iter().filter(|(name, _)| !NAMES.contains(&name.as_str())) {
        if !form_urlencoded::parse(query.as_bytes()).any(|(known, _)| known == name.as_str()) {
            let pair = form_urlencoded::Serializer::new(String::new()).append_pair(name, value).finish();
            query = if query.is_empty() { pair } else { format!("{query}&{pair}") };
        }
    }
    let query = if query.is_empty() { query } else { format!("?{query}") };
    let fragment = fragment.map_or_else(String::new, |fragment| format!("#{fragment}"));
    format!("{path}{query}{fragment}")
}

fn path_of(target: &str) -> &str {
    target.split(['?', '#']).next().unwrap_or_default()
}

fn decode(text: &[u8]) -> Vec<u8> {
    let digit = |at: usize| text.get(at).and_then(|byte| char::from(*byte).to_digit(16));
    let mut decoded = Vec::with_capacity(text.len());
    let mut at = 0;
    while let Some(byte) = text.get(at) {
        let escaped = digit(at + 1).zip(digit(at + 2)).filter(|_| *byte == b'%');
        let value = escaped.and_then(|(high, low)| u8::try_from(high * 16 + low).ok());
        decoded.push(value.unwrap_or(*byte));
        at += if value.is_some() { 3 } else { 1 };
    }
    decoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_allowed_is_allowed() {
        let paths = ["/account".to_owned(), "/cart/*".to_owned(), "/x*".to_owned()];
        let check = |target: &str, expected: bool| {
            assert_eq!(is_allowed(target, &paths), expected, "{target}");
        };
        check("/account", true);
        check("/account?tab=1#top", true);
        check("/cart/", true);
        check("/cart/1/items", true);
        check("/account/", false);
        check("/accounts", false);
        check("/cart", false);
        check("/cart/../account", false);
        check("/cart/%2e%2e/admin", false);
        check("/cart/..;/admin", false);
        check("/xyz", false);
        check("/", false);
    }

    #[test]
    fn a_campaigns_parameters_are_added_once_and_never_a_target() {
        let own = |pairs: &[(&str, &str)]| {
            pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect::<Vec<_>>()
        };
        let utm = own(&[("utm_source", "e mail"), ("next", "/x"), ("utm_campaign", "spring")]);
        let check = |target: &str, expected: &str| assert_eq!(with_parameters(target, &utm), expected);
        check("/", "/?utm_source=e+mail&utm_campaign=spring");
        assert_eq!(with_parameters("/a", &own(&[("x", "1"), ("x", "2")])), "/a?x=1");
        check("/a?utm_source=x#top", "/a?utm_source=x&utm_campaign=spring#top");
        assert_eq!(with_parameters("/a#b", &[]), "/a#b");
    }
}
