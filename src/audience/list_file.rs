//! A file of the list: opened, checked up to its header, then read row by row.

use std::{
    collections::VecDeque,
    fmt,
    fs::File,
    io::{self, BufReader},
};

use super::{
    Row,
    column::{Column, Header, Used},
    columns::{Columns, PROBLEM_COLUMN},
    dialect::{self, Dialect},
    encoding::Detected,
    findings::{Finding, Findings},
    lines::{DELIMITER, Lines},
    profile::{BLOCK, FileProfile, digest, not_a_file},
    records::{Record, Records},
    row,
    top::Top,
};
use crate::{
    campaign::AudienceSpec,
    problem::{Place, Problem, cause},
};

/// What the parser takes for a delimiter outside of ASCII.
const SUBSTITUTE: u8 = DELIMITER as u8;

/// How many lines below the list may be its foot.
const FEET: usize = 12;

/// A file of people, open for reading: an iterator over its rows that holds one record at a time.
///
/// An `Err` says that the rest of the file cannot be read; it is the last thing that comes.
pub(super) struct ListFile {
    records: Records<File>,
    record: Record,
    columns: Columns,
    header: Vec<String>,
    names: Vec<String>,
    dialect: Dialect,
    profile: FileProfile,
    live: bool,
    findings: Findings,
    /// Rows that wait for what follows them, the first `whole` of them no longer.
    feet: VecDeque<Row>,
    whole: usize,
    has_rows: bool,
    /// The number of lines that the file must have at the end.
    lines: u64,
    ended: bool,
}

impl ListFile {
    /// Opens a file and checks everything about it but its rows.
    ///
    /// The iterator compares what it reads with the file of the profile. `live` refuses rows with a domain that is set
    /// aside for documentation and tests (RFC 2606, RFC 6761).
    pub(super) fn open(
        spec: &AudienceSpec,
        profile: &FileProfile,
        used: &Used,
        live: bool,
    ) -> Result<Self, Vec<Problem>> {
        if let Some(delimiter) = spec.delimiter.filter(|&delimiter| !dialect::is_usable(delimiter)) {
            return Err(vec![
                Problem::new(
                    Place::file(&*profile.name),
                    format!("`{}` cannot part columns", delimiter.escape_default()),
                )
                .hint("use a character such as `,`, `;`, `|` or a tab"),
            ]);
        }
        let one = |problem: Problem| vec![problem];
        let detected = profile.text.clone().map_err(one)?;
        let file = open_file(profile).map_err(one)?;
        Self::begin(spec, profile, detected, file, (used, live))
            .map_err(|problems| changed(profile).map_or(problems, |changed| vec![changed]))
    }

    /// Reads a file as far as its header.
    fn begin(
        spec: &AudienceSpec,
        profile: &FileProfile,
        detected: Detected,
        file: BufReader<File>,
        (used, live): (&Used, bool),
    ) -> Result<Self, Vec<Problem>> {
        let one = |problem: Problem| vec![problem];
        let (place, expected) = (&*profile.name, detected.lines);
        let mut lines = Lines::new(file, &detected);
        let top = Top::look(&mut lines, spec, place).map_err(one)?;
        lines.part_by(top.delimiter);
        let mut dialect = dialect_of(spec, &top, detected);
        let delimiter = if top.delimiter.is_ascii() { top.delimiter as u8 } else { SUBSTITUTE };
        let mut records = Records::new(lines, delimiter, place);
        records.skip(top.skip).map_err(one)?;
        let (cells, at) = if spec.columns.is_empty() {
            let (cells, at) = records.header().map_err(one)?;
            records.skip(top.below).map_err(one)?;
            (top.with_second(cells), at)
        } else {
            (top.told(&spec.columns), top.skip + 1)
        };
        let header = Header { cells: &cells, samples: &top.samples, place: Place::line(place, at) };
        let columns = Columns::resolve(&header, spec, used)?;
        let of_each = |what: fn(&Column) -> bool| columns.list.iter().map(what).collect();
        records.set_shape(of_each(|column| column.multiline), of_each(|column| !column.used), columns.email);
        if columns.has_problems {
            dialect.notes.push(format!("the last column `{PROBLEM_COLUMN}` is left out"));
        }
        Ok(Self {
            records,
            record: Record::default(),
            header: columns.list.iter().map(|column| column.title.clone()).collect(),
            names: columns.names(),
            columns,
            dialect,
            profile: profile.clone(),
            live,
            findings: Findings::default(),
            feet: VecDeque::new(),
            whole: 0,
            has_rows: false,
            lines: expected,
            ended: false,
        })
    }

