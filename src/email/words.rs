//! The words inside the tags of a template's source: what the checks at loading look at.
//!
//! This is no parser. Tera parses; here we only find names and their lines, so that a problem has a place.

/// The kinds of words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum WordKind {
    /// `{{` or `{%`.
    Open,
    /// `}}` or `%}`.
    Close,
    /// A name or a number.
    Name,
    /// The inside of a string literal.
    Text,
    /// One operator or bracket.
    Sign,
}

/// One word and where it starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Word<'a> {
    pub(super) kind: WordKind,
    pub(super) text: &'a str,
    /// Bytes from the start of the source.
    pub(super) offset: usize,
}

impl Word<'_> {
    /// Whether this is the name `text`.
    pub(super) fn is_name(&self, text: &str) -> bool {
        self.kind == WordKind::Name && self.text == text
    }

    /// Whether this is the sign `text`.
    pub(super) fn is_sign(&self, text: &str) -> bool {
        self.kind == WordKind::Sign && self.text == text
    }
}

const LONG_SIGNS: [&str; 6] = ["==", "!=", "<=", ">=", "?.", "//"];

/// Every word inside tags, in order. Comments and `raw` blocks are left out.
pub(super) fn words(source: &str) -> Vec<Word<'_>> {
    let mut words = Vec::new();
    let mut rest = source;
    while let Some(start) = rest.find('{') {
        rest = rest.split_at(start).1;
        if let Some(comment) = rest.strip_prefix("{#") {
            rest = comment.split_once("#}").map_or("", |(_, after)| after);
        } else if rest.starts_with("{{") {
            rest = tag(source, rest, "}}", &mut words);
        } else if rest.starts_with("{%") {
            let first = words.len();
            rest = tag(source, rest, "%}", &mut words);
            if words.get(first + 1).is_some_and(|word| word.is_name("raw")) {
                rest = rest.split_once("endraw").map_or("", |(_, after)| after);
            }
        } else {
            rest = rest.strip_prefix('{').unwrap_or_default();
        }
    }
    words
}

/// Line and column of a byte offset, both from 1; the column counts characters.
pub(super) fn line_column(source: &str, offset: usize) -> (u64, u64) {
    let before = source.get(..offset).unwrap_or(source);
    let line = before.matches('\n').count() as u64 + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() as u64 + 1;
    (line, column)
}

/// Reads one tag that `start` starts with; returns what follows it.
fn tag<'a>(source: &'a str, start: &'a str, close: &'static str, words: &mut Vec<Word<'a>>) -> &'a str {
    let mut push = |kind, text: &'a str, rest: &str| {
        words.push(Word { kind, text, offset: source.len() - rest.len() });
    };
    let (open, mut rest) = split(start, 2);
    push(WordKind::Open, open, start);
    rest = rest.strip_prefix('-').unwrap_or(rest);
    loop {
        rest = rest.trim_start();
        let Some(first) = rest.chars().next() else { return rest };
        let closing = rest.strip_prefix('-').unwrap_or(rest);
        if closing.starts_with(close) {
            let (close, after) = split(closing, close.len());
            push(WordKind::Close, close, closing);
            return after;
        }
        if matches!(first, '"' | '\'' | '`') {
            let (_, inside) = split(rest, first.len_utf8());
            let (text, after) = literal(inside, first);
            push(WordKind::Text, text, inside);
            rest = after;
        } else if first.is_alphanumeric() || first == '_' {
            let end = rest.find(|char: char| !(char.is_alphanumeric() || char == '_')).unwrap_or(rest.len());
            let (name, after) = split(rest, end);
            push(WordKind::Name, name, rest);
            rest = after;
        } else {
            let long = LONG_SIGNS.iter().find(|sign| rest.starts_with(**sign));
            let (sign, after) = split(rest, long.map_or(first.len_utf8(), |sign| sign.len()));
            push(WordKind::Sign, sign, rest);
            rest = after;
        }
    }
}

/// The inside of a string literal up to its closing quote, and what follows.
fn literal(inside: &str, quote: char) -> (&str, &str) {
    let mut escaped = false;
    for (at, char) in inside.char_indices() {
        if char == quote && !escaped {
            let (text, after) = split(inside, at);
            return (text, split(after, quote.len_utf8()).1);
        }
        escaped = char == '\\' && !escaped;
    }
    (inside, "")
}

fn split(text: &str, at: usize) -> (&str, &str) {
    text.split_at_checked(at).unwrap_or((text, ""))
}

#[cfg(test)]
mod tests {
    use super::{line_column, words};

    fn check(source: &str, expected: &[&str]) {
        let found: Vec<&str> = words(source).iter().map(|word| word.text).collect();
        assert_eq!(found, expected, "{source}");
    }

    #[test]
    fn words_are_read_inside_tags_and_nowhere_else() {
        check("Hello { name } there", &[]);
        check(
            "{{ name | default(value=\"a }} b\") }}!",
            &["{{", "name", "|", "default", "(", "value", "=", "a }} b", ")", "}}"],
        );
        check(
            "{#- {{ no }} -#}{%- if a?.b == 'it\\'s' -%}",
            &["{%", "if", "a", "?.", "b", "==", "it\\'s", "%}"],
        );
        check("{% raw %}{{ no }}{% endraw %}{{ yes }}", &["{%", "raw", "%}", "{{", "yes", "}}"]);
        check("{{ open", &["{{", "open"]);
        check("{{ \"open", &["{{", "open"]);
        check("{", &[]);
    }

    #[test]
    fn places_count_lines_and_characters_from_one() {
        let source = "Grüße\nä {{ name }}";
        let name = words(source).into_iter().find(|word| word.is_name("name")).unwrap();
        assert_eq!(line_column(source, name.offset), (2, 6));
        assert_eq!(line_column(source, 0), (1, 1));
    }
}
