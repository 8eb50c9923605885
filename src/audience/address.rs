//! The address policy: what may stand in an envelope, stricter than RFC 5321 where leniency hurts.
//!
//! RFC 5321 allows quoted local parts, address literals and source routes. No list of customers holds them on
//! purpose; where they do occur, they are a slip or an attack. So they are refused by name rather than passed on.

use std::{fmt, net::IpAddr};

use super::{mask, text};

/// The longest local part, in octets (RFC 5321 §4.5.3.1.1).
const LOCAL_MAX: usize = 64;
/// The longest domain, in octets as A-labels (RFC 1035 §2.3.4, without the root's dot).
const DOMAIN_MAX: usize = 253;
/// The longest address, in octets: a path of 256 less its angle brackets (RFC 5321 §4.5.3.1.3).
const ADDRESS_MAX: usize = 254;

/// The domains that never hold a mailbox (RFC 2606 §2 and §3, RFC 6761 §6).
const RESERVED: [&str; 7] =
    ["test", "example", "invalid", "localhost", "example.com", "example.net", "example.org"];

/// A mailbox that passed the policy: dot-string local part, at least two labels, domain as A-labels.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Address {
    local: String,
    domain: String,
}

/// Why an address was refused, in words that do not repeat it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct AddressError {
    /// What is wrong.
    pub message: String,
    /// The remedy, where there is one.
    pub hint: Option<&'static str>,
}

impl From<&str> for AddressError {
    fn from(message: &str) -> Self {
        Self { message: message.to_owned(), hint: None }
    }
}

impl AddressError {
    fn hinted(message: &str, hint: &'static str) -> Self {
        Self { message: message.to_owned(), hint: Some(hint) }
    }
}

impl Address {
    /// Parses and checks one address. Nothing is trimmed or mended, but for the domain, which becomes lower-case
    /// A-labels (UTS #46, strict).
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        refuse_other_forms(text)?;
        let Some((local, domain)) = text.split_once('@') else {
            return Err("it has no `@`".into());
        };
        if domain.contains('@') {
            return Err("it has more than one `@`".into());
        }
        check_local(local)?;
        let domain = parse_domain(domain)?;
        if local.len() + 1 + domain.len() > ADDRESS_MAX {
            return Err("it is longer than 254 octets".into());
        }
        Ok(Self { local: local.to_owned(), domain })
    }

    /// An address that the ledger kept, and that passed the policy when its list was taken in: split, and not judged
    /// again. `None` where it is no address at all, so that a damaged ledger puts nothing else into an envelope.
    #[must_use]
    pub fn from_ledger(text: &str) -> Option<Self> {
        let (local, domain) = text.split_once('@')?;
        let is_plain = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_graphic());
        (is_plain(local) && is_plain(domain) && !domain.contains('@'))
            .then(|| Self { local: local.to_owned(), domain: domain.to_owned() })
    }

    /// The part before the `@`, as given.
    #[must_use]
    pub fn local(&self) -> &str {
        &self.local
    }

    /// The part after the `@`, lower case, A-labels (UTS #46).
    #[must_use]
    pub fn domain(&self) -> &str {
        &self.domain
    }

    /// The address by which two spellings of one mailbox are known to be the same: all lower case.
    ///
    /// RFC 5321 §2.4 lets a server tell `Ada@` from `ada@`; none in use does, and one person with two mails is the
    /// greater harm. The envelope keeps the spelling of the list.
    #[must_use]
    pub fn canonical(&self) -> String {
        format!("{}@{}", self.local.to_ascii_lowercase(), self.domain)
    }

    /// The address for logs and messages: `a***@example.com`.
    #[must_use]
    pub fn masked(&self) -> String {
        mask::parts(&self.local, &self.domain)
    }

    /// The domain as people see it, if one of its labels mixes alphabets with letters that look alike (UTS #39): such
    /// a name is often chosen to be taken for another.
    #[must_use]
    pub fn mixed_domain(&self) -> Option<String> {
        if !self.domain.contains("xn--") {
            return None;
        }
        let (shown, _) = idna::domain_to_unicode(&self.domain);
        let is_mixed = |label: &str| {
            let mut alphabets = label.chars().filter_map(alphabet);
            alphabets.next().is_some_and(|first| alphabets.any(|other| other != first))
        };
        shown.split('.').any(is_mixed).then_some(shown)
    }

    /// Whether the domain is set aside for documentation and tests (RFC 2606, RFC 6761), so that no mail can arrive.
    #[must_use]
    pub fn is_reserved(&self) -> bool {
        is_reserved_domain(&self.domain)
    }
}

