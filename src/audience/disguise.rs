//! Addresses with something around them that other programs write: a name, quotes, `mailto:`, commas, invisible letters.
//!
//! The policy of [`Address`] stays as strict as it is. Here only what can mean one address alone is unwrapped, and told.

use std::borrow::Cow;

use super::{
    Address, AddressError,
    findings::Mended,
    letters, text,
    values::{Role, nothing, text_formula},
};
use crate::problem::Diagnosis;

/// How many layers are taken off.
const LAYERS: usize = 6;

/// The address in a cell that is trimmed and not empty. `found` takes what was around it.
pub(super) fn address(cell: &str, found: impl FnMut(Mended)) -> Result<Address, Diagnosis> {
    let plain = Address::parse(cell);
    // An apostrophe may stand in an address, and in front it is a spreadsheet's.
    if plain.is_ok() && !cell.starts_with('\'') {
        return plain.map_err(Diagnosis::from);
    }
    if let Some(word) = nothing(cell, Role::Address) {
        return Err(Diagnosis::new(format!("has no address: the cell says `{word}`")));
    }
    let (bare, what) = unwrapped(cell);
    let refused = match Address::parse(&bare) {
        Ok(address) => {
            what.into_iter().for_each(found);
            return Ok(address);
        }
        Err(error) => plain.err().unwrap_or(error),
    };
    Err(refusal(cell, refused))
}

fn refusal(cell: &str, error: AddressError) -> Diagnosis {
    if let Some(character) = cell.chars().find(|&character| text::is_invisible(character)) {
        return Diagnosis::new(format!(
            "{} is refused: it holds the invisible character {}",
            text::shown(cell),
            text::code_point(character)
        ))
        .hint("take it out");
    }
    let refusal = Diagnosis::from(error);
    Diagnosis { message: format!("{} is refused: {}", text::shown(cell), refusal.message), ..refusal }
}

/// What is left of a cell when everything is off that can stand around one address, and what that was.
fn unwrapped(cell: &str) -> (Cow<'_, str>, Vec<Mended>) {
    let mut text = Cow::Borrowed(cell);
    let mut what = Vec::new();
    for _ in 0..LAYERS {
        let Some((inner, one)) = layer(&text) else { break };
        text = Cow::Owned(inner);
        if !what.contains(&one) {
            what.push(one);
        }
    }
    (text, what)
}

/// What is inside of the outermost layer.
fn layer(text: &str) -> Option<(String, Mended)> {
    let tidy = |inner: &str| text::trimmed(inner).to_owned();
    if let Some(inner) = text_formula(text) {
        return Some((tidy(inner), Mended::TextFormula));
    }
    if let Some((at, character)) = invisible(text) {
        let (before, behind) = text.split_at(at);
        let behind = behind.strip_prefix(character)?;
        return Some((format!("{before}{behind}"), Mended::Invisible(character)));
    }
    if let Some(inner) = letters::without_entities(text) {
        return Some((inner, Mended::Entities));
    }
    if let Some(rest) = text.strip_prefix('\'').filter(|rest| !rest.ends_with('\'')) {
        return Some((tidy(rest), Mended::Apostrophe));
    }
    let once = text.matches('@').count() == 1;
    let link =
        text.get(..7).filter(|scheme| scheme.eq_ignore_ascii_case("mailto:")).and_then(|_| text.get(7..));
    if let Some(link) = link {
        let (address, _) = link.split_once('?').unwrap_or((link, ""));
        return Some((tidy(address), Mended::Disguise));
    }
    let around = |open: char, close: char| text.strip_prefix(open).and_then(|rest| rest.strip_suffix(close));
    let quoted = around('\'', '\'')
        .or_else(|| around('"', '"'))
        .or_else(|| around('“', '”'))
        .or_else(|| around('„', '“'))
        .or_else(|| around('‘', '’'))
        .or_else(|| around('«', '»'))
        .or_else(|| around('(', ')'))
        .or_else(|| around('[', ']'));
    if let Some(inner) = quoted.filter(|inner| !inner.contains('"')) {
        return Some((tidy(inner), Mended::Disguise));
    }
    if let Some(before) = text.strip_suffix([',', ';', '.']).filter(|_| once) {
        return Some((tidy(before), Mended::Disguise));
    }
    // `Ada Berg <ada@example.com>`: the only address, at the end.
    let (_, inner) = text.strip_suffix('>')?.rsplit_once('<')?;
    (once && inner.contains('@')).then(|| (tidy(inner), Mended::Disguise))
}

/// The first invisible character that cannot be part of the address: a script's own joiners may be in a domain.
fn invisible(text: &str) -> Option<(usize, char)> {
    let domain = text.rfind('@').unwrap_or(text.len());
    let foreign = |character: char| !character.is_ascii() && !text::is_invisible(character);
    let joins = text.get(domain..).is_some_and(|domain| domain.contains(foreign));
    text.char_indices().find(|&(at, character)| text::is_invisible(character) && (at < domain || !joins))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(cell: &str, expected: Result<(&str, &[Mended]), &str>) {
        let mut what = Vec::new();
        let found = address(cell, |one| what.push(one));
        let found = found.map(|address| address.to_string()).map_err(|refusal| refusal.message);
        let found = found.as_ref().map(|text| (text.as_str(), &what[..])).map_err(String::as_str);
        assert_eq!(found, expected, "{cell}");
    }

    #[test]
    fn what_can_mean_one_address_alone_is_unwrapped() {
        let disguised = |cell: &str| check(cell, Ok(("ada@example.com", &[Mended::Disguise])));
        disguised("Ada Berg <ada@example.com>");
        disguised("\"Berg, Ada\" <ada@example.com>");
        disguised("<ada@example.com>");
        disguised("mailto:ada@example.com");
        disguised("MAILTO:ada@example.com?subject=Hi");
        disguised("ada@example.com,");
        disguised("ada@example.com;");
        disguised("ada@example.com.");
        disguised("'ada@example.com'");
        disguised("“ada@example.com”");
        disguised("\"ada@example.com\"");
        check("'ada@example.com", Ok(("ada@example.com", &[Mended::Apostrophe])));
        check("=\"ada@example.com\"", Ok(("ada@example.com", &[Mended::TextFormula])));
        check("o&#39;brien@example.com", Ok(("o'brien@example.com", &[Mended::Entities])));
        check("ada\u{200b}@example.com", Ok(("ada@example.com", &[Mended::Invisible('\u{200b}')])));
        check("a\u{ad}da@example.com", Ok(("ada@example.com", &[Mended::Invisible('\u{ad}')])));
        check("o'brien@example.com", Ok(("o'brien@example.com", &[])));
    }

    #[test]
    fn what_may_mean_something_else_is_refused_by_its_name() {
        let refused = |cell: &str, why: &str| {
            check(cell, Err(&format!("{} is refused: {why}", text::shown(cell))));
        };
        refused("ada@example.com, bo@example.com", "it is several addresses");
        refused("Ada <ada@example.com>, Bo <bo@example.com>", "it is several addresses");
        refused("ada@example.com (home)", "it holds a comment");
        refused("ada", "it has no `@`");
        refused("jösé\u{200b}@example.com", "it holds the invisible character U+200B");
        check("NULL", Err("has no address: the cell says `NULL`"));
    }
}
