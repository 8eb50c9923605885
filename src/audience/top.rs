//! Where the header stands: below title lines, over two lines, or nowhere.
//!
//! Reports write a title, a date and an empty line above the header; survey tools write two or three lines of it; the
//! exports of databases none. The first lines are looked at as text before anything is parsed.

use std::io::Read;

use csv::StringRecord;

use super::{
    column::holds_address,
    dialect::{self, split},
    lines::Lines,
    names::{self, normalised},
};
use crate::{
    campaign::AudienceSpec,
    problem::{Place, Problem},
};

/// How many lines are looked at, and how many bytes of them.
const LINES: usize = 60;
const BYTES: usize = 512 * 1024;
/// How many lines may stand above a header that is found.
const MOST_TITLES: u64 = 20;

/// Where to begin.
#[derive(Debug, Default)]
pub(super) struct Top {
    /// How many lines are above the header, or above the first row where there is no header.
    pub(super) skip: u64,
    /// How many lines below the header belong to it.
    pub(super) below: u64,
    /// Names for the columns that the header leaves without one, out of its second line.
    pub(super) second: Vec<String>,
    /// Some rows, roughly parted.
    pub(super) samples: Vec<StringRecord>,
    pub(super) delimiter: char,
    /// The delimiter of a line `sep=;`.
    pub(super) separator: Option<char>,
    pub(super) notes: Vec<String>,
}

/// A line of text, joined with those that its quotes take in.
struct Line {
    /// The first and the last physical line.
    first: u64,
    last: u64,
    text: String,
}

impl Top {
    /// Looks at the first lines of a list.
    pub(super) fn look<R: Read>(
        lines: &mut Lines<R>,
        spec: &AudienceSpec,
        place: &str,
    ) -> Result<Self, Problem> {
        let failed = |error| Problem::new(Place::file(place), format!("failed to read on: {error}"));
        let lines = joined(&lines.ahead(LINES, BYTES).map_err(failed)?);
        let first = lines.iter().find(|line| !line.text.trim().is_empty());
        if let Some(what) = first.and_then(|line| no_list(&line.text)) {
            return Err(Problem::new(Place::file(place), format!("the file is {what}, not a list"))
                .hint("export the list as CSV, encoded in UTF-8, or as a workbook (.xlsx)"));
        }
        let mut top = Self { delimiter: ',', ..Self::default() };
        let mut lines = lines.as_slice();
        let skip = spec.skip_lines.unwrap_or_default();
        while let Some((line, rest)) = lines.split_first() {
            if line.first == 1
                && let Some(separator) = dialect::separator_line(&line.text)
            {
                top.separator = Some(separator);
            } else if line.first > skip && !line.text.trim().is_empty() {
                break;
            }
            lines = rest;
        }
        let told = spec.delimiter.or(top.separator);
        let Some(first) = lines.first() else {
            let problem = Problem::new(
                Place::file(place),
                "the list is empty: expected a header line such as `email,user_id,name`",
            );
            return Err(match skip {
                0 => problem,
                _ => problem.hint(format!("`skip_lines = {skip}` leaves out all that it holds")),
            });
        };
        if !spec.columns.is_empty() {
            top.skip = first.first - 1;
            top.delimiter = told.unwrap_or_else(|| most(lines));
            top.samples = samples(lines, top.delimiter);
            return Ok(top);
        }
        let at = if spec.skip_lines.is_some() { 0 } else { header(lines, told, spec).unwrap_or_default() };
        let (titles, rest) = lines.split_at(at);
        let Some((header, rows)) = rest.split_first() else { return Ok(top) };
        if let Some(inner) = whole_in_quotes(&header.text)
            && told.is_none()
            && let (delimiter, true) = dialect::sniff(&inner, spec)
            && split(&inner, delimiter).len() > 1
        {
            let message = "each line is in quotes as a whole: this CSV was exported as a column of another";
            return Err(Problem::new(Place::line(place, header.first), message).hint(
                "export it again, or take away the first and the last quote of each line and write `\"\"` as `\"`",
            ));
        }
        top.skip = header.first - 1;
        top.delimiter = told.unwrap_or_else(|| dialect::sniff(&header.text, spec).0);
        if let (Some(from), Some(to)) = (titles.first(), titles.last()) {
            let lines = lines_in_words(from.first, to.last);
            top.notes.push(format!(
                "the header is line {}; {lines} above it, left out (`skip_lines` says it where this is wrong)",
                header.first
            ));
        }
        top.second_header(header, rows, spec);
        let below = header.last + top.below;
        let rows = rows.iter().position(|line| line.first > below).map_or(&[][..], |at| rows.split_at(at).1);
        top.samples = samples(rows, top.delimiter);
        Ok(top)
    }

    /// The names that are told, and none for the columns of the first rows that are beyond them.
    pub(super) fn told(&self, names: &[String]) -> StringRecord {
        let width = self.samples.iter().map(StringRecord::len).max().unwrap_or_default();
        let beyond = width.saturating_sub(names.len());
        names.iter().map(String::as_str).chain(std::iter::repeat_n("", beyond)).collect()
    }

    /// The header with the names that its second line adds.
    pub(super) fn with_second(&self, header: StringRecord) -> StringRecord {
        let second = |at: usize| self.second.get(at).map(String::as_str).filter(|name| !name.is_empty());
        if self.second.is_empty() {
            return header;
        }
        header.iter().enumerate().map(|(at, name)| second(at).unwrap_or(name)).collect()
    }