/// Whether a domain is one of, or below, those that are set aside for documentation and tests (RFC 2606, RFC 6761).
#[must_use]
pub fn is_reserved_domain(domain: &str) -> bool {
    let domain = domain.trim_end_matches('.').to_ascii_lowercase();
    RESERVED.iter().any(|reserved| {
        domain.strip_suffix(reserved).is_some_and(|before| before.is_empty() || before.ends_with('.'))
    })
}

/// The address as it stands in an envelope.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.local, self.domain)
    }
}

/// Masked, so that no log and no panic tells an address.
impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({})", self.masked())
    }
}

/// Refuses what RFC 5322 would allow in a header but an envelope does not hold, each by its name.
fn refuse_other_forms(text: &str) -> Result<(), AddressError> {
    if text.is_empty() {
        return Err("it is empty".into());
    }
    if let Some(character) = text::refused_character(text, false) {
        return Err(AddressError {
            message: format!("it holds the character {}", text::code_point(character)),
            hint: None,
        });
    }
    let several = "one row, one address: write further people on rows of their own";
    if text.starts_with('@') && text.contains(':') {
        return Err(AddressError::hinted("it is a source route", "write the bare address"));
    }
    if text.contains(':') && text.contains(';') {
        return Err(AddressError::hinted("it is a group of addresses", several));
    }
    if text.matches('@').count() > 1 && text.contains([',', ';', ' ']) {
        return Err(AddressError::hinted("it is several addresses", several));
    }
    if text.contains(['<', '>']) {
        return Err(AddressError::hinted(
            "it is an address with angle brackets",
            "write the bare address, and the name in a column `name`",
        ));
    }
    if text.to_ascii_lowercase().starts_with("mailto:") {
        return Err(AddressError::hinted("it is a `mailto:` link", "write the bare address"));
    }
    if text.contains('"') {
        return Err("it has a quoted part".into());
    }
    if text.contains(['(', ')']) {
        return Err(AddressError::hinted("it holds a comment", "take out what stands in parentheses"));
    }
    if text.chars().any(char::is_whitespace) {
        return Err("it holds a space".into());
    }
    if text.contains([',', ';']) {
        return Err(AddressError::hinted("it holds a comma or a semicolon", several));
    }
    Ok(())
}

/// Checks for a dot-string of RFC 5321 §4.1.2.
fn check_local(local: &str) -> Result<(), AddressError> {
    if local.is_empty() {
        return Err("nothing stands before the `@`".into());
    }
    if !local.is_ascii() {
        // Such mailboxes exist (RFC 6531), but few relays take them, so the row is told rather than tried.
        return Err(AddressError::hinted(
            "it has a letter outside of ASCII before the `@`, which linkpost cannot send to yet",
            "ask the person for an address in plain letters",
        ));
    }
    if local.len() > LOCAL_MAX {
        return Err("it has more than 64 characters before the `@`".into());
    }
    if local.starts_with('.') || local.ends_with('.') || local.contains("..") {
        return Err("it has a dot too many before the `@`".into());
    }
    let is_atext =
        |character: char| character.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~.".contains(character);
    match local.chars().find(|&character| !is_atext(character)) {
        Some(character) => {
            Err(AddressError { message: format!("`{character}` cannot stand before the `@`"), hint: None })
        }
        None => Ok(()),
    }
}

/// Checks the domain and brings it into the form for the wire.
/// The alphabet of a letter, among those whose letters are taken for one another's. Others may stand beside Latin, as
/// they do in Japanese names.
fn alphabet(letter: char) -> Option<&'static str> {
    match letter {
        'a'..='z' | 'A'..='Z' | '\u{c0}'..='\u{24f}' | '\u{1e00}'..='\u{1eff}' => Some("Latin"),
        '\u{370}'..='\u{3ff}' | '\u{1f00}'..='\u{1fff}' => Some("Greek"),
        '\u{400}'..='\u{52f}' | '\u{1c80}'..='\u{1c8f}' | '\u{a640}'..='\u{a69f}' => Some("Cyrillic"),
        '\u{530}'..='\u{58f}' => Some("Armenian"),
        '\u{13a0}'..='\u{13ff}' | '\u{ab70}'..='\u{abbf}' => Some("Cherokee"),
        _ => None,
    }
}

