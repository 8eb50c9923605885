//! From a record to a [`Recipient`], or to the first reason why not.

use std::borrow::Cow;

use serde_json::Value;

use super::{
    Address, Cells, Fields, KEY_SEPARATOR, Recipient, RecipientKey, Row, RowProblem,
    cells::{check_characters, value},
    column::Column,
    columns::Columns,
    dialect, disguise, domains,
    findings::{Finding, Findings, Mended},
    names::normalised,
    records::Record,
    scan::Fault,
    text,
    values::{Role, mended, of_column},
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

/// Whether a record is the header once more, as joined files have it.
pub(super) fn is_header(record: &Record, columns: &Columns) -> bool {
    let title = |at: usize| columns.list.get(at).map_or("", |column| column.title.as_str());
    let is_title = |at: usize| {
        let cell = text::trimmed(record.cells.get(at).unwrap_or_default());
        !cell.is_empty() && cell == title(at)
    };
    // The address alone tells a header from a person, and costs one look.
    is_title(columns.email)
        && record.cells.get(columns.email).is_some_and(|cell| !cell.contains('@'))
        && columns.list.iter().enumerate().filter(|(_, column)| column.used).all(|(at, _)| is_title(at))
}

/// Whether a record may be the foot of a report: one cell of text, and none for an address.
pub(super) fn is_foot(record: &Record) -> bool {
    let mut filled = record.cells.iter().map(text::trimmed).filter(|cell| !cell.is_empty());
    match (filled.next(), filled.next()) {
        (Some(only), None) => {
            record.fault.is_none() && only.contains(char::is_whitespace) && !only.contains('@')
        }
        _ => false,
    }
}

/// Checks a record. `live` refuses the domains that are set aside for documentation and tests.
pub(super) fn row(record: &Record, columns: &Columns, live: bool, findings: &mut Findings) -> Row {
    let mut cells: Vec<&str> = record.cells.iter().collect();
    // Spreadsheets leave out empty cells behind the last: the column of problems is the last of a whole row alone.
    if columns.has_problems && cells.len() > columns.list.len() {
        cells.pop();
    }
    match recipient(record, &cells, columns, live, findings) {
        Ok(recipient) => Row::Good(recipient),
        Err((column, refusal)) => Row::Bad(RowProblem {
            line: record.line,
            column: column
                .and_then(|at| Some((at, columns.list.get(at)?)))
                .map(|(at, column)| column.words(at)),
            what: refusal,
            cells: cells.into_iter().map(str::to_owned).collect(),
        }),
    }
}

fn recipient(
    record: &Record,
    cells: &[&str],
    columns: &Columns,
    live: bool,
    findings: &mut Findings,
) -> Result<Recipient, Blame> {
    if let Some(fault) = record.fault {
        return Err(faulty(fault, record, columns));
    }
    check_width(record, cells, columns, findings)?;
    let texts = columns
        .list
        .iter()
        .enumerate()
        .map(|(at, column)| match cells.get(at) {
            Some(cell) if column.used => {
                let found = |mended| findings.add(of_column(mended, &column.words(at)), record.line);
                tidy(cell, column, found).map_err(|refusal| (Some(at), refusal))
            }
            Some(_) | None => Ok(Cow::Borrowed("")),
        })
        .collect::<Result<Vec<_>, _>>()?;
    let text_of = |at: usize| texts.get(at).map_or("", |text| text.as_ref());

    let mut unwrapped = false;
    let found = |mended| {
        unwrapped = true;
        let column = columns.list.get(columns.email).map(|column| column.words(columns.email));
        findings.add(of_column(mended, &column.unwrap_or_default()), record.line);
    };
    let address = address(text_of(columns.email), live, found)
        .map_err(|refusal| (Some(columns.email), refusal))
        .map_err(|blame| misread(blame, cells, columns))?;
    let without = columns.without_user_id && text_of(columns.user_id).is_empty();
    let user_id = if columns.user_id == columns.email || without {
        address.canonical()
    } else {
        let title = columns.list.get(columns.user_id).map_or("", |column| column.title.as_str());
        user_id(text_of(columns.user_id), title).map_err(|refusal| (Some(columns.user_id), refusal))?
    };
    let mut fields = Fields::new();
    for (at, (column, text)) in
        columns.list.iter().zip(&texts).enumerate().filter(|(_, (column, _))| column.used)
    {
        let value = if at == columns.email && unwrapped {
            Value::String(address.to_string())
        } else {
            field(text, column).map_err(|refusal| (Some(at), refusal))?
        };
        if let Some(also) = &column.also {
            fields.insert(also.clone(), value.clone());
        }
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
    if let Some(odd) = domains::odd(&address) {
        findings.add(odd, record.line);
    }
    let cells = Cells(if columns.has_problems { cells.iter().collect() } else { record.cells.clone() });
    Ok(Recipient { line: record.line, key: RecipientKey(key), user_id, address, name, fields, cells })
}

/// Better words where a header stands in the place of a row.
fn misread(blame: Blame, cells: &[&str], columns: &Columns) -> Blame {
    let found = cells.get(columns.email).map(|cell| normalised(cell)).unwrap_or_default();
    let is_title = |column: &Column| normalised(&column.title) == found;
    if found != "email" && (found.is_empty() || !columns.list.iter().any(is_title)) {
        return blame;
    }
    let refusal = Diagnosis::new("reads like a header, where a row is expected");
    (blame.0, refusal.hint(
        "the header's own lines are told by `skip_lines`; files with other columns are not joined but named with `csv = \"lists/*.csv\"` and `take = \"all-new\"`",
    ))
}

/// The words for a row that is one cell, since something else parts it than the header.
fn parted_otherwise(cells: &[&str], expected: usize) -> Option<Blame> {
    let [only] = cells else { return None };
    let delimiter = dialect::CANDIDATES
        .into_iter()
        .find(|&delimiter| only.contains('@') && dialect::split(only, delimiter).len() == expected)?;
    let what = if delimiter == '\t' { "a tab".to_owned() } else { format!("`{delimiter}`") };
    let refusal = Diagnosis::new(format!("{what} parts the cells here, and something else the header"));
    Some((None, refusal.hint("write the header with the delimiter of the rows")))
}

fn tidy<'a>(
    cell: &'a str,
    column: &Column,
    mut found: impl FnMut(Mended),
) -> Result<Cow<'a, str>, Diagnosis> {
    let mut trimmed = text::trimmed(cell);
    if !trimmed.is_ascii() {
        let bare = text::trimmed(trimmed.trim_matches(text::is_mark));
        if bare.len() < trimmed.len()
            && let Some(mark) = trimmed.chars().find(|sign| text::is_mark(*sign))
        {
            found(Mended::Invisible(mark));
            trimmed = bare;
        }
    }
    // Line breaks at the ends of a cell that may hold them are stray space, too.
    let trimmed = if column.multiline { trimmed.trim_matches(['\n', ' ']) } else { trimmed };
    if column.role == Role::Address {
        return Ok(text::composed(trimmed));
    }
    check_characters(trimmed, column.multiline)?;
    mended(text::composed(trimmed), column.role, found)
}

