//! Physical lines, joined to records and parsed by crate `csv`.
//!
//! Every record is split twice, by [`Scan`] and by `csv`, and the two must agree on its end and on its cells. If they
//! do not, reading stops: a row that one of them does not see would be a person who silently gets no mail.

use std::io::{self, Read};

use csv::{ReaderBuilder, StringRecord, Terminator};

use super::{
    lines::{DELIMITER, Lines},
    scan::{Fault, RECORD_MAX, Scan, Shape},
};
use crate::problem::{Place, Problem};

/// One record, good or not.
#[derive(Debug, Default)]
pub(super) struct Record {
    /// The physical line on which it starts.
    pub(super) line: u64,
    /// The physical line on which it ends.
    pub(super) last_line: u64,
    /// What is wrong with it as a whole.
    pub(super) fault: Option<Fault>,
    /// What is wrong in a column that nothing uses.
    pub(super) forgiven: Option<Fault>,
    /// Whether the file ends behind it without a line end.
    pub(super) cut_off: bool,
    /// Its cells as they stand; none where the record is too long.
    pub(super) cells: StringRecord,
}

/// The records of a file, one after the other.
pub(super) struct Records<R> {
    lines: Lines<R>,
    place: String,
    /// The number of physical lines that were read to their end.
    line: u64,
    parser: csv::Reader<Feed>,
    /// How many bytes the parser was handed.
    fed: u64,
    shape: Shape,
    text: String,
    /// Whether the last line that was taken in had an end.
    ended: bool,
}

/// Hands the parser the text of one record, then "end of file" until the next is loaded.
#[derive(Debug, Default)]
struct Feed {
    text: Vec<u8>,
    at: usize,
}

impl Read for Feed {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let (_, mut rest) = self.text.split_at(self.at);
        let read = rest.read(out)?;
        self.at += read;
        Ok(read)
    }
}

impl<R: Read> Records<R> {
    /// Reads `lines` from the first, by delimiter.
    pub(super) fn new(lines: Lines<R>, delimiter: u8, place: &str) -> Self {
        let parser = ReaderBuilder::new()
            .delimiter(delimiter)
            .has_headers(false)
            .flexible(true)
            // Lines come with one line feed, whatever the file has; a lone carriage return is text (and refused).
            .terminator(Terminator::Any(b'\n'))
            .from_reader(Feed::default());
        let shape = Shape { delimiter, ..Shape::default() };
        Self {
            lines,
            place: place.to_owned(),
            line: 0,
            parser,
            fed: 0,
            shape,
            text: String::new(),
            ended: true,
        }
    }

    /// Says what the columns are, once the header is read.
    pub(super) fn set_shape(&mut self, multiline: Vec<bool>, free: Vec<bool>, email: usize) {
        self.shape = Shape { delimiter: self.shape.delimiter, multiline, free, email };
    }

    /// Goes on behind so many lines.
    pub(super) fn skip(&mut self, lines: u64) -> Result<(), Problem> {
        let end = self.line + lines;
        while self.line < end {
            self.text.clear();
            if !self.take_line(&mut Scan::default())? {
                break;
            }
        }
        Ok(())
    }

    /// Parses the header. A name may go over several lines in quotes.
    pub(super) fn header(&mut self) -> Result<(StringRecord, u64), Problem> {
        let mut record = Record::default();
        let line = self.line + 1;
        if let Err(mut problem) = self.read(&mut record) {
            // A quote that stays open is the one error with a remedy.
            if problem.what.hint.is_some() {
                "the header opens a quote that does not close".clone_into(&mut problem.what.message);
            }
            return Err(Problem { place: Place::line(&*self.place, line), ..problem });
        }
        let message = match record.fault {
            // What the columns may hold is not known yet.
            None | Some(Fault::LineBreak { .. } | Fault::CellTooLong { .. } | Fault::RowInside { .. }) => {
                return Ok((record.cells, record.line));
            }
            Some(Fault::AfterQuote { .. }) => {
                "the header has text between a closing quote and the next delimiter"
            }
            Some(Fault::RecordTooLong) => "the header is too long",
        };
        Err(self
            .problem(record.line, message)
            .hint("see whether a quote is missing in the names of the columns"))
    }

