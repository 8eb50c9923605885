//! Finds what looks like an address in a text, in whatever dress: plain, percent-encoded, in a URL.
//!
//! Both sides of a comparison go through the same reduction, so a local part with rare characters is compared by its
//! tail on both sides. Quotes and brackets around an address never count as part of it.

use std::borrow::Cow;

use crate::audience::{Address, mask::parts};

/// Something like `x@y.z`: where it stands, and its reduced form in lower case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) form: String,
}

/// Every address-like string in `text`.
pub(super) fn find(text: &str) -> Vec<Found> {
    let plain = text.match_indices('@').map(|(at, _)| (at, 1));
    let encoded = text.match_indices("%40").map(|(at, _)| (at, 3));
    plain.chain(encoded).filter_map(|(at, width)| around(text, at, width)).collect()
}

/// The reduced form of an address of ours.
pub(super) fn form(address: &Address) -> String {
    let text = address.to_string();
    find(&text).into_iter().next().map_or(text, |found| found.form)
}

/// The text with every address in it masked as `j***@example.com`.
pub(super) fn mask(text: &str) -> String {
    let mut masked = String::with_capacity(text.len());
    let mut from = 0;
    let mut all = find(text);
    all.sort_by_key(|found| found.start);
    for found in all {
        let (Some(before), Some(address)) = (text.get(from..found.start), text.get(found.start..found.end))
        else {
            continue;
        };
        let domain = found.form.split_once('@').map_or("", |(_, domain)| domain);
        masked.push_str(before);
        masked.push_str(&parts(address, domain));
        from = found.end;
    }
    masked.push_str(text.get(from..).unwrap_or_default());
    masked
}

/// The address around the `@` at byte `at`, which is `width` bytes wide.
fn around(text: &str, at: usize, width: usize) -> Option<Found> {
    let left = text.get(..at)?;
    let right = text.get(at + width..)?;
    let wide = tail(left, |char| is_local(char) || char == '%');
    let decoded = percent_decode(wide);
    let local = tail(&decoded, is_local).trim_start_matches(['.', '-']);
    let domain = right.split(|char| !is_domain(char)).next()?.trim_end_matches(['.', '-']);
    let labelled = domain.contains('.') && domain.split('.').all(|label| !label.is_empty());
    (!local.is_empty() && labelled).then(|| Found {
        start: at - wide.len(),
        end: at + width + domain.len(),
        form: format!("{}@{}", local.to_lowercase(), domain.to_lowercase()),
    })
}

fn is_local(char: char) -> bool {
    char.is_alphanumeric() || matches!(char, '.' | '_' | '+' | '-')
}

fn is_domain(char: char) -> bool {
    char.is_alphanumeric() || matches!(char, '.' | '-')
}

/// The longest tail of `text` whose characters all are `good`.
fn tail(text: &str, good: impl Fn(char) -> bool) -> &str {
    let start = text.trim_end_matches(&good).len();
    text.get(start..).unwrap_or_default()
}

fn percent_decode(text: &str) -> Cow<'_, str> {
    if !text.contains('%') {
        return Cow::Borrowed(text);
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('%') {
        bytes.extend_from_slice(before.as_bytes());
        let hex = after.get(..2).filter(|hex| hex.bytes().all(|byte| byte.is_ascii_hexdigit()));
        if let Some(byte) = hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            bytes.push(byte);
            rest = after.get(2..).unwrap_or_default();
        } else {
            bytes.push(b'%');
            rest = after;
        }
    }
    bytes.extend_from_slice(rest.as_bytes());
    Cow::Owned(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::{find, form, mask};
    use crate::audience::Address;

    fn check(text: &str, expected: &[&str]) {
        let found: Vec<String> = find(text).into_iter().map(|found| found.form).collect();
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn an_address_is_found_in_any_dress() {
        check("write to Ada@Example.COM.", &["ada@example.com"]);
        check("<mailto:ada@example.com?subject=x>", &["ada@example.com"]);
        check("'ada@example.com', \"bob@example.net\"", &["ada@example.com", "bob@example.net"]);
        check("https://x.example/?email=ada%2Bx%40example.com&a=1", &["ada+x@example.com"]);
        check("https://x.example/?a%3Dada%40example.com", &["ada@example.com"]);
        check("user@münchen.example", &["user@münchen.example"]);
        check("...ada@example.com", &["ada@example.com"]);
        check("@media a@b 1 @ 2 @example.com a@.com", &[]);
    }

    #[test]
    fn a_longer_local_part_is_another_address() {
        let bob = Address::parse("bob@example.com").unwrap();
        assert_ne!(find("jim.bob@example.com")[0].form, form(&bob));
        let odd = Address::parse("50%off=o'brien@example.com").unwrap();
        assert_eq!(find("https://x.example/?e=50%25off%3Do'brien%40example.com")[0].form, form(&odd));
    }

    #[test]
    fn masks_leave_the_first_letter_and_the_domain() {
        assert_eq!(
            mask("no ada.l@example.com here, nor b@x.example"),
            "no a***@example.com here, nor b***@x.example"
        );
        assert_eq!(mask("nothing @ all"), "nothing @ all");
    }
}
