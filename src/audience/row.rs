//! From a record to a [`Recipient`], or to the first reason why not.

use std::borrow::Cow;

use serde_json::Value;

use super::{
    Address, Fields, KEY_SEPARATOR, Recipient, RecipientKey, Row, RowProblem,
    cells::{check_characters, value},
    columns::{Column, Columns},
    records::Record,
    scan::Fault,
    text,
};
use crate::problem::Diagnosis;

/// The longest user id and the longest key, in characters.
const ID_MAX: usize = 255;
/// The longest name for the `To` header, in characters.
const NAME_MAX: usize = 100;

/// A refusal with the column that is to blame, if one is.
type Blame = (Option<usize>, Diagnosis);

/// Whether a record holds nothing at all, as spreadsheets leave them behind the last row.
pub(super) fn is_blank(record: &Record) -> bool {
    record.fault.is_none() && record.cells.iter().all(|cell| text::trimmed(cell).is_empty())
}

/// Checks a record. `live` refuses the domains that are set aside for documentation and tests.
pub(super) fn row(record: &Record, columns: &Columns, live: bool) -> Row {
    let mut cells: Vec<&str> = record.cells.iter().collect();
    if columns.has_problems {
        cells.pop();
    }
    match recipient(record, &cells, columns, live) {
        Ok(recipient) => Row::Good(recipient),
        Err((column, refusal)) => Row::Bad(RowProblem {
            line: record.line,
            column: column.and_then(|at| columns.list.get(at)).map(|column| column.title.clone()),
            what: refusal,
            cells: cells.into_iter().map(str::to_owned).collect(),
        }),
    }
}

fn recipient(record: &Record, cells: &[&str], columns: &Columns, live: bool) -> Result<Recipient, Blame> {
    if let Some(fault) = record.fault {
        return Err(faulty(fault, record, columns));
    }
    check_width(cells, columns)?;
    let texts = columns
        .list
        .iter()
        .zip(cells)
        .enumerate()
        .map(|(at, (column, cell))| tidy(cell, column).map_err(|refusal| (Some(at), refusal)))
        .collect::<Result<Vec<_>, _>>()?;
    let text_of = |at: usize| texts.get(at).map_or("", |text| text.as_ref());

    let address = address(text_of(columns.email), live).map_err(|refusal| (Some(columns.email), refusal))?;
    let without = columns.without_user_id && text_of(columns.user_id).is_empty();
    let user_id = if columns.user_id == columns.email || without {
        address.canonical()
    } else {
        let title = columns.list.get(columns.user_id).map_or("", |column| column.title.as_str());
        user_id(text_of(columns.user_id), title).map_err(|refusal| (Some(columns.user_id), refusal))?
    };
    let mut fields = Fields::new();
    for (at, (column, text)) in columns.list.iter().zip(&texts).enumerate() {
        let value = field(text, column).map_err(|refusal| (Some(at), refusal))?;
        fields.insert(column.name.clone(), value);
    }
    let mut key = user_id.clone();
    if let Some(at) = columns.key {
        let part = text_of(at);
        identifier(part).map_err(|refusal| (Some(at), refusal))?;
        key.push(KEY_SEPARATOR);
        key.push_str(part);
    }
    let name = name(columns, text_of)?;
    Ok(Recipient { line: record.line, key: RecipientKey(key), user_id, address, name, fields })
}

fn tidy<'a>(cell: &'a str, column: &Column) -> Result<Cow<'a, str>, Diagnosis> {
    let trimmed = text::trimmed(cell);
    // Line breaks at the ends of a cell that may hold them are stray space, too.
    let trimmed = if column.multiline { trimmed.trim_matches(['\n', ' ']) } else { trimmed };
    check_characters(trimmed, column.multiline)?;
    Ok(text::composed(trimmed))
}

fn field(text: &str, column: &Column) -> Result<Value, Diagnosis> {
    let value = if text.is_empty() { Value::Null } else { value(text, column.kind, column.multiline)? };
    if column.required && value.is_null() {
        return Err(Diagnosis::new("is empty, but every row must fill it"));
    }
    Ok(value)
}

fn address(text: &str, live: bool) -> Result<Address, Diagnosis> {
    if text.is_empty() {
        return Err(Diagnosis::new("has no address"));
    }
    let address = Address::parse(text).map_err(|error| {
        let refusal = Diagnosis::from(error);
        Diagnosis { message: format!("{} is refused: {}", text::shown(text), refusal.message), ..refusal }
    })?;
    if live && address.is_reserved() {
        return Err(Diagnosis::new(format!(
            "`{}` is in a domain that is set aside for examples and tests, where no mail arrives",
            address.masked()
        ))
        .hint("rehearse such a list with `linkpost send … --sandbox`, where nothing leaves this machine"));
    }
    Ok(address)
}

