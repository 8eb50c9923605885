//! What to do about a header that lacks something, in words that work when they are followed.

use std::fmt::Write as _;

use super::{
    Address,
    column::{Column, Header, holds_address},
    dialect,
    names::normalised,
    text,
};
use crate::{
    campaign::AudienceSpec,
    problem::{Place, Problem, nearest},
};

/// How many columns a message names.
const LISTED: usize = 20;
/// How many columns a hint spells out.
const SPELLED: usize = 40;

/// A setting that says which column is meant.
pub(super) fn alias(name: &str, title: &str) -> String {
    format!("`aliases.{name} = [{}]`", quoted(title))
}

/// A TOML string.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for character in text.chars() {
        match character {
            '"' | '\\' => out.extend(['\\', character]),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            character if character.is_control() => {
                // Writing to a String cannot fail.
                let _ = write!(out, "\\u{:04X}", u32::from(character));
            }
            character => out.push(character),
        }
    }
    out.push('"');
    out
}

fn quoted_list<'a>(titles: impl Iterator<Item = &'a str>) -> String {
    let mut all: Vec<String> = titles.map(quoted).collect();
    if all.len() > SPELLED {
        all.truncate(SPELLED);
        all.push("…".to_owned());
    }
    all.join(", ")
}

/// The way out where titles alone cannot tell columns apart.
pub(super) fn name_the_columns<'a>(titles: impl Iterator<Item = &'a str>, place: &Place) -> String {
    format!(
        "rename one of them, or name all columns by hand under `[audience]`: `skip_lines = {}`, `columns = [{}]` with another name for one of them",
        place.line.unwrap_or(1),
        quoted_list(titles)
    )
}

/// What is wrong where the line of the header holds a person.
pub(super) fn no_header(titles: &[String], place: &Place) -> Option<Problem> {
    let title = titles.iter().find(|title| Address::parse(title).is_ok())?;
    let message =
        format!("the first line holds {} where the names of the columns are expected", text::shown(title));
    let mut unnamed = 0;
    let names: Vec<String> = titles
        .iter()
        .map(|title| match title {
            title if Address::parse(title).is_ok() => "email".to_owned(),
            _ if unnamed == 0 => {
                unnamed += 1;
                "user_id".to_owned()
            }
            _ => {
                unnamed += 1;
                format!("column_{unnamed}")
            }
        })
        .collect();
    let columns = quoted_list(names.iter().map(String::as_str));
    Some(
        Problem::new(place.clone(), message).hint(format!(
            "add a header line, or name the columns under `[audience]`: `columns = [{columns}]`"
        )),
    )
}

/// What to say where a column is not there.
pub(super) fn missing(wanted: &str, list: &[Column], spec: &AudienceSpec, header: &Header<'_>) -> Problem {
    let mut found: Vec<String> = list.iter().take(LISTED).map(|column| text::shown(&column.title)).collect();
    if list.len() > LISTED {
        found.push(format!("and {} more", list.len() - LISTED));
    }
    let found = if found.is_empty() { "nothing".to_owned() } else { found.join(", ") };
    let problem = Problem::new(header.place.clone(), format!("no column `{wanted}`: the header has {found}"));
    let hint = one_column(list, header)
        .or_else(|| of_address(wanted, list, header))
        .or_else(|| of_user_id(wanted, list, spec, header))
        .unwrap_or_else(|| near(wanted, list));
    problem.hint(hint)
}

/// Where the whole header is one column.
fn one_column(list: &[Column], header: &Header<'_>) -> Option<String> {
    let [only] = list else { return None };
    if let Some(delimiter) = dialect::any_delimiter(&only.title) {
        let delimiter = quoted(&delimiter.to_string());
        return Some(format!("this is one column only: write `delimiter = {delimiter}` under `[audience]`"));
    }
    let has_address = header.samples.iter().any(|row| row.get(0).is_some_and(|cell| cell.contains('@')));
    (!has_address).then(|| {
        "this is one column only: set `delimiter` under `[audience]` to what parts the columns, or see whether the file is a list at all".to_owned()
    })
}

/// The column whose cells look like addresses.
fn of_address(wanted: &str, list: &[Column], header: &Header<'_>) -> Option<String> {
    if wanted != "email" {
        return None;
    }
    let looks = |at: usize| {
        let cells =
            header.samples.iter().filter_map(|row| row.get(at)).filter(|cell| !cell.trim().is_empty());
        let (mut all, mut addresses) = (0_usize, 0_usize);
        for cell in cells {
            all += 1;
            addresses += usize::from(holds_address(cell));
        }
        (addresses * 2 > all).then_some(addresses)
    };
    let best = (0..list.len()).filter_map(|at| Some((looks(at)?, std::cmp::Reverse(at)))).max();
    let (_, std::cmp::Reverse(at)) = best?;
    let title = list.get(at)?.title.as_str();
    if title.is_empty() {
        let number = at + 1;
        let titles = list.iter().enumerate().map(
            |(other, column)| {
                if other == at { "email" } else { column.title.as_str() }
            },
        );
        return Some(format!(
            "the cells of column {number} look like addresses, and it has no name: give it one, or write `skip_lines = {}` and `columns = [{}]` under `[audience]`",
            header.place.line.unwrap_or(1),
            quoted_list(titles)
        ));
    }
    Some(format!(
        "the cells of {} look like addresses: {} under `[audience]`",
        text::shown(title),
        alias(wanted, title)
    ))
}

/// The column that may hold user ids.
fn of_user_id(wanted: &str, list: &[Column], spec: &AudienceSpec, header: &Header<'_>) -> Option<String> {
    if wanted != normalised(&spec.user_id_column) || wanted == "email" {
        return None;
    }
    let names = || list.iter().map(|column| column.name.as_str());
    let differ = |at: usize| {
        let mut cells: Vec<&str> =
            header.samples.iter().filter_map(|row| row.get(at)).map(str::trim).collect();
        let all = cells.len();
        cells.sort_unstable();
        cells.dedup();
        cells.len() == all && cells.iter().all(|cell| !cell.is_empty() && !cell.contains(char::is_whitespace))
    };
    let ids = |name: &str| ["id", "uid"].contains(&name) || name.ends_with("_id") || name.ends_with("_uid");
    let exact = names().find(|name| *name == "id");
    let by_name = list.iter().enumerate().find(|(at, column)| ids(&column.name) && differ(*at));
    let by_name = by_name.map(|(_, column)| column.name.as_str());
    let other = exact.or_else(|| nearest(wanted, names())).or(by_name);
    Some(match other.filter(|other| !other.is_empty()) {
        Some(other) => {
            format!("say which column holds the user ids: `user_id = \"{other}\"` under `[audience]`")
        }
        None => "say which column holds the user ids, or know people by their address: `user_id = \"email\"` under `[audience]`"
            .to_owned(),
    })
}

fn near(wanted: &str, list: &[Column]) -> String {
    match nearest(wanted, list.iter().map(|column| column.name.as_str()).filter(|name| !name.is_empty())) {
        Some(near) => {
            let title = list.iter().find(|column| column.name == near).map_or(near, |column| &column.title);
            format!("if {} is meant: {} under `[audience]`", text::shown(title), alias(wanted, title))
        }
        None => format!(
            "add the column, or name the one that is meant: `aliases.{wanted} = [\"…\"]` under `[audience]`"
        ),
    }
}
