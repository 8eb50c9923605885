//! What stands in a template's source outside of its tags: what mails hold whoever they are for.

/// What stands for a value that a tag puts there.
pub(super) const VALUE: char = '\u{1}';
/// What stands for a tag that puts nothing there itself.
const TAG: char = ' ';

/// The source with every tag blanked, byte for byte, so that offsets stay what they are.
pub(super) fn literal(source: &str) -> String {
    let mut text = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(at) = rest.find('{') {
        let (before, from) = rest.split_at(at);
        text.push_str(before);
        let tag = [("{{", "}}", VALUE), ("{%", "%}", TAG), ("{#", "#}", TAG)]
            .into_iter()
            .find(|(open, _, _)| from.starts_with(open));
        let Some((_, close, blank)) = tag else {
            text.push('{');
            rest = from.get(1..).unwrap_or_default();
            continue;
        };
        let end = from.find(close).map_or(from.len(), |end| end + close.len());
        let (tag, after) = from.split_at(end);
        // Line ends stay, so that lines are counted alike.
        text.extend(tag.bytes().map(|byte| if byte == b'\n' { '\n' } else { blank }));
        rest = after;
    }
    text.push_str(rest);
    text
}

/// An element's start, or a whole style sheet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Piece<'a> {
    /// The text, from `<` to `>`; of a style sheet to its end tag.
    pub(super) text: &'a str,
    /// Bytes from the start of the source.
    pub(super) offset: usize,
}

impl Piece<'_> {
    /// The element's name in lower case.
    pub(super) fn name(&self) -> String {
        let name = self.text.get(1..).unwrap_or_default();
        let end = name.find(|letter: char| !letter.is_ascii_alphanumeric() && !"-:".contains(letter));
        name.get(..end.unwrap_or(name.len())).unwrap_or_default().to_ascii_lowercase()
    }

    /// Whether a value of the list stands in it.
    pub(super) fn has_value(&self) -> bool {
        self.text.contains(VALUE)
    }
}

/// The starts of all elements in a blanked source, in order; comments are left out.
pub(super) fn pieces(literal: &str) -> Vec<Piece<'_>> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(open) = literal.get(at..).and_then(|rest| rest.find('<')) {
        let offset = at + open;
        let rest = literal.get(offset..).unwrap_or_default();
        if rest.starts_with("<!--") {
            at = offset + rest.find("-->").unwrap_or(rest.len());
            continue;
        }
        at = offset + 1;
        if !rest.get(1..).is_some_and(|name| name.starts_with(|letter: char| letter.is_ascii_alphabetic())) {
            continue;
        }
        let mut end = end_of_tag(rest);
        let mut piece = Piece { text: rest.get(..end).unwrap_or(rest), offset };
        if piece.name() == "style" {
            end = rest.to_ascii_lowercase().find("</style").unwrap_or(rest.len());
            piece.text = rest.get(..end).unwrap_or(rest);
        }
        found.push(piece);
        at = offset + end.max(1);
    }
    found
}

/// The length of a tag up to and with its `>`; one within quotes does not end it.
fn end_of_tag(rest: &str) -> usize {
    let mut quote = None;
    for (at, letter) in rest.char_indices() {
        match (letter, quote) {
            ('"' | '\'', None) => quote = Some(letter),
            (_, Some(open)) if letter == open => quote = None,
            ('>', None) => return at + 1,
            _ => {}
        }
    }
    rest.len()
}
