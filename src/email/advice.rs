//! Advice that would make the HTML better for people who listen to their mail.

use super::words::words;

/// Attributes that an element should have, and why.
const WANTED: [(&str, &str, &str); 3] = [
    ("html", "lang", "screen readers need `lang` to pronounce the words"),
    ("img", "alt", "a picture wants `alt`: what it says, or nothing if it only adorns"),
    ("table", "role", "a table that only lays out wants `role=\"presentation\"`"),
];

/// Byte offsets of elements that lack an attribute, with the reason.
pub(super) fn lacking(source: &str) -> Vec<(usize, &'static str)> {
    let plain = without_tags(source);
    let lower = plain.to_ascii_lowercase();
    let mut found = Vec::new();
    for (element, attribute, reason) in WANTED {
        for (at, _) in lower.match_indices(&format!("<{element}")) {
            let rest = lower.get(at + 1 + element.len()..).unwrap_or_default();
            if !rest.starts_with(|char: char| char.is_ascii_whitespace() || matches!(char, '>' | '/')) {
                continue;
            }
            let tag = rest.split('>').next().unwrap_or_default();
            let has = tag.match_indices(attribute).any(|(at, _)| {
                let before = tag
                    .get(..at)
                    .is_some_and(|before| before.ends_with(|char: char| char.is_ascii_whitespace()));
                let after = tag.get(at + attribute.len()..).unwrap_or_default().trim_start();
                before && (after.starts_with('=') || after.is_empty())
            });
            // A table with headings holds data: its role is its own.
            let holds_data =
                element == "table" && rest.split("</table").next().is_some_and(|inner| inner.contains("<th"));
            if !has && !holds_data {
                found.push((at, reason));
            }
        }
    }
    found.sort_unstable();
    found
}

/// The source with whatever stands in template tags replaced by spaces, byte for byte, so that offsets stay.
fn without_tags(source: &str) -> String {
    let mut plain = source.to_owned().into_bytes();
    for word in words(source) {
        let end = word.offset + word.text.len();
        if let Some(bytes) = plain.get_mut(word.offset..end) {
            bytes.fill(b' ');
        }
    }
    String::from_utf8(plain).unwrap_or_else(|_| source.to_owned())
}

#[cfg(test)]
mod tests {
    use super::lacking;

    #[test]
    fn what_is_lacking_is_named() {
        for (source, expected) in [
            (
                "<html lang=\"{% block lang %}en{% endblock %}\"><img src=\"cid:a\" alt=\"\"><table role=\"presentation\">",
                0,
            ),
            ("<html><img src=\"cid:a\"><TABLE width=\"1\">", 3),
            ("<img src=\"{{ a > b }}\" alt>", 0),
            ("<imgx><html-x>", 0),
            ("<table><tr><th scope=\"col\">Book</th></tr></table>", 0),
            ("<img data-alt=\"x\">", 1),
        ] {
            assert_eq!(lacking(source).len(), expected, "{source}");
        }
    }
}
