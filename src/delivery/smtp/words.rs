//! What a relay says, made fit for people: it may not move the cursor, forge a line or fill the ledger.

use crate::audience::Address;

/// The most bytes of a relay's words that are kept.
const LONGEST: usize = 1024;

/// Bytes from the network as text: UTF-8 where it is, everything that a terminal or a log would obey as `\x1b` or
/// `\u{202e}`, at most 1 KiB.
#[must_use]
pub fn printable(bytes: &[u8]) -> String {
    const CUT: &str = "…";
    let mut text = String::new();
    for chunk in bytes.utf8_chunks() {
        let good = chunk.valid().chars().map(escape);
        let bad = chunk.invalid().iter().map(|byte| format!("\\x{byte:02x}"));
        for piece in good.chain(bad) {
            if text.len() + piece.len() > LONGEST - CUT.len() {
                return text + CUT;
            }
            text.push_str(&piece);
        }
    }
    text
}

fn escape(char: char) -> String {
    let hidden = matches!(
        char,
        '\u{85}' | '\u{ad}' | '\u{61c}' | '\u{feff}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
    );
    if char == '\\' {
        "\\\\".into()
    } else if char.is_ascii_control() {
        format!("\\x{:02x}", u32::from(char))
    } else if char.is_control() || hidden {
        char.escape_unicode().to_string()
    } else {
        char.into()
    }
}

/// The text with the recipient's address masked, since relays like to quote it: `j***@example.com`.
#[must_use]
pub(super) fn veil(text: &str, address: &Address) -> String {
    let whole = address.to_string();
    let initial = address.local().chars().next().map(String::from).unwrap_or_default();
    let masked = format!("{initial}***@{}", address.domain());
    // ASCII folding keeps every byte where it is, so a place found in the folded text is one of the text.
    let (folded, wanted) = (text.to_ascii_lowercase(), whole.to_ascii_lowercase());
    let mut veiled = String::new();
    let mut rest = 0;
    for (place, _) in folded.match_indices(&wanted) {
        veiled.push_str(text.get(rest..place).unwrap_or_default());
        veiled.push_str(&masked);
        rest = place + wanted.len();
    }
    veiled.push_str(text.get(rest..).unwrap_or_default());
    veiled
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_the_words_of_a_relay_commands_a_terminal() {
        let check = |bytes: &[u8], expected: &str| assert_eq!(printable(bytes), expected);
        check(b"plain", "plain");
        check("Grüße 你好".as_bytes(), "Grüße 你好");
        check(b"\x1b[2J\x07\x7f", "\\x1b[2J\\x07\\x7f");
        check(b"a\r\nb\tc\0", "a\\x0d\\x0ab\\x09c\\x00");
        check("\u{202e}x\u{2028}\u{9b}".as_bytes(), "\\u{202e}x\\u{2028}\\u{9b}");
        check(b"caf\xe9 \xc3", "caf\\xe9 \\xc3");
        check(br"\x1b", r"\\x1b");
    }

    #[test]
    fn long_words_are_cut_at_a_character() {
        let cut = printable("ü".repeat(2_000).as_bytes());
        assert_eq!((cut.len(), cut.chars().last()), (1023, Some('…')));
        assert_eq!(printable(&[b'x'; LONGEST - 3]).len(), LONGEST - 3);
    }

    #[test]
    fn the_address_that_a_relay_quotes_is_masked() {
        let address = Address::parse("Jane.Doe@example.com").expect("an address");
        let check = |text: &str, expected: &str| assert_eq!(veil(text, &address), expected);
        check("550 <jane.doe@EXAMPLE.com>: unknown", "550 <J***@example.com>: unknown");
        check("Jane.Doe@example.comJane.Doe@example.com ü", "J***@example.comJ***@example.com ü");
        check("no such user", "no such user");
    }
}
