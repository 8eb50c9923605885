//! Values that are no values: what spreadsheets, databases and other programs leave in cells in the place of a value.
//!
//! What a column is for decides: where nothing else can be meant, the cell is mended and counted; where a mail would say
//! something wrong, the row is refused.

use std::borrow::Cow;

use super::{
    findings::{Finding, Mended},
    letters, text,
};
use crate::problem::Diagnosis;

/// What a column is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// The address; see `disguise`.
    Address,
    /// It tells people apart.
    Id,
    /// A name of somebody: a mail can do without.
    Name,
    /// Text that a template shows.
    Text,
    /// A number, a date or a zone.
    Typed,
    /// JSON, which has its own words for nothing.
    Json,
}

/// What databases and programs write for nothing, wherever it stands.
const NOTHING: [&str; 8] = ["NULL", "null", "undefined", "NaN", "nan", "(null)", "\\N", "<NA>"];
/// The same, where a word of a language cannot be meant.
const NOTHING_HERE: [&str; 4] = ["None", "N/A", "n/a", "[object Object]"];
/// Errors of spreadsheets that do not end with `!` or `?`.
const ERRORS: [&str; 6] = ["#N/A", "#NV", "#N/D", "#N/B", "#GETTING_DATA", "#I/T"];

/// The cell without what other programs left in it. `found` takes what was mended.
pub(super) fn mended(
    cell: Cow<'_, str>,
    role: Role,
    mut found: impl FnMut(Mended),
) -> Result<Cow<'_, str>, Diagnosis> {
    if role == Role::Json || !is_suspect(&cell, role) {
        return Ok(cell);
    }
    let mut cell = cell;
    if let Some(inner) = text_formula(&cell) {
        found(Mended::TextFormula);
        cell = Cow::Owned(inner.to_owned());
    }
    if let Some(rest) = behind_apostrophe(&cell, role) {
        found(Mended::Apostrophe);
        cell = Cow::Owned(rest.to_owned());
    }
    if let Some(word) = nothing(&cell, role) {
        found(Mended::Nothing(word));
        return Ok(Cow::Borrowed(""));
    }
    if let Some(what) = foreign(&cell) {
        if role == Role::Name {
            found(match what {
                Foreign::Formula => Mended::Formula,
                Foreign::Placeholder => Mended::Placeholder,
            });
            return Ok(Cow::Borrowed(""));
        }
        let shown = text::shown(&cell);
        return Err(match what {
            Foreign::Formula => Diagnosis::new(format!("{shown} is a formula, not its result")).hint(
                "export the list with values: in a spreadsheet, copy the column and paste it as values",
            ),
            Foreign::Placeholder => {
                Diagnosis::new(format!("{shown} is a placeholder that another program did not fill"))
                    .hint("write what is meant, or leave the cell empty")
            }
        });
    }
    if role == Role::Id {
        return id(cell, found);
    }
    if let Some(better) = letters::without_entities(&cell) {
        found(Mended::Entities);
        cell = Cow::Owned(better);
    }
    if let Some(better) = letters::decoded_once(&cell) {
        found(Mended::TwiceDecoded);
        cell = Cow::Owned(better);
    }
    Ok(cell)
}

/// Whether a closer look is due. Most cells are plain, and this is asked of every one that is used.
fn is_suspect(cell: &str, role: Role) -> bool {
    let bytes = cell.as_bytes();
    let Some(first) = bytes.first() else { return false };
    matches!(
        first,
        b'\'' | b'=' | b'#' | b'N' | b'n' | b'u' | b'(' | b'\\' | b'<' | b'[' | b'{' | b'*' | b'%'
    ) || bytes.iter().any(|byte| *byte == b'&' || *byte >= 0xc2)
        || (role == Role::Id && (bytes.contains(&b'E') || bytes.contains(&b'e') || bytes.ends_with(b".0")))
}

/// What stands in `="…"`, with which spreadsheets are made to keep digits as text.
pub(super) fn text_formula(cell: &str) -> Option<&str> {
    let inner = cell.strip_prefix("=\"")?.strip_suffix('"')?;
    (!inner.contains('"')).then_some(inner)
}

