//! Text out of a list: which characters are refused, how a cell is tidied, how a value is shown in a message.

use std::{borrow::Cow, fmt::Write as _};

use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick};

use super::mask;

/// How much of a value a message shows, in characters.
const SHOWN: usize = 60;

/// The first character that no cell may hold, if there is one.
///
/// Refused are the controls C0, DEL and C1 (with U+0085), the separators U+2028 and U+2029, the bidirectional
/// controls, which make a text read otherwise than it is, and U+FFFD, the mark of bytes that could not be read.
/// Where `line_breaks` says so, line feed and tab pass.
pub(super) fn refused_character(text: &str, line_breaks: bool) -> Option<char> {
    let control = |byte: u8| byte < 0x20 || byte == 0x7f;
    if text.is_ascii() && !text.bytes().any(control) {
        return None;
    }
    text.chars()
        .find(|&character| is_refused(character) && !(line_breaks && matches!(character, '\n' | '\t')))
}

fn is_refused(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | char::REPLACEMENT_CHARACTER)
}

/// Takes stray white space off both ends: spaces, tabs, no-break spaces, and the invisible marks that come along
/// with pasted text (zero-width space, word joiner, byte order mark). Line breaks and other controls stay, to be
/// refused or kept by rule.
pub(super) fn trimmed(text: &str) -> &str {
    text.trim_matches(|character: char| match character {
        '\t' | '\u{200b}' | '\u{2060}' | '\u{feff}' => true,
        '\u{2028}' | '\u{2029}' => false,
        _ => character.is_whitespace() && !character.is_control(),
    })
}

/// Whether a character shows nothing and joins nothing that could be seen: pasted text brings them along.
pub(super) fn is_invisible(character: char) -> bool {
    matches!(character, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// Whether it is a direction mark, as phones and chats put them around what is copied out of them.
pub(super) const fn is_mark(character: char) -> bool {
    matches!(character, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// The composed form (NFC): the same text however it was typed.
pub(super) fn composed(text: &str) -> Cow<'_, str> {
    if text.is_ascii() || is_nfc_quick(text.chars()) == IsNormalized::Yes {
        Cow::Borrowed(text)
    } else {
        Cow::Owned(text.nfc().collect())
    }
}

/// A user's value for a message: in backticks, cut, controls spelled out, addresses masked.
pub(super) fn shown(text: &str) -> String {
    let masked = mask::text(text);
    let mut out = String::from("`");
    for (count, character) in masked.chars().enumerate() {
        if count == SHOWN {
            out.push('…');
            break;
        }
        if is_refused(character) && character != char::REPLACEMENT_CHARACTER {
            out.push_str(&code_point(character));
        } else {
            out.push(character);
        }
    }
    out.push('`');
    out
}

/// `U+000A`: how a character is named where it cannot be shown.
pub(super) fn code_point(character: char) -> String {
    let mut out = String::new();
    // Writing to a String cannot fail.
    let _ = write!(out, "U+{:04X}", u32::from(character));
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn controls_and_direction_marks_are_refused_and_letters_are_not() {
        let check = |text: &str, expected: Option<char>| {
            assert_eq!(refused_character(text, false), expected, "{text:?}");
        };
        check("Ada", None);
        check("Gökçe Şahin", None);
        check("محمد\u{200c}علی", None);
        check("a\0b", Some('\0'));
        check("a\tb", Some('\t'));
        check("a\u{85}b", Some('\u{85}'));
        check("a\u{9f}b", Some('\u{9f}'));
        check("a\u{2028}b", Some('\u{2028}'));
        check("a\u{202e}b", Some('\u{202e}'));
        check("a\u{2066}b", Some('\u{2066}'));
        check("Ad\u{fffd}", Some('\u{fffd}'));
        assert_eq!(refused_character("a\n\tb", true), None);
        assert_eq!(refused_character("a\r\nb", true), Some('\r'));
    }

    #[test]
    fn stray_space_goes_and_line_breaks_stay() {
        let check = |text: &str, expected: &str| assert_eq!(trimmed(text), expected, "{text:?}");
        check(" \u{a0}\tAda \u{a0}", "Ada");
        check("\u{feff}Ada\u{200b}", "Ada");
        check("\u{3000}Ada\u{202f}", "Ada");
        check("\nAda\r", "\nAda\r");
        check("Ada\u{85}", "Ada\u{85}");
        check("Ada\u{2028}", "Ada\u{2028}");
    }

    #[test]
    fn the_composed_form_is_the_same_however_it_was_typed() {
        assert_eq!(composed("Zoe\u{308}"), "Zoë");
        assert!(matches!(composed("Zoë"), Cow::Borrowed(_)));
    }

    #[test]
    fn a_shown_value_is_cut_escaped_and_masked() {
        let check = |text: &str, expected: &str| assert_eq!(shown(text), expected);
        check("Ada", "`Ada`");
        check("a\u{1b}[2J", "`aU+001B[2J`");
        check("Ada <ada.lovelace@example.com>", "`Ada <a***@example.com>`");
        check("ada@example.com,bob@example.com", "`a***@example.com,b***@example.com`");
        check("@example.com", "`***@example.com`");
        check(&"x".repeat(100), &format!("`{}…`", "x".repeat(60)));
    }
}
