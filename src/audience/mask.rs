//! Addresses as people may see them, in words, logs and messages: one letter, three stars, the domain.

/// `a***@example.com`, of the two parts of an address.
#[must_use]
pub fn parts(local: &str, domain: &str) -> String {
    let mut masked: String = local.chars().take(1).collect();
    masked.push_str("***@");
    masked.push_str(domain);
    masked
}

/// A text that is one address or a key with one in it; `***` where there is none.
#[must_use]
pub fn address(text: &str) -> String {
    text.rsplit_once('@').map_or_else(|| "***".to_owned(), |(local, domain)| parts(local, domain))
}

/// A text of any kind, with what stands before each `@` hidden but for its first character.
#[must_use]
pub fn text(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('@') {
        let start = before
            .char_indices()
            .rev()
            .find(|(_, character)| character.is_whitespace() || matches!(character, '<' | ',' | ';' | ':'))
            .map_or(0, |(at, character)| at + character.len_utf8());
        let (kept, local) = before.split_at(start);
        out.push_str(kept);
        out.push_str(&parts(local, ""));
        rest = after;
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::address;

    #[test]
    fn a_masked_address_shows_one_letter_and_the_domain() {
        for (text, masked) in [
            ("ada@example.com", "a***@example.com"),
            ("ü@example.org", "ü***@example.org"),
            ("nobody", "***"),
        ] {
            assert_eq!(address(text), masked);
        }
    }
}