/// What stands behind the apostrophe that tells a spreadsheet to take a cell for text.
fn behind_apostrophe(cell: &str, role: Role) -> Option<&str> {
    let rest = cell.strip_prefix('\'')?;
    let of_text = rest.starts_with(['=', '+', '-', '@']) || is_digits(rest);
    match role {
        Role::Id => Some(rest.strip_suffix('\'').unwrap_or(rest)).filter(|rest| !rest.is_empty()),
        // `'t Hooft` is a name, and `'90s` is text.
        Role::Name | Role::Text => of_text.then_some(rest),
        Role::Typed => Some(rest),
        Role::Address | Role::Json => None,
    }
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// The word for nothing that the cell is.
pub(super) fn nothing(cell: &str, role: Role) -> Option<&'static str> {
    let mut words = cell.split_whitespace();
    let first = words.next()?;
    // `undefined undefined`, out of a first and a last name.
    if !words.all(|word| word == first) {
        return (cell == "[object Object]" && role != Role::Text).then_some("[object Object]");
    }
    let errors = || ERRORS.into_iter().find(|error| *error == first);
    let found = NOTHING.into_iter().find(|word| *word == first).or_else(errors);
    let here = NOTHING_HERE.into_iter().find(|word| *word == first && role != Role::Text);
    found.or(here).or_else(|| is_error(first).then_some("#REF!"))
}

/// `#REF!`, `#NAME?` and what they are called in other languages.
fn is_error(word: &str) -> bool {
    let inner = word.strip_prefix('#').and_then(|word| word.strip_suffix(['!', '?']));
    inner.is_some_and(|inner| {
        let letters = inner.trim_start_matches(['¡', '¿']);
        !letters.is_empty()
            && letters
                .chars()
                .all(|character| character.is_uppercase() || matches!(character, '/' | '0' | '.'))
    })
}

/// What is no value by itself.
enum Foreign {
    Formula,
    Placeholder,
}

/// A formula, or a placeholder of a mailing program.
fn foreign(cell: &str) -> Option<Foreign> {
    if let Some(name) = cell.strip_prefix('=').and_then(|rest| rest.split_once('(')).map(|(name, _)| name)
        && name.len() > 1
        && name.chars().all(|character| character.is_uppercase() || matches!(character, '.' | '0'..='9'))
    {
        return Some(Foreign::Formula);
    }
    let word = |text: &str| {
        let text = text.trim();
        text.starts_with(|first: char| first.is_alphabetic())
            && text.chars().all(|character| {
                character.is_alphanumeric() || matches!(character, '_' | '.' | '-' | ' ' | ':' | '|')
            })
    };
    let between = |open: &str, close: &str| {
        cell.strip_prefix(open).and_then(|rest| rest.strip_suffix(close)).is_some_and(word)
    };
    let dotted = |inner: &str| inner.contains('.') && word(inner) && !inner.contains(' ');
    let of_mailgun = cell.strip_prefix('%').and_then(|rest| rest.strip_suffix('%')).is_some_and(dotted);
    let is_placeholder = between("{{", "}}")
        || between("*|", "|*")
        || between("[[", "]]")
        || between("%%", "%%")
        || between("<<", ">>")
        || of_mailgun;
    is_placeholder.then_some(Foreign::Placeholder)
}

