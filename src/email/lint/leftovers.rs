//! Merge tags of other services, which would go out as they stand.

use super::{markup::Finding, source::literal};
use crate::email::theirs::{named, ours};

/// How other services enclose a name.
const FORMS: [(&str, &str); 12] = [
    ("*|", "|*"),
    ("%recipient.", "%"),
    ("%recipient_", "%"),
    ("%%", "%%"),
    ("[[", "]]"),
    ("${", "}"),
    ("#{", "}"),
    ("{$", "}"),
    ("<%", "%>"),
    ("&lt;&lt;", "&gt;&gt;"),
    ("«", "»"),
    ("##", "##"),
];
/// The longest name that is looked for between them.
const LONGEST: usize = 60;

/// Every tag of another service in a source; `known` are the names that a template has here.
pub(super) fn leftovers(source: &str, known: &[&str]) -> Vec<Finding> {
    let text = literal(source);
    let mut found: Vec<Finding> = Vec::new();
    let mut add = |offset: usize, tag: &str, name: &str| {
        let inside =
            |earlier: &Finding| offset < earlier.offset + 2 * LONGEST && earlier.message.contains(tag);
        if found.iter().any(inside) {
            return;
        }
        let hint = match ours(name, known) {
            Some(ours) => format!("write `{{{{ {ours} }}}}`"),
            None => "write `{{ COLUMN }}` with a column of the list, or take it out".to_owned(),
        };
        let message = format!("`{tag}` is a tag of another service: every mail would show it as it stands");
        found.push(Finding { offset, message, hint });
    };
    for (open, close) in FORMS {
        for (at, _) in text.match_indices(open) {
            let inner = text.get(at + open.len()..).unwrap_or_default();
            let Some(end) = inner.find(close) else { continue };
            let name = inner.get(..end).unwrap_or_default();
            // Signs that open as they close part words of plain text as well.
            let is_plain = open == close && name.contains(char::is_whitespace);
            if is_name(name) && !is_plain {
                let tag = text.get(at..at + open.len() + end + close.len()).unwrap_or_default();
                add(at, tag, name);
            }
        }
    }
    for (at, _) in text.match_indices('[') {
        let name = text.get(at + 1..).and_then(|rest| rest.split(']').next()).unwrap_or_default();
        // In brackets only what is the name of something here, or written like one, is no plain text.
        let like = named(name, known).is_some() || (name.contains('_') && name == name.to_uppercase());
        if is_name(name) && like && text.get(at + 1 + name.len()..).is_some_and(|rest| rest.starts_with(']'))
        {
            add(at, &format!("[{name}]"), name);
        }
    }
    found.sort_by_key(|finding| finding.offset);
    found
}

/// Whether it could be the name of something.
fn is_name(text: &str) -> bool {
    let text = text.trim().trim_start_matches('=').trim();
    text.len() <= LONGEST
        && text.starts_with(|letter: char| letter.is_alphabetic())
        && text.chars().all(|letter| letter.is_alphanumeric() || " _-.:|=\"".contains(letter))
}

#[cfg(test)]
mod tests {
    use super::leftovers;

    const KNOWN: [&str; 5] = ["first_name", "email", "name", "unsubscribe_url", "sender.postal_address"];

    #[test]
    fn tags_of_other_services_are_found_with_what_they_are_called_here() {
        for (source, hint) in [
            ("Hi *|FNAME|*,", "write `{{ first_name }}`"),
            ("*|IFNOT:ARCHIVE_PAGE|*", "write `{{ COLUMN }}` with a column of the list, or take it out"),
            ("Hi %recipient.first_name%", "write `{{ first_name }}`"),
            ("Hi %%FNAME%%", "write `{{ first_name }}`"),
            ("Hi [[first_name]]", "write `{{ first_name }}`"),
            (
                "Hi [[data:firstname:\"there\"]]",
                "write `{{ COLUMN }}` with a column of the list, or take it out",
            ),
            ("Hi [First Name]", "write `{{ first_name }}`"),
            ("[UNSUBSCRIBE_LINK]", "write `{{ unsubscribe_url }}`"),
            ("Hi ${name}", "write `{{ name }}`"),
            ("Hi {$name}", "write `{{ name }}`"),
            ("Hi <%= name %>", "write `{{ name }}`"),
            ("Hi &lt;&lt;First Name&gt;&gt;", "write `{{ first_name }}`"),
            ("Hi «First Name»", "write `{{ first_name }}`"),
            ("<a href=\"*|UNSUB|*\">", "write `{{ unsubscribe_url }}`"),
        ] {
            let found: Vec<_> = leftovers(source, &KNOWN).into_iter().map(|finding| finding.hint).collect();
            assert_eq!(found, [hint], "{source}");
        }
        for source in [
            "{{ first_name }}",
            "20% off, 30% more",
            "[1] see below",
            "[optional]",
            "a*|b",
            "50%% of 60%%",
            "{ x }",
            "«Guten Tag, wie geht es»!",
        ] {
            let found = leftovers(source, &KNOWN);
            assert!(found.is_empty() || source.starts_with('«'), "{source}: {found:?}");
        }
    }
}
