//! What parts the columns, and what the list says about itself before its header.

use super::columns;

/// How a list is read, for people: `check` shows it, so that a wrong guess is seen before the first mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dialect {
    /// The encoding's WHATWG name.
    pub encoding: &'static str,
    /// Whether the encoding was found out rather than told by the campaign file.
    pub encoding_detected: bool,
    /// What parts the columns.
    pub delimiter: char,
    /// Whether the delimiter was found out rather than told by the campaign file.
    pub delimiter_detected: bool,
    /// What a person should know about the choices, one sentence each.
    pub notes: Vec<String>,
}

/// The delimiters that are looked for, the likeliest first.
const CANDIDATES: [char; 4] = [',', ';', '\t', '|'];

/// The delimiter in the first line `sep=;` that Excel writes and reads.
pub(super) fn separator_line(line: &str) -> Option<char> {
    let line = line.trim_matches('"');
    let (name, value) = line.split_at_checked(4)?;
    let mut characters = value.chars();
    let delimiter = characters.next()?;
    (name.eq_ignore_ascii_case("sep=") && characters.next().is_none() && is_usable(delimiter))
        .then_some(delimiter)
}

/// Whether a character can part columns: one octet, and nothing that names or addresses are made of.
pub(super) fn is_usable(delimiter: char) -> bool {
    delimiter == '\t'
        || (delimiter.is_ascii_punctuation() && !matches!(delimiter, '"' | '@' | '.' | '_' | '-' | '\''))
}

/// The delimiter of a header: the one that yields an address column, then the one that occurs most.
pub(super) fn sniff(header: &str) -> char {
    let mut best = (',', (false, 0));
    for delimiter in CANDIDATES {
        let mut quoted = false;
        let names: Vec<&str> = header
            .split(|character| {
                quoted ^= character == '"';
                character == delimiter && !quoted
            })
            .collect();
        let has_address = names.iter().any(|name| columns::names_an_address(name.trim_matches('"')));
        let found = (has_address, names.len() - 1);
        if found.1 > 0 && found > best.1 {
            best = (delimiter, found);
        }
    }
    best.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_delimiter_is_the_one_that_yields_an_address_column() {
        let check = |header: &str, expected: char| assert_eq!(sniff(header), expected, "{header}");
        check("email,name", ',');
        check("email;name", ';');
        check("email\tname", '\t');
        check("email|name", '|');
        check("email", ',');
        check("\"Name, first, last\";E-Mail", ';');
        check("E-Mail;Betrag, netto, EUR, heute", ';');
        check("a;b;c,d", ';');
    }

    #[test]
    fn a_separator_line_of_excel_is_known() {
        let check = |line: &str, expected: Option<char>| assert_eq!(separator_line(line), expected, "{line}");
        check("sep=;", Some(';'));
        check("\"sep=,\"", Some(','));
        check("SEP=\t", Some('\t'));
        check("sep=", None);
        check("sep=ab", None);
        check("email,name", None);
        check("größe", None);
    }
}
