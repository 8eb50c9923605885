//! The header fields that every mail of a campaign carries, and the opaque ids in them.

use aws_lc_rs::hmac;
use data_encoding::{BASE32_NOPAD, BASE64, BASE64URL_NOPAD};
use lettre::message::{
    Mailbox,
    header::{HeaderName, HeaderValue},
};

use crate::audience::KEY_SEPARATOR;

/// A display name may have this many characters.
pub(super) const MAX_NAME: usize = 100;

/// A subject may have this many characters.
pub(super) const MAX_SUBJECT: usize = 200;

/// A line that holds an encoded word has at most so many characters (RFC 2047 §2).
const LONGEST_ENCODED: usize = 76;

/// The letters of an unsubscribe id.
const UNSUBSCRIBE_ID: usize = 22;

/// Checks a text that goes into a header; `Err` is a fragment. Nothing is mended: CR and LF would make new headers,
/// the rest would show something else than what was typed.
pub(super) fn check_text(text: &str, max: usize) -> Result<(), String> {
    if text.contains(is_unfit) {
        return Err("holds a line break, a control character or one that turns the writing around".to_owned());
    }
    if text.contains("=?") {
        return Err("holds `=?`, which mail programs decode".to_owned());
    }
    let count = text.chars().count();
    if count > max { Err(format!("has {count} characters, more than {max}")) } else { Ok(()) }
}