    /// Reads the next record that is not a blank line; `false` at the end of the file.
    ///
    /// An error means that nothing behind it can be read.
    pub(super) fn read(&mut self, record: &mut Record) -> Result<bool, Problem> {
        let scan = loop {
            let mut scan = Scan::default();
            self.text.clear();
            record.line = self.line + 1;
            if !self.take_line(&mut scan)? {
                return Ok(false);
            }
            while scan.line_end(self.line, &self.shape) {
                self.text.push('\n');
                if !self.take_line(&mut scan)? {
                    return Err(self.unclosed(scan.quote_line()));
                }
            }
            let blank = self.text.is_empty() && scan.fault().is_none();
            if !blank {
                break scan;
            }
        };
        record.last_line = self.line;
        record.fault = scan.fault();
        record.forgiven = scan.forgiven();
        record.cut_off = !self.ended;
        record.cells.clear();
        if record.fault != Some(Fault::RecordTooLong) {
            self.parse(&scan, record.line, &mut record.cells)?;
        }
        Ok(true)
    }

    /// Takes in one physical line; `false` where the file has ended.
    fn take_line(&mut self, scan: &mut Scan) -> Result<bool, Problem> {
        let number = self.line + 1;
        loop {
            let piece = self.lines.next_piece().map_err(|error| {
                Problem::new(Place::line(&*self.place, number), format!("failed to read on: {error}"))
            })?;
            let Some(piece) = piece else { return Ok(self.line == number) };
            self.line = number;
            self.ended = piece.ends_line;
            scan.text(piece.text, number, &self.shape);
            if self.text.len() + piece.text.len() <= RECORD_MAX {
                self.text.push_str(piece.text);
            }
            if piece.ends_line {
                return Ok(true);
            }
        }
    }

    /// The number of physical lines so far, and SHA-256 of the bytes: at the end, what the first pass must have found.
    pub(super) fn totals(&self) -> (u64, [u8; 32]) {
        (self.line, self.lines.digest())
    }

    /// Has `csv` parse the text of one record.
    fn parse(&mut self, scan: &Scan, line: u64, cells: &mut StringRecord) -> Result<(), Problem> {
        for padding in scan.paddings().iter().rev() {
            self.text.replace_range(padding.clone(), "");
        }
        self.text.push('\n');
        self.fed += self.text.len() as u64;
        let feed = self.parser.get_mut();
        feed.text.clear();
        feed.text.extend_from_slice(self.text.as_bytes());
        feed.at = 0;
        let found = self.parser.read_record(cells);
        let agrees = matches!(found, Ok(true))
            && self.parser.position().byte() == self.fed
            && cells.len() == scan.cells();
        if agrees {
            if let Some(delimiter) = self.lines.replaced_delimiter()
                && cells.as_slice().contains(DELIMITER)
            {
                let meant = |cell: &str| cell.replace(DELIMITER, delimiter.encode_utf8(&mut [0; 4]));
                *cells = cells.iter().map(meant).collect();
            }
            Ok(())
        } else {
            Err(self.problem(
                line,
                "the record was read in two ways that do not agree; this is a fault of linkpost",
            ))
        }
    }

    fn unclosed(&self, line: u64) -> Problem {
        let message = if line == self.line {
            "the quote that opens here does not close before the file ends".to_owned()
        } else {
            format!(
                "the quote that opens here does not close: it swallows every line up to {}, the last",
                self.line
            )
        };
        self.problem(line, &message).hint("close the quote, or double it if it is meant as text")
    }

    fn problem(&self, line: u64, message: &str) -> Problem {
        Problem::new(Place::line(&*self.place, line), message)
    }
}
