//! `<meta charset>` stands first in the head: who reads the file decides within its first bytes how to read on, and the
//! inliner puts its style sheet before everything else.

use std::ops::Range;

const META: &str = "<meta charset=\"utf-8\">";

/// Puts the declaration where it counts, and takes away what the template says about it: the mail is UTF-8.
pub(super) fn first(html: &str) -> String {
    let Some((begin, end)) = head(html) else { return html.to_owned() };
    let mut text = String::with_capacity(html.len() + META.len());
    let mut copied = begin;
    text.push_str(html.get(..begin).unwrap_or_default());
    text.push_str(META);
    for tag in tags(html, begin).take_while(|tag| tag.start < end) {
        if html.get(tag.clone()).is_some_and(declares) {
            text.push_str(html.get(copied..tag.start).unwrap_or_default());
            copied = tag.end;
        }
    }
    text.push_str(html.get(copied..).unwrap_or_default());
    text
}

/// The beginning and the end of the head's content.
fn head(html: &str) -> Option<(usize, usize)> {
    let is = |tag: &Range<usize>, names: [&str; 2]| {
        html.get(tag.clone()).is_some_and(|tag| names.iter().any(|name| tag.starts_with(name)))
    };
    let begin = tags(html, 0).find(|tag| is(tag, ["<head>", "<head "]))?.end;
    let end = tags(html, begin).find(|tag| is(tag, ["</head>", "<body"]))?.start;
    Some((begin, end))
}

/// The tags and comments from a place on, as the serializer of HTML writes them: a `<` in a text is escaped, one in the
/// value of an attribute is not, and a style sheet is passed over.
fn tags(html: &str, from: usize) -> impl Iterator<Item = Range<usize>> {
    let mut at = from;
    std::iter::from_fn(move || {
        let start = at + html.get(at..)?.find('<')?;
        let tag = html.get(start..)?;
        let length = if tag.starts_with("<!--") { tag.find("-->")? + 3 } else { end_of(tag)? };
        let text = if tag.starts_with("<style") { tag.get(length..)?.find("</style>")? } else { 0 };
        at = start + length + text;
        Some(start..start + length)
    })
}

/// The end of a tag, past its `>`; one inside quotes is none.
fn end_of(tag: &str) -> Option<usize> {
    let mut quoted = false;
    for (at, char) in tag.char_indices() {
        match char {
            '>' if !quoted => return Some(at + 1),
            '"' => quoted = !quoted,
            _ => {}
        }
    }
    None
}

/// Whether a tag says how the text is encoded, in either form.
fn declares(tag: &str) -> bool {
    let tag = tag.to_ascii_lowercase();
    tag.strip_prefix("<meta ").is_some_and(|rest| {
        rest.starts_with("charset=")
            || rest.contains(" charset=")
            || (rest.contains("http-equiv=") && rest.contains("charset="))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_declaration_comes_first_and_once() {
        let check = |html: &str, expected: &str| assert_eq!(first(html), expected, "{html}");
        let page = |head: &str| {
            format!("<!DOCTYPE html><html><head>{head}</head><body><p>charset=x</p></body></html>")
        };
        for head in [
            "<style>a</style><meta charset=\"utf-8\"><title>T</title>",
            "<style>a</style><meta charset=\"iso-8859-1\"><title>T</title>",
            "<style>a</style><meta http-equiv=\"Content-Type\" content=\"text/html; charset=utf-8\"><title>T</title>",
            "<meta charset=\"utf-8\"><style>a</style><meta charset=\"utf-8\"><title>T</title>",
            "<style>a</style><title>T</title>",
        ] {
            check(&page(head), &page(&format!("{META}<style>a</style><title>T</title>")));
        }
        for kept in [
            "<!--[if mso]><meta charset=\"x\"><![endif]-->",
            "<meta name=\"viewport\" content=\"a>b\"><title>1 &lt; 2 \"</title>",
            "<style>a::before { content: \"<\"; }</style><title>T</title>",
            "",
        ] {
            check(&page(kept), &page(&format!("{META}{kept}")));
        }
    }

    #[test]
    fn what_only_looks_like_a_head_is_left_alone() {
        let html = "<!-- <head> --><html title=\"<head>\"><head title=\"<head>\"></head><body><meta charset=\"x\"></body></html>";
        let expected =
            html.replace("\"><head title=\"<head>\">", "\"><head title=\"<head>\"><meta charset=\"utf-8\">");
        assert_eq!(first(html), expected);
        assert_eq!(first("<p>no head</p>"), "<p>no head</p>");
    }
}
