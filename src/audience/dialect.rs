//! What parts the columns, and what the list says about itself before its header.

use super::names;
use crate::campaign::AudienceSpec;

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
pub(super) const CANDIDATES: [char; 4] = [',', ';', '\t', '|'];

/// The delimiter in the first line `sep=;` that Excel writes and reads.
pub(super) fn separator_line(line: &str) -> Option<char> {
    let line = line.trim_matches('"');
    let (name, value) = line.split_at_checked(4)?;
    let mut characters = value.chars();
    let delimiter = characters.next()?;
    (name.eq_ignore_ascii_case("sep=") && characters.next().is_none() && is_usable(delimiter))
        .then_some(delimiter)
}

/// Whether a character can part columns: nothing that names, addresses or quotes are made of.
pub(super) fn is_usable(delimiter: char) -> bool {
    !delimiter.is_alphanumeric() && !"\"\r\n@._-'+".contains(delimiter)
}

/// The cells of a line, roughly: without the spaces and quotes around them.
pub(super) fn split(line: &str, delimiter: char) -> Vec<&str> {
    let mut quoted = false;
    let cells = line.split(|character| {
        quoted ^= character == '"';
        character == delimiter && !quoted
    });
    cells.map(|cell| cell.trim_matches([' ', '\u{a0}', '\u{feff}']).trim_matches('"')).collect()
}

/// The delimiter of a header: the one that yields an address column, then the one that occurs most; and whether it
/// yields one.
pub(super) fn sniff(header: &str, spec: &AudienceSpec) -> (char, bool) {
    let mut best = (',', (false, 0));
    for delimiter in CANDIDATES {
        let names = split(header, delimiter);
        let has_address = names.iter().any(|name| names::is_address(name, spec));
        let found = (has_address, names.len() - 1);
        if found.1 > 0 && found > best.1 {
            best = (delimiter, found);
        }
    }
    let alone = best.1.1 == 0 && names::is_address(header.trim_matches([' ', '"', '\u{feff}']), spec);
    (best.0, best.1.0 || alone)
}

/// Whatever else parts a header so that one of its columns is that of the address.
pub(super) fn any_delimiter(header: &str) -> Option<char> {
    let spec = AudienceSpec::default();
    let mut tried: Vec<char> = header.chars().filter(|&character| is_usable(character)).collect();
    tried.sort_unstable_by_key(|character| (*character == ' ', *character));
    tried.dedup();
    tried
        .into_iter()
        .find(|&delimiter| split(header, delimiter).iter().any(|name| names::is_address(name, &spec)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_delimiter_is_the_one_that_yields_an_address_column() {
        let check = |header: &str, expected: char, has_address: bool| {
            assert_eq!(sniff(header, &AudienceSpec::default()), (expected, has_address), "{header}");
        };
        check("email,name", ',', true);
        check("email;name", ';', true);
        check("email\tname", '\t', true);
        check("email|name", '|', true);
        check("email", ',', true);
        check("\"Name, first, last\";E-Mail", ';', true);
        check("E-Mail;Betrag, netto, EUR, heute", ';', true);
        check("a;b;c,d", ';', false);
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

    #[test]
    fn whatever_else_parts_a_header_is_found_for_the_hint() {
        assert_eq!(any_delimiter("user_id^email^name"), Some('^'));
        assert_eq!(any_delimiter("user_id¦email¦name"), Some('¦'));
        assert_eq!(any_delimiter("user_id: email: name"), Some(':'));
        assert_eq!(any_delimiter("something"), None);
    }
}
