//! A file of the list: opened, checked up to its header, then read row by row.

use std::{
    fmt,
    fs::File,
    io::{self, BufReader, Read},
};

use super::{
    Row,
    columns::{Columns, PROBLEM_COLUMN},
    dialect::{self, Dialect},
    encoding::Detected,
    lines::Lines,
    profile::{BLOCK, FileProfile, digest, not_a_file},
    records::{Record, Records},
    row,
    scan::RECORD_MAX,
};
use crate::{
    campaign::AudienceSpec,
    problem::{Place, Problem, cause},
};

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
    /// The number of lines that the file must have at the end.
    lines: u64,
    ended: bool,
}

impl ListFile {
    /// Opens a file and checks everything about it but its rows.
    ///
    /// The iterator compares what it reads with the file of the profile. `live` refuses rows with a domain that is set
    /// aside for documentation and tests (RFC 2606, RFC 6761).
    pub(super) fn open(spec: &AudienceSpec, profile: &FileProfile, live: bool) -> Result<Self, Vec<Problem>> {
        if let Some(delimiter) = spec.delimiter.filter(|&delimiter| !dialect::is_usable(delimiter)) {
            return Err(vec![
                Problem::new(
                    Place::file(&*profile.name),
                    format!("`{}` cannot part columns", delimiter.escape_default()),
                )
                .hint("use `,`, `;`, `|` or a tab"),
            ]);
        }
        let one = |problem: Problem| vec![problem];
        let detected = profile.text.clone().map_err(one)?;
        let file = open_file(profile).map_err(one)?;
        Self::begin(spec, profile, detected, file, live)
            .map_err(|problems| changed(profile).map_or(problems, |changed| vec![changed]))
    }

    /// Reads a file as far as its header.
    fn begin(
        spec: &AudienceSpec,
        profile: &FileProfile,
        detected: Detected,
        file: BufReader<File>,
        live: bool,
    ) -> Result<Self, Vec<Problem>> {
        let one = |problem: Problem| vec![problem];
        let (place, expected) = (&*profile.name, detected.lines);
        let mut lines = Lines::new(file, &detected);
        let top = Top::read(&mut lines, place).map_err(one)?;
        let mut dialect = dialect_of(spec, &top, detected);
        let delimiter = u8::try_from(dialect.delimiter).unwrap_or(b',');
        let mut records = Records::new(lines, top.line, delimiter, place);
        let header = records.header(&top.header).map_err(one)?;
        let columns = Columns::resolve(&header, spec, &Place::line(place, top.line))?;
        records.set_shape(columns.list.iter().map(|column| column.multiline).collect(), columns.email);
        if columns.has_problems {
            dialect.notes.push(format!("the last column `{PROBLEM_COLUMN}` is left out"));
        }
        Ok(Self {
            records,
            record: Record::default(),
            header: columns.list.iter().map(|column| column.title.clone()).collect(),
            names: columns.list.iter().map(|column| column.name.clone()).collect(),
            columns,
            dialect,
            profile: profile.clone(),
            live,
            lines: expected,
            ended: false,
        })
    }

    /// The names of the columns as the header spells them, without what is left out.
    pub(super) fn header(&self) -> &[String] {
        &self.header
    }

    /// The names of the columns for templates, in the same order.
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

    fn next_row(&mut self) -> Result<Option<Row>, Problem> {
        loop {
            match self.records.read(&mut self.record) {
                Ok(true) if row::is_blank(&self.record) => {}
                Ok(true) => return Ok(Some(row::row(&self.record, &self.columns, self.live))),
                // Rows may be missing or doubled, and nobody can tell which.
                Ok(false) if self.records.totals() != (self.lines, self.profile.digest) => {
                    return Err(another(&self.profile));
                }
                Ok(false) => return Ok(None),
                Err(problem) => return Err(changed(&self.profile).unwrap_or(problem)),
            }
        }
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

/// The lines above the rows.
struct Top {
    /// The delimiter of a line `sep=;`.
    separator: Option<char>,
    header: String,
    /// The line of the header.
    line: u64,
}

impl Top {
    fn read<R: Read>(lines: &mut Lines<R>, place: &str) -> Result<Self, Problem> {
        let mut top = Self { separator: None, header: String::new(), line: 0 };
        while top.read_line(lines, place)? {
            if top.line == 1 && dialect::separator_line(&top.header).is_some() {
                top.separator = dialect::separator_line(&top.header);
            } else if !top.header.trim().is_empty() {
                return Ok(top);
            }
        }
        Err(Problem::new(
            Place::file(place),
            "the list is empty: expected a header line such as `email,user_id,name`",
        ))
    }

    /// Reads the next line into `header`; `false` at the end of the file.
    fn read_line<R: Read>(&mut self, lines: &mut Lines<R>, place: &str) -> Result<bool, Problem> {
        self.header.clear();
        let line = self.line + 1;
        loop {
            let piece = lines.next_piece().map_err(|error| {
                Problem::new(Place::line(place, line), format!("failed to read on: {error}"))
            })?;
            let Some(piece) = piece else { return Ok(self.line == line) };
            self.line = line;
            if self.header.len() + piece.text.len() > RECORD_MAX {
                return Err(Problem::new(Place::line(place, line), "the header is longer than 64 KiB"));
            }
            // A second byte order mark, as two programs in a row leave it.
            let text =
                if self.header.is_empty() { piece.text.trim_start_matches('\u{feff}') } else { piece.text };
            self.header.push_str(text);
            if piece.ends_line {
                return Ok(true);
            }
        }
    }
}

fn dialect_of(spec: &AudienceSpec, top: &Top, found: Detected) -> Dialect {
    let mut notes = found.notes;
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
        delimiter: spec.delimiter.or(top.separator).unwrap_or_else(|| dialect::sniff(&top.header)),
        delimiter_detected: spec.delimiter.is_none(),
        notes,
    }
}