/// An id: digits that a spreadsheet shortened are lost, and what pandas adds is taken off.
fn id(cell: Cow<'_, str>, mut found: impl FnMut(Mended)) -> Result<Cow<'_, str>, Diagnosis> {
    if is_short_form(&cell) {
        return Err(Diagnosis::new(format!(
            "{} is the short form of a longer number, whose digits are lost",
            text::shown(&cell)
        ))
        .hint("a spreadsheet wrote it so: export the list again and do not open it in one, or make the column text there before"));
    }
    match cell.strip_suffix(".0") {
        Some(whole) if is_digits(whole) => {
            found(Mended::DecimalId);
            Ok(Cow::Owned(whole.to_owned()))
        }
        _ => Ok(cell),
    }
}

/// `6.54321E+12`, `1,01E+03`.
fn is_short_form(cell: &str) -> bool {
    let Some((mantissa, exponent)) = cell.split_once(['E', 'e']) else { return false };
    let mantissa = mantissa.strip_prefix('-').unwrap_or(mantissa);
    let (whole, rest) = mantissa.split_once(['.', ',']).unwrap_or((mantissa, "0"));
    whole.len() == 1
        && is_digits(whole)
        && is_digits(rest)
        && exponent.strip_prefix(['+', '-']).is_some_and(is_digits)
}

/// The same finding under the name of its column.
pub(super) fn of_column(mended: Mended, column: &str) -> Finding {
    Finding::Mended { mended, column: column.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(cell: &str, role: Role, expected: Result<(&str, &[Mended]), &str>) {
        let mut all = Vec::new();
        let found = mended(Cow::Borrowed(cell), role, |one| all.push(one));
        let found =
            found.as_ref().map(|text| (text.as_ref(), &all[..])).map_err(|refusal| refusal.message.as_str());
        assert_eq!(found, expected, "{cell} {role:?}");
    }

    #[test]
    fn what_spreadsheets_put_around_an_id_is_taken_off() {
        check("'6543210987651", Role::Id, Ok(("6543210987651", &[Mended::Apostrophe])));
        check("'u1'", Role::Id, Ok(("u1", &[Mended::Apostrophe])));
        check("=\"00123\"", Role::Id, Ok(("00123", &[Mended::TextFormula])));
        check("101.0", Role::Id, Ok(("101", &[Mended::DecimalId])));
        check("NULL", Role::Id, Ok(("", &[Mended::Nothing("NULL")])));
        for plain in ["00123", "user_1", "1E5", "12E+34x", "v1.0", "1.0.0", "E+1", "Nina", "user_2Xn&b"] {
            check(plain, Role::Id, Ok((plain, &[])));
        }
        let lost =
            |cell: &str| format!("`{cell}` is the short form of a longer number, whose digits are lost");
        for short in ["6.54321E+12", "1,01E+03", "6.5e+12", "5E+15"] {
            check(short, Role::Id, Err(&lost(short)));
        }
        check("=A2", Role::Id, Ok(("=A2", &[])));
        check(
            "{{ user.id }}",
            Role::Id,
            Err("`{{ user.id }}` is a placeholder that another program did not fill"),
        );
    }

    #[test]
    fn a_name_is_empty_rather_than_wrong() {
        for (cell, what) in [
            ("#N/A", Mended::Nothing("#N/A")),
            ("#NAME?", Mended::Nothing("#REF!")),
            ("#¡REF!", Mended::Nothing("#REF!")),
            ("NULL", Mended::Nothing("NULL")),
            ("undefined undefined", Mended::Nothing("undefined")),
            ("None", Mended::Nothing("None")),
            ("=VLOOKUP(A2,Sheet2!A:B,2,FALSE)", Mended::Formula),
            ("=SVERWEIS(A2;B:C;2)", Mended::Formula),
            ("{{ first_name }}", Mended::Placeholder),
            ("*|FNAME|*", Mended::Placeholder),
            ("%recipient.name%", Mended::Placeholder),
            ("[[name]]", Mended::Placeholder),
        ] {
            check(cell, Role::Name, Ok(("", &[what])));
        }
        for name in
            ["Null", "'t Hooft", "Nan Goldin", "Ünal", "Ñandú", "O'Brien & Söhne", "#1", "(Bo)", "None Such"]
        {
            check(name, Role::Name, Ok((name, &[])));
        }
        check("JosÃ© NuÃ±ez", Role::Name, Ok(("José Nuñez", &[Mended::TwiceDecoded])));
        check("O&#39;Brien &amp; Sons", Role::Name, Ok(("O'Brien & Sons", &[Mended::Entities])));
    }

    #[test]
    fn text_of_a_template_keeps_words_and_refuses_what_would_be_shown() {
        for text in
            ["None", "N/A", "'90s party", "%SAVE10%", "=cmd()", "{{ 7*7 }}", "#1 in town!", "[x]", "a & b"]
        {
            check(text, Role::Text, Ok((text, &[])));
        }
        check("'+47 40", Role::Text, Ok(("+47 40", &[Mended::Apostrophe])));
        check("=IF(A1;2)", Role::Text, Err("`=IF(A1;2)` is a formula, not its result"));
        check("nan", Role::Typed, Ok(("", &[Mended::Nothing("nan")])));
        check("{\"a\": \"&amp;\"}", Role::Json, Ok(("{\"a\": \"&amp;\"}", &[])));
    }
}
