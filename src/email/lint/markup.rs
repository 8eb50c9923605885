//! HTML that no mail may hold, found in the template that holds it: told once, and not for each row.

use super::source::{Piece, VALUE, literal, pieces};
use crate::{email::html_scan::scan, problem::Diagnosis};

/// A fault or an oddity of a source: where, what, and the remedy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Finding {
    /// Bytes from the start of the source.
    pub(super) offset: usize,
    pub(super) message: String,
    pub(super) hint: String,
}

/// What the proof would refuse in every mail.
pub(super) fn faults(source: &str) -> Vec<Finding> {
    let literal = literal(source);
    let found = pieces(&literal).into_iter().filter_map(|piece| {
        let Diagnosis { message, .. } = fault(&piece)?;
        let hint = remedy(&piece.name(), &message);
        Some(Finding { offset: piece.offset, message, hint })
    });
    found.collect()
}

/// As the proof sees it, without what values put there.
fn fault(piece: &Piece<'_>) -> Option<Diagnosis> {
    let name = piece.name();
    if !piece.has_value() {
        let closed = if name == "style" { format!("{}</style>", piece.text) } else { piece.text.to_owned() };
        return scan(&closed).err();
    }
    // A beginning that no value can mend.
    let cut = piece
        .text
        .split(['"', '\''])
        .find(|value| value.contains(VALUE) && value.trim_start().to_ascii_lowercase().starts_with("http:"));
    if cut.is_some() && !piece.text.contains("localhost") && !piece.text.contains("127.0.0.1") {
        return scan("<a href=\"http://www.example.org/\">").err();
    }
    scan(&format!("<{name}>")).err()
}

fn remedy(element: &str, message: &str) -> String {
    if message.contains("scheme `http:`") {
        return "write `https://` in the place of `http://`".to_owned();
    }
    if message.contains("relative") || message.contains("names no scheme") {
        let picture = "or attach the picture (`[[attachments]]` with `content_id`) and show it with `cid:`";
        let whole = "write the whole address, `https://…`";
        return if element == "img" { format!("{whole}, {picture}") } else { whole.to_owned() };
    }
    match element {
        "form" | "input" | "button" | "select" | "option" | "textarea" => {
            "mail programs take forms out: link to a page that has one".to_owned()
        }
        "script" => "mail programs run no scripts: take it out".to_owned(),
        "link" | "style" => {
            "write the rules themselves into `<style>`: nothing is fetched for a mail".to_owned()
        }
        "iframe" | "object" | "embed" | "svg" | "frame" => {
            "show a picture in its place, with a link around it".to_owned()
        }
        _ => "take it out of the template".to_owned(),
    }
}

/// Rules that do not reach the reader: they name what only browsers know, or what the inliner cannot give an element.
pub(super) fn lost_rules(source: &str) -> Vec<Finding> {
    let literal = literal(source);
    let mut found = Vec::new();
    for piece in pieces(&literal).into_iter().filter(|piece| piece.name() == "style") {
        for lost in [":hover", ":focus", ":active", ":visited", "::before", "::after", ":before", ":after"] {
            let Some(at) = piece.text.find(lost) else { continue };
            // `::before` is not told twice.
            if lost.starts_with(':')
                && !lost.starts_with("::")
                && piece.text.get(..at).is_some_and(|it| it.ends_with(':'))
            {
                continue;
            }
            found.push(Finding {
                offset: piece.offset + at,
                message: format!("a rule with `{lost}` gets lost: rules are written into the elements, and an element has no `{lost}`"),
                hint: "take it out, or put it into an `@media` rule, which stays as it is".to_owned(),
            });
        }
    }
    found
}

/// Pictures that are fetched when the mail is read, as one finding: most mail programs ask first.
pub(super) fn remote_pictures(source: &str) -> Option<Finding> {
    let literal = literal(source);
    let all = pieces(&literal);
    let remote = |piece: &&Piece<'_>| {
        let text = piece.text.to_ascii_lowercase();
        piece.name() == "img" && (text.contains("src=\"https:") || text.contains("src='https:"))
    };
    let first = all.iter().find(remote)?;
    let number = all.iter().filter(remote).count();
    let (are, they) = if number == 1 { ("1 picture is", "it") } else { ("pictures are", "them") };
    let words = if number == 1 { are.to_owned() } else { format!("{number} {are}") };
    Some(Finding {
        offset: first.offset,
        message: format!("{words} fetched from the web: many mail programs show {they} only when asked, and whoever serves {they} sees who reads"),
        hint: "say what matters in words too (`alt`), or let them come along: `[[attachments]]` with `content_id`, shown with `cid:`".to_owned(),
    })
}

