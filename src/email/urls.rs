//! The URLs that may stand in a mail. Whatever a cell of the list smuggles into an `href` ends here.

use std::net::IpAddr;

use url::{Host, Url};

/// The longest URL, in characters: longer ones were cut by mail programs and proxies.
pub(super) const MAX_CHARS: usize = 1000;

/// The use of a URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Something that a person follows.
    Link,
    /// Something that the mail program shows.
    Image,
    /// A page of ours.
    Page,
}

/// Checks one URL; `Err` is a fragment that names the reason and at most a scheme or host: a URL holds secrets.
pub(super) fn check(url: &str, purpose: Purpose) -> Result<(), String> {
    if url.is_empty() {
        return Err("is empty".to_owned());
    }
    if url.chars().any(|char| char.is_control() || char.is_whitespace() || is_invisible(char)) {
        return Err("holds a space or an invisible character".to_owned());
    }
    if purpose == Purpose::Link && url.starts_with('#') {
        return Ok(());
    }
    if url.contains('\\') {
        return Err("holds a `\\`".to_owned());
    }
    let Some((scheme, rest)) = url.split_once(':').filter(|(scheme, _)| is_scheme(scheme)) else {
        let kind = if url.starts_with("//") {
            "names no scheme"
        } else {
            "is relative, which leads nowhere in a mail"
        };
        return Err(kind.to_owned());
    };
    let scheme = scheme.to_ascii_lowercase();
    match (scheme.as_str(), purpose) {
        ("https", _) => web(url),
        ("http", _) => web(url).and_then(|()| loopback(url)),
        ("mailto" | "tel" | "sms", Purpose::Link) | ("cid", Purpose::Image) => Ok(()),
        ("data", Purpose::Image) if is_image(rest) => return Ok(()),
        _ => Err(format!("has the scheme `{scheme}:`; https is expected")),
    }?;
    if url.chars().count() > MAX_CHARS {
        return Err(format!("is longer than {MAX_CHARS} characters"));
    }
    Ok(())
}

fn web(url: &str) -> Result<(), String> {
    // `https:/x` and `https:x` are read as `https://x` by browsers; we do not want to know.
    let strict = url
        .get(..url.find("//").map_or(0, |at| at + 2))
        .is_some_and(|head| head.eq_ignore_ascii_case("https://") || head.eq_ignore_ascii_case("http://"));
    let parsed = Url::parse(url).ok().filter(|_| strict).ok_or("is no URL")?;
    if !parsed.username().is_empty() || parsed.password().is_some() {
        return Err("names a user before its host".to_owned());
    }
    parsed.host_str().map(drop).ok_or_else(|| "names no host".to_owned())
}

fn loopback(url: &str) -> Result<(), String> {
    let local = Url::parse(url).is_ok_and(|url| match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => IpAddr::V4(address).is_loopback(),
        Some(Host::Ipv6(address)) => IpAddr::V6(address).is_loopback(),
        None => false,
    });
    if local { Ok(()) } else { Err("has the scheme `http:`; https is expected".to_owned()) }
}

fn is_scheme(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'.' | b'-'))
}

/// The text after `data:` for a picture without script.
fn is_image(rest: &str) -> bool {
    ["image/png;base64,", "image/jpeg;base64,", "image/gif;base64,", "image/webp;base64,"]
        .iter()
        .any(|kind| rest.get(..kind.len()).is_some_and(|start| start.eq_ignore_ascii_case(kind)))
}

/// Characters that hide or turn around what follows.
fn is_invisible(char: char) -> bool {
    matches!(char, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::{Purpose, check};

    #[test]
    fn good_urls_pass() {
        for url in [
            "https://app.example/in?token=a.b-c_d&to=%2Fcart",
            "HTTPS://app.example/",
            "http://127.0.0.1:8025/x",
            "http://localhost/x",
            "http://[::1]/x",
            "mailto:a@example.com",
            "tel:+49301234",
            "#top",
        ] {
            assert_eq!(check(url, Purpose::Link), Ok(()), "{url}");
        }
        for url in ["cid:logo", "data:image/png;base64,AAAA", "https://cdn.example/a.png"] {
            assert_eq!(check(url, Purpose::Image), Ok(()), "{url}");
        }
    }

    #[test]
    fn bad_urls_do_not() {
        for url in [
            "",
            " https://app.example/",
            "javascript:alert(1)",
            "JaVaScRiPt:alert(1)",
            "java\tscript:alert(1)",
            "\u{1}javascript:alert(1)",
            "vbscript:x",
            "data:text/html,x",
            "data:image/svg+xml;base64,AAAA",
            "//evil.example/x",
            "/\\evil.example",
            "https:\\\\evil.example",
            "https:evil.example",
            "https:/evil.example",
            "http://evil.example/",
            "http://127.0.0.1.evil.example/",
            "https://app.example@evil.example/",
            "https://app.example/\u{202e}x",
            "ftp://x.example/",
            "file:///etc/passwd",
            "page.html",
            "cid:logo",
            "https://",
        ] {
            assert!(check(url, Purpose::Link).is_err(), "{url:?}");
        }
        assert!(check(&format!("https://x.example/{}", "a".repeat(1000)), Purpose::Link).is_err());
    }
}