    /// Takes the lines below the header that still belong to it, as survey tools write them.
    fn second_header(&mut self, header: &Line, rows: &[Line], spec: &AudienceSpec) {
        let import_id = |line: &Line| line.text.contains("ImportId\"");
        let marked = rows.iter().take(2).position(import_id);
        let names = split(&header.text, self.delimiter);
        if let Some(last) = marked.and_then(|at| rows.get(at)) {
            self.below = last.last - header.last;
        } else if let Some(line) = rows.first() {
            let cells = split(&line.text, self.delimiter);
            let under = |at: usize| cells.get(at).copied().unwrap_or_default();
            let filled = |at: &usize| !under(*at).is_empty();
            let nameless = (0..names.len()).filter(|at| names.get(*at).is_some_and(|name| name.is_empty()));
            // A row of somebody has an id in front, or an address.
            let is_header = nameless.clone().any(|at| filled(&at))
                && under(0).is_empty()
                && !names.first().is_none_or(|name| name.is_empty())
                && !line.text.contains('@');
            if !is_header {
                return;
            }
            self.below = line.last - header.last;
            let has_address = names.iter().any(|name| names::is_address(name, spec));
            self.second = (0..names.len())
                .map(|at| {
                    let name = names.get(at).copied().unwrap_or_default();
                    let better = name.is_empty() || (!has_address && names::is_address(under(at), spec));
                    if better { under(at).to_owned() } else { String::new() }
                })
                .collect();
        }
        if self.below > 0 {
            let lines = lines_in_words(header.last + 1, header.last + self.below);
            self.notes.push(format!("the header goes on below itself: {lines} no row"));
        }
    }
}

fn samples(rows: &[Line], delimiter: char) -> Vec<StringRecord> {
    let rows = rows.iter().filter(|line| !line.text.trim().is_empty());
    rows.map(|line| StringRecord::from(split(&line.text, delimiter))).collect()
}

fn lines_in_words(from: u64, to: u64) -> String {
    if from == to { format!("line {from} is") } else { format!("lines {from} to {to} are") }
}

/// The first lines, joined where a quote is open. A quote that stays open joins nothing.
fn joined(physical: &[String]) -> Vec<Line> {
    let is_open = |text: &str| text.bytes().filter(|byte| *byte == b'"').count() % 2 == 1;
    let mut joined = Vec::new();
    let mut at = 0;
    while let Some(text) = physical.get(at) {
        let mut last = at;
        if is_open(text) {
            let closes = physical.iter().skip(at + 1).position(|text| is_open(text));
            last = closes.map_or(at, |more| at + 1 + more);
        }
        let text = physical.get(at..=last).unwrap_or_default().join("\n");
        joined.push(Line { first: at as u64 + 1, last: last as u64 + 1, text });
        at = last + 1;
    }
    joined
}

/// Which of the lines is the header, where one of them has a column for the address.
fn header(lines: &[Line], told: Option<char>, spec: &AudienceSpec) -> Option<usize> {
    let mut widest = 0;
    for (at, line) in lines.iter().enumerate() {
        let (sniffed, _) = dialect::sniff(&line.text, spec);
        let cells = split(&line.text, told.unwrap_or(sniffed));
        // Where people begin, no header follows.
        if line.first > MOST_TITLES || cells.iter().any(|cell| holds_address(cell)) {
            return None;
        }
        let filled = cells.iter().filter(|cell| !cell.is_empty()).count();
        if filled >= widest
            && cells.iter().any(|cell| names::is_address(cell, spec))
            && has_user_id(&cells, at, spec)
        {
            return Some(at);
        }
        widest = widest.max(filled);
    }
    None
}

/// Whether a line below the first has the column of the user ids, too, where the campaign file names one.
fn has_user_id(cells: &[&str], at: usize, spec: &AudienceSpec) -> bool {
    let wanted = normalised(&spec.user_id_column);
    at == 0
        || ["email", "user_id"].contains(&wanted.as_str())
        || cells.iter().any(|cell| normalised(cell) == wanted)
}

/// The delimiter of rows without a header: the one that parts an address from the rest, then the one that occurs most.
fn most(lines: &[Line]) -> char {
    let count = |delimiter: &char| {
        let cells = lines.iter().map(|line| split(&line.text, *delimiter));
        let (mut addresses, mut all) = (0, 0);
        for cells in cells {
            addresses += usize::from(cells.len() > 1 && cells.iter().any(|cell| holds_address(cell)));
            all += cells.len() - 1;
        }
        (addresses, all)
    };
    let mut best = (',', (0, 0));
    for delimiter in dialect::CANDIDATES {
        let found = count(&delimiter);
        if found > best.1 {
            best = (delimiter, found);
        }
    }
    best.0
}

/// What stands between the quotes of a line that is in quotes as a whole.
fn whole_in_quotes(line: &str) -> Option<String> {
    let inner = line.trim().strip_prefix('"')?.strip_suffix('"')?;
    (!inner.replace("\"\"", "").contains('"')).then(|| inner.replace("\"\"", "\""))
}

/// What looks like text and is no list.
fn no_list(line: &str) -> Option<&'static str> {
    let start = line.trim_start().to_ascii_lowercase();
    let begins = |prefix: &str| start.starts_with(prefix);
    let json = |open: char| {
        start.strip_prefix(open).is_some_and(|rest| {
            let rest = rest.trim_start();
            rest.is_empty()
                || rest.starts_with(['{', '[', '}', ']'])
                || (open == '{' && rest.starts_with('"'))
        })
    };
    if begins("<!doctype html") || begins("<html") || begins("<table") || begins("<head") || begins("<meta") {
        Some("a web page (HTML)")
    } else if begins("<?xml") {
        Some("XML")
    } else if begins("{\\rtf") {
        Some("a text with formats (RTF)")
    } else if begins("begin:vcard") {
        Some("a set of visiting cards (vCard)")
    } else if json('{') || json('[') {
        Some("JSON")
    } else {
        None
    }
}