/// What stands right behind the sign-in link and would become a part of it; in `text` also the signs that mail programs
/// take along when they find links themselves.
pub(super) fn glued(source: &str, text: bool) -> (Vec<Finding>, Vec<Finding>) {
    let (mut faults, mut notes) = (Vec::new(), Vec::new());
    let mut at = 0;
    while let Some(open) = source.get(at..).and_then(|rest| rest.find("{{")) {
        let offset = at + open;
        let Some(length) = source.get(offset..).and_then(|rest| rest.find("}}")) else { break };
        let inner = source.get(offset + 2..offset + length).unwrap_or_default().trim_matches(['-', ' ']);
        at = offset + length + 2;
        let name = inner.split(['(', ' ', '|']).next().unwrap_or_default();
        if !matches!(name, "link" | "unsubscribe_url") || inner.contains("//") {
            continue;
        }
        let behind = source.get(at..).unwrap_or_default();
        let Some(next) = behind.chars().next() else { continue };
        let end = behind.find(|letter: char| letter.is_whitespace() || "\"'<>{".contains(letter));
        let tail = behind.get(..end.unwrap_or(behind.len())).unwrap_or_default();
        if next.is_ascii_alphanumeric() || "?&#=/%_".contains(next) {
            let message =
                format!("`{tail}` stands right behind `{name}` and would become a part of the link");
            let hint = match parameters(tail).filter(|_| name == "link") {
                Some(arguments) => format!("write `{{{{ link({arguments}) }}}}`"),
                None => "put a blank or a line end between the two".to_owned(),
            };
            faults.push(Finding { offset: at, message, hint });
        } else if text && ".,;:!?)]-".contains(next) {
            let message = format!(
                "`{next}` stands right behind `{name}`: some mail programs take it for a part of the link"
            );
            notes.push(Finding { offset: at, message, hint: "put the link on a line of its own".to_owned() });
        }
    }
    (faults, notes)
}

/// `?a=b&c=d` as the arguments of `link()`.
fn parameters(tail: &str) -> Option<String> {
    let query = tail.strip_prefix(['?', '&'])?.replace("&amp;", "&");
    let pairs = query.split('&').map(|pair| {
        let (name, value) = pair.split_once('=')?;
        let plain = |text: &str| {
            !text.is_empty()
                && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte))
        };
        let named = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
            && !name.starts_with(|letter: char| letter.is_ascii_digit());
        (named && plain(name) && plain(value)).then(|| format!("{name}=\"{value}\""))
    });
    pairs.collect::<Option<Vec<_>>>().map(|pairs| pairs.join(", "))
}

#[cfg(test)]
mod tests {
    use super::{faults, glued, lost_rules};

    #[test]
    fn what_no_mail_may_hold_is_found_in_its_template() {
        for (source, at) in [
            ("<p>{{ a }}</p>\n<script>x</script>", 15),
            ("<p>x</p><a href=\"http://www.example.org/\">x</a>", 8),
            ("<a href=\"http://www.example.org/{{ id }}\">x</a>", 0),
            ("<img alt=\"\" src=\"logo.png\">", 0),
            ("<style>a { color: red }\n@import url(https://x.example/a.css);</style>", 0),
            ("<form action=\"{{ link }}\">", 0),
        ] {
            let found: Vec<_> = faults(source).into_iter().map(|finding| finding.offset).collect();
            assert_eq!(found, [at], "{source}");
        }
        for source in [
            "<a href=\"{{ link }}\">x</a><img alt=\"\" src=\"{{ picture }}\">",
            "<!-- <script> --><p title='a > b'>{% if a < b %}x{% endif %}</p>",
            "<a href=\"http://localhost:8025/{{ id }}\">x</a>",
            "<style>@media (max-width: 600px) { a:hover { color: red } }</style>",
        ] {
            assert_eq!(faults(source), [], "{source}");
        }
        assert_eq!(lost_rules("<style>a:hover{color:red} p::before{content:'x'}</style>").len(), 2);
    }

    #[test]
    fn what_stands_behind_a_link_is_told_with_what_to_write() {
        let told = |source: &str, text| {
            let (faults, notes) = glued(source, text);
            let all = faults.into_iter().chain(notes).map(|it| it.hint);
            all.collect::<Vec<_>>().join("; ")
        };
        assert_eq!(
            told("<a href=\"{{ link }}?utm=a&amp;b=c\">", false),
            "write `{{ link(utm=\"a\", b=\"c\") }}`"
        );
        assert_eq!(told("({{ link }})", true), "put the link on a line of its own");
        assert_eq!(told("{{ link }}/cart", true), "put a blank or a line end between the two");
        for source in ["<a href=\"{{ link }}\">{{ link }}</a>", "{{ link }}\n", "{{ link }} .", "{{ name }}."]
        {
            assert_eq!(told(source, true), "", "{source}");
        }
    }
}