/// C0, C1, the Unicode line ends, and the characters that reorder text.
pub(super) fn is_unfit(char: char) -> bool {
    char.is_control()
        || matches!(char, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// The subject of a derived id: campaign, occasion and recipient key.
pub(super) fn about(campaign: &str, occasion: &str, key: &str) -> String {
    format!("{campaign}{KEY_SEPARATOR}{occasion}{KEY_SEPARATOR}{key}")
}

/// The left part of the Message-ID: 130 bits of an HMAC, so the same on every try and without any user data.
pub(super) fn message_id(key: &hmac::Key, about: &str) -> String {
    let tag = hmac::sign(key, about.as_bytes());
    BASE32_NOPAD.encode(tag.as_ref()).chars().take(26).map(|char| char.to_ascii_lowercase()).collect()
}

/// The opaque id in the unsubscribe link: 130 bits of an HMAC and more. It ends in a letter or digit: mail programs
/// leave a hyphen or underscore at the end out of a link that they find in a text.
pub(super) fn unsubscribe_id(key: &hmac::Key, about: &str) -> String {
    let tag = BASE64URL_NOPAD.encode(hmac::sign(key, about.as_bytes()).as_ref());
    let (start, rest) = tag.split_at(UNSUBSCRIBE_ID - 1);
    // Not one among the 22 letters left: once in 10^33 ids.
    let last = rest.chars().find(char::is_ascii_alphanumeric).unwrap_or('0');
    format!("{start}{last}")
}

/// `List-Id: "Title" <list.id>` (RFC 2919 §3).
pub(super) fn list_id(title: &str, id: &str) -> HeaderValue {
    let phrase = if title.is_ascii() {
        format!("\"{}\"", title.replace('\\', "\\\\").replace('"', "\\\""))
    } else {
        encoded_words("List-Id", title)
    };
    let fits = !phrase.contains('\r') && "List-Id: ".len() + phrase.len() + id.len() + 3 <= LONGEST_ENCODED;
    raw("List-Id", format!("{phrase}{}<{id}>", if fits { " " } else { "\r\n " }))
}

/// `Subject`. lettre encodes word by word, and where two encoded words meet over several spaces readers drop those;
/// so a subject that is not ASCII is encoded as a whole.
pub(super) fn subject(text: &str) -> HeaderValue {
    if text.is_ascii() {
        HeaderValue::new(HeaderName::new_from_ascii_str("Subject"), text.to_owned())
    } else {
        raw("Subject", encoded_words("Subject", text))
    }
}

/// A mailbox whose name is not ASCII, as the value of `header`; `None`: lettre writes it well. Beside an encoded word it
/// leaves an address on a line that gets too long.
pub(super) fn mailbox(header: &'static str, mailbox: &Mailbox) -> Option<HeaderValue> {
    let name = mailbox.name.as_deref().filter(|name| !name.is_ascii())?;
    let (words, address) = (encoded_words(header, name), format!("<{}>", mailbox.email));
    let line = words.rsplit("\r\n").next().map_or(0, str::len);
    let before = if words.contains('\r') { 0 } else { header.len() + 2 };
    let gap = if before + line + 1 + address.len() <= LONGEST_ENCODED { " " } else { "\r\n " };
    let header = HeaderName::new_from_ascii_str(header);
    Some(HeaderValue::dangerous_new_pre_encoded(
        header,
        mailbox.to_string(),
        format!("{words}{gap}{address}"),
    ))
}

/// A header whose value is ready: ASCII, folded.
pub(super) fn raw(name: &'static str, value: String) -> HeaderValue {
    HeaderValue::dangerous_new_pre_encoded(HeaderName::new_from_ascii_str(name), value.clone(), value)
}

/// RFC 2047 §2: a text as encoded words of whole characters, folded; the first line holds the header's name as well.
fn encoded_words(name: &str, text: &str) -> String {
    // Before a word there is the name with `: `, or the blank of a folded line.
    let fits = |before: usize| (LONGEST_ENCODED - before - "=?utf-8?B??=".len()) / 4 * 3;
    let mut room = fits(name.len() + 2);
    let mut words: Vec<String> = Vec::new();
    let mut chunk = String::new();
    for char in text.chars() {
        if chunk.len() + char.len_utf8() > room {
            words.push(std::mem::take(&mut chunk));
            room = fits(1);
        }
        chunk.push(char);
    }
    words.push(chunk);
    let words: Vec<String> =
        words.iter().map(|word| format!("=?utf-8?B?{}?=", BASE64.encode(word.as_bytes()))).collect();
    words.join("\r\n ")
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::hmac;

    use super::{about, check_text, encoded_words, message_id, unsubscribe_id};

    /// A try after an update of the program must find the ids of the try before it.
    #[test]
    fn ids_are_the_same_for_ever() {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &[7; 32]);
        let about = about("spring", "2026", "user_ada");
        assert_eq!(message_id(&key, &about), "wjdajbmq32eebi52k44mji4vlr");
        assert_eq!(unsubscribe_id(&key, &about), "skYEhZDeiECjulc4xKOVXG");
    }

    #[test]
    fn ids_depend_on_every_part_and_hold_none_of_it() {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &[7; 32]);
        let id = message_id(&key, &about("spring", "2026", "user_ada"));
        assert_eq!(id.len(), 26);
        assert_eq!(id, message_id(&key, &about("spring", "2026", "user_ada")));
        for other in [about("spring2", "026", "user_ada"), about("spring", "2026", "user_adb")] {
            assert_ne!(id, message_id(&key, &other));
        }
        for number in 0..500 {
            let id = unsubscribe_id(&key, &number.to_string());
            assert!(id.len() == 22 && id.ends_with(|end: char| end.is_ascii_alphanumeric()), "{id}");
        }
    }

    #[test]
    fn encoded_words_keep_characters_whole() {
        let text = "Grüße aus İstanbul, für alle, die gewartet haben";
        for word in encoded_words("Subject", text).split("\r\n ") {
            assert!(word.len() <= 75 && word.starts_with("=?utf-8?B?"), "{word}");
        }
    }

    #[test]
    fn what_no_header_may_hold_is_refused() {
        for text in [
            "a\rb",
            "a\nb",
            "a\0b",
            "a\u{85}b",
            "a\u{2028}b",
            "a\u{202e}b",
            "a\u{2066}b",
            "=?utf-8?q?x?=",
            "abcdefghijk",
        ] {
            assert!(check_text(text, 10).is_err(), "{text:?}");
        }
        assert!(check_text("Ünal 🎉 عمر", 12).is_ok());
    }
}
