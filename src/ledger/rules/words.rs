//! Words from outside, made fit to keep and to show: a relay may answer with anything.

use std::fmt::Write;

use crate::audience::Address;

/// The longest text that is kept of a reply, in bytes.
const LIMIT: usize = 1024;
const CUT: &str = "…";

/// A server's text as one safe line: control characters, escape sequences, direction marks and broken UTF-8 are spelled
/// out, and the whole is cut to 1 KiB. Doing it twice changes nothing.
#[must_use]
pub fn printable(text: impl AsRef<[u8]>) -> String {
    let mut line = String::new();
    for chunk in text.as_ref().utf8_chunks() {
        for character in chunk.valid().chars() {
            if is_unsafe(character) {
                let _ = write!(line, "\\u{{{:x}}}", u32::from(character));
            } else {
                line.push(character);
            }
            if line.len() > LIMIT {
                return cut(line);
            }
        }
        for byte in chunk.invalid() {
            let _ = write!(line, "\\x{byte:02x}");
        }
    }
    if line.len() > LIMIT { cut(line) } else { line }
}

fn cut(mut line: String) -> String {
    line.truncate(line.floor_char_boundary(LIMIT - CUT.len()));
    line.push_str(CUT);
    line
}

/// Whether a character could act on a terminal or reorder the text around it.
fn is_unsafe(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{ad}' | '\u{61c}' | '\u{feff}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        )
}

/// `text` fit for the ledger's reason and reply: printable, and with the recipient's own address masked.
pub(in crate::ledger) fn kept(text: &str, address: &Address) -> String {
    printable(replace_ignoring_case(text, &address.to_string(), &address.masked()))
}

fn replace_ignoring_case(text: &str, from: &str, to: &str) -> String {
    let lower = text.to_ascii_lowercase();
    let sought = from.to_ascii_lowercase();
    let mut replaced = String::with_capacity(text.len());
    let mut rest = 0;
    for (at, _) in lower.match_indices(&sought) {
        replaced.push_str(text.get(rest..at).unwrap_or_default());
        replaced.push_str(to);
        rest = at + sought.len();
    }
    replaced.push_str(text.get(rest..).unwrap_or_default());
    replaced
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_cannot_act_on_a_terminal() {
        let check = |input: &[u8], expected: &str| {
            assert_eq!(printable(input), expected);
            assert_eq!(printable(printable(input)), expected, "twice");
        };
        check(b"250 2.0.0 Ok: queued as 4ABC", "250 2.0.0 Ok: queued as 4ABC");
        check(b"550 \x1b[2Jgone\r\nnext", "550 \\u{1b}[2Jgone\\u{d}\\u{a}next");
        check(b"250 \xe9t\xe9", "250 \\xe9t\\xe9");
        check("250 été".as_bytes(), "250 été");
        check("a\u{202e}b\u{2028}c\u{85}d\0".as_bytes(), "a\\u{202e}b\\u{2028}c\\u{85}d\\u{0}");
    }

    #[test]
    fn a_reply_is_cut_to_a_kibibyte_at_a_character() {
        for filler in ["x", "é", "\u{1b}", "€"] {
            let line = printable(filler.repeat(2000));
            assert!(line.len() <= LIMIT, "{}", line.len());
            assert!(line.ends_with(CUT));
            assert_eq!(printable(&line), line);
        }
        assert_eq!(printable([0xff; 2000]).len(), printable(printable([0xff; 2000])).len());
        assert_eq!(printable("x".repeat(LIMIT)).len(), LIMIT);
    }

    #[test]
    fn the_recipients_address_is_masked_whatever_its_case() {
        let address = Address::parse("Ada.L@example.com").unwrap();
        let text = "550 <ada.l@EXAMPLE.com>: no such user, Ada.L@example.com";
        assert_eq!(kept(text, &address), "550 <A***@example.com>: no such user, A***@example.com");
    }
}