    /// The names of the columns as the header spells them, without what is left out.
    pub(super) fn header(&self) -> &[String] {
        &self.header
    }

    /// The names under which templates know the columns.
    pub(super) fn columns(&self) -> &[String] {
        &self.names
    }

    /// How the file is read.
    pub(super) fn dialect(&self) -> &Dialect {
        &self.dialect
    }

    /// The number of lines of the file.
    pub(super) fn lines(&self) -> u64 {
        self.lines
    }

    /// What there is to say about the rows that were read.
    pub(super) fn take_findings(&mut self) -> Findings {
        std::mem::take(&mut self.findings)
    }

    fn next_whole(&mut self) -> Option<Row> {
        self.whole = self.whole.checked_sub(1)?;
        self.feet.pop_front()
    }

    fn next_row(&mut self) -> Result<Option<Row>, Problem> {
        if let Some(row) = self.next_whole() {
            return Ok(Some(row));
        }
        loop {
            match self.records.read(&mut self.record) {
                Ok(true) if row::is_blank(&self.record) => {}
                Ok(true) => {
                    if self.take_record() {
                        return Ok(self.next_whole());
                    }
                }
                // Rows may be missing or doubled, and nobody can tell which.
                Ok(false) if self.records.totals() != (self.lines, self.profile.digest) => {
                    return Err(another(&self.profile));
                }
                Ok(false) => {
                    for row in self.feet.drain(..) {
                        if let Row::Bad(problem) = row {
                            self.findings.add(Finding::Foot, problem.line);
                        }
                    }
                    return Ok(None);
                }
                Err(problem) => return Err(changed(&self.profile).unwrap_or(problem)),
            }
        }
    }

    /// Takes a record; whether rows are whole now.
    fn take_record(&mut self) -> bool {
        let Self { record, columns, findings, .. } = self;
        if row::is_header(record, columns) {
            findings.add(Finding::HeaderAgain, record.line);
            return false;
        }
        // Whether it is the foot of the list or a row without an address is known when the list goes on.
        let may_end = self.has_rows && self.feet.len() < FEET && row::is_foot(record);
        let mut aside = Findings::default();
        let row = row::row(record, columns, self.live, if may_end { &mut aside } else { findings });
        self.has_rows |= matches!(row, Row::Good(_));
        self.feet.push_back(row);
        if !may_end {
            self.whole = self.feet.len();
        }
        !may_end
    }
}

impl fmt::Debug for ListFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ListFile")
            .field("place", &self.profile.name)
            .field("columns", &self.names)
            .field("dialect", &self.dialect)
            .finish_non_exhaustive()
    }
}

impl Iterator for ListFile {
    type Item = Result<Row, Problem>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let next = self.next_row().transpose();
        self.ended = !matches!(next, Some(Ok(_)));
        next
    }
}

fn open_file(profile: &FileProfile) -> Result<BufReader<File>, Problem> {
    let failed = |error: io::Error| {
        Problem::new(Place::file(&*profile.name), format!("the list cannot be read: {}", cause(&error)))
            .hint("`csv` under `[audience]` is relative to the campaign file")
    };
    // Asked before opening: to open a pipe would wait for its writer.
    if !profile.path.metadata().map_err(failed)?.is_file() {
        return Err(not_a_file(&profile.name));
    }
    Ok(BufReader::with_capacity(BLOCK, File::open(&profile.path).map_err(failed)?))
}

/// That a file is not the one of its profile any more, which explains whatever is wrong with it now.
fn changed(profile: &FileProfile) -> Option<Problem> {
    let now = digest(&profile.path).ok()?;
    (now != profile.digest).then(|| another(profile))
}

fn another(profile: &FileProfile) -> Problem {
    Problem::new(Place::file(&*profile.name), "the file changed while it was read")
        .hint("run again when it is complete")
}

fn dialect_of(spec: &AudienceSpec, top: &Top, found: Detected) -> Dialect {
    let mut notes = found.notes;
    notes.extend(top.notes.iter().cloned());
    if found.line_end == b'\r' {
        notes.push("the lines end with a carriage return alone, as on old Macs".to_owned());
    }
    if let (Some(told), Some(found)) = (spec.delimiter, top.separator)
        && told != found
    {
        notes.push(format!("read by the delimiter `{told}`, as told, though line 1 says `sep={found}`"));
    }
    Dialect {
        encoding: found.encoding.name(),
        encoding_detected: found.found_out,
        delimiter: top.delimiter,
        delimiter_detected: spec.delimiter.is_none(),
        notes,
    }
}