fn field(text: &str, column: &Column) -> Result<Value, Diagnosis> {
    let value = if text.is_empty() { Value::Null } else { value(text, column.kind, column.multiline)? };
    if column.required && value.is_null() {
        return Err(Diagnosis::new("is empty, but every row must fill it"));
    }
    Ok(value)
}

fn address(text: &str, live: bool, found: impl FnMut(Mended)) -> Result<Address, Diagnosis> {
    if text.is_empty() {
        return Err(Diagnosis::new("has no address"));
    }
    let address = disguise::address(text, found)?;
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
    if let Some(character) = text.chars().find(|&character| text::is_invisible(character)) {
        let code = text::code_point(character);
        return Err(Diagnosis::new(format!("holds the invisible character {code}")).hint("take it out"));
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

/// Cells that are missing at the end count as empty, and surplus ones that are empty as nothing; but where quotes are in
/// doubt the row is as wide as the header.
fn check_width(
    record: &Record,
    cells: &[&str],
    columns: &Columns,
    findings: &mut Findings,
) -> Result<(), Blame> {
    let expected = columns.list.len();
    if cells.len() == expected {
        return Ok(());
    }
    if let Some(fault) = record.forgiven {
        return Err(faulty(fault, record, columns));
    }
    let wrong = || {
        Diagnosis::new(format!(
            "found {}, expected {expected} as in the header",
            counted(cells.len(), "cell")
        ))
    };
    if cells.len() > expected {
        if cells.iter().skip(expected).any(|cell| !text::trimmed(cell).is_empty()) {
            return Err((None, wrong().hint("a cell that holds the delimiter must stand in double quotes")));
        }
        findings.add(Finding::Surplus, record.line);
        return Ok(());
    }
    if let Some(blame) = parted_otherwise(cells, expected) {
        return Err(blame);
    }
    // Programs that leave out empty cells do so in other rows as well; a file that breaks off is short once.
    if record.cut_off && findings.rows(&Finding::Short) == 0 {
        return Err((
            None,
            wrong().hint(
                "the file ends in the middle of this row: fetch it again, or end the line if it is whole",
            ),
        ));
    }
    findings.add(Finding::Short, record.line);
    Ok(())
}

fn faulty(fault: Fault, record: &Record, columns: &Columns) -> Blame {
    let name = |column: usize| match columns.list.get(column).map(|column| column.name.as_str()) {
        Some("") | None => format!("{}", column + 1),
        Some(name) => name.to_owned(),
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
        Fault::RecordTooLong => {
            (None, Diagnosis::new(format!("the record is longer than 1 MiB{lines}")).hint(quotes))
        }
    };
    (column, refusal)
}

fn counted(count: usize, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}