fn parse_domain(domain: &str) -> Result<String, AddressError> {
    if domain.is_empty() {
        return Err("nothing stands after the `@`".into());
    }
    if domain.starts_with('[') || domain.parse::<IpAddr>().is_ok() {
        return Err("it has an IP address for a domain".into());
    }
    if domain.contains('_') {
        return Err("it has a `_` in the domain".into());
    }
    if domain.ends_with(['.', '\u{3002}', '\u{ff0e}', '\u{ff61}']) {
        return Err("its domain ends with a dot".into());
    }
    if domain.starts_with('.') || domain.contains("..") {
        return Err("it has a dot too many in the domain".into());
    }
    let ascii = idna::domain_to_ascii_strict(domain)
        .map_err(|_| AddressError::from("its domain is not a valid name (UTS #46)"))?;
    if ascii.len() > DOMAIN_MAX {
        return Err("its domain is longer than 253 octets".into());
    }
    let Some((_, top)) = ascii.rsplit_once('.') else {
        return Err("its domain has one label only, such as `localhost`".into());
    };
    if ascii.ends_with('.') || ascii.contains('_') || top.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err("its domain does not end with a top-level domain".into());
    }
    Ok(ascii)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_good_address_keeps_its_local_part_and_gets_a_domain_for_the_wire() {
        let check = |text: &str, expected: &str| {
            assert_eq!(Address::parse(text).map(|address| address.to_string()), Ok(expected.to_owned()));
        };
        check("ada@example.com", "ada@example.com");
        check("Ada.Lovelace+news@Example.COM", "Ada.Lovelace+news@example.com");
        check("o'brien@mail.example", "o'brien@mail.example");
        check("ada@bücher.example", "ada@xn--bcher-kva.example");
        check("ada@BÜCHER.example", "ada@xn--bcher-kva.example");
        check("ada@xn--bcher-kva.example", "ada@xn--bcher-kva.example");
        check("ada@مثال.example", "ada@xn--mgbh0fb.example");
        check("ada@straße.example", "ada@xn--strae-oqa.example");
        check(&format!("{}@example.com", "a".repeat(64)), &format!("{}@example.com", "a".repeat(64)));
    }

    #[test]
    fn a_domain_that_mixes_alphabets_is_known() {
        let check = |domain: &str, expected: bool| {
            let address = Address::parse(&format!("ada@{domain}")).unwrap();
            assert_eq!(address.mixed_domain().is_some(), expected, "{domain}");
        };
        check("p\u{430}ypal.example", true);
        check("mail.g\u{3bf}\u{3bf}gle.example", true);
        for good in
            ["example.com", "bücher.example", "пример.example", "παράδειγμα.example", "例え-test.example"]
        {
            check(good, false);
        }
        check("пример.bücher.example", false);
    }

    #[test]
    fn whatever_leniency_would_pass_on_is_refused_by_name() {
        let check = |text: &str, expected: &str| {
            let error = Address::parse(text).expect_err(text);
            assert!(error.message.contains(expected), "{text:?}: {error}");
        };
        check("", "empty");
        check("ada", "no `@`");
        check("@example.com", "before the `@`");
        check("ada@", "after the `@`");
        check("\"ada\"@example.com", "quoted");
        check("ada(home)@example.com", "comment");
        check("Ada <ada@example.com>", "angle brackets");
        check("<ada@example.com>", "angle brackets");
        check("team:ada@example.com,bob@example.com;", "group");
        check("@relay.example:ada@example.com", "source route");
        check("ada@example.com,bob@example.com", "several");
        check("ada@example.com; bob@example.com", "several");
        check("ada@example.com bob@example.com", "several");
        check("ada@example.com,", "comma");
        check("ada@bob@example.com", "more than one");
        check("mailto:ada@example.com", "mailto");
        check("ada@[192.0.2.1]", "IP address");
        check("ada@192.0.2.1", "IP address");
        check("ada@10.1", "top-level");
        check("ada@localhost", "one label");
        check("ada@example.com.", "ends with a dot");
        check("ada@example.com\u{3002}", "ends with a dot");
        check("ada@my_host.example", "`_`");
        check("ada@-bad.example", "not a valid name");
        check("ada@exa mple.com", "space");
        check("ada @example.com", "space");
        check("ada\u{a0}@example.com", "space");
        check(".ada@example.com", "dot too many");
        check("a..da@example.com", "dot too many");
        check("ada@example..com", "dot too many");
        check("ad\\a@example.com", "`\\`");
        check("jösé@example.com", "outside of ASCII");
        check("ada\r\n@example.com", "U+000D");
        check("ada\0@example.com", "U+0000");
        check("ada@exam\u{202e}ple.com", "U+202E");
        check(&format!("{}@example.com", "a".repeat(65)), "more than 64");
        check(&format!("ada@{}.example", "a".repeat(64)), "not a valid name");
        let long = vec!["a".repeat(60); 4].join(".");
        check(&format!("{}@{long}", "a".repeat(64)), "254");
    }

    #[test]
    fn an_address_fills_its_limits_to_the_last_octet() {
        // 64 octets, the `@`, and a domain of so many.
        let with_domain = |octets: usize| {
            let domain = format!("{}.{}.example", "b".repeat(63), "c".repeat(63));
            let domain = format!("{}.{domain}", "d".repeat(octets - domain.len() - 1));
            (format!("{}@{domain}", "a".repeat(LOCAL_MAX)), domain)
        };
        let (longest, _) = with_domain(189);
        assert_eq!(longest.len(), ADDRESS_MAX);
        assert_eq!(Address::parse(&longest).map(|address| address.to_string()), Ok(longest));
        let (too_long, domain) = with_domain(190);
        assert_eq!(Address::parse(&too_long).unwrap_err().message, "it is longer than 254 octets");
        assert!(Address::parse(&format!("ada@{domain}")).is_ok(), "its domain alone is good");
        // What counts is the domain as it goes over the wire.
        let domain = format!("ü{}", domain.strip_prefix('d').unwrap());
        let text = format!("{}@{domain}", "a".repeat(LOCAL_MAX - 4));
        assert!(text.len() <= ADDRESS_MAX && Address::parse(&text).is_err());
    }

    #[test]
    fn a_damaged_ledger_gives_no_address() {
        for text in
            ["", "ada", "@", "ada@", "@example.com", "a@b@c", "ada@example.com\r\nDATA", "ad a@example.com"]
        {
            assert_eq!(Address::from_ledger(text), None, "{text:?}");
        }
    }

    #[test]
    fn a_display_name_gets_a_hint_where_the_name_goes() {
        let error = Address::parse("Ada <ada@example.com>").unwrap_err();
        assert_eq!(error.hint, Some("write the bare address, and the name in a column `name`"));
    }

    #[test]
    fn reserved_domains_are_known_and_their_look_alikes_are_not() {
        let check = |text: &str, expected: bool| {
            assert_eq!(Address::parse(text).unwrap().is_reserved(), expected, "{text}");
        };
        check("ada@example.com", true);
        check("ada@mail.example.org", true);
        check("ada@corp.test", true);
        check("ada@corp.localhost", true);
        check("ada@corp.invalid", true);
        check("ada@notexample.com", false);
        check("ada@example.de", false);
        check("ada@a.mytest", false);
        for host in ["smtp.tidewater.example", "SMTP.Tidewater.EXAMPLE.", "localhost"] {
            assert!(is_reserved_domain(host), "{host}");
        }
        assert!(!is_reserved_domain("smtp.example.internal"));
    }

    #[test]
    fn no_debug_text_tells_the_address() {
        let address = Address::parse("ada.lovelace@example.com").unwrap();
        assert_eq!(address.masked(), "a***@example.com");
        assert_eq!(format!("{address:?}"), "Address(a***@example.com)");
        assert_eq!(Address::parse("Ada@Example.com").unwrap().canonical(), "ada@example.com");
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn parsing_never_panics_and_what_it_prints_parses_to_the_same(text in "\\PC{0,40}|[a-z.+\"<@ ]{0,12}@[a-zäßÖ。.\\-_]{0,20}") {
            if let Ok(address) = Address::parse(&text) {
                let printed = address.to_string();
                prop_assert!(printed.is_ascii() && printed.len() <= ADDRESS_MAX);
                prop_assert_eq!(Address::from_ledger(&printed), Some(address.clone()));
                prop_assert_eq!(Address::parse(&printed), Ok(address));
            }
        }
    }
}