fn user_id(text: &str, title: &str) -> Result<String, Diagnosis> {
    if text.is_empty() {
        return Err(Diagnosis::new("has no user id").hint(format!(
            "fill `{title}`, or name another column with `user_id = \"…\"` under `[audience]`"
        )));
    }
    if text.contains(char::is_whitespace) {
        return Err(Diagnosis::new(format!("{} is no user id: it holds a space", text::shown(text))));
    }
    identifier(text)?;
    Ok(text.to_owned())
}

/// What ends up in a key: one line, and short.
fn identifier(text: &str) -> Result<(), Diagnosis> {
    check_characters(text, false)?;
    // Two ids that look the same must be the same: the link would sign in somebody else, or nobody.
    let is_invisible =
        |character| matches!(character, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}');
    if let Some(character) = text.chars().find(|&character| is_invisible(character)) {
        return Err(Diagnosis::new(format!("holds the invisible character {}", text::code_point(character))));
    }
    if text.chars().count() > ID_MAX {
        return Err(Diagnosis::new(format!("{} is longer than {ID_MAX} characters", text::shown(text))));
    }
    Ok(())
}

/// The name for the `To` header: `name`, else first and last name.
fn name<'a>(columns: &Columns, text_of: impl Fn(usize) -> &'a str) -> Result<Option<String>, Blame> {
    let given = |at: Option<usize>| at.map(&text_of).filter(|text| !text.is_empty());
    let (name, blamed) = match given(columns.name) {
        Some(name) => (name.to_owned(), columns.name),
        None => match (given(columns.first_name), given(columns.last_name)) {
            (Some(first), Some(last)) => (format!("{first} {last}"), columns.first_name),
            (Some(first), None) => (first.to_owned(), columns.first_name),
            (None, Some(last)) => (last.to_owned(), columns.last_name),
            (None, None) => return Ok(None),
        },
    };
    check_characters(&name, false).map_err(|refusal| (blamed, refusal))?;
    if name.chars().count() > NAME_MAX {
        let message =
            format!("{} is longer than {NAME_MAX} characters, too long for a name", text::shown(&name));
        return Err((blamed, Diagnosis::new(message)));
    }
    Ok(Some(name))
}

fn check_width(cells: &[&str], columns: &Columns) -> Result<(), Blame> {
    let named = columns.list.len();
    let expected = named + columns.unnamed;
    if cells.len() != expected {
        let refusal = Diagnosis::new(format!(
            "found {}, expected {expected} as in the header",
            counted(cells.len(), "cell")
        ));
        return Err((None, refusal.hint("a cell that holds the delimiter must stand in double quotes")));
    }
    match cells.iter().skip(named).find(|cell| !text::trimmed(cell).is_empty()) {
        Some(cell) => {
            Err((None, Diagnosis::new(format!("{} stands in a column without a name", text::shown(cell)))))
        }
        None => Ok(()),
    }
}

fn faulty(fault: Fault, record: &Record, columns: &Columns) -> Blame {
    let name = |column: usize| {
        columns.list.get(column).map_or_else(|| format!("{}", column + 1), |column| column.name.clone())
    };
    let lines = if record.line == record.last_line {
        String::new()
    } else {
        format!(": lines {} to {} were read as one record", record.line, record.last_line)
    };
    let quotes = "close the quote, or double it if it is meant as text";
    let (column, refusal) = match fault {
        Fault::LineBreak { column } => (
            Some(column),
            Diagnosis::new(format!("holds a line break{lines}")).hint(format!(
                "{quotes}; if the break is meant, add `{}` to `multiline_columns`",
                name(column)
            )),
        ),
        Fault::RowInside { column, line } => (
            Some(column),
            Diagnosis::new(format!(
                "line {line} stands inside this cell but reads like a row of its own{lines}"
            ))
            .hint(quotes),
        ),
        Fault::AfterQuote { column } => (
            Some(column),
            Diagnosis::new(format!("has text behind its closing quote{lines}"))
                .hint("double each quote that is meant as text: `\"the \"\"best\"\" one\"`"),
        ),
        Fault::CellTooLong { column } => {
            (Some(column), Diagnosis::new(format!("is longer than 8 KiB{lines}")))
        }
        Fault::TooManyCells => (None, Diagnosis::new(format!("more than 256 cells{lines}"))),
        Fault::RecordTooLong => {
            (None, Diagnosis::new(format!("the record is longer than 64 KiB{lines}")).hint(quotes))
        }
    };
    (column, refusal)
}

fn counted(count: usize, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}
